"""Every route of a convolution equals TensorFlow's own kernel; the rules that choose between them."""
import itertools
import os

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from dcgan_tf1 import graph as graphs
from dcgan_tf1 import kernels, options

# Kernel sizes, strides and paddings of all networks and some more; even and odd sizes.
GEOMETRIES = [(kernel_size, strides, padding, size) for kernel_size, strides, padding, size in itertools.product(
    (1, 3, 4, 5, 7), (1, 2), ('SAME', 'VALID'), (7, 8, 15)) if padding == 'SAME' or size >= kernel_size]
FLAGS = os.path.join(os.path.dirname(__file__), '..', 'flags', 'graph_mode.flags')
TOLERANCE = {'float32': 1e-5, 'bfloat16': 0.01}  # of the largest number


def assert_same(ours, native, dtype='float32'):
    for a, b in zip(ours, native):
        assert a.shape == b.shape and np.abs(b).max() > 0
        assert np.abs(a - b).max() <= TOLERANCE[dtype] * np.abs(b).max()


def placeholders(batch, *shapes):
    """Of a batch unknown in advance, each with its values."""
    random = np.random.RandomState(0)
    return {tf.placeholder(tf.float32, (None, *shape)): random.normal(size=(batch, *shape)) for shape in shapes}


@pytest.fixture
def always(monkeypatch):
    """Takes the own routes whatever TensorFlow, device and shape."""
    for name in ('_own', '_dilated_is_faster'):
        monkeypatch.setattr(kernels, name, lambda *_: True)
    monkeypatch.setattr(kernels, '_subpixel_is_faster', lambda _, strides: strides > 1)  # 1 has no sub-pixels


def values_and_gradients(function, choice, x, kernel, dtype):
    with kernels.using(choice):
        y = function(tf.cast(x, dtype), tf.cast(kernel, dtype))
    weights = tf.reshape(tf.cos(tf.cast(tf.range(tf.size(y)), tf.float32)), tf.shape(y))
    gradients = tf.gradients(tf.reduce_sum(weights * tf.cast(y, tf.float32)), [x, kernel])
    return [tf.cast(y, tf.float32), *gradients]


@pytest.mark.parametrize('channels,filters,batch', [(1, 5, 1), (3, 4, 24), (6, 1, 1), (6, 2, 24)])
def test_convolution(channels, filters, batch, graph, always):
    """Value, gradient of the input (sub-pixel) and of the kernel (dilated)."""
    ours, native, feeds = [], [], {}
    for kernel_size, strides, padding, size in GEOMETRIES[batch > 1::2]:
        feed = placeholders(batch, (size, size, channels))
        feeds.update(feed)
        kernel = tf.random.stateless_normal([kernel_size, kernel_size, channels, filters], [1, 2])
        for results, choice in ((ours, 'auto'), (native, 'native')):
            results += values_and_gradients(lambda x, k, s=strides, p=padding: kernels.conv2d(x, k, s, p), choice,
                                            *feed, kernel, tf.float32)
    with tf.Session() as session:
        assert_same(*session.run([ours, native], feeds))


@pytest.mark.parametrize('channels,filters,batch', [(5, 1, 1), (4, 3, 24), (6, 2, 1), (6, 1, 24)])
def test_transposed_convolution(channels, filters, batch, graph, always, monkeypatch):
    """Value (sub-pixel) and its gradients; and, of the native value, the gradient of the kernel (dilated)."""
    ours, dilated, native, feeds = [], [], [], {}
    for kernel_size, strides, padding, size in GEOMETRIES[batch > 1::2]:
        count = -(-size // strides) if padding == 'SAME' else -(-(size - kernel_size + 1) // strides)
        feed = placeholders(batch, (count, count, channels))
        feeds.update(feed)
        kernel = tf.random.stateless_normal([kernel_size, kernel_size, filters, channels], [1, 2])
        for results, choice, subpixel in ((ours, 'auto', True), (dilated, 'auto', False), (native, 'native', False)):
            monkeypatch.setattr(kernels, '_subpixel_is_faster', lambda _, strides, it=subpixel: it and strides > 1)
            results += values_and_gradients(
                lambda x, k, n=size, s=strides, p=padding: kernels.conv2d_transpose(x, k, (n, n), s, p), choice,
                *feed, kernel, tf.float32)
    with tf.Session() as session:
        *ours, native = session.run([ours, dilated, native], feeds)
    for results in ours:
        assert_same(results, native)


@pytest.mark.parametrize('kernel_size', [4, 5])
def test_in_bfloat16(kernel_size, graph, always):
    """Within the rounding of bfloat16, which sums of either route share, of the native kernel in float32."""
    def down(x, k):
        return kernels.conv2d(x, k, 2, 'SAME')

    def up(x, k):
        return kernels.conv2d_transpose(x, tf.transpose(k, [0, 1, 3, 2]), (28, 28), 2, 'SAME')
    kernel = tf.random.stateless_normal([kernel_size, kernel_size, 3, 8], [1, 2])
    for function, feed in ((down, placeholders(8, (14, 14, 3))), (up, placeholders(8, (14, 14, 3)))):
        x, = feed
        ours = values_and_gradients(function, 'auto', x, kernel, tf.bfloat16)
        native = values_and_gradients(function, 'native', x, kernel, tf.float32)
        with tf.Session() as session:
            assert_same(*session.run([ours, native], feed), dtype='bfloat16')


def test_rectangles(graph, always):
    feed = placeholders(2, (9, 14, 3))
    kernel = tf.random.stateless_normal([5, 5, 3, 4], [1, 2])
    ours, native = [values_and_gradients(lambda x, k: kernels.conv2d(x, k, 2, 'SAME'), choice, *feed, kernel,
                                         tf.float32) for choice in ('auto', 'native')]
    with tf.Session() as session:
        assert_same(*session.run([ours, native], feed))


def routes(settings, images):
    """How many dilated and how many sub-pixel convolutions a training step runs."""
    with tf.Graph().as_default():
        training = graphs.build_training(settings, images, options.batch_plan(settings, images.num_examples))
        operations, found = [training.step.train_op], set()
        while operations:
            operation = operations.pop()
            if operation not in found:
                found.add(operation)
                operations += [*operation.control_inputs, *(tensor.op for tensor in operation.inputs)]
    return (sum(operation.type == 'Conv2D' and operation.get_attr('dilations')[1] > 1 for operation in found),
            sum(operation.type == 'DepthToSpace' for operation in found))


def test_what_is_taken_where(training_settings, random_images, monkeypatch):
    """In recipe `graph_mode`, simultaneous: D runs once on real and once on generated images, G once."""
    def settings(*flags):
        return training_settings('--flagfile=' + FLAGS, '--schedule=simultaneous', *flags)
    # Dilated: the gradients of the kernels between 128 and 256 channels, of D on both and of G.
    # Sub-pixel: G's last layer, and the gradient of D's input, for G.
    first = tf.__version__.startswith('1.')
    assert routes(settings(), random_images) == ((0, 0) if first else (3, 2))
    if not first:
        assert routes(settings('--precision=bfloat16'), random_images) == (3, 2)
        assert routes(settings('--image_size=32'), random_images._replace(
            pixels=np.zeros((40, 32, 32, 1), np.uint8))) == (0, 2)  # 8×8 of 128 channels: in bfloat16 only
        assert routes(settings('--kernels=native'), random_images) == (0, 0)
        monkeypatch.setattr(tf.config.experimental, 'list_physical_devices', lambda kind: [kind])
        assert routes(settings(), random_images) == (0, 0)  # a GPU's own kernels are the fast ones


def test_the_choice_ends_with_its_block():
    with pytest.raises(ZeroDivisionError), kernels.using('auto'):
        assert kernels._using == 'auto' and 1 / 0
    assert kernels._using == 'native'
