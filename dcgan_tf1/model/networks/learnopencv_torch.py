"""The network of recipe `learnopencv_torch`: the PyTorch version of a DCGAN shown in two frameworks.

PyTorch's padding of 1 for a 4×4 kernel of stride 2 equals TensorFlow's `same` padding for even sizes.
Source: https://learnopencv.com/deep-convolutional-gan-in-pytorch-and-tensorflow/
"""
from typing import Sequence, Union

import tensorflow.compat.v1 as tf

from dcgan_tf1.model.networks import _dcgan_backbone


def generator(noise: tf.Tensor, is_training: Union[bool, tf.Tensor], image_shape: Sequence[int]) -> tf.Tensor:
    """Latent vectors [batch, noise_dim] → images [batch, *image_shape] in (-1, 1)."""
    return _dcgan_backbone.generator(noise, image_shape, 4, 64, _dcgan_backbone.torch_batch_norm(is_training))


def discriminator(images: tf.Tensor, is_training: Union[bool, tf.Tensor]) -> tf.Tensor:
    """Images [batch, height, width, channels] → logits [batch, 1, 1, 1]."""
    return _dcgan_backbone.discriminator(images, 4, 64, _dcgan_backbone.torch_batch_norm(is_training),
                                         one_score=True)
