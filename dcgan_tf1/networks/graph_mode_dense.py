"""The network of recipe `graph_mode_dense`, the baseline that the same post compares with: two dense layers each."""
import numpy as np
import tensorflow.compat.v1 as tf

from dcgan_tf1.layers import dense, flatten, full_precision


def generator(noise, is_training, image_shape):
    """noise [batch, noise_dim] → images [batch, *image_shape] in (−1, 1). `is_training` changes nothing."""
    x = tf.nn.relu(dense(noise, 128))
    x = tf.nn.tanh(dense(x, int(np.prod(image_shape))))
    return tf.reshape(x, [-1, *image_shape])


def discriminator(images, is_training):
    """images → logits [batch, 1]."""
    x = tf.nn.relu(dense(flatten(images), 128))
    return dense(full_precision(x), 1)
