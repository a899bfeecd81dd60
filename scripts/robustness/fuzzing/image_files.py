"""Folders of images."""
import io
import os
import shutil
import struct
import zlib
from typing import Any, Dict, Tuple

import numpy as np
from hypothesis import strategies as st
from PIL import Image

from dcgan_tf1 import data
from dcgan_tf1.data.image_folder import SUFFIXES
from scripts.robustness.fuzzing.strategies import EXTREMES, damaged
from scripts.robustness.fuzzing.target import REJECTED, Target, outcome

_FOREIGN_FORMATS = ('EPS', 'TIFF', 'PPM', 'ICO', 'PCX', 'TGA', 'PDF', 'DIB')


def encode(image: Image.Image, image_format: str, **options: Any) -> bytes:
    """An image file."""
    file = io.BytesIO()
    image.save(file, image_format, **options)
    return file.getvalue()


def _chunk(kind, content):
    return struct.pack('>I', len(content)) + kind + content + struct.pack('>I', zlib.crc32(kind + content))


def png_with_header(width: int, height: int, depth: int = 8, color_type: int = 0, body: bytes = b'',
                    chunks: bytes = b'') -> bytes:
    """A PNG file with an arbitrary header and correct checksums.

    Args:
      width, height: in pixels.
      depth: bits per channel.
      color_type: 0 (gray), 2 (color), 3 (palette), 4 or 6 (with transparency).
      body: compressed pixels.
      chunks: further chunks before the pixels.
    """
    header = struct.pack('>2I5B', width, height, depth, color_type, 0, 0, 0)
    return b'\x89PNG\r\n\x1a\n' + _chunk(b'IHDR', header) + chunks + _chunk(b'IDAT', body) + _chunk(b'IEND', b'')


class ImageFiles(Target):
    """--dataset=image_folder: damaged files, and files of other formats with the name of an image."""

    def __init__(self, folder: str):
        super().__init__(folder)
        pixels = np.random.RandomState(0).randint(0, 256, (13, 11, 4)).astype(np.uint8)
        gray, color, transparent = (Image.fromarray(part) for part in (pixels[..., 0], pixels[..., :3], pixels))
        palette, binary = color.quantize(16), gray.convert('1')
        deep = Image.fromarray(pixels[..., 0].astype(np.uint16) * 256)
        self._png = [*(encode(image, 'PNG') for image in (gray, color, transparent, palette, binary, deep)),
                     encode(palette, 'PNG', transparency=3)]
        others = [encode(image, 'JPEG', progressive=progressive)
                  for image in (gray, color, color.convert('CMYK')) for progressive in (False, True)]
        others += [encode(palette, 'GIF'), encode(palette, 'GIF', transparency=2),
                   encode(palette, 'GIF', save_all=True, append_images=[palette.rotate(90)])]
        others += [encode(image, 'BMP') for image in (gray, color, transparent, binary)]
        foreign = [encode(color, image_format) for image_format in _FOREIGN_FORMATS]
        png_index = st.sampled_from(range(len(self._png)))
        contents = st.one_of(
            st.tuples(st.just('png'), png_index.flatmap(
                lambda index: st.tuples(st.just(index), damaged([self._png[index]])))),
            st.tuples(st.just('other'), damaged(others)), st.tuples(st.just('other'), damaged(others)),
            st.tuples(st.just('foreign'), st.one_of(st.sampled_from(foreign), damaged(foreign))),
            st.tuples(st.just('absurd'), self._absurd()))
        self.inputs = st.tuples(st.sampled_from(SUFFIXES), st.booleans(), contents)

    @staticmethod
    def _absurd():
        """PNG files with any header, and with text that decompresses to far more."""
        zeros = zlib.compress(bytes(2 ** 27))
        sizes = st.sampled_from([*EXTREMES[:10], 10 ** 4, 2 * 10 ** 4, 65535])
        headers = st.builds(png_with_header, sizes, sizes, st.sampled_from([1, 8, 16]),
                            st.sampled_from([0, 2, 3, 4, 6]), st.just(zeros))
        text = png_with_header(8, 8, body=zlib.compress(bytes(72)),
                               chunks=_chunk(b'zTXt', b'a\0\0' + zeros) + _chunk(b'iCCP', b'a\0\0' + zeros))
        return st.one_of(headers, st.just(text))

    def read(self, drawn: Tuple[str, bool, Tuple[str, Any]]) -> bool:
        suffix, as_gray, (kind, content) = drawn
        index, content = content if kind == 'png' else (None, content)
        channels = 1 if as_gray else 3
        folder = self.path('images')
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        path = self.write(content, 'images', 'a' + suffix)

        def decode():
            images = data.load('image_folder', data_dir=folder, image_size=8, channels=channels)[1]
            images.checksum()
            return images.first(1)
        images = outcome(decode, path)
        if images is REJECTED:
            return False
        assert images.shape == (1, 8, 8, channels) and images.dtype == np.uint8
        assert content.startswith((b'\x89PNG', b'\xff\xd8', b'GIF8', b'BM', b'RIFF')), content[:20]
        if index is not None and content != self._png[index]:
            self.write(self._png[index], 'images', 'a' + suffix)
            np.testing.assert_array_equal(images, decode())  # PNG has checksums: the pixels cannot differ
        return True


_LINK_TARGETS = {'outer link': b'../outside/secret.png', 'broken': b'nowhere.png',
                 'linked folder': b'../outside', 'device': b'/dev/zero'}


class Links(Target):
    """--dataset=image_folder: links, pipes and arbitrary file names."""

    def __init__(self, folder: str):
        super().__init__(folder)
        self._picture = encode(Image.fromarray(np.full((8, 8), 77, np.uint8)), 'PNG')
        os.makedirs(self.path('outside'))
        self.write(encode(Image.new('L', (8, 8), 33), 'PNG'), 'outside', 'secret.png')
        entries = st.sampled_from(['file', 'inner link', 'outer link', 'link of links', 'broken', 'circle',
                                   'pipe', 'folder', 'linked folder', 'device'])
        names = st.one_of(st.sampled_from([b'a', b'b', b'\xff\xfe', b'\xe2\x80\xae', b'new\nline', b'-', b' ']),
                          st.binary(min_size=1, max_size=6).filter(lambda name: not set(name) & set(b'/\0\n')))
        self.inputs = st.tuples(st.booleans(), st.dictionaries(names, entries, min_size=1, max_size=4))

    def _create(self, path, kind):
        if kind in ('file', 'inner link', 'link of links'):
            with open(path + (b'' if kind == 'file' else b'.hidden'), 'wb') as file:
                file.write(self._picture)
        if kind == 'pipe':
            os.mkfifo(path)
        elif kind == 'folder':
            os.makedirs(path)
        elif kind == 'link of links':
            os.symlink(path + b'.hidden', path + b'.link')
            os.symlink(path + b'.link', path)
        elif kind == 'inner link':
            os.symlink(path + b'.hidden', path)
        elif kind == 'circle':
            os.symlink(path, path)
        elif kind != 'file':
            os.symlink(_LINK_TARGETS[kind], path)

    def read(self, drawn: Tuple[bool, Dict[bytes, str]]) -> bool:
        skip_unreadable, entries = drawn
        folder = self.path('links')
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        for name, kind in entries.items():
            self._create(os.path.join(os.fsencode(folder), name + b'.png'), kind)

        def decode():
            images = data.load('image_folder', data_dir=folder, image_size=8, skip_unreadable=skip_unreadable)[1]
            images.checksum()
            return images.first(images.num_examples)
        images = outcome(decode, folder)
        if images is REJECTED:
            return False
        assert (images == 77).all()
        assert skip_unreadable or not set(entries.values()) & {'outer link', 'device', 'broken', 'circle', 'pipe'}
        return True
