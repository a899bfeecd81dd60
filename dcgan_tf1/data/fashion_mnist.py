"""Fashion-MNIST: 60,000 training and 10,000 test images of clothing, 28×28 gray, in the format of MNIST.

Source: H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine
Learning Algorithms", arXiv 1708.07747.
"""
import os
from typing import Any, Dict, Optional, Tuple

from dcgan_tf1.data import Images, LabeledImages, _idx

HOLDOUT = 5000  # as for MNIST, which this dataset replaces


def load(data_dir: Optional[str] = None, **_: Any) -> Images:
    """All 60,000 training images. Raises UserError if they are unavailable or not the canonical ones."""
    return _idx.load(SOURCE, data_dir)


def load_labeled(data_dir: Optional[str] = None, **_: Any) -> Tuple[LabeledImages, LabeledImages]:
    """The 60,000 training images and the 10,000 test images, with labels. Raises UserError as `load` does."""
    return _idx.load_labeled(SOURCE, data_dir)


def _keras_file(file_name: str) -> Dict[str, str]:
    return {
        'fname': file_name + '.gz',
        'origin': 'https://storage.googleapis.com/tensorflow/tf-keras-datasets/%s.gz' % file_name,
        'file_hash': _GZIP_MD5[file_name],
        'cache_subdir': os.path.join('datasets', 'fashion-mnist'),
    }


# As published by the authors. Of the uncompressed files, only the checksum of the training images is known.
_GZIP_MD5 = {
    _idx.TRAIN: '8d4fb7e6c68d591d4c3dfef9ec88bf0d', _idx.TRAIN_LABELS: '25c81989df183df01b3e8a0aad5dffbe',
    _idx.TEST: 'bef4ecab320f06d8554ea6380940ec79', _idx.TEST_LABELS: 'bb300cfdad3c16e7a12a480ee83cd310'}
SOURCE = _idx.Source(
    dataset='fashion_mnist', md5={_idx.TRAIN: 'f4a8712d7a061bf5bd6d2ca38dc4d50a'}, gzip_md5=_GZIP_MD5,
    keras_file=_keras_file)
