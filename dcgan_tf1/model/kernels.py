"""Convolutions, some of which can be computed in other ways than by TensorFlow's own kernels.

`alternatives` has these ways. The rules below say which layers take them. They depend on a layer's shape and type,
so --kernels=alternative means the same on every machine.
"""
import contextlib
import threading
from typing import ContextManager, Iterator, Sequence, Tuple

import tensorflow.compat.v1 as tf

from dcgan_tf1.model import alternatives

_LARGEST_DILATED = 7  # pixels, of height and of width


def is_subpixel(kernel: tf.Tensor, strides: int) -> bool:
    """Whether a strided transposed convolution, or the gradient of a convolution's input, is a sub-pixel convolution.

    That computes more products, and has only been faster for 1 or 3 channels.
    """
    return strides > 1 and int(kernel.shape[2]) <= 4


def is_dilated(kernel: tf.Tensor, strides: int, image: tf.Tensor) -> bool:
    """Whether the gradient of a convolution's kernel is computed as a dilated convolution.

    That has only been faster in bfloat16, and if the output of the convolution is small (docs/performance.md).

    Args:
        kernel: [size, size, channels, filters].
        strides: stride along both height and width.
        image: [batch, height', width', filters], the output of the convolution, or a tensor of its shape.
    """
    return (strides > 1 and int(kernel.shape[2]) > 4 and kernel.dtype.base_dtype == tf.bfloat16
            and max(image.shape.as_list()[1:3]) <= _LARGEST_DILATED)


class _Local(threading.local):
    """What applies to the layers that a thread builds."""

    choice = 'native'  # of the innermost `use_kernels`


_local = _Local()


@contextlib.contextmanager
def use_kernels(choice: str) -> Iterator[None]:
    """Selects how the layers are computed that are built in this block.

    Args:
        choice: a value of --kernels. 'auto' is 'native': a training has replaced it with what is faster.
    """
    previous, _local.choice = _local.choice, choice
    try:
        yield
    finally:
        _local.choice = previous


def conv2d(x: tf.Tensor, kernel: tf.Tensor, strides: int, padding: str) -> tf.Tensor:
    """`tf.nn.conv2d`, whose gradients may be computed in other ways.

    Args:
        x: [batch, height, width, channels].
        kernel: [size, size, channels, filters].
        strides: stride along both height and width.
        padding: 'SAME' or 'VALID'.

    Returns:
        [batch, height', width', filters].
    """
    with _override_gradient('Conv2D', strides > 1 and _has_alternatives(x)):
        return tf.nn.conv2d(x, kernel, strides=[1, strides, strides, 1], padding=padding)


def conv2d_transpose(x: tf.Tensor, kernel: tf.Tensor, size: Sequence[int], strides: int,
                     padding: str) -> tf.Tensor:
    """`tf.nn.conv2d_transpose`, which may itself be computed in another way, and so may its gradients.

    Args:
        x: [batch, height, width, channels].
        kernel: [size, size, filters, channels].
        size: (height', width') of the output. `conv2d` with the same strides and padding must map it to
            (height, width).
        strides: stride along both height and width.
        padding: 'SAME' or 'VALID'.

    Returns:
        [batch, height', width', filters].
    """
    if is_subpixel(kernel, strides) and _has_alternatives(x):
        return alternatives.subpixel_transpose(x, kernel, size, strides, padding)
    with _override_gradient('Conv2DBackpropInput', _has_alternatives(x) and is_dilated(kernel, strides, x)):
        y = tf.nn.conv2d_transpose(x, kernel, tf.stack([tf.shape(x)[0], *size, int(kernel.shape[2])]),
                                   strides=[1, strides, strides, 1], padding=padding)
    y.set_shape([x.shape[0], *size, int(kernel.shape[2])])
    return y


def _has_alternatives(x: tf.Tensor) -> bool:
    """Whether layers with this input are computed in other ways, if the rules say so. These need to know its shape."""
    return _local.choice == 'alternative' and None not in x.shape.as_list()[1:]


def _override_gradient(op_type: str, is_other: bool) -> ContextManager:
    return tf.get_default_graph().gradient_override_map({op_type: 'dcgan_tf1.' + op_type} if is_other else {})


@tf.RegisterGradient('dcgan_tf1.Conv2D')
def _conv2d_gradient(op: tf.Operation, gradient: tf.Tensor) -> Tuple[tf.Tensor, tf.Tensor]:
    x, kernel = op.inputs
    strides, padding = _strides_and_padding(op)
    if is_subpixel(kernel, strides):
        input_gradient = alternatives.subpixel_transpose(gradient, kernel, x.shape.as_list()[1:3], strides, padding)
    else:
        input_gradient = tf.nn.conv2d_backprop_input(tf.shape(x), kernel, gradient,
                                                     strides=[1, strides, strides, 1], padding=padding)
    if is_dilated(kernel, strides, op.outputs[0]):
        return input_gradient, alternatives.weight_gradient(x, gradient, int(kernel.shape[0]), strides, padding)
    return input_gradient, tf.nn.conv2d_backprop_filter(x, tf.shape(kernel), gradient,
                                                        strides=[1, strides, strides, 1], padding=padding)


@tf.RegisterGradient('dcgan_tf1.Conv2DBackpropInput')
def _conv2d_transpose_gradient(op: tf.Operation,
                               gradient: tf.Tensor) -> Tuple[None, tf.Tensor, tf.Tensor]:
    _, kernel, x = op.inputs
    strides, padding = _strides_and_padding(op)
    return (None, alternatives.weight_gradient(gradient, x, int(kernel.shape[0]), strides, padding),
            tf.nn.conv2d(gradient, kernel, strides=[1, strides, strides, 1], padding=padding))


def _strides_and_padding(op: tf.Operation) -> Tuple[int, str]:
    return op.get_attr('strides')[1], op.get_attr('padding').decode()
