"""The network of recipe `graph_mode_dense`: two dense layers each for generator and discriminator.

It is the baseline of the post that `graph_mode` comes from.
Source: https://cfml.se/deep-convolutional-generative-adversarial-networks/
"""
from typing import Sequence, Union

import numpy as np
import tensorflow.compat.v1 as tf

from dcgan_tf1.model.layers import dense, flatten, full_precision


def generator(noise: tf.Tensor, is_training: Union[bool, tf.Tensor], image_shape: Sequence[int]) -> tf.Tensor:
    """Latent vectors [batch, noise_dim] → images [batch, *image_shape] in (-1, 1). Ignores `is_training`."""
    x = tf.nn.relu(dense(noise, 128))
    x = tf.nn.tanh(dense(x, int(np.prod(image_shape))))
    return tf.reshape(x, [-1, *image_shape])


def discriminator(images: tf.Tensor, is_training: Union[bool, tf.Tensor]) -> tf.Tensor:
    """Images [batch, height, width, channels] → logits [batch, 1]. Ignores `is_training`."""
    x = tf.nn.relu(dense(flatten(images), 128))
    return dense(full_precision(x), 1)
