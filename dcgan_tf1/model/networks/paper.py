"""The network of the DCGAN paper (Radford, Metz and Chintala, arXiv 1511.06434, figure 1).

It has 1024-512-256-128 filters. The paper does not state the constants of its batch norm, so this uses those
that are common in PyTorch's DCGANs.
"""
from typing import Sequence, Union

import tensorflow.compat.v1 as tf

from dcgan_tf1.model.networks import _dcgan_backbone


def generator(noise: tf.Tensor, is_training: Union[bool, tf.Tensor], image_shape: Sequence[int]) -> tf.Tensor:
    """Latent vectors [batch, noise_dim] → images [batch, *image_shape] in (-1, 1)."""
    return _dcgan_backbone.generator(noise, image_shape, 5, 128,
                                     _dcgan_backbone.torch_batch_norm(is_training))


def discriminator(images: tf.Tensor, is_training: Union[bool, tf.Tensor]) -> tf.Tensor:
    """Images [batch, height, width, channels] → logits [batch, 1, 1, 1]."""
    return _dcgan_backbone.discriminator(images, 5, 128, _dcgan_backbone.torch_batch_norm(is_training),
                                         one_score=True)
