"""Arrangements of images: grids, equations and captions; and which of many images to show."""
import io
import math
from typing import List, Optional, Sequence, Tuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

_CAPTION_SIZE = (6, 15)  # width per character and height of a caption, in pixels of Pillow's built-in font
_CAPTION_BACKGROUND, _CAPTION_COLOR = 24, 255
_EQUATION_BACKGROUND, _EQUATION_COLOR = 204, 0


def evenly_spaced(total: int, count: int) -> List[int]:
    """Indices of `count` of `total` things, from the first to the last; of all of them, if there are fewer."""
    return [int(index) for index in np.linspace(0, total - 1, min(count, total)).round()]


def grid(images: np.ndarray, columns: Optional[int] = None, padding: int = 2, scale: int = 1) -> np.ndarray:
    """Arranges images in a grid.

    Args:
      images: uint8 [n, height, width, 1 or 3].
      columns: number of columns. Default: ceil(sqrt(n)), which makes the grid as square as possible.
      padding: width of the gray border around and between the images, in pixels of the images.
      scale: each pixel becomes a square of scale × scale pixels.
    Returns: uint8 [grid height, grid width, 3].
    """
    count, height, width = images.shape[:3]
    columns = min(columns or math.ceil(math.sqrt(count)), count)
    rows = math.ceil(count / columns)
    canvas = np.full((rows * (height + padding) + padding, columns * (width + padding) + padding, 3),
                     128, np.uint8)
    for index, image in enumerate(images):
        top = padding + index // columns * (height + padding)
        left = padding + index % columns * (width + padding)
        canvas[top:top + height, left:left + width] = image
    return canvas.repeat(scale, axis=0).repeat(scale, axis=1)


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
    """Adds a strip with a caption below each picture.

    The captions are in large letters, or in small ones if the pictures are too narrow for the longest.

    Args:
      pictures: uint8 [height, width, 3], all of the same size.
      captions: of each picture, in Latin-1 characters.
    Returns: uint8 [height + 15 or 30, width, 3].
    """
    character_width, height = _CAPTION_SIZE
    width = pictures[0].shape[1]
    scale = 2 if 2 * character_width * (max(map(len, captions)) + 1) <= width else 1
    # Pillow's built-in bitmap font, which has the same pixels in all versions. Since Pillow 10.1, `load_default`
    # returns another font.
    font = getattr(ImageFont, 'load_default_imagefont', ImageFont.load_default)()
    captioned = []
    for picture, caption in zip(pictures, captions):
        strip = Image.new('L', (math.ceil(width / scale), height), _CAPTION_BACKGROUND)
        ImageDraw.Draw(strip).text((character_width // 2, 1), caption, font=font, fill=_CAPTION_COLOR)
        pixels = np.asarray(strip).repeat(scale, axis=0).repeat(scale, axis=1)[:, :width, np.newaxis]
        captioned.append(np.concatenate([picture, pixels.repeat(3, axis=2)]))
    return captioned


def png(picture: np.ndarray) -> bytes:
    """Encodes a picture, uint8 [height, width, 3] or [height, width] for gray, as a PNG file."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, format='PNG', optimize=True)
    return file.getvalue()
