"""Fashion-MNIST: 60,000 pieces of clothing and 10,000 to test with, in MNIST's format (Xiao, Rasul, Vollgraf, arXiv
1708.07747).
"""
import os

from dcgan_tf1.data import _idx

HOLDOUT = 5000  # as for MNIST, whose place it takes


def load(data_dir=None, **_):
    """All 60,000 training images. Raises UserError if they can't be had or aren't the canonical ones."""
    return _idx.load(_SOURCE, data_dir)


def load_labeled(data_dir=None, **_):
    """The 60,000 training and the 10,000 test images, with labels. Raises UserError as `load`."""
    return _idx.load_labeled(_SOURCE, data_dir)


def _keras_file(file):
    return {
        'fname': file + '.gz',
        'origin': 'https://storage.googleapis.com/tensorflow/tf-keras-datasets/%s.gz' % file,
        'file_hash': _GZIP_MD5[file],
        'cache_subdir': os.path.join('datasets', 'fashion-mnist'),
    }


# As its authors publish them; of the uncompressed bytes only that of the training images is known.
_GZIP_MD5 = {
    _idx.TRAIN: '8d4fb7e6c68d591d4c3dfef9ec88bf0d', _idx.TRAIN_LABELS: '25c81989df183df01b3e8a0aad5dffbe',
    _idx.TEST: 'bef4ecab320f06d8554ea6380940ec79', _idx.TEST_LABELS: 'bb300cfdad3c16e7a12a480ee83cd310'}
_SOURCE = _idx.Source('fashion_mnist', {_idx.TRAIN: 'f4a8712d7a061bf5bd6d2ca38dc4d50a'}, _GZIP_MD5, _keras_file,
                      _idx.read_idx)
