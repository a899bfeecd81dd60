"""Fashion-MNIST: 60,000 training and 10,000 test images of clothing, 28×28 gray, in the format of MNIST.

Source: H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine
Learning Algorithms", arXiv 1708.07747.
"""
from typing import Optional, Tuple

from dcgan_tf1.data import _idx
from dcgan_tf1.data._images import Images, LabeledImages
from dcgan_tf1.data._sources import FASHION_MNIST

HOLDOUT = 5000  # as for MNIST, which this dataset replaces


def load(data_dir: Optional[str] = None) -> Images:
    """All 60,000 training images. Raises UserError if they are unavailable or not the canonical ones."""
    return _idx.load(FASHION_MNIST, data_dir)


def load_labeled(data_dir: Optional[str] = None) -> Tuple[LabeledImages, LabeledImages]:
    """The 60,000 training images and the 10,000 test images, with labels. Raises UserError as `load` does."""
    return _idx.load_labeled(FASHION_MNIST, data_dir)
