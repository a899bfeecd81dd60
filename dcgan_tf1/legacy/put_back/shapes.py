"""Shapes as in TensorFlow 1: `tf.nn.conv2d_transpose` has the static shape that a script asks for, and 50.0 is a size.

TensorFlow 2 forgets the batch size if that of the input is unknown. Many scripts reshape to the static shape. Imports
nothing of this package: `--migrate` copies what a script uses.
"""
from typing import Any, Callable

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


def accept_float_sizes(used: Callable[[], Any] = lambda: None) -> None:
    """Lets shapes contain 50.0, the result of 100 / 2, as TensorFlow 1 did. `used` is called when one does."""
    original = tf.Dimension.__init__

    def __init__(self: Any, value: Any) -> None:
        if isinstance(value, float) and value.is_integer():
            used()
            value = int(value)
        original(self, value)
    tf.Dimension.__init__ = __init__
