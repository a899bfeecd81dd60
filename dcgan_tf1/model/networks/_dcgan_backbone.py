"""The architecture of the DCGAN paper: upsampling from 4×4 to the image, and downsampling back to 4×4.

Kernels are drawn from N(0, 0.02²), and there are no biases. The layers next to the image have no batch norm:
the last of the generator and the first of the discriminator.
"""
import functools
from typing import Callable, Sequence, Union

import tensorflow.compat.v1 as tf

from dcgan_tf1.model.layers import batch_norm, conv2d, conv2d_transpose, full_precision, normal
from dcgan_tf1.model.networks._shapes import num_upsamplings

INITIALIZER = normal(0.02)


def torch_batch_norm(is_training: Union[bool, tf.Tensor]) -> Callable[[tf.Tensor], tf.Tensor]:
    """Batch norm with PyTorch's constants and gamma from N(1, 0.02²), as in every DCGAN in PyTorch.

    PyTorch's momentum is the weight of the new value: its 0.1 is 0.9 here.
    """
    return functools.partial(batch_norm, is_training=is_training, momentum=0.9, epsilon=1e-5,
                             gamma_initializer=normal(0.02, mean=1.))


def generator(noise: tf.Tensor, image_shape: Sequence[int], kernel_size: int, base_filters: int,
              normalize: Callable[[tf.Tensor], tf.Tensor]) -> tf.Tensor:
    """Latent vectors [batch, noise_dim] → images [batch, *image_shape] in (-1, 1).

    Args:
        noise: latent vectors.
        image_shape: (height, width, channels).
        kernel_size: height and width of the kernels, except for the first, which is 4×4.
        base_filters: number of filters of the last hidden layer. Each layer before it has twice as many.
        normalize: the recipe's batch norm.

    Raises:
        UnsupportedShapeError: if `num_upsamplings` does.
    """
    count = num_upsamplings(image_shape)
    x = noise[:, tf.newaxis, tf.newaxis, :]
    for layer in range(count):
        x = conv2d_transpose(x, base_filters << (count - 1 - layer), kernel_size if layer else 4,
                             strides=2 if layer else 1, padding='same' if layer else 'valid', use_bias=False,
                             kernel_initializer=INITIALIZER)
        x = tf.nn.relu(normalize(x))
    x = conv2d_transpose(x, image_shape[2], kernel_size, strides=2, use_bias=False,
                         kernel_initializer=INITIALIZER)
    return tf.nn.tanh(x)


def discriminator(images: tf.Tensor, kernel_size: int, base_filters: int,
                  normalize: Callable[[tf.Tensor], tf.Tensor], one_score: bool) -> tf.Tensor:
    """Images → logits [batch, 1, 1, 1] if `one_score`, otherwise [batch, 2, 2, 1].

    Args:
        images: [batch, height, width, channels].
        kernel_size: height and width of the kernels, except for the last, which is 4×4.
        base_filters: number of filters of the first layer. Each downsampling layer after it has twice as
            many.
        normalize: the recipe's batch norm.
        one_score: whether the last layer has padding 'valid' and stride 1. Otherwise it has padding 'same'
            and stride 2, and gives four scores per image.

    Raises:
        UnsupportedShapeError: if `num_upsamplings` does.
    """
    x = images
    for layer in range(num_upsamplings(images.shape.as_list()[1:])):
        x = conv2d(x, base_filters << layer, kernel_size, strides=2, use_bias=False,
                   kernel_initializer=INITIALIZER)
        x = tf.nn.leaky_relu(normalize(x) if layer else x, 0.2)
    strides, padding = (1, 'valid') if one_score else (2, 'same')
    return conv2d(full_precision(x), 1, 4, strides, padding, use_bias=False, kernel_initializer=INITIALIZER)
