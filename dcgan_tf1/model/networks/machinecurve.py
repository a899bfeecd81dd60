"""The network of recipe `machinecurve`.

The generator starts with a transposed convolution of stride 1, the discriminator has dropout, and all kernels
are drawn from N(0, 0.02²).
Source: https://machinecurve.com/index.php/2021/07/15/creating-dcgan-with-tensorflow-2-and-keras/
"""
import functools
from typing import Sequence, Union

import tensorflow.compat.v1 as tf

from dcgan_tf1.model import layers
from dcgan_tf1.model.layers import batch_norm, dropout, flatten, full_precision
from dcgan_tf1.model.networks._shapes import initial_size

_INITIALIZER = layers.normal(0.02)
dense = functools.partial(layers.dense, kernel_initializer=_INITIALIZER)
conv2d = functools.partial(layers.conv2d, kernel_initializer=_INITIALIZER)
conv2d_transpose = functools.partial(layers.conv2d_transpose, use_bias=False, kernel_initializer=_INITIALIZER)


def generator(noise: tf.Tensor, is_training: Union[bool, tf.Tensor], image_shape: Sequence[int]) -> tf.Tensor:
    """Latent vectors [batch, noise_dim] → images [batch, *image_shape] in (-1, 1)."""
    height, width = initial_size(image_shape)
    x = dense(noise, height * width * 128, use_bias=False)
    x = tf.nn.leaky_relu(batch_norm(x, is_training), 0.3)
    x = tf.reshape(x, [-1, height, width, 128])
    x = conv2d_transpose(x, 56, 5, strides=1)
    x = tf.nn.leaky_relu(batch_norm(x, is_training), 0.3)
    x = conv2d_transpose(x, 28, 5, strides=2)
    x = tf.nn.leaky_relu(batch_norm(x, is_training), 0.3)
    return tf.nn.tanh(conv2d_transpose(x, image_shape[2], 5, strides=2))


def discriminator(images: tf.Tensor, is_training: Union[bool, tf.Tensor]) -> tf.Tensor:
    """Images [batch, height, width, channels] → logits [batch, 1]."""
    x = images
    for filters in (28, 64):
        x = tf.nn.leaky_relu(conv2d(x, filters, 5, strides=2), 0.3)
        x = dropout(x, 0.5, is_training)
    return dense(full_precision(flatten(x)), 1)
