"""The network of recipe `paperspace`, which is the one of the official TensorFlow tutorial that the post
follows.

Source: https://blog.paperspace.com/getting-started-with-dcgans/
"""
from typing import Sequence, Union

import tensorflow.compat.v1 as tf

from dcgan_tf1.model.layers import batch_norm, conv2d, conv2d_transpose, dense, dropout, flatten, full_precision
from dcgan_tf1.model.networks._shapes import initial_size


def generator(noise: tf.Tensor, is_training: Union[bool, tf.Tensor], image_shape: Sequence[int]) -> tf.Tensor:
    """Latent vectors [batch, noise_dim] → images [batch, *image_shape] in (-1, 1)."""
    height, width = initial_size(image_shape)
    x = dense(noise, height * width * 256, use_bias=False)
    x = tf.nn.leaky_relu(batch_norm(x, is_training), 0.3)
    x = tf.reshape(x, [-1, height, width, 256])
    for filters, strides in ((128, 1), (64, 2)):
        x = conv2d_transpose(x, filters, 5, strides, use_bias=False)
        x = tf.nn.leaky_relu(batch_norm(x, is_training), 0.3)
    return tf.nn.tanh(conv2d_transpose(x, image_shape[2], 5, strides=2, use_bias=False))


def discriminator(images: tf.Tensor, is_training: Union[bool, tf.Tensor]) -> tf.Tensor:
    """Images [batch, height, width, channels] → logits [batch, 1]."""
    x = images
    for filters in (64, 128):
        x = tf.nn.leaky_relu(conv2d(x, filters, 5, strides=2), 0.3)
        x = dropout(x, 0.3, is_training)
    return dense(full_precision(flatten(x)), 1)
