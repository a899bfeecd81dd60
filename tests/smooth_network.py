"""Networks whose trainings with one and with several workers stay close.

They have no kinks as ReLU has, which turn differences in the last digit into large ones, no biases whose gradients are
sums that cancel, as before batch norm, and a large epsilon.
"""
import tensorflow.compat.v1 as tf

from dcgan_tf1.model import layers


def _activation(x, is_training):
    return tf.nn.elu(layers.batch_norm(x, is_training, epsilon=0.1))


def generator(noise, is_training, image_shape):
    """Latent vectors → images [batch, 8, 8, channels]."""
    x = _activation(layers.dense(noise, 4 * 4 * 8, use_bias=False), is_training)
    x = layers.conv2d_transpose(tf.reshape(x, [-1, 4, 4, 8]), image_shape[2], 5, 2, use_bias=False)
    return tf.nn.tanh(layers.full_precision(x))


def discriminator(images, is_training):
    """Images → logits [batch, 1]."""
    x = _activation(layers.conv2d(images, 8, 5, 2, use_bias=False), is_training)
    x = layers.dropout(x, 0.3, is_training)
    return layers.dense(layers.full_precision(layers.flatten(x)), 1)
