"""`tf.nn.conv2d_transpose`, whose result has the static shape that a script asks for, as in TensorFlow 1.

TensorFlow 2 forgets the batch size if that of the input is unknown. Many scripts reshape to the static shape. Imports
nothing of this package: `--migrate` copies what a script uses.
"""
from typing import Any

import tensorflow.compat.v1 as tf
from tensorflow.python.framework import tensor_util

new_conv2d_transpose = tf.nn.conv2d_transpose


def conv2d_transpose(*args: Any, **kwargs: Any) -> tf.Tensor:
    """As `tf.nn.conv2d_transpose`, with the static shape of `output_shape`."""
    return keep_shape(new_conv2d_transpose(*args, **kwargs), *args, **kwargs)


def keep_shape(result: tf.Tensor, *args: Any, **kwargs: Any) -> tf.Tensor:
    """The result of `tf.nn.conv2d_transpose`, after its static shape is set to what is known of `output_shape`."""
    result.set_shape(_known_shape(kwargs.get('output_shape', args[2] if len(args) > 2 else None)))
    return result


def _known_shape(shape: Any) -> tf.TensorShape:
    """`shape` may be, or contain, tensors."""
    if isinstance(shape, tf.Tensor):
        return tensor_util.constant_value_as_shape(shape)
    if shape is None or isinstance(shape, tf.TensorShape):
        return tf.TensorShape(shape)
    return tf.TensorShape([tensor_util.constant_value(size) if isinstance(size, tf.Tensor) else size
                           for size in shape])
