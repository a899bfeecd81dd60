"""The network of recipe `learnopencv_tf`: the TensorFlow version of a DCGAN shown in two frameworks.

The post uses PyTorch's batch norm constants with Keras: momentum 0.1, so 90% of a moving statistic comes from
the last batch, and epsilon 0.8. (Its `scale=0.02` is a boolean option in Keras: gamma starts at 1.)
Source: https://learnopencv.com/deep-convolutional-gan-in-pytorch-and-tensorflow/
"""
import functools
from typing import Callable, Sequence, Union

import tensorflow.compat.v1 as tf

from dcgan_tf1.model.layers import batch_norm
from dcgan_tf1.model.networks import _dcgan_backbone


def _batch_norm(is_training: Union[bool, tf.Tensor]) -> Callable[[tf.Tensor], tf.Tensor]:
    return functools.partial(batch_norm, is_training=is_training, momentum=0.1, epsilon=0.8)


def generator(noise: tf.Tensor, is_training: Union[bool, tf.Tensor], image_shape: Sequence[int]) -> tf.Tensor:
    """Latent vectors [batch, noise_dim] → images [batch, *image_shape] in (-1, 1)."""
    return _dcgan_backbone.generator(noise, image_shape, 4, 64, _batch_norm(is_training))


def discriminator(images: tf.Tensor, is_training: Union[bool, tf.Tensor]) -> tf.Tensor:
    """Images [batch, height, width, channels] → logits [batch, 2, 2, 1].

    These are four scores per image. The comment in the post says that there is one.
    """
    return _dcgan_backbone.discriminator(images, 4, 64, _batch_norm(is_training), one_score=False)
