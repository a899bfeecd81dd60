"""The network of recipe `sparse_softmax`, whose discriminator has two logits.

Strides and kernel sizes are those of the public notebook that the post follows, `dcgan.ipynb` of
https://github.com/aymericdamien/TensorFlow-Examples: stride 2 and 5×5 kernels. The post prints stride 3,
which cannot run, and a 10×10 kernel in one place.
Source: https://valueml.com/deep-convolutional-generative-adversarial-network-python/
"""
from typing import Sequence, Union

import tensorflow.compat.v1 as tf

from dcgan_tf1.model.layers import batch_norm, conv2d, conv2d_transpose, dense, flatten, full_precision
from dcgan_tf1.model.networks._shapes import initial_size


def generator(noise: tf.Tensor, is_training: Union[bool, tf.Tensor], image_shape: Sequence[int]) -> tf.Tensor:
    """Latent vectors [batch, noise_dim] → images [batch, *image_shape] in (-1, 1)."""
    height, width = initial_size(image_shape)
    x = dense(noise, height * width * 128)
    x = tf.nn.relu(batch_norm(x, is_training))
    x = tf.reshape(x, [-1, height, width, 128])
    x = conv2d_transpose(x, 64, 5, strides=2)
    x = tf.nn.relu(batch_norm(x, is_training))
    x = conv2d_transpose(x, image_shape[2], 5, strides=2)
    return tf.nn.tanh(x)


def discriminator(images: tf.Tensor, is_training: Union[bool, tf.Tensor]) -> tf.Tensor:
    """Images [batch, height, width, channels] → logits [batch, 2]: fake (class 0) and real (class 1)."""
    x = conv2d(images, 64, 5, strides=2)
    x = tf.nn.leaky_relu(batch_norm(x, is_training), 0.2)
    x = conv2d(x, 128, 5, strides=2)
    x = tf.nn.leaky_relu(batch_norm(x, is_training), 0.2)
    x = dense(flatten(x), 1024)
    x = tf.nn.leaky_relu(batch_norm(x, is_training), 0.2)
    return dense(full_precision(x), 2)
