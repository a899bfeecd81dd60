"""MNIST and its drop-in replacements: IDX files, or Keras's copy of them.

The IDX format: http://yann.lecun.com/exdb/mnist/ (big-endian magic number, sizes, then the bytes).
"""
import gzip
import os
import struct
import zipfile
import zlib

import numpy as np

from dcgan_tf1.data import Images, idx_md5
from dcgan_tf1.errors import UserError

FILE = 'train-images-idx3-ubyte'
SHAPE = (60000, 28, 28)
_MAGIC = 0x00000803  # unsigned bytes, three dimensions
_HEADER = 16


def load(dataset, md5, data_dir, keras_file, read_keras_file):
    """The 60,000 training images: from `data_dir`, else Keras's cache, else downloaded by Keras.

    Args:
      dataset: name, for messages.
      md5: of the canonical uncompressed IDX file; anything else is refused.
      data_dir: a folder or None.
      keras_file: arguments of `keras.utils.get_file`.
      read_keras_file: path → uint8 [60000, 28, 28].
    """
    path = _find(data_dir)
    if path:
        pixels = read_idx(path)
    else:
        path = _keras_path(dataset, data_dir, keras_file)
        pixels = _read(read_keras_file, path)
    if pixels.shape != SHAPE or pixels.dtype != np.uint8:
        raise UserError('%s holds %s of shape %s, not the %d images of 28×28 bytes of %s: '
                        'put the canonical file in its place'
                        % (path, pixels.dtype, pixels.shape, SHAPE[0], dataset))
    found = idx_md5(pixels)
    if found != md5:
        raise UserError('%s is not the canonical file of %s: md5 of the uncompressed IDX bytes is %s, '
                        'should be %s; put the canonical file in its place' % (path, dataset, found, md5))
    return Images(pixels[..., np.newaxis], path)


def _find(data_dir):
    if data_dir is None:
        return None
    if not os.path.isdir(data_dir):
        raise UserError('--data_dir=%s is not a folder; name the one that holds %s or %s.gz'
                        % (data_dir, FILE, FILE))
    for name in (FILE, FILE + '.gz'):
        path = os.path.join(data_dir, name)
        if os.path.isfile(path):
            return path
    return None


def read_idx(path):
    """uint8 [60000, 28, 28] of an IDX file, gzip'd or not. Raises UserError naming the file."""
    return _read(_read_idx, path)


def _read(function, path):
    try:
        return function(path)
    # What a truncated, altered or unreadable file makes gzip, zipfile and NumPy raise.
    except (OSError, EOFError, ValueError, KeyError, zlib.error, zipfile.BadZipFile) as error:
        raise UserError('%s is damaged or not readable (%s): put the canonical file in its place'
                        % (path, error or type(error).__name__)) from error


def _read_idx(path):
    size = _HEADER + int(np.prod(SHAPE))
    with (gzip.open if path.endswith('.gz') else open)(path, 'rb') as file:
        content = file.read(size + 1)  # never more, whatever it inflates to
        if len(content) < _HEADER:
            raise ValueError('%d bytes, less than an IDX header' % len(content))
        header = struct.unpack('>4I', content[:_HEADER])
        if header != (_MAGIC, *SHAPE):
            raise ValueError('magic number and sizes %s, should be %s' % (header, (_MAGIC, *SHAPE)))
        if len(content) != size:
            raise ValueError('%s bytes, should be %d'
                             % ('more' if len(content) > size else len(content), size))
    return np.frombuffer(content, np.uint8, offset=_HEADER).reshape(SHAPE)


def _keras_path(dataset, data_dir, keras_file):
    from tensorflow import keras  # takes seconds, and is needed only here
    try:
        return keras.utils.get_file(**keras_file)
    except Exception as error:  # whatever the network makes Keras raise
        raise UserError(
            'no images of --dataset=%s: %s; no usable %s in Keras\'s cache (~/.keras/datasets); and the '
            'download failed (%s). Put %s.gz or %s into a folder and name it with --data_dir, or use '
            '--dataset=digits (as in --flagfile=flags/demo.flags), which needs neither file nor network.'
            % (dataset, 'no --data_dir given' if data_dir is None else 'neither %s nor %s.gz in %s'
               % (FILE, FILE, os.path.abspath(data_dir)), keras_file['fname'],
               ' '.join(str(error).split()), FILE, FILE)) from error
