"""The network of recipe `learnopencv_tf`: the TensorFlow half of a post that shows one DCGAN in two frameworks.

Its batch norm took PyTorch's numbers for Keras's: momentum 0.1, so that a moving statistic is nine tenths the last
batch's, and epsilon 0.8. (Its `scale=0.02` is a truth value to Keras: gamma begins at 1.)
"""
import functools

from dcgan_tf1.layers import batch_norm
from dcgan_tf1.networks import _dcgan_backbone


def _batch_norm(is_training):
    return functools.partial(batch_norm, is_training=is_training, momentum=0.1, epsilon=0.8)


def generator(noise, is_training, image_shape):
    """noise [batch, noise_dim] → images [batch, *image_shape] in (−1, 1)."""
    return _dcgan_backbone.generator(noise, image_shape, 4, 64, _batch_norm(is_training))


def discriminator(images, is_training):
    """images → logits [batch, 2, 2, 1] of 64×64 images: four scores an image, where the post's comment says one."""
    return _dcgan_backbone.discriminator(images, 4, 64, _batch_norm(is_training), one_score=False)
