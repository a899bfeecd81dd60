"""Other ways to compute convolutions and their gradients than TensorFlow's own kernels.

Both equal TensorFlow's kernels up to rounding:

- `weight_gradient` computes the gradient of the kernel as *one forward convolution with dilation*. Batch and
  channels change places, the gradient of the output is the kernel, and the stride becomes the dilation.
- `subpixel_transpose` computes a strided transposed convolution, which is also the gradient of a convolution's
  input, as *one convolution of stride 1 with strides² times as many channels*, whose output is rearranged into
  pixels. This is the sub-pixel convolution of Shi et al. 2016 (arXiv 1609.05158); that the two operations are
  the same is shown in arXiv 1609.07009.

`kernels` decides which layers take them.
"""
from typing import Sequence, Tuple

import tensorflow.compat.v1 as tf


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
        before, after = _visited(images, gradient, axis, kernel_size, strides, padding)
        images = _resize(images, axis, 0, min(after, 0))
        paddings[axis] = [before, max(after, 0)]
    result = tf.nn.conv2d(tf.transpose(images, [3, 1, 2, 0]), tf.transpose(gradient, [1, 2, 0, 3]),
                          strides=[1, 1, 1, 1], padding=paddings, dilations=[1, strides, strides, 1])
    return tf.transpose(result, [1, 2, 0, 3])


def _visited(images: tf.Tensor, gradient: tf.Tensor, axis: int, kernel_size: int, strides: int,
             padding: str) -> Tuple[int, int]:
    """Pixels to add to an axis of a convolution's input, (before, after), so that it has exactly those that it visits.

    A negative number means pixels to cut off.
    """
    size = int(images.shape[axis])
    before = same_padding(size, kernel_size, strides)[0] if padding == 'SAME' else 0
    return before, (int(gradient.shape[axis]) - 1) * strides + kernel_size - before - size


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
