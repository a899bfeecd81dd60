"""Says what kind of file a file is, from its first bytes. For messages about files that are not what they should be."""
import codecs
import os
import zipfile
from typing import Optional, Sequence, Tuple

HEAD_SIZE = 1024  # how many bytes `describe` needs

# (offset, bytes, what a file with these bytes there is)
_SIGNATURES: Tuple[Tuple[int, bytes, str], ...] = (
    (0, b'\xff\xd8', 'a damaged JPEG file'),
    (0, b'\x89PNG', 'a damaged PNG file'),
    (0, b'GIF8', 'a damaged GIF file'),
    (0, b'BM', 'a damaged BMP file'),
    (8, b'WEBP', 'a WebP file'),
    (4, b'ftypavi', 'an AVIF file'),
    (4, b'ftyphe', 'a HEIC file'),
    (4, b'ftypmif1', 'a HEIC file'),
    (4, b'ftypmsf1', 'a HEIC file'),
    (4, b'ftyp', 'a video'),
    (0, b'RIFF', 'a video or sound'),
    (0, b'\x1aE\xdf\xa3', 'a video'),
    (0, b'II*\0', 'a TIFF or raw file'),
    (0, b'MM\0*', 'a TIFF or raw file'),
    (0, b'\0\0\0\x0cjP', 'a JPEG 2000 file'),
    (0, b'\0\0\0\x0cJXL', 'a JPEG XL file'),
    (0, b'\xff\x0a', 'a JPEG XL file'),
    (0, b'8BPS', 'a Photoshop file'),
    (0, b'\0\0\1\0', 'an icon'),
    (0, b'%PDF', 'a PDF file'),
    (0, b'%!PS', 'a PostScript file'),
    (0, b'PK', 'a ZIP archive'),
    (0, b'\x1f\x8b', 'a gzip archive'),
    (0, b'7z\xbc\xaf', 'a 7-Zip archive'),
    (0, b'Rar!', 'a RAR archive'),
    (0, b'\x93NUMPY', 'a NumPy array'),
    (0, b'\0\5\x16\7', 'metadata of macOS'),
    (0, b'version https://git-lfs', 'a Git LFS pointer, in whose place "git lfs pull" puts the file itself'),
)


def describe(head: bytes) -> str:
    """What a file is, as in 'a HEIC file', 'an HTML page' or 'empty'.

    Args:
      head: its first `HEAD_SIZE` bytes; all of it, if it is smaller.
    """
    if not head:
        return 'empty'
    for offset, signature, kind in _SIGNATURES:
        if head.startswith(signature, offset):
            return kind
    text = head.lstrip(b'\xef\xbb\xbf \t\r\n').lower()
    if text.startswith((b'<!doctype html', b'<html')):
        return 'an HTML page'
    if text.startswith((b'<?xml', b'<svg', b'<!--', b'<!doctype')):
        return 'an SVG file' if b'<svg' in text else 'an XML or HTML file'
    if not head.strip(b'\0'):
        return 'full of zeros'
    return 'a text file' if _is_text(head) else 'of an unknown kind'


def _is_text(head: bytes) -> bool:
    try:
        text = codecs.getincrementaldecoder('utf-8')().decode(head)  # the last character may be incomplete
        return all(character.isprintable() or character.isspace() for character in text)
    except UnicodeDecodeError:
        return False


NUMPY_ARCHIVE = 'a NumPy archive'
_MAX_HEADER = 10 ** 8  # of a safetensors file, in bytes: its own limit


def describe_model(path: str) -> Optional[str]:
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
