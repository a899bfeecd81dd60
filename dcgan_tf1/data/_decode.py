"""Decodes an image file of any size and color mode to an array of the size and the channels that a training needs."""
import math
import os
from typing import Any, Dict, NamedTuple, Optional, Sequence, Tuple, Union

import numpy as np
import PIL
from PIL import Image, features

from dcgan_tf1.util import image_files

# Increase it with every change of this module that changes a pixel: packed images are not used with another version.
VERSION = 2
# A JPEG file is decoded at a half, a quarter or an eighth of its size if that is still so many times the size needed.
# docs/datasets.md states how little the result differs.
REDUCED_SIZE = 4
_LIBRARIES = ('jpg', 'libjpeg_turbo', 'webp')  # by Pillow's names
_PNG_DEPTHS = {'1': 1, 'L;2': 2, 'L;4': 4}  # bits per pixel of grayscale PNG files, by Pillow's names of raw modes


class DecodeOptions(NamedTuple):
    """How a file becomes an array; see `image_folder.load`."""

    image_size: int  # height and width, in pixels
    channels: int  # 1 or 3
    center_crop: bool
    antialias: bool
    follow_links: bool
    fast_jpeg: bool

    def describe(self) -> Dict[str, Any]:
        """These options, and the versions of everything else that the pixels of a file depend on."""
        return {**self._asdict(), 'decoder': VERSION, 'Pillow': PIL.__version__,
                **{name: features.version(name) for name in _LIBRARIES}}


def decode(source: Union[str, bytes], root: str, options: DecodeOptions) -> np.ndarray:
    """Reads a file as uint8 [image_size, image_size, channels]; from an animation, the first frame.

    Color profiles and the EXIF orientation are ignored, as the sources of the recipes ignore them.

    Args:
      source: the path of the file, or its content.
      root: the folder that links may not lead out of, without `follow_links`.
      options: what to make of it.
    Raises: any of the types that Pillow raises for damaged files.
    """
    if isinstance(source, str) and not options.follow_links and leads_out(source, root):
        raise ValueError('it is a link to a file outside of the folder, which needs --follow_links')
    with image_files.open_image(source) as image:
        box = _centered_square(*image.size) if options.center_crop else (0, 0, *image.size)
        reduction = 1.
        if options.fast_jpeg and options.antialias:
            reduction = _reduce(image, REDUCED_SIZE * options.image_size)
        image = _to_opaque_8bit(image).convert('L' if options.channels == 1 else 'RGB')
        image = _resize(image, [edge / reduction for edge in box], options.image_size, options.antialias)
        return np.asarray(image).reshape(options.image_size, options.image_size, options.channels)


def leads_out(path: str, folder: str) -> bool:
    """Whether a path is a link to a file outside of a folder."""
    root = os.path.realpath(folder)
    return os.path.islink(path) and os.path.commonpath([root, os.path.realpath(path)]) != root


def _centered_square(width: int, height: int) -> Tuple[int, int, int, int]:
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    return left, top, left + side, top + side


def _reduce(image: Image.Image, size: int) -> float:
    """Lets libjpeg decode an image at reduced size, with no side shorter than `size`. Returns the factor, 1 to 8."""
    width = image.width
    drafted = image.draft(None, (size, size))  # type: ignore[arg-type]  # None for other formats than JPEG
    return width / drafted[1][2] if drafted else 1.


def _to_opaque_8bit(image: Image.Image) -> Image.Image:
    """Replaces transparency by white, and 16 bits per pixel by the upper 8."""
    if image.format == 'BMP' and image.mode == 'RGBA' and image.getchannel('A').getextrema() == (0, 0):
        return image.convert('RGB')  # programs that do not know this channel leave it empty, and show such files opaque
    transparent = image.info.get('transparency')  # one gray level or color, or an index or alphas of a palette
    raw_mode = image.tile[0][3] if image.tile else ''  # type: ignore[attr-defined]
    if image.mode.startswith('I'):  # 16-bit gray, which Pillow's `convert` would clip to 255
        return _opaque_gray(np.asarray(image), 16, transparent)
    if image.mode in ('1', 'L') and transparent is not None:  # Pillow compares levels of unequal depths
        return _opaque_gray(np.asarray(image.convert('L')), _PNG_DEPTHS.get(raw_mode, 8), transparent)
    if image.mode == 'RGB' and transparent is not None:
        # Pillow keeps the upper 8 of 16 bits, so they alone decide which pixels are transparent.
        image.info['transparency'] = tuple(level >> 8 if raw_mode == 'RGB;16B' else level & 255
                                           for level in transparent)
    if 'A' in image.getbands() or transparent is not None:
        image = image.convert('RGBA')
        return Image.alpha_composite(Image.new('RGBA', image.size, 'white'), image)
    return image


def _opaque_gray(levels: np.ndarray, depth: int, transparent: Optional[int]) -> Image.Image:
    """A grayscale image whose transparent level becomes white.

    Args:
      levels: [height, width] from 0 to 65535 if `depth` is 16, otherwise from 0 to 255.
      depth: bits per pixel in the file.
      transparent: a level as the file counts them, or None.
    """
    gray = (levels // 256 if depth == 16 else levels).astype(np.uint8)
    if transparent is not None:
        highest = 2 ** depth - 1
        gray[levels == (transparent & highest) * ((65535 if depth == 16 else 255) // highest)] = 255
    return Image.fromarray(gray)


def _resize(image: Image.Image, box: Sequence[float], size: int, antialias: bool) -> Image.Image:
    """Resizes a part of an image, (left, top, right, bottom) in pixels, to a square."""
    outer = (math.floor(box[0]), math.floor(box[1]), math.ceil(box[2]), math.ceil(box[3]))
    if outer != (0, 0, *image.size):
        image = image.crop(outer)
    if antialias:
        inner = (box[0] - outer[0], box[1] - outer[1], box[2] - outer[0], box[3] - outer[1])
        return image.resize((size, size), Image.BILINEAR, inner)  # type: ignore[attr-defined]
    x_scale, y_scale = image.size[0] / size, image.size[1] / size
    return image.transform((size, size), Image.AFFINE,  # type: ignore[attr-defined]
                           (x_scale, 0, 0, 0, y_scale, 0), Image.BILINEAR)  # type: ignore[attr-defined]
