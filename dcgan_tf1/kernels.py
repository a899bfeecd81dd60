"""Faster routes for strided convolutions, as an alternative to TensorFlow's own kernels on CPUs.

There are two routes. Both equal TensorFlow's kernels up to rounding:

- The weight gradient of a strided convolution is computed as *one forward convolution with dilation*. Batch
  and channels change places, the gradient of the output is the kernel, and the stride becomes the dilation.
- A strided transposed convolution is computed as *one convolution of stride 1 with strides² times as many
  channels*, whose output is rearranged into pixels. This is the sub-pixel convolution of Shi et al. 2016
  (arXiv 1609.05158); that the two operations are the same is shown in arXiv 1609.07009.

`use_kernels` allows these routes. `dilated_is_faster` and `subpixel_is_faster` know where they are faster.
"""
import contextlib
import threading
from typing import ContextManager, Iterator, Optional, Sequence, Tuple

import tensorflow.compat.v1 as tf

CHOICES = ('auto', 'native')

_innermost = threading.local()  # its `choice` is that of the innermost `use_kernels` block of a thread


@contextlib.contextmanager
def use_kernels(choice: str) -> Iterator[None]:
    """Selects the routes of all convolutions that are built in this block.

    Args:
        choice: 'native' for TensorFlow's own kernels, or 'auto' for the other routes where they were measured
            to be faster.
    """
    previous, _innermost.choice = _choice(), choice
    try:
        yield
    finally:
        _innermost.choice = previous


def _choice() -> str:
    return getattr(_innermost, 'choice', 'native')


def conv2d(x: tf.Tensor, kernel: tf.Tensor, strides: int, padding: str) -> tf.Tensor:
    """`tf.nn.conv2d`, whose gradients may use the other routes.

    Args:
        x: [batch, height, width, channels].
        kernel: [size, size, channels, filters].
        strides: stride along both height and width.
        padding: 'SAME' or 'VALID'.

    Returns:
        [batch, height', width', filters].
    """
    with _override_gradient('Conv2D'):
        return tf.nn.conv2d(x, kernel, strides=[1, strides, strides, 1], padding=padding)


def conv2d_transpose(x: tf.Tensor, kernel: tf.Tensor, size: Sequence[int], strides: int,
                     padding: str) -> tf.Tensor:
    """`tf.nn.conv2d_transpose`, which may itself use another route, and so may its gradients.

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
    if _may_use_other_routes() and subpixel_is_faster(kernel.shape.as_list(), strides):
        return subpixel_transpose(x, kernel, size, strides, padding)
    filters = int(kernel.shape[2])
    with _override_gradient('Conv2DBackpropInput'):
        y = tf.nn.conv2d_transpose(x, kernel, tf.stack([tf.shape(x)[0], *size, filters]),
                                   strides=[1, strides, strides, 1], padding=padding)
    y.set_shape([x.shape[0], *size, filters])
    return y


def _may_use_other_routes() -> bool:
    # The measurements are of CPUs with oneDNN, which TensorFlow 1 is built without.
    return (_choice() == 'auto' and not tf.__version__.startswith('1.')
            and not tf.config.experimental.list_physical_devices('GPU'))


def dilated_is_faster(kernel_shape: Sequence[int], size: Sequence[int], strides: int,
                      dtype: tf.DType) -> bool:
    """Whether `weight_gradient` was measured to be faster than TensorFlow's kernel.

    On 2 AVX-512 cores (see results/benchmarks/kernels) it is

    - in bfloat16 1.2 to 7 times as fast for outputs up to 8×8 and 28 or more input channels,
    - in float32 1.0 to 1.3 times as fast for outputs up to 7×7 and 64 or more input channels, and 1.2 to 3.2
      times as fast for 8×8 and 256 or more input channels,
    - slower otherwise.

    Args:
        kernel_shape: [size, size, input channels, output channels] of a convolution. A transposed convolution
            counts as the convolution that it is the gradient of.
        size: (height, width) of the convolution's output.
        strides: stride along both height and width.
        dtype: float32 or bfloat16.
    """
    min_channels = (64 if max(size) <= 7 else 256) if dtype == tf.float32 else 28
    return strides == 2 and max(size) <= 8 and kernel_shape[2] >= min_channels


def subpixel_is_faster(kernel_shape: Sequence[int], strides: int) -> bool:
    """Whether `subpixel_transpose` was measured to be faster than TensorFlow's kernel.

    It is 1.2 to 2.4 times as fast for 1 or 3 output channels, and 0.3 to 1.0 times for 28 or more.

    Args:
        kernel_shape: [size, size, output channels, input channels] of a transposed convolution.
        strides: stride along both height and width.
    """
    return strides == 2 and kernel_shape[2] <= 4


def _override_gradient(op_type: str) -> ContextManager:
    return tf.get_default_graph().gradient_override_map(
        {op_type: 'dcgan_tf1.' + op_type} if _may_use_other_routes() else {})


@tf.RegisterGradient('dcgan_tf1.Conv2D')
def _conv2d_gradient(op: tf.Operation, gradient: tf.Tensor) -> Tuple[tf.Tensor, tf.Tensor]:
    x, kernel = op.inputs
    strides, padding = _strides_and_padding(op)
    if subpixel_is_faster(kernel.shape.as_list(), strides):
        input_gradient = subpixel_transpose(gradient, kernel, x.shape.as_list()[1:3], strides, padding)
    else:
        input_gradient = tf.nn.conv2d_backprop_input(tf.shape(x), kernel, gradient,
                                                     strides=[1, strides, strides, 1], padding=padding)
    return input_gradient, _fastest_weight_gradient(x, gradient, kernel, strides, padding)


@tf.RegisterGradient('dcgan_tf1.Conv2DBackpropInput')
def _conv2d_transpose_gradient(op: tf.Operation,
                               gradient: tf.Tensor) -> Tuple[Optional[tf.Tensor], tf.Tensor, tf.Tensor]:
    _, kernel, x = op.inputs
    strides, padding = _strides_and_padding(op)
    return (None, _fastest_weight_gradient(gradient, x, kernel, strides, padding),
            tf.nn.conv2d(gradient, kernel, strides=[1, strides, strides, 1], padding=padding))


def _strides_and_padding(op: tf.Operation) -> Tuple[int, str]:
    return op.get_attr('strides')[1], op.get_attr('padding').decode()


def _fastest_weight_gradient(images: tf.Tensor, gradient: tf.Tensor, kernel: tf.Tensor, strides: int,
                             padding: str) -> tf.Tensor:
    if dilated_is_faster(kernel.shape.as_list(), gradient.shape.as_list()[1:3], strides, kernel.dtype):
        return weight_gradient(images, gradient, int(kernel.shape[0]), strides, padding)
    return tf.nn.conv2d_backprop_filter(images, tf.shape(kernel), gradient, strides=[1, strides, strides, 1],
                                        padding=padding)


def same_padding(size: int, kernel_size: int, strides: int) -> Tuple[int, int]:
    """Pixels that `padding='SAME'` adds (before, after) an axis of `size` pixels."""
    total = max((-(-size // strides) - 1) * strides + kernel_size - size, 0)
    return total // 2, total - total // 2


def weight_gradient(images: tf.Tensor, gradient: tf.Tensor, kernel_size: int, strides: int,
                    padding: str) -> tf.Tensor:
    """Gradient of `conv2d` with respect to its kernel, computed as a dilated convolution.

    Args:
        images: [batch, height, width, channels], the input of the convolution.
        gradient: [batch, height', width', filters], with respect to its output.
        kernel_size: height and width of the kernel.
        strides: stride along both height and width.
        padding: 'SAME' or 'VALID'.

    Returns:
        [kernel_size, kernel_size, channels, filters].
    """
    paddings = [[0, 0]] * 4
    for axis in (1, 2):
        size = int(images.shape[axis])
        before = same_padding(size, kernel_size, strides)[0] if padding == 'SAME' else 0
        # Pad or crop to exactly the pixels that the kernel visits.
        after = (int(gradient.shape[axis]) - 1) * strides + kernel_size - before - size
        images = _resize(images, axis, 0, min(after, 0))
        paddings[axis] = [before, max(after, 0)]
    result = tf.nn.conv2d(tf.transpose(images, [3, 1, 2, 0]), tf.transpose(gradient, [1, 2, 0, 3]),
                          strides=[1, 1, 1, 1], padding=paddings, dilations=[1, strides, strides, 1])
    return tf.transpose(result, [1, 2, 0, 3])


def _resize(x: tf.Tensor, axis: int, before: int, after: int) -> tf.Tensor:
    """Adds zeros before and after x along an axis; negative numbers crop x instead."""
    if before < 0 or after < 0:
        begin, size = [0] * x.shape.ndims, [-1] * x.shape.ndims
        begin[axis] = max(-before, 0)
        size[axis] = int(x.shape[axis]) - begin[axis] + min(after, 0)
        x = tf.slice(x, begin, size)
    if before > 0 or after > 0:
        paddings = [[0, 0]] * x.shape.ndims
        paddings[axis] = [max(before, 0), max(after, 0)]
        x = tf.pad(x, paddings)
    return x


def subpixel_transpose(x: tf.Tensor, kernel: tf.Tensor, size: Sequence[int], strides: int,
                       padding: str) -> tf.Tensor:
    """`conv2d_transpose` computed as a sub-pixel convolution.

    Along an axis, output pixel strides * q + r is the sum of kernel[r + before - strides * d] * x[q + d] over
    all d for which the kernel has that row. So the remainders r become channels of a convolution over d.

    Args:
        x: [batch, height, width, channels].
        kernel: [kernel_size, kernel_size, filters, channels].
        size: (height', width') of the output.
        strides: stride along both height and width.
        padding: 'SAME' or 'VALID'.

    Returns:
        [batch, height', width', filters].
    """
    kernel_size, _, filters, channels = kernel.shape.as_list()
    taps = []  # height and width of the convolution's kernel
    for axis in (1, 2):
        length = size[axis - 1]
        before = same_padding(length, kernel_size, strides)[0] if padding == 'SAME' else 0
        lowest, highest = -((kernel_size - 1 - before) // strides), (strides - 1 + before) // strides
        taps.append(highest - lowest + 1)
        # Pad the kernel to the rows used by d = highest, …, lowest, each with all remainders r.
        first = before - strides * highest
        kernel = _resize(kernel, axis - 1, -first, first + strides * taps[-1] - kernel_size)
        x = _resize(x, axis, -lowest, -(-length // strides) + highest - int(x.shape[axis]))
    kernel = tf.reshape(kernel, [taps[0], strides, taps[1], strides, filters, channels])
    kernel = tf.transpose(tf.reverse(kernel, [0, 2]), [0, 2, 5, 1, 3, 4])
    kernel = tf.reshape(kernel, [*taps, channels, strides * strides * filters])
    y = tf.depth_to_space(tf.nn.conv2d(x, kernel, strides=[1, 1, 1, 1], padding='VALID'), strides)
    return y[:, :size[0], :size[1], :]
