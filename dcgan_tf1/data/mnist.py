"""MNIST: 60,000 training and 10,000 test images of handwritten digits, 28×28 gray.

Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits".
"""
from typing import Optional, Tuple

from dcgan_tf1.data import _idx
from dcgan_tf1.data._images import Images, LabeledImages
from dcgan_tf1.data._sources import MNIST

HOLDOUT = 5000  # the validation set that the loader of the TensorFlow 1 tutorials takes from the front


def load(data_dir: Optional[str] = None) -> Images:
    """All 60,000 training images. Raises UserError if they are unavailable or not the canonical ones."""
    return _idx.load(MNIST, data_dir)


def load_labeled(data_dir: Optional[str] = None) -> Tuple[LabeledImages, LabeledImages]:
    """The 60,000 training images and the 10,000 test images, with labels. Raises UserError as `load` does."""
    return _idx.load_labeled(MNIST, data_dir)
