"""The network of recipe `sparse_softmax` with few filters, for tests that need every kind of variable."""
import tensorflow.compat.v1 as tf

from dcgan_tf1.model.layers import batch_norm, conv2d, conv2d_transpose, dense, flatten, full_precision


def generator(noise, is_training, image_shape):
    """Latent vectors → images [batch, 28, 28, 1]."""
    x = tf.nn.relu(batch_norm(dense(noise, 7 * 7 * 8), is_training))
    x = conv2d_transpose(tf.reshape(x, [-1, 7, 7, 8]), 4, 5, strides=2)
    x = tf.nn.relu(batch_norm(x, is_training))
    return tf.nn.tanh(conv2d_transpose(x, 1, 5, strides=2))


def discriminator(images, is_training):
    """Images → logits [batch, 2]."""
    x = tf.nn.leaky_relu(batch_norm(conv2d(images, 4, 5, strides=2), is_training), 0.2)
    x = tf.nn.leaky_relu(batch_norm(conv2d(x, 8, 5, strides=2), is_training), 0.2)
    x = tf.nn.leaky_relu(batch_norm(dense(flatten(x), 16), is_training), 0.2)
    return dense(full_precision(x), 2)
