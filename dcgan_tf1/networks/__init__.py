"""Network architectures, one module per architecture. The names of the modules are the values of `--network`.

Each module defines two functions:

- generator(noise, is_training, image_shape) maps latent vectors [batch, noise_dim] to images
  [batch, *image_shape] in [-1, 1], where image_shape is (height, width, channels). It raises
  `UnsupportedShapeError` for shapes that it cannot generate.
- discriminator(images, is_training) maps images to logits, in the form that the recipe's loss takes.

They know nothing about sessions, flags or files. The caller opens the variable scope. Modules whose names
start with an underscore contain shared parts.
"""
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
