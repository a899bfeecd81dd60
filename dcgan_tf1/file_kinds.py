"""Recognizes files of other programs by their content, for messages that say what a file is."""
import os
import zipfile
from typing import Optional, Sequence

_BEGINNINGS = (
    (b'\x89HDF\r\n\x1a\n', 'an HDF5 file, as Keras writes'), (b'\x89PNG', 'a PNG image'),
    (b'\xff\xd8\xff', 'a JPEG image'),
    (b'GIF8', 'a GIF image'), (b'BM', 'a BMP image'), (b'\x93NUMPY', 'a NumPy array'), (b'\x1f\x8b', 'a gzip file'),
    (b'%PDF', 'a PDF document'), (b'<', 'an HTML or XML document'), (b'\x80', 'a Python pickle, as PyTorch writes'))
_MAX_HEADER = 10 ** 8  # of a safetensors file, in bytes: its own limit


def describe(path: str) -> Optional[str]:
    """What a file is, such as 'a PNG image'; None if that is not known or the file cannot be read."""
    try:
        with open(path, 'rb') as file:
            start = file.read(16)
        if start.startswith(b'PK'):
            with zipfile.ZipFile(path) as archive:
                return _describe_archive(archive.namelist())
    except (OSError, zipfile.BadZipFile):
        return None
    if start[:4] == b'RIFF' and start[8:12] == b'WEBP':
        return 'a WebP image'
    if start[8:9] == b'{' and int.from_bytes(start[:8], 'little') < _MAX_HEADER:
        return 'a safetensors file'
    if start[4:8] == b'TFL3':
        return 'a TensorFlow Lite model'
    known = next((kind for beginning, kind in _BEGINNINGS if start.startswith(beginning)), None)
    return known or ('a frozen graph or SavedModel' if os.path.splitext(path)[1] == '.pb' else None)


def _describe_archive(names: Sequence[str]) -> str:
    if any(name.endswith('data.pkl') for name in names):
        return 'a PyTorch file'
    if 'model.weights.h5' in names:
        return 'a Keras model'
    return 'a NumPy archive' if names and all(name.endswith('.npy') for name in names) else 'a ZIP archive'
