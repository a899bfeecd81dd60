"""Image shapes that a network can make by upsampling."""
from typing import Sequence, Tuple


class UnsupportedShapeError(ValueError):
    """A network does not support an image shape. The message is a noun phrase with the shapes that it
    supports."""


def initial_size(image_shape: Sequence[int]) -> Tuple[int, int]:
    """(height, width) of the feature maps that two upsamplings by 2 enlarge to the image.

    Args:
        image_shape: (height, width, channels).

    Raises:
        UnsupportedShapeError: if height or width is not a multiple of 4.
    """
    height, width = image_shape[:2]
    if height % 4 or width % 4:
        raise UnsupportedShapeError('sizes that are multiples of 4')
    return height // 4, width // 4


def num_upsamplings(image_shape: Sequence[int]) -> int:
    """Number of upsamplings by 2 that enlarge 4×4 feature maps to the image, for example 4 for 64×64.

    Args:
        image_shape: (height, width, channels).

    Raises:
        UnsupportedShapeError: if the image is not a square of 8, 16, 32, 64, 128 or 256 pixels.
    """
    height, width = image_shape[:2]
    if height != width or height not in (8, 16, 32, 64, 128, 256):
        raise UnsupportedShapeError('squares of 8, 16, 32, 64, 128 or 256 pixels')
    return height.bit_length() - 3
