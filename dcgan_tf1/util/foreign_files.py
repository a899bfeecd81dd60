"""Recognizes arrays and models of other programs by their content, for messages that say what a file is."""
import os
import zipfile
from typing import Optional, Sequence

NUMPY_ARCHIVE = 'a NumPy archive'
_MAX_HEADER = 10 ** 8  # of a safetensors file, in bytes: its own limit


def describe(path: str) -> Optional[str]:
    """What a file is, such as 'a PyTorch file'; None if this is not known or the file cannot be read."""
    try:
        with open(path, 'rb') as file:
            start = file.read(16)
        if start.startswith(b'PK'):
            with zipfile.ZipFile(path) as archive:
                return _describe_archive(archive.namelist())
    except Exception:  # damaged archives make zipfile raise many types
        return None
    if start.startswith(b'\x89HDF'):
        return 'an HDF5 file, as Keras writes'
    if start.startswith(b'\x80') and start[1:2] <= b'\5':
        return 'a Python pickle, as PyTorch writes'
    if start[4:8] == b'TFL3':
        return 'a TensorFlow Lite model'
    if start[8:9] == b'{' and int.from_bytes(start[:8], 'little') < _MAX_HEADER:
        return 'a safetensors file'
    return 'a frozen graph or SavedModel' if os.path.splitext(path)[1] == '.pb' else None


def _describe_archive(names: Sequence[str]) -> str:
    if any(name.endswith('data.pkl') for name in names):
        return 'a PyTorch file'
    if 'model.weights.h5' in names:
        return 'a Keras model'
    return NUMPY_ARCHIVE if names and all(name.endswith('.npy') for name in names) else 'a ZIP archive'
