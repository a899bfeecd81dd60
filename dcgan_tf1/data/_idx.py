"""MNIST and its drop-in replacements, read from IDX files or from Keras's copy of them.

The IDX format: http://yann.lecun.com/exdb/mnist/ (big-endian magic number and sizes, then the bytes).
"""
import gzip
import hashlib
import os
import struct
from typing import Any, Callable, Dict, NamedTuple, Optional, Tuple

import numpy as np

from dcgan_tf1.data import Images, LabeledImages, idx_md5
from dcgan_tf1.errors import UserError

_MAGIC = 0x00000800  # for unsigned bytes; the last byte is the number of dimensions
SHAPES = {
    'train-images-idx3-ubyte': (60000, 28, 28), 'train-labels-idx1-ubyte': (60000,),
    't10k-images-idx3-ubyte': (10000, 28, 28), 't10k-labels-idx1-ubyte': (10000,)}
TRAIN, TRAIN_LABELS, TEST, TEST_LABELS = SHAPES
CLASSES = 10


class Source(NamedTuple):
    """Where the files of a dataset come from, and how they are verified.

    Each file has one of the two checksums. A file with another checksum is refused.
    """

    dataset: str  # name for messages
    md5: Dict[str, str]  # file name → checksum of the uncompressed bytes
    gzip_md5: Dict[str, str]  # file name → checksum of the .gz file
    keras_file: Callable[[str], Dict[str, Any]]  # file name → arguments of `keras.utils.get_file`
    read_keras_file: Callable[[str, str], np.ndarray]  # (path of Keras's file, file name) → array


def load(source: Source, data_dir: Optional[str]) -> Images:
    """Loads the 60,000 training images.

    They come from the first of these places that has them: `data_dir`, Keras's cache, a download by Keras.

    Args:
      source: the dataset.
      data_dir: folder with the IDX files, or None.
    Returns: `Images`, uint8 [60000, 28, 28, 1].
    Raises: UserError if the images cannot be obtained or are not the canonical ones.
    """
    return _load_images(source, data_dir, TRAIN)


def load_labeled(source: Source, data_dir: Optional[str]) -> Tuple[LabeledImages, LabeledImages]:
    """Loads the 60,000 training and 10,000 test images, with labels. Arguments and errors as for `load`."""
    return (_load_labeled_images(source, data_dir, TRAIN, TRAIN_LABELS),
            _load_labeled_images(source, data_dir, TEST, TEST_LABELS))


def _load_images(source: Source, data_dir: Optional[str], file_name: str) -> Images:
    pixels, path = _load_verified(source, data_dir, file_name)
    return Images(pixels[..., np.newaxis], path)


def _load_labeled_images(source: Source, data_dir: Optional[str], images_file: str,
                         labels_file: str) -> LabeledImages:
    labels, path = _load_verified(source, data_dir, labels_file)
    if labels.max() >= CLASSES:
        raise UserError('%s contains the label %d: put the canonical file in its place'
                        % (path, labels.max()))
    return LabeledImages(_load_images(source, data_dir, images_file), labels)


def _load_verified(source: Source, data_dir: Optional[str], file_name: str) -> Tuple[np.ndarray, str]:
    """(uint8 array, path) of one of the files."""
    path = _find(data_dir, file_name)
    if path:
        array = read_idx(path, file_name)
    else:
        path = _fetch_keras_file(source, data_dir, file_name)
        array = _read(source.read_keras_file, path, file_name)
    shape = SHAPES[file_name]
    if array.shape != shape or array.dtype != np.uint8:
        raise UserError('%s contains %s of shape %s, but %s of %s is uint8 of shape %s: put the canonical '
                        'file in its place'
                        % (path, array.dtype, array.shape, file_name, source.dataset, shape))
    _verify_checksum(source, path, file_name, array)
    return array, path


def _verify_checksum(source: Source, path: str, file_name: str, array: np.ndarray) -> None:
    if file_name in source.md5:
        content, checksum, expected = 'uncompressed IDX bytes', idx_md5(array), source.md5[file_name]
    elif path.endswith('.gz'):
        content, checksum, expected = 'file', _file_md5(path), source.gzip_md5[file_name]
    else:
        raise UserError('%s cannot be verified, because only %s.gz has a published checksum: put that in its '
                        'place' % (path, file_name))
    if checksum != expected:
        raise UserError('%s is not the canonical file of %s: md5 of the %s is %s, but should be %s; put the '
                        'canonical file in its place' % (path, source.dataset, content, checksum, expected))


def _file_md5(path: str) -> str:
    digest = hashlib.md5()
    with open(path, 'rb') as file:
        # In parts: any number of zeros may follow the content of a valid gzip file.
        for part in iter(lambda: file.read(2 ** 20), b''):
            digest.update(part)
    return digest.hexdigest()


def _find(data_dir: Optional[str], file_name: str) -> Optional[str]:
    if data_dir is None:
        return None
    if not os.path.isdir(data_dir):
        raise UserError('--data_dir=%s is not a folder: name the folder that contains %s or %s.gz'
                        % (data_dir, file_name, file_name))
    for name in (file_name, file_name + '.gz'):
        path = os.path.join(data_dir, name)
        if os.path.isfile(path):
            return path
    return None


def read_idx(path: str, file_name: str) -> np.ndarray:
    """Reads an IDX file.

    Args:
      path: the file. It is decompressed if its name ends in .gz.
      file_name: key of `SHAPES`, which determines the expected shape.
    Returns: uint8 array of that shape.
    Raises: UserError if the file is damaged or has another shape.
    """
    return _read(_read_idx, path, file_name)


def _read(function: Callable[[str, str], np.ndarray], path: str, file_name: str) -> np.ndarray:
    try:
        return function(path, file_name)
    # Truncated, altered and unreadable files make gzip, zipfile and NumPy raise many types of exceptions.
    except Exception as error:
        raise UserError('%s is damaged or cannot be read (%s): put the canonical file in its place'
                        % (path, error or type(error).__name__)) from error


def _read_idx(path: str, file_name: str) -> np.ndarray:
    shape = SHAPES[file_name]
    header = struct.pack('>%dI' % (1 + len(shape)), _MAGIC | len(shape), *shape)
    size = len(header) + int(np.prod(shape))
    with (gzip.open if path.endswith('.gz') else open)(path, 'rb') as file:
        content = file.read(size + 1)  # a gzip file may decompress to far more
    if len(content) < len(header):
        raise ValueError('%d bytes are too few for an IDX header' % len(content))
    if content[:len(header)] != header:
        raise ValueError('the magic number and sizes are not %#x and %s' % (_MAGIC | len(shape), shape))
    if len(content) > size:
        raise ValueError('more bytes than the expected %d' % size)
    if len(content) < size:
        raise ValueError('%d bytes instead of the expected %d' % (len(content), size))
    return np.frombuffer(content, np.uint8, offset=len(header)).reshape(shape)


def _fetch_keras_file(source: Source, data_dir: Optional[str], file_name: str) -> str:
    """Path of the file in Keras's cache, which Keras downloads if necessary."""
    from tensorflow import keras  # imported here, because it takes seconds and is rarely needed
    arguments = source.keras_file(file_name)
    try:
        return keras.utils.get_file(**arguments)
    except Exception as error:  # network failures make Keras raise many types
        place = ('no --data_dir given' if data_dir is None
                 else 'neither %s nor %s.gz in %s' % (file_name, file_name, os.path.abspath(data_dir)))
        raise UserError(
            'no %s for --dataset=%s: %s; no usable %s in Keras\'s cache (~/.keras/datasets); and the '
            'download failed (%s). Put %s.gz or %s into a folder and name it with --data_dir, or use '
            '--dataset=mnist_10k, the 10,000 MNIST digits that need neither files nor a network.'
            % (file_name, source.dataset, place, arguments['fname'], ' '.join(str(error).split()), file_name,
               file_name)) from error
