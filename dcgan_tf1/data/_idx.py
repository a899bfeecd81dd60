"""MNIST and its drop-in replacements, read from IDX files or from .npz files.

The IDX format: http://yann.lecun.com/exdb/mnist/ (big-endian magic number and sizes, then the bytes).
"""
import contextlib
import gzip
import hashlib
import itertools
import os
import struct
import sys
from typing import Iterator, Optional, Sequence, Set, Tuple

import numpy as np

from dcgan_tf1.data._images import Images, LabeledImages, idx_md5
from dcgan_tf1.data._sources import (
    FASHION_MNIST,
    MNIST,
    SHAPES,
    TEST,
    TEST_LABELS,
    TRAIN,
    TRAIN_LABELS,
    Source,
)
from dcgan_tf1.util import image_files
from dcgan_tf1.util.errors import UserError

CLASSES = 10
_ARRAYS = {TRAIN: 'x_train', TRAIN_LABELS: 'y_train', TEST: 'x_test', TEST_LABELS: 'y_test'}  # in a .npz file
_MAX_BYTES = 2 ** 26  # more than any of the arrays has
_LISTED = 8  # names of files that an error lists


def load(source: Source, data_dir: Optional[str]) -> Images:
    """Loads the 60,000 training images.

    Args:
      source: the dataset.
      data_dir: folder with the files, under any names. Files elsewhere are not used then. None: the file in Keras's
        cache, which is downloaded first if it is not there.
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
    """(uint8 array, path) of one of the files: the first whose content is right."""
    if data_dir is None:
        path = _fetch_keras_file(source, file_name)
        return _verified(source, path, file_name), path
    if not os.path.isdir(data_dir):
        raise UserError('--data_dir=%s is not a folder: name the folder that contains %s or %s.gz'
                        % (data_dir, file_name, file_name))
    errors = []
    for path in candidates(data_dir, file_name, SHAPES[file_name], _ARRAYS[file_name]):
        try:
            return _verified(source, path, file_name), path
        except UserError as error:
            errors.append(error)
    if errors:
        raise errors[0]
    names = sorted(os.listdir(data_dir))
    raise UserError(
        '--data_dir=%s has no %s for --dataset=%s: neither there nor two folders deep is an IDX file with its content '
        'under any name, gzipped or not, or a .npz file with %s. There are %s. Name another folder, or leave out '
        '--data_dir to use Keras\'s cache or a download, or use --dataset=mnist_10k' % (
            data_dir, file_name, source.dataset, _ARRAYS[file_name],
            ', '.join(names[:_LISTED] + ['…'] * (len(names) > _LISTED)) or 'no files'))


def _verified(source: Source, path: str, file_name: str) -> np.ndarray:
    """The uint8 array in a file. Raises UserError if it is not the canonical one."""
    array = read(path, file_name)
    shape = SHAPES[file_name]
    if array.shape != shape or array.dtype != np.uint8:
        raise UserError('%s contains %s of shape %s, but %s of %s is uint8 of shape %s: put the canonical '
                        'file in its place'
                        % (path, array.dtype, array.shape, file_name, source.dataset, shape))
    _verify_checksum(source, path, file_name, array)
    return array


def _verify_checksum(source: Source, path: str, file_name: str, array: np.ndarray) -> None:
    if file_name in source.md5:
        content, checksum, expected = 'uncompressed IDX bytes', idx_md5(array), source.md5[file_name]
    elif is_gzip(path):
        content, checksum, expected = 'file', _file_md5(path), source.gzip_md5[file_name]
    else:
        raise UserError('%s cannot be verified, because only %s.gz has a published checksum: put that in its '
                        'place' % (path, file_name))
    if checksum != expected:
        other = _dataset_with({idx_md5(array), _file_md5(path)})
        if other:
            raise UserError('%s is of %s, not of %s: use --dataset=%s, or name another --data_dir'
                            % (path, other, source.dataset, other))
        raise UserError('%s is not the canonical file of %s: md5 of the %s is %s, but should be %s; put the '
                        'canonical file in its place' % (path, source.dataset, content, checksum, expected))


def _dataset_with(checksums: Set[str]) -> Optional[str]:
    """The dataset that has a file with one of these checksums; the files of all have the same names."""
    for known in (MNIST, FASHION_MNIST):
        if {*known.md5.values(), *known.gzip_md5.values()} & checksums:
            return known.dataset
    return None


def _file_md5(path: str) -> str:
    digest = hashlib.md5()
    with open(path, 'rb') as file:
        # In parts: any number of zeros may follow the content of a valid gzip file.
        for part in iter(lambda: file.read(2 ** 20), b''):
            digest.update(part)
    return digest.hexdigest()


def read(path: str, file_name: str) -> np.ndarray:
    """Reads an array from an IDX file, compressed or not, or from a .npz file.

    Args:
      path: the file, with any name.
      file_name: key of `SHAPES`, which determines the expected shape.
    Returns: array; uint8 of that shape, if it is from an IDX file.
    Raises: UserError if the file is damaged or is an IDX file of another shape.
    """
    try:
        return _read_archive(path, file_name) if is_archive(path) else _read_idx(path, file_name)
    # Truncated, altered and unreadable files make gzip, zipfile and NumPy raise many types of exceptions.
    except Exception as error:
        raise UserError('%s is damaged or cannot be read (%s): put the canonical file in its place'
                        % (path, error or type(error).__name__)) from error


def _read_idx(path: str, file_name: str) -> np.ndarray:
    shape = SHAPES[file_name]
    header = idx_header(shape)
    size = len(header) + int(np.prod(shape))
    with (gzip.open if is_gzip(path) else open)(path, 'rb') as file:
        content = file.read(size + 1)  # a gzip file may decompress to far more
    if len(content) < len(header):
        raise ValueError('%d bytes are too few for an IDX header' % len(content))
    if content[:len(header)] != header:
        raise ValueError('it does not begin with the header of an IDX file of shape %s' % (shape,))
    if len(content) > size:
        raise ValueError('more bytes than the expected %d' % size)
    if len(content) < size:
        raise ValueError('%d bytes instead of the expected %d' % (len(content), size))
    return np.frombuffer(content, np.uint8, offset=len(header)).reshape(shape)


def _read_archive(path: str, file_name: str) -> np.ndarray:
    name = _ARRAYS[file_name]
    with image_files.read_archive(path) as arrays:
        size = arrays.zip.getinfo(name + '.npy').file_size
        if size > _MAX_BYTES:
            raise ValueError('%s in it would decompress to %d bytes' % (name, size))
        array = arrays[name]
    if not isinstance(array, np.ndarray):
        raise ValueError('%s in it is not an array' % name)
    return array


def _fetch_keras_file(source: Source, file_name: str) -> str:
    """Path of the file in Keras's cache, which Keras downloads if necessary."""
    from tensorflow import keras  # imported here, because it takes seconds and is rarely needed
    arguments = source.keras_file(file_name)
    try:
        with contextlib.redirect_stdout(sys.stderr):  # the progress of a download, which Keras prints
            return keras.utils.get_file(**arguments)
    except Exception as error:  # network failures make Keras raise many types
        raise UserError(
            'no %s for --dataset=%s: no --data_dir given; no usable %s in Keras\'s cache (~/.keras/datasets); and the '
            'download failed (%s). Put %s.gz or %s into a folder and name it with --data_dir, or use '
            '--dataset=mnist_10k, the 10,000 MNIST digits that need neither files nor a network.'
            % (file_name, source.dataset, arguments['fname'], ' '.join(str(error).split()), file_name,
               file_name)) from error


_MAGIC = 0x00000800  # for unsigned bytes; the last byte is the number of dimensions
_MAX_DEPTH = 2  # of subfolders: torchvision's MNIST/raw
_MAX_FILES = 2000  # that are looked into
_MAX_SIZE = 2 ** 26  # of a file, in bytes: more than MNIST has with or without compression


def idx_header(shape: Sequence[int]) -> bytes:
    """The beginning of an uncompressed IDX file with an array of this shape."""
    return struct.pack('>%dI' % (1 + len(shape)), _MAGIC | len(shape), *shape)


def is_gzip(path: str) -> bool:
    """Whether a file is compressed, whatever its name."""
    with open(path, 'rb') as file:
        return file.read(2) == b'\x1f\x8b'


def is_archive(path: str) -> bool:
    """Whether a file is a .npz file, as Keras's copy of MNIST is."""
    with open(path, 'rb') as file:
        return file.read(2) == b'PK'


def candidates(data_dir: str, file_name: str, shape: Sequence[int], array_name: str) -> Iterator[str]:
    """Yields paths of the files that may contain an array, the most likely first. Their content is not verified.

    Args:
      data_dir: folder that is searched, with two levels of subfolders.
      file_name: the canonical name of an IDX file with the array.
      shape: of the array.
      array_name: the name of the array in a .npz file.
    """
    named = [os.path.join(data_dir, name) for name in (file_name, file_name + '.gz', 'mnist.npz')]
    yield from filter(os.path.isfile, named)
    for path in itertools.islice(_files(data_dir), _MAX_FILES):
        if path not in named and _may_contain(path, idx_header(shape), array_name):
            yield path


def _files(data_dir: str) -> Iterator[str]:
    for folder, subfolders, names in os.walk(data_dir, followlinks=True):
        depth = 0 if folder == data_dir else os.path.relpath(folder, data_dir).count(os.sep) + 1
        subfolders[:] = sorted(subfolders) if depth < _MAX_DEPTH else []
        for name in sorted(names):
            path = os.path.join(folder, name)
            if os.path.isfile(path) and os.path.getsize(path) <= _MAX_SIZE:
                yield path


def _may_contain(path: str, beginning: bytes, array_name: str) -> bool:
    try:
        if is_archive(path):
            with image_files.read_archive(path) as arrays:
                return array_name in arrays.files
        with (gzip.open if is_gzip(path) else open)(path, 'rb') as file:
            return file.read(len(beginning)) == beginning
    except Exception:  # files of other programs make gzip, zipfile and NumPy raise many types
        return False
