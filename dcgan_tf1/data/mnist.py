"""MNIST: 60,000 training and 10,000 test images of handwritten digits, 28×28 gray.

Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits".
"""
from typing import Any, Dict, Optional, Tuple

from dcgan_tf1.data import Images, LabeledImages, _idx

HOLDOUT = 5000  # the validation set that the loader of the TensorFlow 1 tutorials takes from the front


def load(data_dir: Optional[str] = None, **_: Any) -> Images:
    """All 60,000 training images. Raises UserError if they are unavailable or not the canonical ones."""
    return _idx.load(SOURCE, data_dir)


def load_labeled(data_dir: Optional[str] = None, **_: Any) -> Tuple[LabeledImages, LabeledImages]:
    """The 60,000 training images and the 10,000 test images, with labels. Raises UserError as `load` does."""
    return _idx.load_labeled(SOURCE, data_dir)


def _keras_file(_: str) -> Dict[str, str]:
    return {
        'fname': 'mnist.npz',
        'origin': 'https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz',
        'file_hash': '731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1',
    }


SOURCE = _idx.Source(
    dataset='mnist',
    md5={
        _idx.TRAIN: '6bbc9ace898e44ae57da46a324031adb', _idx.TRAIN_LABELS: 'a25bea736e30d166cdddb491f175f624',
        _idx.TEST: '2646ac647ad5339dbf082846283269ea', _idx.TEST_LABELS: '27ae3e4e09519cfbb04c329615203637'},
    gzip_md5={}, keras_file=_keras_file)
