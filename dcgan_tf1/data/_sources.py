"""The files of MNIST and of its drop-in replacements: where they come from, and how they are verified."""
import os
from typing import Any, Callable, Dict, NamedTuple

SHAPES = {
    'train-images-idx3-ubyte': (60000, 28, 28), 'train-labels-idx1-ubyte': (60000,),
    't10k-images-idx3-ubyte': (10000, 28, 28), 't10k-labels-idx1-ubyte': (10000,)}
TRAIN, TRAIN_LABELS, TEST, TEST_LABELS = SHAPES


class Source(NamedTuple):
    """Where the files of a dataset come from, and how they are verified.

    Each file has one of the two checksums. A file with another checksum is refused.
    """

    dataset: str  # name for messages
    md5: Dict[str, str]  # file name → checksum of the uncompressed bytes
    gzip_md5: Dict[str, str]  # file name → checksum of the .gz file
    keras_file: Callable[[str], Dict[str, Any]]  # file name → arguments of `keras.utils.get_file`


def _mnist_file(_: str) -> Dict[str, str]:
    return {
        'fname': 'mnist.npz',
        'origin': 'https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz',
        'file_hash': '731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1',
    }


def _fashion_mnist_file(file_name: str) -> Dict[str, str]:
    return {
        'fname': file_name + '.gz',
        'origin': 'https://storage.googleapis.com/tensorflow/tf-keras-datasets/%s.gz' % file_name,
        'file_hash': _GZIP_MD5[file_name],
        'cache_subdir': os.path.join('datasets', 'fashion-mnist'),
    }


# As published by the authors. Of the uncompressed files, only the checksum of the training images is known.
_GZIP_MD5 = {
    TRAIN: '8d4fb7e6c68d591d4c3dfef9ec88bf0d', TRAIN_LABELS: '25c81989df183df01b3e8a0aad5dffbe',
    TEST: 'bef4ecab320f06d8554ea6380940ec79', TEST_LABELS: 'bb300cfdad3c16e7a12a480ee83cd310'}
MNIST = Source(
    dataset='mnist',
    md5={
        TRAIN: '6bbc9ace898e44ae57da46a324031adb', TRAIN_LABELS: 'a25bea736e30d166cdddb491f175f624',
        TEST: '2646ac647ad5339dbf082846283269ea', TEST_LABELS: '27ae3e4e09519cfbb04c329615203637'},
    gzip_md5={}, keras_file=_mnist_file)
FASHION_MNIST = Source(
    dataset='fashion_mnist', md5={TRAIN: 'f4a8712d7a061bf5bd6d2ca38dc4d50a'}, gzip_md5=_GZIP_MD5,
    keras_file=_fashion_mnist_file)
