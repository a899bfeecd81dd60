"""Layers against the real `tf.layers`, and batch norm against NumPy."""
import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from dcgan_tf1.model import collectives, layers
from dcgan_tf1.model.layers import BATCH_STATISTICS

CASES = [
    ('dense', (3, 5), {'units': 4}),
    ('dense', (3, 5), {'units': 4, 'use_bias': False}),
    ('conv2d', (2, 28, 28, 1), {'filters': 3, 'kernel_size': 5, 'strides': 2}),
    ('conv2d', (2, 7, 9, 3), {'filters': 4, 'kernel_size': 4, 'strides': 2, 'use_bias': False}),
    ('conv2d', (2, 7, 7, 3), {'filters': 1, 'kernel_size': 7, 'strides': 1, 'padding': 'valid'}),
    ('conv2d', (2, 8, 7, 3), {'filters': 2, 'kernel_size': 3, 'strides': 2, 'padding': 'valid'}),
    ('conv2d_transpose', (2, 7, 7, 3), {'filters': 2, 'kernel_size': 5, 'strides': 2}),
    ('conv2d_transpose', (2, 5, 4, 3), {'filters': 2, 'kernel_size': 5, 'strides': 1, 'use_bias': False}),
    ('conv2d_transpose', (2, 1, 1, 3), {'filters': 2, 'kernel_size': 7, 'strides': 1, 'padding': 'valid'}),
    ('conv2d_transpose', (2, 3, 4, 3), {'filters': 2, 'kernel_size': 4, 'strides': 2, 'padding': 'valid'}),
    ('conv2d_transpose', (2, 3, 4, 3), {'filters': 2, 'kernel_size': 2, 'strides': 3, 'padding': 'valid'}),
]


def assert_close(actual, expected):
    scale = max(np.abs(expected).max(), 1e-30)
    np.testing.assert_allclose(actual / scale, expected / scale, rtol=0, atol=1e-5)


def names_shapes_and_types(variables):
    """Of variables in a scope, without the name of the scope."""
    return [(v.name.split('/', 1)[1], v.shape.as_list(), v.dtype.base_dtype) for v in variables]


@pytest.mark.parametrize('name,shape,arguments', CASES)
def test_equals_tf_layers(name, shape, arguments, graph, tf_layers):
    """Outputs and gradients on the same weights, and the variables of two layers in a scope that is then reused."""
    if name != 'dense':
        arguments = {'padding': 'same', **arguments}  # our default; that of tf.layers is 'valid'
    x = tf.constant(np.random.RandomState(0).randn(*shape), tf.float32)

    def build(scope, layer):
        with tf.variable_scope(scope):
            y = layer(x, **arguments)
            layer(x, **arguments)
        with tf.variable_scope(scope, reuse=True):
            layer(x, **arguments)
        variables = tf.global_variables(scope + '/')
        variables_of_first = [v for v in variables if '/%s/' % name in v.name]
        return y, variables, tf.gradients(tf.reduce_sum(y * y), [x, *variables_of_first])

    output, variables, gradients = build('tested', getattr(layers, name))
    expected_output, expected_variables, expected_gradients = build('expected', getattr(tf_layers, name))
    assert names_shapes_and_types(variables) == names_shapes_and_types(expected_variables)
    assert output.shape.as_list() == expected_output.shape.as_list()
    copy = [variable.assign(value) for variable, value in zip(variables, expected_variables)]
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(copy)
        for actual, expected in zip(*session.run([[output, *gradients], [expected_output, *expected_gradients]])):
            assert_close(actual, expected)


@pytest.mark.parametrize('layer', ['conv2d', 'conv2d_transpose'])
def test_the_batch_size_may_vary(layer, graph):
    x = tf.placeholder(tf.float32, [None, 4, 4, 2])
    y = getattr(layers, layer)(x, 3, 5, strides=2)
    assert y.shape.as_list()[0] is None and None not in y.shape.as_list()[1:]
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for batch in (1, 3):
            assert session.run(y, {x: np.ones((batch, 4, 4, 2))}).shape == (batch, *y.shape.as_list()[1:])


def test_initial_weights_depend_only_on_seed_and_name(graph):
    def kernels(seed, ops_before):
        with tf.Graph().as_default():
            tf.set_random_seed(seed)
            for _ in range(ops_before):
                tf.random_uniform([])
            for scope in ('A', 'B'):
                with tf.variable_scope(scope):
                    layers.dense(tf.ones([1, 100]), 50)
            with tf.Session() as session:
                session.run(tf.global_variables_initializer())
                return session.run(tf.global_variables()[0::2])

    a, b = kernels(1, 0)
    np.testing.assert_array_equal(a, kernels(1, 5)[0])
    assert not np.array_equal(a, b) and not np.array_equal(a, kernels(2, 0)[0])
    limit = np.sqrt(6 / 150)
    assert np.abs(a).max() <= limit and abs(a.std() - limit / np.sqrt(3)) < 0.01 * limit


@pytest.mark.parametrize('shape', [(8, 5), (8, 3, 4, 5)])
@pytest.mark.parametrize('training', [True, False])
def test_batch_norm_equals_tf_layers(shape, training, graph, tf_layers):
    """Outputs, gradients and five updates of the moving statistics."""
    random = np.random.RandomState(1)
    x = tf.placeholder(tf.float32, [None, *shape[1:]])
    is_training = tf.placeholder(tf.bool, [])

    def build(scope, layer):
        with tf.variable_scope(scope):
            y = layer(x)
        variables = tf.global_variables(scope + '/')
        return y, variables, tf.gradients(tf.reduce_sum(y ** 3), [x, *variables[:2]])

    output, variables, gradients = build('tested', lambda x: layers.batch_norm(x, is_training))
    updates = layers.update_moving_statistics(tf.get_collection(BATCH_STATISTICS))
    assert tf.get_collection(tf.GraphKeys.UPDATE_OPS) == updates
    expected_output, expected_variables, expected_gradients = build(
        'expected', lambda x: tf_layers.batch_normalization(x, training=is_training))
    expected_updates = tf.get_collection(tf.GraphKeys.UPDATE_OPS)[len(updates):]
    assert names_shapes_and_types(variables) == names_shapes_and_types(expected_variables)
    initial_values = [(random.rand(5) + 0.5).astype(np.float32) for _ in variables]
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for variable, expected_variable, value in zip(variables, expected_variables, initial_values):
            variable.load(value, session)
            expected_variable.load(value, session)
        for _ in range(5):
            feed = {x: random.randn(*shape) * 3 + 1, is_training: training}
            for actual, expected in zip(*session.run(
                    [[output, *gradients], [expected_output, *expected_gradients]], feed)):
                assert_close(actual, expected)
            session.run([updates, expected_updates], feed)
        for actual, expected in zip(*session.run([variables, expected_variables])):
            assert_close(actual, expected)
        if not training:  # the updates run, but they change nothing in inference mode
            for actual, initial in zip(session.run(variables), initial_values):
                np.testing.assert_array_equal(actual, initial)


@pytest.mark.parametrize('shape,correction', [((6, 4), 1), ((6, 3, 5, 4), 90 / 89)])
def test_moving_statistics_in_closed_form(shape, correction, graph):
    """The outputs and moving statistics of four training batches, computed in NumPy."""
    random = np.random.RandomState(2)
    x = tf.placeholder(tf.float32, shape)
    y = layers.batch_norm(x, tf.constant(True), momentum=0.9)
    updates = layers.update_moving_statistics(tf.get_collection(BATCH_STATISTICS))
    moving = tf.global_variables()[2:]
    mean, variance = np.zeros(4), np.ones(4)
    axes = tuple(range(len(shape) - 1))
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for _ in range(4):
            batch = random.randn(*shape) * [1, 2, 3, 4] + [0, 1, -2, 5]
            normalized, _ = session.run([y, updates], {x: batch})
            np.testing.assert_allclose(
                normalized, (batch - batch.mean(axes)) / np.sqrt(batch.var(axes) + 1e-3), atol=1e-5)
            mean = 0.9 * mean + 0.1 * batch.mean(axes)
            variance = 0.9 * variance + 0.1 * batch.var(axes) * correction
        np.testing.assert_allclose(session.run(moving), [mean, variance], rtol=1e-6, atol=1e-6)


def test_moving_statistics_do_not_change_without_updates(graph):
    """They stay at exactly 0 and 1, although the batches have another mean and variance."""
    y = layers.batch_norm(tf.random_normal([8, 4], 5, 3), tf.constant(True))
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for _ in range(3):
            session.run(y)
        mean, variance = session.run(tf.global_variables()[2:])
    assert (mean == 0).all() and (variance == 1).all()


def test_updates_of_a_variable_run_in_order(graph):
    """The last update has the most weight, and a statistic that is passed twice is applied twice."""
    for value in (10, -2):
        with tf.variable_scope('D', reuse=tf.AUTO_REUSE):
            layers.batch_norm(tf.ones([4, 1]) * value, tf.constant(True), momentum=0.5)
    recorded = tf.get_collection(BATCH_STATISTICS)
    updates = layers.update_moving_statistics([*recorded[:2], *recorded[2:], *recorded[2:]])
    with tf.Session() as session:
        for _ in range(20):
            session.run(tf.global_variables_initializer())
            session.run(updates)
            assert session.run(recorded[0].moving) == ((10 / 2 - 2) / 2 - 2) / 2


@pytest.mark.parametrize('rank', [2, 4])
def test_inference_does_not_depend_on_the_batch(rank, graph):
    """Alone and in a larger batch, examples give the same in inference mode, but not in training mode."""
    x = tf.placeholder(tf.float32, [None, 3] if rank == 2 else [None, 2, 2, 3])
    is_training = tf.placeholder(tf.bool, [])
    y = layers.batch_norm(x, is_training)
    batch = np.random.RandomState(3).randn(5, *x.shape.as_list()[1:])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for training in (False, True):
            in_batch = session.run(y, {x: batch, is_training: training})[:2]
            alone = session.run(y, {x: batch[:2], is_training: training})
            assert np.allclose(in_batch, alone, atol=1e-6) != training


def dropout_of_ones(seed, step, training=True, num_layers=1):
    """Dropout with rate 0.3 of ones [4, 1000]; a list of such for several layers."""
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(seed)
        counter = tf.train.get_or_create_global_step()
        is_training = tf.constant(training)
        results = [layers.dropout(tf.ones([4, 1000]), 0.3, is_training) for _ in range(num_layers)]
        session.run(tf.global_variables_initializer())
        counter.load(step, session)
        return session.run(results if num_layers > 1 else results[0])


def test_dropout():
    """Elements become 0 with the given probability and 1 / (1 − rate) otherwise. In inference mode nothing changes."""
    y = dropout_of_ones(0, 5)
    np.testing.assert_allclose(np.unique(y), [0, 1 / 0.7], rtol=1e-6)
    assert abs((y == 0).mean() - 0.3) < 0.03  # the standard deviation of this share of 4,000 is 0.007
    np.testing.assert_array_equal(dropout_of_ones(0, 5, training=False), np.ones((4, 1000)))


def test_dropout_depends_only_on_seed_step_and_layer():
    """The mask is the same on every TensorFlow: its first elements are given here."""
    np.testing.assert_array_equal(dropout_of_ones(3, 7), dropout_of_ones(3, 7))
    first, second = dropout_of_ones(3, 7, num_layers=2)
    np.testing.assert_array_equal(first, dropout_of_ones(3, 7))
    for other in (second, dropout_of_ones(4, 7), dropout_of_ones(3, 8)):
        assert 0.3 < ((first == 0) != (other == 0)).mean() < 0.54  # independent: 2 · 0.3 · 0.7 = 0.42
    assert ''.join('x' if value == 0 else '.' for value in first[0, :20]) == '.....x..x..xxxx.....'


def test_dropout_gradient(graph):
    """The gradient passes through the same mask."""
    tf.set_random_seed(0)
    tf.train.get_or_create_global_step()
    x = tf.ones([50])
    y = layers.dropout(x, 0.5, tf.constant(True))
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        value, gradient = session.run([y, tf.gradients(tf.reduce_sum(y), x)[0]])
    np.testing.assert_array_equal(value, gradient)


def test_batch_norm_of_one_value_with_several_replicas(graph, monkeypatch):
    """A last batch of one image of 1×1 pixels. The moving variance stays finite, as with one replica."""
    monkeypatch.setattr(collectives.Replicas, 'all_reduce', lambda _, x, mean=False: x)
    replicas = collectives.Replicas()
    x = tf.constant(3., shape=[1, 1, 1, 2])
    with collectives.apply_to(replicas, replicas.share(tf.shape(x)[0])):
        layers.batch_norm(x, tf.constant(True))
    mean, variance = [statistic.batch for statistic in tf.get_collection(BATCH_STATISTICS)]
    with tf.Session() as session:
        values = session.run([mean, variance])
    np.testing.assert_array_equal(values, [[3, 3], [0, 0]])
