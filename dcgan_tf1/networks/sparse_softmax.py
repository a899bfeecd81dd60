"""The network of recipe `sparse_softmax`: 28×28 grey images, a discriminator of two logits.

Sizes as in the public notebook that the source follows (stride 2 and 5×5 kernels; the 3s and the 10
that the source prints cannot run): see README, «Errata».
"""
import tensorflow.compat.v1 as tf

from dcgan_tf1.layers import batch_norm, conv2d, conv2d_transpose, dense

IMAGE_SHAPE = (28, 28, 1)


def generator(noise, is_training):
    """noise [batch, noise_dim] → images [batch, 28, 28, 1] in (−1, 1)."""
    x = dense(noise, 7 * 7 * 128)
    x = tf.nn.relu(batch_norm(x, is_training))
    x = tf.reshape(x, [-1, 7, 7, 128])
    x = conv2d_transpose(x, 64, 5, strides=2)
    x = tf.nn.relu(batch_norm(x, is_training))
    x = conv2d_transpose(x, 1, 5, strides=2)
    return tf.nn.tanh(x)


def discriminator(images, is_training):
    """images [batch, 28, 28, 1] → logits [batch, 2] of fake (class 0) and real (class 1)."""
    x = conv2d(images, 64, 5, strides=2)
    x = tf.nn.leaky_relu(batch_norm(x, is_training), 0.2)
    x = conv2d(x, 128, 5, strides=2)
    x = tf.nn.leaky_relu(batch_norm(x, is_training), 0.2)
    x = tf.reshape(x, [-1, 7 * 7 * 128])
    x = dense(x, 1024)
    x = tf.nn.leaky_relu(batch_norm(x, is_training), 0.2)
    return dense(x, 2)
