"""The DCGAN paper's shape of network: from 4×4 by doubling to the image, and back by halving to 4×4.

Kernels from N(0, 0.02²), no biases, no batch norm beside the image: the generator's last layer and the discriminator's
first have none.
"""
import functools

import tensorflow.compat.v1 as tf

from dcgan_tf1.layers import batch_norm, conv2d, conv2d_transpose, full_precision, normal
from dcgan_tf1.networks import num_upsamplings

INITIALIZER = normal(0.02)


def torch_batch_norm(is_training):
    """Batch norm with PyTorch's constants, as every DCGAN in PyTorch uses it, and gamma from N(1, 0.02²).

    PyTorch counts momentum from the other end: its 0.1 is 0.9 here.
    """
    return functools.partial(batch_norm, is_training=is_training, momentum=0.9, epsilon=1e-5,
                             gamma_initializer=normal(0.02, mean=1.))


def generator(noise, image_shape, kernel_size, base_filters, normalize):
    """noise [batch, noise_dim] → images in (−1, 1); `base_filters` filters before the image, doubled towards the noise.

    `normalize` is the recipe's batch norm.
    """
    count = num_upsamplings(image_shape)
    x = noise[:, tf.newaxis, tf.newaxis, :]
    for layer in range(count):
        x = conv2d_transpose(x, base_filters << (count - 1 - layer), kernel_size if layer else 4,
                             strides=2 if layer else 1, padding='same' if layer else 'valid', use_bias=False,
                             kernel_initializer=INITIALIZER)
        x = tf.nn.relu(normalize(x))
    x = conv2d_transpose(x, image_shape[2], kernel_size, strides=2, use_bias=False, kernel_initializer=INITIALIZER)
    return tf.nn.tanh(x)


def discriminator(images, kernel_size, base_filters, normalize, one_score):
    """images → logits [batch, 1, 1, 1], or with `one_score` false [batch, 2, 2, 1].

    `base_filters` filters after the image, doubled with each halving, to [batch, 4, 4, …]; then a 4×4 convolution.
    """
    x = images
    for layer in range(num_upsamplings(images.shape.as_list()[1:])):
        x = conv2d(x, base_filters << layer, kernel_size, strides=2, use_bias=False, kernel_initializer=INITIALIZER)
        x = tf.nn.leaky_relu(normalize(x) if layer else x, 0.2)
    return conv2d(full_precision(x), 1, 4, strides=1 if one_score else 2, padding='valid' if one_score else 'same',
                  use_bias=False, kernel_initializer=INITIALIZER)
