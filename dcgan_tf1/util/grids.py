"""Arrangements of images: grids, equations and captions; and which of many images to show."""
import io
import math
import os
from typing import List, Optional, Sequence, Tuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

_CAPTION_SIZES = (20, 16, 12, 9)  # of the letters of a caption, in pixels
_CAPTION_BACKGROUND, _CAPTION_COLOR = 24, 255
_EQUATION_BACKGROUND, _EQUATION_COLOR = 204, 0


def evenly_spaced(total: int, count: int) -> List[int]:
    """Indices of `count` of `total` things, from the first to the last; of all of them, if there are fewer."""
    return [int(index) for index in np.linspace(0, total - 1, min(count, total)).round()]


def grid(images: np.ndarray, columns: Optional[int] = None, padding: int = 2, scale: int = 1) -> np.ndarray:
    """Arranges images in a grid.

    Args:
      images: uint8 [n, height, width, 1 or 3].
      columns: number of columns. Default: as square a grid as possible without empty cells; where that would be
        more than about twice as wide as high, a square one.
      padding: width of the gray border around and between the images, in pixels of the images.
      scale: each pixel becomes a square of scale × scale pixels.
    Returns: uint8 [grid height, grid width, 3].
    """
    count, height, width = images.shape[:3]
    columns = min(columns or _default_columns(count), count)
    rows = math.ceil(count / columns)
    canvas = np.full((rows * (height + padding) + padding, columns * (width + padding) + padding, 3),
                     128, np.uint8)
    for index, image in enumerate(images):
        top = padding + index // columns * (height + padding)
        left = padding + index % columns * (width + padding)
        canvas[top:top + height, left:left + width] = image
    return canvas.repeat(scale, axis=0).repeat(scale, axis=1)


def _default_columns(count: int) -> int:
    square = math.ceil(math.sqrt(count))
    return next((columns for columns in range(square, square * 3 // 2 + 1) if count % columns == 0), square)


def equation(terms: Sequence[Tuple[int, np.ndarray, np.ndarray]], result: np.ndarray, padding: int = 2,
             scale: int = 1) -> np.ndarray:
    """Draws latent arithmetic as the DCGAN paper does (arXiv 1511.06434, figure 7).

    Each term is a column: its examples, a line, and the image of their mean vector. The operators between the
    terms are beside the means. The result, twice as large, is on the right.

    Args:
      terms: of each term, the sign (1 or −1), its examples (uint8 [n, height, width, 1 or 3]) and the image of
        their mean vector (uint8 [height, width, 1 or 3]). The sign of the first is not drawn.
      result: the image of the result, of the same shape as the mean.
      padding: width of the border around and between the images, in pixels of the images.
      scale: each pixel becomes a square of scale × scale pixels.
    Returns: uint8 [height, width, 3].
    """
    height, width = result.shape[:2]
    line = max(1, height // 28)
    examples_height = max(len(examples) for _, examples, _ in terms) * (height + padding)
    blocks: List[np.ndarray] = []
    for sign, examples, mean in terms:
        if blocks:
            blocks.append(_operator('+' if sign > 0 else '-', height))
        column = np.full((examples_height + line + padding + height, width, 3), _EQUATION_BACKGROUND, np.uint8)
        for row, example in enumerate(reversed(examples), 1):
            top = examples_height - row * (height + padding)
            column[top:top + height] = example
        column[examples_height:examples_height + line] = _EQUATION_COLOR
        column[-height:] = mean
        blocks.append(column)
    enlarged = np.broadcast_to(result, (height, width, 3)).repeat(2, axis=0).repeat(2, axis=1)
    blocks += [_operator('=', height), enlarged]
    canvas_width = sum(padding + block.shape[1] for block in blocks) + padding
    canvas = np.full((len(blocks[0]) + 2 * padding, canvas_width, 3), _EQUATION_BACKGROUND, np.uint8)
    left = padding
    for block in blocks:
        bottom = len(canvas) - padding
        canvas[bottom - len(block):bottom, left:left + block.shape[1]] = block
        left += block.shape[1] + padding
    return canvas.repeat(scale, axis=0).repeat(scale, axis=1)


def _operator(kind: str, size: int) -> np.ndarray:
    """Draws '+', '-' or '=', beside an image that is `size` pixels high: uint8 [size, about half of it, 3]."""
    thickness = max(1, size // 14)
    length = 2 * (size // 7) + thickness  # so that the bars of a plus can cross in the middle
    canvas = np.full((size, length + 2 * (size // 10), 3), _EQUATION_BACKGROUND, np.uint8)
    top, left = (size - thickness) // 2, size // 10

    def bar(offset: int) -> None:
        canvas[top + offset:top + offset + thickness, left:left + length] = _EQUATION_COLOR
    if kind == '=':
        bar(-thickness)
        bar(thickness)
    else:
        bar(0)
    if kind == '+':
        middle = left + (length - thickness) // 2
        canvas[top - size // 7:top - size // 7 + length, middle:middle + thickness] = _EQUATION_COLOR
    return canvas


def with_captions(pictures: Sequence[np.ndarray], captions: Sequence[str]) -> List[np.ndarray]:
    """Adds a strip with a caption below each picture, in the font of the figures.

    The letters are as large as the width allows for the longest caption, up to a limit.

    Args:
      pictures: uint8 [height, width, 3], all of the same size.
      captions: of each picture.
    Returns: uint8 [height + strip, width, 3]. The strip is 1.5 times as high as the letters.
    """
    import matplotlib  # has the font; takes long to import
    path = os.path.join(matplotlib.get_data_path(), 'fonts', 'ttf', 'DejaVuSans.ttf')
    width = pictures[0].shape[1]

    measure = ImageDraw.Draw(Image.new('L', (1, 1)))

    def fits(size: int) -> bool:
        font = ImageFont.truetype(path, size)
        return max(measure.textbbox((0, 0), caption, font=font)[2] for caption in captions) + size <= width
    size = next(filter(fits, _CAPTION_SIZES), _CAPTION_SIZES[-1])
    font = ImageFont.truetype(path, size)
    captioned = []
    for picture, caption in zip(pictures, captions):
        strip = Image.new('L', (width, size * 3 // 2), _CAPTION_BACKGROUND)
        ImageDraw.Draw(strip).text((size // 2, size // 6), caption, font=font, fill=_CAPTION_COLOR)
        captioned.append(np.concatenate([picture, np.asarray(strip)[..., np.newaxis].repeat(3, axis=2)]))
    return captioned


def png(picture: np.ndarray) -> bytes:
    """Encodes a picture, uint8 [height, width, 3] or [height, width] for gray, as a PNG file."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, format='PNG', optimize=True)
    return file.getvalue()
