"""The network of recipe `graph_mode`: convolutions only, starting from the latent vector as a 1×1 image.

Source: https://cfml.se/deep-convolutional-generative-adversarial-networks/
"""
from typing import Sequence, Union

import tensorflow.compat.v1 as tf

from dcgan_tf1.model.layers import batch_norm, conv2d, conv2d_transpose, flatten, full_precision
from dcgan_tf1.model.networks._shapes import UnsupportedShapeError, initial_size


def generator(noise: tf.Tensor, is_training: Union[bool, tf.Tensor], image_shape: Sequence[int]) -> tf.Tensor:
    """Latent vectors [batch, noise_dim] → images [batch, *image_shape] in (-1, 1)."""
    size = _initial_square(image_shape)
    x = noise[:, tf.newaxis, tf.newaxis, :]
    x = conv2d_transpose(x, 256, size, strides=1, padding='valid', use_bias=False)
    x = tf.nn.leaky_relu(batch_norm(x, is_training), 0.2)
    x = conv2d_transpose(x, 128, 5, strides=2, use_bias=False)
    x = tf.nn.leaky_relu(batch_norm(x, is_training), 0.2)
    x = conv2d_transpose(x, image_shape[2], 5, strides=2)
    return tf.nn.tanh(x)


def discriminator(images: tf.Tensor, is_training: Union[bool, tf.Tensor]) -> tf.Tensor:
    """Images [batch, height, width, channels] → logits [batch, 1]; the source's sigmoid is part of the loss
    here."""
    size = _initial_square(images.shape.as_list()[1:])
    x = conv2d(images, 128, 5, strides=2, use_bias=False)
    x = tf.nn.leaky_relu(batch_norm(x, is_training), 0.2)
    x = conv2d(x, 256, 5, strides=2, use_bias=False)
    x = tf.nn.leaky_relu(batch_norm(x, is_training), 0.2)
    return flatten(conv2d(full_precision(x), 1, size, strides=1, padding='valid'))


def _initial_square(image_shape: Sequence[int]) -> int:
    height, width = initial_size(image_shape)
    if height != width:
        raise UnsupportedShapeError('squares whose size is a multiple of 4')
    return height
