"""One module a family of recipes; its name is the value of `--network`.

A module offers
  generator(noise, is_training, image_shape): noise [batch, noise_dim] → images [batch, *image_shape] in [−1, 1],
    image_shape being (height, width, channels); raises `UnsupportedShape` for one that it can't make;
  discriminator(images, is_training): images → logits, in the form that the recipe's loss takes.
Networks know nothing of sessions, flags or files; the caller opens the variable scope.
"""


class UnsupportedShape(ValueError):
    """The message says which image shapes the network takes."""


def initial_size(image_shape):
    """(height, width) of images made by doubling twice."""
    height, width = image_shape[:2]
    if height % 4 or width % 4:
        raise UnsupportedShape('sizes that are multiples of 4')
    return height // 4, width // 4


def num_upsamplings(image_shape):
    """How often a 4×4 image must be doubled to have the shape: 4 for 64×64."""
    height, width = image_shape[:2]
    if height != width or height not in (8, 16, 32, 64, 128, 256):
        raise UnsupportedShape('squares of 8, 16, 32, 64, 128 or 256')
    return height.bit_length() - 3
