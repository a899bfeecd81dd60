"""MNIST and its drop-in replacements: IDX files, or Keras's copy of them.

The IDX format: http://yann.lecun.com/exdb/mnist/ (big-endian magic number, sizes, then the bytes).
"""
import collections
import gzip
import hashlib
import os
import struct

import numpy as np

from dcgan_tf1.data import Images, LabeledImages, idx_md5
from dcgan_tf1.errors import UserError

_MAGIC = 0x00000800  # of unsigned bytes; the last byte is the number of dimensions
SHAPES = {
    'train-images-idx3-ubyte': (60000, 28, 28), 'train-labels-idx1-ubyte': (60000,),
    't10k-images-idx3-ubyte': (10000, 28, 28), 't10k-labels-idx1-ubyte': (10000,)}
TRAIN, TRAIN_LABELS, TEST, TEST_LABELS = SHAPES
CLASSES = 10

# Where a data set's files are from.
#   dataset: name, for messages;
#   md5: {file: of its uncompressed bytes}, and gzip_md5: {file: of the .gz file}; of each file one is known. Anything
#     else is refused;
#   keras_file: file → arguments of `keras.utils.get_file`;
#   read_keras_file: (path, file) → array.
Source = collections.namedtuple('Source', 'dataset md5 gzip_md5 keras_file read_keras_file')


def load(source, data_dir):
    """The 60,000 training images: from `data_dir` (a folder or None), else Keras's cache, else downloaded by Keras.

    Raises: UserError.
    """
    return _images(source, data_dir, TRAIN)


def load_labeled(source, data_dir):
    """The training and the test images, each with labels: two `LabeledImages`, found as by `load`."""
    return (_labelled(source, data_dir, TRAIN, TRAIN_LABELS), _labelled(source, data_dir, TEST, TEST_LABELS))


def _images(source, data_dir, file):
    pixels, path = _array(source, data_dir, file)
    return Images(pixels[..., np.newaxis], path)


def _labelled(source, data_dir, file, labels_file):
    labels, path = _array(source, data_dir, labels_file)
    if labels.max() >= CLASSES:
        raise UserError('%s holds the label %d: put the canonical file in its place' % (path, labels.max()))
    return LabeledImages(_images(source, data_dir, file), labels)


def _array(source, data_dir, file):
    """(uint8 array, path) of one of the files, checked."""
    path = _find(data_dir, file)
    if path:
        array = read_idx(path, file)
    else:
        path = _keras_path(source, data_dir, file)
        array = _read(source.read_keras_file, path, file)
    shape = SHAPES[file]
    if array.shape != shape or array.dtype != np.uint8:
        raise UserError('%s holds %s of shape %s, not the bytes of shape %s of %s of %s: put the canonical file in its '
                        'place' % (path, array.dtype, array.shape, shape, file, source.dataset))
    found = idx_md5(array)
    if file not in source.md5:
        if not path.endswith('.gz'):
            raise UserError('%s cannot be checked: the published checksum is that of %s.gz; put that in its place'
                            % (path, file))
        digest = hashlib.md5()
        with open(path, 'rb') as compressed:
            for part in iter(lambda: compressed.read(2 ** 20), b''):  # zeros at its end, as many as you like, are gzip
                digest.update(part)
        found = digest.hexdigest()
    wanted = {**source.gzip_md5, **source.md5}[file]
    if found != wanted:
        raise UserError('%s is not the canonical file of %s: md5 of %s is %s, should be %s; put the canonical file in '
                        'its place' % (path, source.dataset, 'the uncompressed IDX bytes' if file in source.md5 else
                                       'the file', found, wanted))
    return array, path


def _find(data_dir, file):
    if data_dir is None:
        return None
    if not os.path.isdir(data_dir):
        raise UserError('--data_dir=%s is not a folder; name the one that holds %s or %s.gz'
                        % (data_dir, file, file))
    for name in (file, file + '.gz'):
        path = os.path.join(data_dir, name)
        if os.path.isfile(path):
            return path
    return None


def read_idx(path, file):
    """uint8 array of that IDX file, gzip'd or not. Raises UserError naming the path."""
    return _read(_read_idx, path, file)


def _read(function, path, file):
    try:
        return function(path, file)
    # Whatever a truncated, altered or unreadable file makes gzip, zipfile and NumPy raise.
    except Exception as error:
        raise UserError('%s is damaged or not readable (%s): put the canonical file in its place'
                        % (path, error or type(error).__name__)) from error


def _read_idx(path, file):
    shape = SHAPES[file]
    header = struct.pack('>%dI' % (1 + len(shape)), _MAGIC | len(shape), *shape)
    size = len(header) + int(np.prod(shape))
    with (gzip.open if path.endswith('.gz') else open)(path, 'rb') as opened:
        content = opened.read(size + 1)  # never more, whatever it inflates to
        if len(content) < len(header):
            raise ValueError('%d bytes, less than an IDX header' % len(content))
        if content[:len(header)] != header:
            raise ValueError('magic number and sizes are not %#x and %s' % (_MAGIC | len(shape), shape))
        if len(content) != size:
            raise ValueError('%s bytes, should be %d'
                             % ('more' if len(content) > size else len(content), size))
    return np.frombuffer(content, np.uint8, offset=len(header)).reshape(shape)


def _keras_path(source, data_dir, file):
    from tensorflow import keras  # takes seconds, and is needed only here
    arguments = source.keras_file(file)
    try:
        return keras.utils.get_file(**arguments)
    except Exception as error:  # whatever the network makes Keras raise
        raise UserError(
            'no %s of --dataset=%s: %s; no usable %s in Keras\'s cache (~/.keras/datasets); and the '
            'download failed (%s). Put %s.gz or %s into a folder and name it with --data_dir, or use '
            '--dataset=digits (as in --flagfile=flags/demo.flags), which needs neither file nor network.'
            % (file, source.dataset, 'no --data_dir given' if data_dir is None else 'neither %s nor %s.gz in %s'
               % (file, file, os.path.abspath(data_dir)), arguments['fname'],
               ' '.join(str(error).split()), file, file)) from error
