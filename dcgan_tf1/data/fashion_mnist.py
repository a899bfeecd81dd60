"""Fashion-MNIST: 60,000 pieces of clothing in MNIST's format (Xiao, Rasul, Vollgraf, arXiv 1708.07747)."""
import os

from dcgan_tf1.data import _idx

HOLDOUT = 5000  # as for MNIST, whose place it takes


def load(data_dir=None, **_):
    """All 60,000 training images. Raises UserError if they can't be had or aren't the canonical ones."""
    return _idx.load('fashion_mnist', 'f4a8712d7a061bf5bd6d2ca38dc4d50a', data_dir, {
        'fname': _idx.FILE + '.gz',
        'origin': 'https://storage.googleapis.com/tensorflow/tf-keras-datasets/' + _idx.FILE + '.gz',
        'file_hash': '8d4fb7e6c68d591d4c3dfef9ec88bf0d',
        'cache_subdir': os.path.join('datasets', 'fashion-mnist'),
    }, _idx.read_idx)
