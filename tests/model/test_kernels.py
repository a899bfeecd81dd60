"""The alternatives equal TensorFlow's own kernels, and are used where --kernels=alternative and the rules say."""
import itertools

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from helpers import TENSORFLOW

from dcgan_tf1.data import Images
from dcgan_tf1.model import alternatives, kernels, precision
from dcgan_tf1.model import graph as graphs
from dcgan_tf1.model.inputs import batch_plan

# (kernel size, stride, padding, image size): those of all networks, and others.
GEOMETRIES = [(kernel_size, strides, padding, size) for kernel_size, strides, padding, size in itertools.product(
    (1, 3, 4, 5, 7), (1, 2), ('SAME', 'VALID'), (7, 8, 15)) if padding == 'SAME' or size >= kernel_size]
TOLERANCE = {'float32': 1e-5, 'bfloat16': 0.01}  # relative to the largest magnitude
has_dilations = pytest.mark.skipif(TENSORFLOW < (1, 14), reason='no convolutions with explicit padding')
in_bfloat16 = pytest.mark.skipif(not precision.works('bfloat16'), reason='this TensorFlow does not train in bfloat16')


def assert_close(actual, native, dtype='float32'):
    assert len(actual) == len(native)
    for array, expected in zip(actual, native):
        assert array.shape == expected.shape and np.abs(expected).max() > 0
        assert np.abs(array - expected).max() <= TOLERANCE[dtype] * np.abs(expected).max()


def random(*shape):
    return np.random.RandomState(0).normal(size=shape).astype(np.float32)


@has_dilations
@pytest.mark.parametrize('channels, filters, batch', [(1, 5, 1), (3, 4, 24), (6, 1, 1)])
def test_gradient_of_the_kernel(channels, filters, batch, graph):
    actual, native = [], []
    for kernel_size, strides, padding, size in GEOMETRIES:
        images = tf.constant(random(batch, size, size, channels))
        shape = (kernel_size, kernel_size, channels, filters)
        y = tf.nn.conv2d(images, tf.zeros(shape), [1, strides, strides, 1], padding)
        gradient = tf.constant(random(*y.shape.as_list()))
        actual.append(alternatives.weight_gradient(images, gradient, kernel_size, strides, padding))
        native.append(tf.nn.conv2d_backprop_filter(images, shape, gradient, [1, strides, strides, 1], padding))
    with tf.Session() as session:
        assert_close(*session.run([actual, native]))


@pytest.mark.parametrize('channels, filters, batch', [(5, 1, 1), (4, 3, 24), (6, 2, 1)])
def test_transposed_convolution(channels, filters, batch, graph):
    actual, native = [], []
    for kernel_size, strides, padding, size in (geometry for geometry in GEOMETRIES if geometry[1] > 1):
        kernel = tf.constant(random(kernel_size, kernel_size, filters, channels))
        small = tf.nn.conv2d(tf.zeros([batch, size, size, filters]), kernel, [1, strides, strides, 1], padding)
        x = tf.constant(random(*small.shape.as_list()))
        actual.append(alternatives.subpixel_transpose(x, kernel, (size, size), strides, padding))
        native.append(tf.nn.conv2d_transpose(x, kernel, [batch, size, size, filters], [1, strides, strides, 1],
                                             padding))
    with tf.Session() as session:
        assert_close(*session.run([actual, native]))


def down(x, kernel):
    return kernels.conv2d(x, kernel, 2, 'SAME')


def up(x, kernel):
    return kernels.conv2d_transpose(x, tf.transpose(kernel, [0, 1, 3, 2]), (14, 12), 2, 'SAME')


def values_and_gradients(layer, choice, x, kernel, dtype):
    with kernels.use_kernels(choice):
        y = layer(tf.cast(x, dtype), tf.cast(kernel, dtype))
    weights = tf.reshape(tf.cos(tf.cast(tf.range(tf.size(y)), tf.float32)), tf.shape(y))
    gradients = tf.gradients(tf.reduce_sum(weights * tf.cast(y, tf.float32)), [x, kernel])
    return [tf.cast(y, tf.float32), *gradients]


@pytest.mark.parametrize('layer, shape', [
    (down, (5, 5, 3, 8)), (down, (4, 4, 6, 8)), (up, (5, 5, 6, 3)), (up, (5, 5, 6, 8))])
@pytest.mark.parametrize('dtype', ['float32', pytest.param('bfloat16', marks=in_bfloat16)])
def test_layers_and_their_gradients(layer, shape, dtype, graph):
    """Images need not be square, nor the size of a batch be known. In bfloat16, they equal the native ones in float32
    within its rounding."""
    images = random(3, 7, 6, shape[2])
    x = tf.placeholder(tf.float32, [None, *images.shape[1:]])
    kernel = tf.random.stateless_normal(shape, [1, 2])
    actual = values_and_gradients(layer, 'alternative', x, kernel, dtype)
    native = values_and_gradients(layer, 'native', x, kernel, 'float32')
    with tf.Session() as session:
        assert_close(*session.run([actual, native], {x: images}), dtype)


def count_alternatives(settings, images):
    """The numbers of dilated convolutions and of sub-pixel convolutions in a training step."""
    with tf.Graph().as_default():
        training = graphs.build_training(settings, images, batch_plan(settings, images.num_examples))
        pending, operations = [training.step.train_op], set()
        while pending:
            operation = pending.pop()
            if operation not in operations:
                operations.add(operation)
                pending += [*operation.control_inputs, *(tensor.op for tensor in operation.inputs)]
    return (sum(op.type == 'Conv2D' and op.get_attr('dilations')[1] > 1 for op in operations),
            sum(op.type == 'DepthToSpace' for op in operations))


@pytest.mark.slow
@pytest.mark.parametrize('recipe, dtype, expected', [
    # The simultaneous schedule: D runs on real and on generated images, G runs once. Sub-pixel: the last layer of G,
    # and the gradient of D's input, which G needs. Dilated: the gradients of the kernels between 128 and 256 channels,
    # twice of D and once of G.
    ('graph_mode', 'float32', (0, 2)), pytest.param('graph_mode', 'bfloat16', (3, 2), marks=in_bfloat16),
    # The same layers; dilated are those that make images of 4×4 pixels, not those of 16×16 and 8×8.
    pytest.param('learnopencv_torch', 'bfloat16', (3, 2), marks=in_bfloat16),
    # G runs in each update.
    ('sparse_softmax', 'float32', (0, 3))])
def test_alternatives_of_a_training_step(recipe, dtype, expected, training_settings, random_images):
    flags = ['--recipe=' + recipe, '--precision=' + dtype]
    if recipe == 'graph_mode':
        flags.append('--schedule=simultaneous')
    images = random_images
    if recipe == 'learnopencv_torch':
        images = Images(np.zeros([40, 64, 64, 3], np.uint8), 'a test')
    assert count_alternatives(training_settings(*flags, '--kernels=alternative'), images) == expected
    for native in ('native', 'auto'):
        assert count_alternatives(training_settings(*flags, '--kernels=' + native), images) == (0, 0)


def test_the_choice_ends_with_the_block(graph):
    def is_alternative():
        return bool(down(tf.ones([1, 8, 8, 3]), tf.ones([5, 5, 3, 4])).op.node_def.attr.get('_gradient_op_type'))
    with pytest.raises(ZeroDivisionError), kernels.use_kernels('alternative'):
        assert is_alternative() and 1 / 0
    assert not is_alternative()
