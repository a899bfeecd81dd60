"""The other routes of convolutions equal TensorFlow's own kernels, and are used where --kernels says."""
import itertools
import os

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from helpers import ROOT, TENSORFLOW

from dcgan_tf1.model import graph as graphs
from dcgan_tf1.model import precision
from dcgan_tf1.model.inputs import batch_plan
from dcgan_tf1.model.kernels import kernels
from dcgan_tf1.model.kernels.kernels import Convolution

# (kernel size, stride, padding, image size): those of all networks, and others. Each test takes a quarter of them.
GEOMETRIES = [(kernel_size, strides, padding, size) for kernel_size, strides, padding, size in itertools.product(
    (1, 3, 4, 5, 7), (1, 2), ('SAME', 'VALID'), (7, 8, 15)) if padding == 'SAME' or size >= kernel_size]
FLAGS = os.path.join(ROOT, 'flags', 'graph_mode.flags')
TOLERANCE = {'float32': 1e-5, 'bfloat16': 0.01}  # relative to the largest magnitude


def assert_close(actual, native, dtype='float32'):
    for array, expected in zip(actual, native):
        assert array.shape == expected.shape and np.abs(expected).max() > 0
        assert np.abs(array - expected).max() <= TOLERANCE[dtype] * np.abs(expected).max()


def placeholders(batch, *shapes):
    """{placeholder of any batch size: random values} for these shapes."""
    random = np.random.RandomState(0)
    return {tf.placeholder(tf.float32, (None, *shape)): random.normal(size=(batch, *shape)) for shape in shapes}


def all_routes(convolution, *names):
    """The value of --kernels that takes these routes of a convolution, as far as it can (by default, all there are)."""
    if TENSORFLOW < (1, 14):
        pytest.skip('this TensorFlow has no convolutions with explicit padding')
    return ','.join(str(kernels.Route(name, convolution)) for name in names or kernels.ROUTES
                    if kernels.is_possible(name, convolution)) or 'native'


def values_and_gradients(function, choice, x, kernel, dtype):
    with kernels.use_kernels(choice):
        y = function(tf.cast(x, dtype), tf.cast(kernel, dtype))
    weights = tf.reshape(tf.cos(tf.cast(tf.range(tf.size(y)), tf.float32)), tf.shape(y))
    gradients = tf.gradients(tf.reduce_sum(weights * tf.cast(y, tf.float32)), [x, kernel])
    return [tf.cast(y, tf.float32), *gradients]


@pytest.mark.slow
@pytest.mark.parametrize('part,channels,filters,batch', [(0, 1, 5, 1), (1, 3, 4, 24), (2, 6, 1, 1), (3, 6, 2, 24)])
def test_convolution(part, channels, filters, batch, graph):
    """The values, the gradient of the input (sub-pixel route) and the gradient of the kernel (the other two)."""
    dilated, patches, native, feeds = [], [], [], {}
    for kernel_size, strides, padding, size in GEOMETRIES[part::4]:
        feed = placeholders(batch, (size, size, channels))
        feeds.update(feed)
        shape = (kernel_size, kernel_size, channels, filters)
        kernel = tf.random.stateless_normal(shape, [1, 2])
        convolution = Convolution((size, size), shape, strides, padding, 'float32')
        for results, use in ((dilated, all_routes(convolution, 'dilated', 'subpixel')),
                             (patches, all_routes(convolution, 'patches')), (native, 'native')):
            results += values_and_gradients(lambda x, k, s=strides, p=padding: kernels.conv2d(x, k, s, p), use,
                                            *feed, kernel, tf.float32)
    assert any('dilations' in op.node_def.attr and max(op.get_attr('dilations')) > 1 for op in graph.get_operations())
    assert any(op.type == 'DepthToSpace' for op in graph.get_operations())
    with tf.Session() as session:
        dilated, patches, native = session.run([dilated, patches, native], feeds)
    assert_close(dilated, native)
    assert_close(patches, native)


@pytest.mark.slow
@pytest.mark.parametrize('part,channels,filters,batch', [(0, 5, 1, 1), (1, 4, 3, 24), (2, 6, 2, 1), (3, 6, 1, 24)])
def test_transposed_convolution(part, channels, filters, batch, graph):
    """The values (sub-pixel route) and their gradients; and, with native values, the gradients (the other two)."""
    subpixel, dilated, patches, native, feeds = [], [], [], [], {}
    for kernel_size, strides, padding, size in GEOMETRIES[part::4]:
        shape = (kernel_size, kernel_size, filters, channels)
        convolution = Convolution((size, size), shape, strides, padding, 'float32')
        feed = placeholders(batch, (*convolution.output_size, channels))
        feeds.update(feed)
        kernel = tf.random.stateless_normal(shape, [1, 2])
        for results, choice in ((subpixel, all_routes(convolution, 'subpixel')),
                                (dilated, all_routes(convolution, 'dilated')),
                                (patches, all_routes(convolution, 'patches')), (native, 'native')):
            results += values_and_gradients(
                lambda x, k, n=size, s=strides, p=padding: kernels.conv2d_transpose(x, k, (n, n), s, p), choice,
                *feed, kernel, tf.float32)
    with tf.Session() as session:
        *others, native = session.run([subpixel, dilated, patches, native], feeds)
    for other in others:
        assert_close(other, native)


@pytest.mark.skipif(not precision.works('bfloat16'), reason='this TensorFlow does not train in bfloat16')
@pytest.mark.parametrize('kernel_size', [4, 5])
def test_convolutions_in_bfloat16(kernel_size, graph):
    """Within the rounding of bfloat16, the other routes equal the native kernel in float32."""
    def down(x, k):
        return kernels.conv2d(x, k, 2, 'SAME')

    def up(x, k):
        return kernels.conv2d_transpose(x, tf.transpose(k, [0, 1, 3, 2]), (28, 28), 2, 'SAME')
    kernel = tf.random.stateless_normal([kernel_size, kernel_size, 3, 8], [1, 2])
    for function, size, shape in ((down, 14, (3, 8)), (up, 28, (8, 3))):
        feed = placeholders(8, (14, 14, 3))
        x, = feed
        convolution = Convolution((size, size), (kernel_size, kernel_size, *shape), 2, 'SAME', 'bfloat16')
        others = [values_and_gradients(function, all_routes(convolution, route, 'subpixel'), x, kernel, tf.bfloat16)
                  for route in ('dilated', 'patches')]
        native = values_and_gradients(function, 'native', x, kernel, tf.float32)
        with tf.Session() as session:
            *others, native = session.run([*others, native], feed)
        for other in others:
            assert_close(other, native, dtype='bfloat16')


def test_large_dense_layers(graph):
    """The gradient of the input takes another route. Smaller layers have none."""
    feed = placeholders(3, (2048,))
    x, = feed
    kernel = tf.random.stateless_normal([2048, 512], [1, 2])
    layer = Convolution((1, 1), (1, 1, 2048, 512), 1, 'VALID', 'float32')
    choice = all_routes(layer)
    assert choice == 'transposed-1x1-1x1x2048x512-s1-valid-float32' and kernels.parse(choice)
    with kernels.recording() as found:
        other, native = (values_and_gradients(kernels.matmul, use, x, kernel, tf.float32) for use in (choice, 'native'))
        kernels.matmul(x, kernel[:, :511])
    assert found == [layer]
    assert sum(op.type == 'Transpose' for op in graph.get_operations()) == 1
    with tf.Session() as session:
        assert_close(*session.run([other, native], feed))


def test_rectangular_images(graph):
    feed = placeholders(2, (9, 14, 3))
    kernel = tf.random.stateless_normal([5, 5, 3, 4], [1, 2])
    choice = all_routes(Convolution((9, 14), (5, 5, 3, 4), 2, 'SAME', 'float32'))
    other, native = [values_and_gradients(lambda x, k: kernels.conv2d(x, k, 2, 'SAME'), use, *feed, kernel,
                                         tf.float32) for use in (choice, 'native')]
    assert any(op.type == 'DepthToSpace' for op in graph.get_operations())
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
def test_routes_of_a_training_step(training_settings, random_images):
    """Recipe `graph_mode` with the simultaneous schedule: D runs on real and on generated images, G runs once."""
    def settings(*flags):
        return training_settings('--flagfile=' + FLAGS, '--schedule=simultaneous', *flags)
    # Dilated: the gradients of the kernels between 128 and 256 channels, twice of D and once of G.
    # Sub-pixel: the last layer of G, and the gradient of D's input, which G needs.
    # Nothing computes in bfloat16.
    dilated, subpixel = 'dilated-14x14-5x5x128x256-s2-same-float32', 'subpixel-28x28-5x5x1x128-s2-same-'
    assert count_routes(settings('--kernels=%s,%sbfloat16' % (dilated, subpixel)), random_images) == (3, 0)
    assert count_routes(settings('--kernels=%sfloat32' % subpixel), random_images) == (0, 2)


@pytest.mark.slow
def test_the_convolutions_of_a_network(training_settings):
    """Those of D and G between the same channels are the same. That of the logits stays in float32."""
    found = graphs.convolutions(training_settings('--flagfile=' + FLAGS))
    assert len(found) == len(set(found)) and set(found) == {
        Convolution((28, 28), (5, 5, 1, 128), 2, 'SAME', 'float32'),
        Convolution((14, 14), (5, 5, 128, 256), 2, 'SAME', 'float32'),
        Convolution((7, 7), (7, 7, 256, 1), 1, 'VALID', 'float32'),
        Convolution((7, 7), (7, 7, 256, 100), 1, 'VALID', 'float32')}
    in_bfloat16 = graphs.convolutions(training_settings('--flagfile=' + FLAGS, '--precision=bfloat16'))
    assert {convolution.kernel: convolution.dtype for convolution in in_bfloat16} == {
        (5, 5, 1, 128): 'bfloat16', (5, 5, 128, 256): 'bfloat16', (7, 7, 256, 1): 'float32',
        (7, 7, 256, 100): 'bfloat16'}
    assert not graphs.convolutions(training_settings('--network=graph_mode_dense', '--loss=sigmoid'))
    assert Convolution((1, 1), (1, 1, 6272, 1024), 1, 'VALID', 'float32') in graphs.convolutions(training_settings())


def test_names_of_routes():
    route = kernels.Route('subpixel', Convolution((28, 27), (5, 4, 1, 64), 2, 'SAME', 'bfloat16'))
    other = kernels.Route('dilated', Convolution((7, 7), (7, 7, 256, 100), 1, 'VALID', 'float32'))
    assert str(route) == 'subpixel-28x27-5x4x1x64-s2-same-bfloat16'
    assert route.convolution.output_size == (14, 14) and other.convolution.output_size == (1, 1)
    assert kernels.parse('%s,%s' % (route, other)) == {route, other}
    assert kernels.parse('native') == kernels.parse('auto') == set()
    for choice in ('', 'fast', 'native,' + str(route), str(route) + ',', str(route) + '0',
                   'subpixel-7x7-7x7x256x100-s1-valid-float32'):
        assert kernels.parse(choice) is None
    assert kernels.is_choice('auto') and kernels.is_choice(str(other)) and not kernels.is_choice('fast')


def test_the_choice_ends_with_the_block(graph):
    convolution = Convolution((8, 8), (5, 5, 3, 4), 2, 'SAME', 'float32')

    def takes_a_route():
        return bool(kernels.conv2d(tf.ones([1, 8, 8, 3]), tf.ones([5, 5, 3, 4]), 2, 'SAME').op.node_def.attr.get(
            '_gradient_op_type'))
    with pytest.raises(ZeroDivisionError), kernels.use_kernels(all_routes(convolution)):
        assert takes_a_route() and 1 / 0
    assert not takes_a_route()
