"""Says what kind of file a file is, from its first bytes. For messages about files that are not what they should be."""
import codecs
from typing import Tuple

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
