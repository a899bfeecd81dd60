"""Convolutions whose gradients, and transposed convolutions that, take other routes than TensorFlow's own kernels.

Two routes, equal to the native kernels but for rounding:

- the weight gradient of a strided convolution as *one forward convolution with dilation*: batch and channels change
  places, the gradient of the output is the kernel, and the stride becomes its dilation;
- a strided transposed convolution as *one convolution of stride 1 to strides² times the channels*, whose output is
  cut up into pixels (the sub-pixel convolution of Shi et al. 2016, arXiv 1609.05158; the two are one operation,
  arXiv 1609.07009).

`use_kernels` says whether they may be taken; `dilated_is_faster` and `subpixel_is_faster` where they are.
"""
import contextlib

import tensorflow.compat.v1 as tf

CHOICES = ('auto', 'native')

_using = 'native'


@contextlib.contextmanager
def use_kernels(choice):
    """Within it convolutions are built by that choice: 'native', or 'auto', the faster ones where measured."""
    global _using
    before, _using = _using, choice
    try:
        yield
    finally:
        _using = before


def conv2d(x, kernel, strides, padding):
    """`tf.nn.conv2d` of x [batch, height, width, channels], kernel [size, size, channels, filters]; padding 'SAME' or
    'VALID'; strides a number.
    """
    with _own_gradient_of('Conv2D'):
        return tf.nn.conv2d(x, kernel, strides=[1, strides, strides, 1], padding=padding)


def conv2d_transpose(x, kernel, size, strides, padding):
    """`tf.nn.conv2d_transpose` of x [batch, height, width, channels], kernel [size, size, filters, channels].

    Returns: [batch, *size, filters], `size` (height', width') being one that `conv2d` makes (height, width) of.
    """
    if _own() and subpixel_is_faster(kernel.shape.as_list(), strides):
        return subpixel_transpose(x, kernel, size, strides, padding)
    filters = int(kernel.shape[2])
    with _own_gradient_of('Conv2DBackpropInput'):
        y = tf.nn.conv2d_transpose(x, kernel, tf.stack([tf.shape(x)[0], *size, filters]),
                                   strides=[1, strides, strides, 1], padding=padding)
    y.set_shape([x.shape[0], *size, filters])
    return y


def _own():
    # On GPUs, and without oneDNN, which is what TensorFlow 1 is, other kernels are fast ones.
    return (_using == 'auto' and not tf.__version__.startswith('1.')
            and not tf.config.experimental.list_physical_devices('GPU'))


def dilated_is_faster(kernel_shape, size, strides, dtype):
    """Whether a weight gradient was measured to be: by the kernel's shape and the (height, width) that is the smaller.

    On 2 AVX-512 cores (results/benchmark/kernels.md), by what goes into the layer: in bfloat16 1.2 to 7 times as fast
    to maps of 8×8 or less from 28 channels; in float32 1.0 to 1.3 times to 7×7 from 64, 1.2 to 3.2 times to 8×8 from
    256; slower elsewhere.
    """
    least = (64 if max(size) <= 7 else 256) if dtype == tf.float32 else 28
    return strides == 2 and max(size) <= 8 and kernel_shape[2] >= least


def subpixel_is_faster(kernel_shape, strides):
    """Whether a transposed convolution was: 1.2 to 2.4 times as fast to 1 or 3 channels, 0.3 to 1.0 to 28 or more."""
    return strides == 2 and kernel_shape[2] <= 4


def _own_gradient_of(operation):
    return tf.get_default_graph().gradient_override_map(
        {operation: 'dcgan_tf1.' + operation} if _own() else {})


@tf.RegisterGradient('dcgan_tf1.Conv2D')
def _conv2d_gradient(operation, gradient):
    x, kernel = operation.inputs
    strides, padding = _geometry(operation)
    if subpixel_is_faster(kernel.shape.as_list(), strides):
        of_input = subpixel_transpose(gradient, kernel, x.shape.as_list()[1:3], strides, padding)
    else:
        of_input = tf.nn.conv2d_backprop_input(tf.shape(x), kernel, gradient, strides=[1, strides, strides, 1],
                                               padding=padding)
    return of_input, _weight_gradient(x, gradient, kernel, strides, padding)


@tf.RegisterGradient('dcgan_tf1.Conv2DBackpropInput')
def _conv2d_transpose_gradient(operation, gradient):
    _, kernel, x = operation.inputs
    strides, padding = _geometry(operation)
    return (None, _weight_gradient(gradient, x, kernel, strides, padding),
            tf.nn.conv2d(gradient, kernel, strides=[1, strides, strides, 1], padding=padding))


def _geometry(operation):
    return operation.get_attr('strides')[1], operation.get_attr('padding').decode()


def _weight_gradient(images, gradient, kernel, strides, padding):
    if dilated_is_faster(kernel.shape.as_list(), gradient.shape.as_list()[1:3], strides, kernel.dtype):
        return weight_gradient(images, gradient, int(kernel.shape[0]), strides, padding)
    return tf.nn.conv2d_backprop_filter(images, tf.shape(kernel), gradient, strides=[1, strides, strides, 1],
                                        padding=padding)


def same_padding(size, kernel_size, strides):
    """What `padding='SAME'` puts (before, behind) a side of that size; size [pixels]."""
    total = max((-(-size // strides) - 1) * strides + kernel_size - size, 0)
    return total // 2, total - total // 2


def weight_gradient(images, gradient, kernel_size, strides, padding):
    """Gradient of `conv2d` with respect to its kernel, as a dilated convolution.

    Args:
      images: [batch, height, width, channels], what was convolved.
      gradient: [batch, height', width', filters], of what came out.
    Returns: [kernel_size, kernel_size, channels, filters].
    """
    paddings = [[0, 0]] * 4
    for axis in (1, 2):
        size = int(images.shape[axis])
        before = same_padding(size, kernel_size, strides)[0] if padding == 'SAME' else 0
        # Just what the kernel's applications cover, be it more than the images or less.
        behind = (int(gradient.shape[axis]) - 1) * strides + kernel_size - before - size
        images = _resize(images, axis, 0, min(behind, 0))
        paddings[axis] = [before, max(behind, 0)]
    result = tf.nn.conv2d(tf.transpose(images, [3, 1, 2, 0]), tf.transpose(gradient, [1, 2, 0, 3]),
                          strides=[1, 1, 1, 1], padding=paddings, dilations=[1, strides, strides, 1])
    return tf.transpose(result, [1, 2, 0, 3])


def _resize(x, axis, before, behind):
    """x with so many zeros before and behind on an axis; negative numbers cut off."""
    if before < 0 or behind < 0:
        begin, size = [0] * x.shape.ndims, [-1] * x.shape.ndims
        begin[axis] = max(-before, 0)
        size[axis] = int(x.shape[axis]) - begin[axis] + min(behind, 0)
        x = tf.slice(x, begin, size)
    if before > 0 or behind > 0:
        paddings = [[0, 0]] * x.shape.ndims
        paddings[axis] = [max(before, 0), max(behind, 0)]
        x = tf.pad(x, paddings)
    return x


def subpixel_transpose(x, kernel, size, strides, padding):
    """`conv2d_transpose` as a sub-pixel convolution.

    Pixel strides · q + r of an axis is the sum of kernel[r + before − strides · d] · x[q + d] over all d for which
    the kernel has such a row; so the residues r are channels of a convolution over d.

    Args:
      x: [batch, height, width, channels].
      kernel: [kernel_size, kernel_size, filters, channels].
      size: (height', width') of what comes out.
    Returns: [batch, *size, filters].
    """
    kernel_size, _, filters, channels = kernel.shape.as_list()
    taps = []
    for axis in (1, 2):
        length = size[axis - 1]
        before = same_padding(length, kernel_size, strides)[0] if padding == 'SAME' else 0
        lowest, highest = -((kernel_size - 1 - before) // strides), (strides - 1 + before) // strides
        taps.append(highest - lowest + 1)
        # Rows of the kernel that d from the highest to the lowest, with all residues, take in turn.
        first = before - strides * highest
        kernel = _resize(kernel, axis - 1, -first, first + strides * taps[-1] - kernel_size)
        x = _resize(x, axis, -lowest, -(-length // strides) + highest - int(x.shape[axis]))
    kernel = tf.reshape(kernel, [taps[0], strides, taps[1], strides, filters, channels])
    kernel = tf.transpose(tf.reverse(kernel, [0, 2]), [0, 2, 5, 1, 3, 4])
    kernel = tf.reshape(kernel, [*taps, channels, strides * strides * filters])
    y = tf.depth_to_space(tf.nn.conv2d(x, kernel, strides=[1, 1, 1, 1], padding='VALID'), strides)
    return y[:, :size[0], :size[1], :]
