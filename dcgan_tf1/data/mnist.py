"""MNIST: 60,000 handwritten digits and 10,000 to test with, 28×28 grey (Y. LeCun, C. Cortes, C. Burges)."""
import numpy as np

from dcgan_tf1 import image_files
from dcgan_tf1.data import _idx

HOLDOUT = 5000  # what the loader of the TensorFlow 1 tutorials set aside, from the front


def load(data_dir=None, **_):
    """All 60,000 training images. Raises UserError if they can't be had or aren't the canonical ones."""
    return _idx.load(_SOURCE, data_dir)


def load_labeled(data_dir=None, **_):
    """The 60,000 training and the 10,000 test images, with labels. Raises UserError as `load`."""
    return _idx.load_labeled(_SOURCE, data_dir)


def _keras_file(_):
    return {
        'fname': 'mnist.npz',
        'origin': 'https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz',
        'file_hash': '731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1',
    }


def _read_keras_file(path, file):
    with image_files.read_archive(path) as arrays:
        size = arrays.zip.getinfo(_ARRAYS[file] + '.npy').file_size
        if size > _LARGEST:
            raise ValueError('it would inflate to %d bytes' % size)
        array = arrays[_ARRAYS[file]]
        if not isinstance(array, np.ndarray):
            raise ValueError('%s in it is no array' % _ARRAYS[file])
        return array


_LARGEST = 2 ** 26  # bytes: more than any of the arrays has
_ARRAYS = {_idx.TRAIN: 'x_train', _idx.TRAIN_LABELS: 'y_train', _idx.TEST: 'x_test', _idx.TEST_LABELS: 'y_test'}
_SOURCE = _idx.Source('mnist', {
    _idx.TRAIN: '6bbc9ace898e44ae57da46a324031adb', _idx.TRAIN_LABELS: 'a25bea736e30d166cdddb491f175f624',
    _idx.TEST: '2646ac647ad5339dbf082846283269ea', _idx.TEST_LABELS: '27ae3e4e09519cfbb04c329615203637',
}, {}, _keras_file, _read_keras_file)
