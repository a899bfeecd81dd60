"""MNIST-10k: every sixth of MNIST's 60,000 training images, with labels. It is part of this package and needs no
network.

Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits"; license: CC BY-SA 3.0. See
mnist_10k.md, next to the file.
"""
import os
from typing import Tuple

from dcgan_tf1.data._images import Images, LabeledImages, idx_md5
from dcgan_tf1.util import image_files
from dcgan_tf1.util.errors import UserError

HOLDOUT = 0
_FILE = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'mnist_10k.npz')
_IMAGES_MD5, _LABELS_MD5 = '5c79385d982930bb52f9d200093d60cd', 'beaf9e7e23e2a3ad94b75ef1d42458a8'
_TEST_EVERY = 10  # one image of so many is a test image


def load() -> Images:
    """All 10,000 images, uint8 [10000, 28, 28, 1]. Raises UserError if the file of the package is damaged."""
    return _load_all().images


def load_labeled() -> Tuple[LabeledImages, LabeledImages]:
    """9,000 training images and 1,000 test images (every tenth). Raises UserError as `load` does."""
    return _load_all().split(_TEST_EVERY)


def _load_all() -> LabeledImages:
    try:
        with image_files.read_archive(_FILE) as arrays:
            images, labels = arrays['images'], arrays['labels']
        intact = (idx_md5(images), idx_md5(labels)) == (_IMAGES_MD5, _LABELS_MD5)
    except Exception as error:  # a damaged file makes zipfile and NumPy raise many types
        raise UserError('%s is damaged (%s): install this package again' % (_FILE, error)) from error
    if not intact:
        raise UserError('%s is damaged (wrong checksum): install this package again' % _FILE)
    return LabeledImages(Images(images[..., None], 'the 10,000 MNIST digits of this package'), labels)
