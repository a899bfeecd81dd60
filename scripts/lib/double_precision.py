"""TensorFlow programs that are written for float32, computed in float64 instead.

Rounding errors are then a billion times smaller, and what remains of a difference between two programs is a difference
between what they compute.
"""
import contextlib
from typing import Any, Iterator, List
from unittest import mock

import numpy as np
import tensorflow.compat.v1 as tf


@contextlib.contextmanager
def double_precision() -> Iterator[None]:
    """While the context is active, graphs that ask for `tf.float32` get float64."""
    float64 = tf.float64
    constant, fill, placeholder_with_default = tf.constant, tf.fill, tf.placeholder_with_default

    def new_constant(value: Any, dtype: Any = None, *args: Any, **kwargs: Any) -> tf.Tensor:
        return constant(np.float64(value) if isinstance(value, float) else value, dtype, *args, **kwargs)

    def new_fill(dims: Any, value: Any, *args: Any, **kwargs: Any) -> tf.Tensor:
        return fill(dims, np.float64(value) if isinstance(value, float) else value, *args, **kwargs)

    def new_placeholder(default: Any, *args: Any, **kwargs: Any) -> tf.Tensor:
        default = tf.convert_to_tensor(default)
        return placeholder_with_default(
            tf.cast(default, float64) if default.dtype.is_floating else default, *args, **kwargs)
    changes: List[Any] = [
        (tf, 'float32', float64), (tf, 'constant', new_constant), (tf, 'fill', new_fill),
        (tf, 'placeholder_with_default', new_placeholder),
        (tf.nn, 'leaky_relu', leaky_relu), (tf.nn, 'fused_batch_norm', fused_batch_norm)]
    with contextlib.ExitStack() as stack:
        for owner, name, value in changes:
            stack.enter_context(mock.patch.object(owner, name, value))
        yield


def leaky_relu(x: tf.Tensor, alpha: float = 0.2, name: Any = None) -> tf.Tensor:
    """`tf.nn.leaky_relu`, which keeps its slope as float32 whatever the type of x."""
    return tf.maximum(x, alpha * x)


def fused_batch_norm(x: tf.Tensor, scale: tf.Tensor, offset: tf.Tensor, mean: Any = None, variance: Any = None,
                     epsilon: float = 0.001, is_training: bool = True) -> Any:
    """`tf.nn.fused_batch_norm`, which has no kernel for float64: (y, mean, variance).

    The variance is the biased one, as in `tf.layers`, which uses plain ops for float64.
    """
    if is_training:
        mean, variance = tf.nn.moments(x, [0, 1, 2])
    return tf.nn.batch_normalization(x, mean, variance, offset, scale, epsilon), mean, variance
