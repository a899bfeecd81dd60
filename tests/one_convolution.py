"""A network of few layers, two of which have the same convolution. It trains fast."""
import tensorflow.compat.v1 as tf

from dcgan_tf1.model.layers import conv2d, conv2d_transpose, dense, flatten, full_precision


def generator(noise):
    """Latent vectors → images [batch, 28, 28, 1]."""
    x = tf.reshape(tf.nn.relu(dense(noise, 14 * 14 * 3)), [-1, 14, 14, 3])
    return tf.nn.tanh(full_precision(conv2d_transpose(x, 1, 5, strides=2)))


def discriminator(images):
    """Images → logits [batch, 1]."""
    return dense(full_precision(flatten(tf.nn.leaky_relu(conv2d(images, 3, 5, strides=2)))), 1)
