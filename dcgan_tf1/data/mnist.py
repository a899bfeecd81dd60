"""MNIST: 60,000 handwritten digits, 28×28 grey (Y. LeCun, C. Cortes, C. Burges)."""
import numpy as np

from dcgan_tf1.data import _idx

HOLDOUT = 5000  # what the loader of the TensorFlow 1 tutorials set aside, from the front


def load(data_dir=None, **_):
    """All 60,000 training images. Raises UserError if they can't be had or aren't the canonical ones."""
    return _idx.load('mnist', '6bbc9ace898e44ae57da46a324031adb', data_dir, {
        'fname': 'mnist.npz',
        'origin': 'https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz',
        'file_hash': '731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1',
    }, _read_npz)


def _read_npz(path):
    with np.load(path, allow_pickle=False) as arrays:
        return arrays['x_train']
