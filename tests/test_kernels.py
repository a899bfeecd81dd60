"""The faster routes of convolutions equal TensorFlow's own kernels, and are used where the rules say."""
import itertools
import os

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from helpers import TENSORFLOW, works_in_bfloat16

from dcgan_tf1 import graph as graphs
from dcgan_tf1 import kernels
from dcgan_tf1.run_settings import batch_plan

# (kernel size, stride, padding, image size): those of all networks, and others.
GEOMETRIES = [(kernel_size, strides, padding, size) for kernel_size, strides, padding, size in itertools.product(
    (1, 3, 4, 5, 7), (1, 2), ('SAME', 'VALID'), (7, 8, 15)) if padding == 'SAME' or size >= kernel_size]
FLAGS = os.path.join(os.path.dirname(__file__), '..', 'flags', 'graph_mode.flags')
TOLERANCE = {'float32': 1e-5, 'bfloat16': 0.01}  # relative to the largest magnitude


def assert_close(actual, native, dtype='float32'):
    for array, expected in zip(actual, native):
        assert array.shape == expected.shape and np.abs(expected).max() > 0
        assert np.abs(array - expected).max() <= TOLERANCE[dtype] * np.abs(expected).max()


def placeholders(batch, *shapes):
    """{placeholder of any batch size: random values} for these shapes."""
    random = np.random.RandomState(0)
    return {tf.placeholder(tf.float32, (None, *shape)): random.normal(size=(batch, *shape)) for shape in shapes}


@pytest.fixture
def always_other_routes(monkeypatch):
    """Takes the other routes on every TensorFlow and device, and for every shape."""
    if TENSORFLOW < (1, 14):
        pytest.skip('this TensorFlow has no convolutions with explicit padding')
    for name in ('_may_use_other_routes', 'dilated_is_faster'):
        monkeypatch.setattr(kernels, name, lambda *_: True)
    monkeypatch.setattr(kernels, 'subpixel_is_faster', lambda _, strides: strides > 1)  # not possible with 1


def values_and_gradients(function, choice, x, kernel, dtype):
    with kernels.use_kernels(choice):
        y = function(tf.cast(x, dtype), tf.cast(kernel, dtype))
    weights = tf.reshape(tf.cos(tf.cast(tf.range(tf.size(y)), tf.float32)), tf.shape(y))
    gradients = tf.gradients(tf.reduce_sum(weights * tf.cast(y, tf.float32)), [x, kernel])
    return [tf.cast(y, tf.float32), *gradients]


@pytest.mark.slow
@pytest.mark.parametrize('channels,filters,batch', [(1, 5, 1), (3, 4, 24), (6, 1, 1), (6, 2, 24)])
def test_convolution(channels, filters, batch, graph, always_other_routes):
    """The values, the gradient of the input (sub-pixel route) and the gradient of the kernel (dilated route)."""
    other, native, feeds = [], [], {}
    for kernel_size, strides, padding, size in GEOMETRIES[batch > 1::2]:
        feed = placeholders(batch, (size, size, channels))
        feeds.update(feed)
        kernel = tf.random.stateless_normal([kernel_size, kernel_size, channels, filters], [1, 2])
        for results, choice in ((other, 'auto'), (native, 'native')):
            results += values_and_gradients(lambda x, k, s=strides, p=padding: kernels.conv2d(x, k, s, p), choice,
                                            *feed, kernel, tf.float32)
    with tf.Session() as session:
        assert_close(*session.run([other, native], feeds))


@pytest.mark.slow
@pytest.mark.parametrize('channels,filters,batch', [(5, 1, 1), (4, 3, 24), (6, 2, 1), (6, 1, 24)])
def test_transposed_convolution(channels, filters, batch, graph, always_other_routes, monkeypatch):
    """The values (sub-pixel route) and their gradients; and, with native values, the gradients (dilated route)."""
    subpixel, dilated, native, feeds = [], [], [], {}
    for kernel_size, strides, padding, size in GEOMETRIES[batch > 1::2]:
        count = -(-size // strides) if padding == 'SAME' else -(-(size - kernel_size + 1) // strides)
        feed = placeholders(batch, (count, count, channels))
        feeds.update(feed)
        kernel = tf.random.stateless_normal([kernel_size, kernel_size, filters, channels], [1, 2])
        for results, choice, use_subpixel in (
                (subpixel, 'auto', True), (dilated, 'auto', False), (native, 'native', False)):
            monkeypatch.setattr(kernels, 'subpixel_is_faster', lambda _, strides, use=use_subpixel: use and strides > 1)
            results += values_and_gradients(
                lambda x, k, n=size, s=strides, p=padding: kernels.conv2d_transpose(x, k, (n, n), s, p), choice,
                *feed, kernel, tf.float32)
    with tf.Session() as session:
        subpixel, dilated, native = session.run([subpixel, dilated, native], feeds)
    assert_close(subpixel, native)
    assert_close(dilated, native)


@pytest.mark.skipif(not works_in_bfloat16(training=True), reason='this TensorFlow does not train in bfloat16')
@pytest.mark.parametrize('kernel_size', [4, 5])
def test_convolutions_in_bfloat16(kernel_size, graph, always_other_routes):
    """Within the rounding of bfloat16, the other routes equal the native kernel in float32."""
    def down(x, k):
        return kernels.conv2d(x, k, 2, 'SAME')

    def up(x, k):
        return kernels.conv2d_transpose(x, tf.transpose(k, [0, 1, 3, 2]), (28, 28), 2, 'SAME')
    kernel = tf.random.stateless_normal([kernel_size, kernel_size, 3, 8], [1, 2])
    for function, feed in ((down, placeholders(8, (14, 14, 3))), (up, placeholders(8, (14, 14, 3)))):
        x, = feed
        other = values_and_gradients(function, 'auto', x, kernel, tf.bfloat16)
        native = values_and_gradients(function, 'native', x, kernel, tf.float32)
        with tf.Session() as session:
            assert_close(*session.run([other, native], feed), dtype='bfloat16')


def test_rectangular_images(graph, always_other_routes):
    feed = placeholders(2, (9, 14, 3))
    kernel = tf.random.stateless_normal([5, 5, 3, 4], [1, 2])
    other, native = [values_and_gradients(lambda x, k: kernels.conv2d(x, k, 2, 'SAME'), choice, *feed, kernel,
                                         tf.float32) for choice in ('auto', 'native')]
    with tf.Session() as session:
        assert_close(*session.run([other, native], feed))


def count_routes(settings, images):
    """(number of dilated convolutions, number of sub-pixel convolutions) in a training step."""
    with tf.Graph().as_default():
        training = graphs.build_training(settings, images, batch_plan(settings, images.num_examples))
        pending, operations = [training.step.train_op], set()
        while pending:
            operation = pending.pop()
            if operation not in operations:
                operations.add(operation)
                pending += [*operation.control_inputs, *(tensor.op for tensor in operation.inputs)]
    return (sum(operation.type == 'Conv2D' and operation.get_attr('dilations')[1] > 1 for operation in operations),
            sum(operation.type == 'DepthToSpace' for operation in operations))


@pytest.mark.slow
def test_routes_of_a_training_step(training_settings, random_images, monkeypatch):
    """Recipe `graph_mode` with the simultaneous schedule: D runs on real and on generated images, G runs once."""
    def settings(*flags):
        return training_settings('--flagfile=' + FLAGS, '--schedule=simultaneous', *flags)
    # Dilated: the gradients of the kernels between 128 and 256 channels, twice of D and once of G.
    # Sub-pixel: the last layer of G, and the gradient of D's input, which G needs.
    is_tensorflow_1 = tf.__version__.startswith('1.')
    assert count_routes(settings(), random_images) == ((0, 0) if is_tensorflow_1 else (3, 2))
    if not is_tensorflow_1:
        assert count_routes(settings('--precision=bfloat16'), random_images) == (3, 2)
        assert count_routes(settings('--image_size=32'), random_images._replace(
            pixels=np.zeros((40, 32, 32, 1), np.uint8))) == (0, 2)  # dilated is slower for 8×8 with 128 channels
        assert count_routes(settings('--kernels=native'), random_images) == (0, 0)
        monkeypatch.setattr(tf.config.experimental, 'list_physical_devices', lambda kind: [kind])
        assert count_routes(settings(), random_images) == (0, 0)  # a GPU has fast kernels of its own


def test_the_choice_ends_with_the_block():
    with pytest.raises(ZeroDivisionError), kernels.use_kernels('auto'):
        assert kernels._choice() == 'auto' and 1 / 0
    assert kernels._choice() == 'native'
