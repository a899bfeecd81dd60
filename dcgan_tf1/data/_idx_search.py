"""Finds the files of MNIST under whatever names, and in whatever subfolders, programs leave them."""
import gzip
import itertools
import os
import struct
from typing import Iterator, Sequence

from dcgan_tf1.util import images as image_files

_MAGIC = 0x00000800  # for unsigned bytes; the last byte is the number of dimensions
_MAX_DEPTH = 2  # of subfolders: torchvision's MNIST/raw
_MAX_FILES = 2000  # that are looked into
_MAX_SIZE = 2 ** 26  # of a file, in bytes: more than MNIST has with or without compression


def header(shape: Sequence[int]) -> bytes:
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
        if path not in named and _may_contain(path, header(shape), array_name):
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
