"""Layers against the real `tf.layers`, and batch norm against its closed form."""
import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from dcgan_tf1 import layers
from dcgan_tf1.layers import BATCH_STATISTICS

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


def assert_close(ours, theirs):
    scale = max(np.abs(theirs).max(), 1e-30)
    np.testing.assert_allclose(ours / scale, theirs / scale, rtol=0, atol=1e-5)


@pytest.mark.parametrize('name,shape,arguments', CASES)
def test_equals_tf_layers(name, shape, arguments, graph, tf_layers):
    """Output and gradients on the same weights; names and shapes of two layers in a scope, and of their reuse."""
    if name != 'dense':
        arguments = {'padding': 'same', **arguments}  # our default; theirs is `valid`
    x = tf.constant(np.random.RandomState(0).randn(*shape), tf.float32)

    def build(scope, layer):
        with tf.variable_scope(scope):
            y = layer(x, **arguments)
            layer(x, **arguments)
        with tf.variable_scope(scope, reuse=True):
            layer(x, **arguments)
        variables = tf.global_variables(scope + '/')
        first = [v for v in variables if '/%s/' % name in v.name]
        return y, variables, tf.gradients(tf.reduce_sum(y * y), [x, *first])

    ours, our_variables, our_gradients = build('ours', getattr(layers, name))
    theirs, their_variables, their_gradients = build('theirs', getattr(tf_layers, name))
    assert ([(v.name.split('/', 1)[1], v.shape.as_list(), v.dtype.base_dtype) for v in our_variables]
            == [(v.name.split('/', 1)[1], v.shape.as_list(), v.dtype.base_dtype) for v in their_variables])
    assert ours.shape.as_list() == theirs.shape.as_list()
    copy = [ours_.assign(theirs_) for ours_, theirs_ in zip(our_variables, their_variables)]
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(copy)
        for a, b in zip(*session.run([[ours, *our_gradients], [theirs, *their_gradients]])):
            assert_close(a, b)


@pytest.mark.parametrize('layer', ['conv2d', 'conv2d_transpose'])
def test_batch_may_vary(layer, graph):
    x = tf.placeholder(tf.float32, [None, 4, 4, 2])
    y = getattr(layers, layer)(x, 3, 5, strides=2)
    assert y.shape.as_list()[0] is None and None not in y.shape.as_list()[1:]
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for batch in (1, 3):
            assert session.run(y, {x: np.ones((batch, 4, 4, 2))}).shape == (batch, *y.shape.as_list()[1:])


def test_initial_weights_depend_on_seed_and_name_alone(graph):
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
    """Output, gradients and five updates of the moving statistics, in either mode."""
    random = np.random.RandomState(1)
    x = tf.placeholder(tf.float32, [None, *shape[1:]])
    is_training = tf.placeholder(tf.bool, [])

    def build(scope, layer):
        with tf.variable_scope(scope):
            y = layer(x)
        variables = tf.global_variables(scope + '/')
        return y, variables, tf.gradients(tf.reduce_sum(y ** 3), [x, *variables[:2]])

    ours, our_variables, our_gradients = build('ours', lambda x: layers.batch_norm(x, is_training))
    our_updates = layers.update_moving_statistics(tf.get_collection(BATCH_STATISTICS))
    assert tf.get_collection(tf.GraphKeys.UPDATE_OPS) == our_updates
    theirs, their_variables, their_gradients = build(
        'theirs', lambda x: tf_layers.batch_normalization(x, training=is_training))
    their_updates = tf.get_collection(tf.GraphKeys.UPDATE_OPS)[len(our_updates):]
    assert ([v.name.split('/', 1)[1] for v in our_variables]
            == [v.name.split('/', 1)[1] for v in their_variables])
    values = [random.rand(5) + 0.5 for _ in our_variables]
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for pair in zip(our_variables, their_variables, values):
            for variable in pair[:2]:
                variable.load(pair[2].astype(np.float32), session)
        for _ in range(5):
            feed = {x: random.randn(*shape) * 3 + 1, is_training: training}
            for a, b in zip(*session.run([[ours, *our_gradients], [theirs, *their_gradients]], feed)):
                assert_close(a, b)
            session.run([our_updates, their_updates], feed)
        for a, b in zip(*session.run([our_variables, their_variables])):
            assert_close(a, b)
        if not training:  # updates run, but in inference mode they change nothing
            for a, b in zip(session.run(our_variables), values):
                np.testing.assert_array_equal(a, b.astype(np.float32))


@pytest.mark.parametrize('shape,correction', [((6, 4), 1), ((6, 3, 5, 4), 90 / 89)])
def test_moving_statistics_are_the_batches(shape, correction, graph):
    """After n updates: momentum^n of the initial 0 and 1, the rest the batches'; and y from its closed form."""
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


def test_moving_statistics_stay_without_updates(graph):
    """Exactly at 0 and 1, although the batches are nothing like it."""
    y = layers.batch_norm(tf.random_normal([8, 4], 5, 3), tf.constant(True))
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for _ in range(3):
            session.run(y)
        mean, variance = session.run(tf.global_variables()[2:])
    assert (mean == 0).all() and (variance == 1).all()


def test_updates_of_one_variable_run_in_the_given_order(graph):
    """Real, then fake, then fake again: the last weighs most, and naming one twice applies it twice."""
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
def test_inference_depends_on_no_companion(rank, graph):
    """One image alone and among others: the same in inference mode, another in training mode."""
    x = tf.placeholder(tf.float32, [None, 3] if rank == 2 else [None, 2, 2, 3])
    is_training = tf.placeholder(tf.bool, [])
    y = layers.batch_norm(x, is_training)
    many = np.random.RandomState(3).randn(5, *x.shape.as_list()[1:])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for training in (False, True):
            together = session.run(y, {x: many, is_training: training})[:2]
            apart = session.run(y, {x: many[:2], is_training: training})
            assert np.allclose(together, apart, atol=1e-6) != training


def dropped(seed, step, training=True, applications=1):
    """dropout(ones [4, 1000], 0.3) of that seed and step; with several applications, a list."""
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(seed)
        counter = tf.train.get_or_create_global_step()
        is_training = tf.constant(training)
        results = [layers.dropout(tf.ones([4, 1000]), 0.3, is_training) for _ in range(applications)]
        session.run(tf.global_variables_initializer())
        counter.load(step, session)
        return session.run(results if applications > 1 else results[0])


def test_dropout():
    """Zero or 1 / (1 − rate), in the right share; in inference mode the input itself."""
    y = dropped(0, 5)
    np.testing.assert_allclose(np.unique(y), [0, 1 / 0.7], rtol=1e-6)
    assert abs((y == 0).mean() - 0.3) < 0.03  # of 4,000: ± 0.007
    np.testing.assert_array_equal(dropped(0, 5, training=False), np.ones((4, 1000)))


def test_dropout_is_a_function_of_seed_step_and_application():
    """And the same on every TensorFlow: a pinned mask."""
    np.testing.assert_array_equal(dropped(3, 7), dropped(3, 7))
    first, second = dropped(3, 7, applications=2)
    np.testing.assert_array_equal(first, dropped(3, 7))
    for other in (second, dropped(4, 7), dropped(3, 8)):
        assert 0.3 < ((first == 0) != (other == 0)).mean() < 0.54  # independent: 2 · 0.3 · 0.7 = 0.42
    assert ''.join('x' if value == 0 else '.' for value in first[0, :20]) == '.....x..x..xxxx.....'


def test_dropout_gradient(graph):
    """The gradient goes through the same mask."""
    tf.set_random_seed(0)
    tf.train.get_or_create_global_step()
    x = tf.ones([50])
    y = layers.dropout(x, 0.5, tf.constant(True))
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        value, gradient = session.run([y, tf.gradients(tf.reduce_sum(y), x)[0]])
    np.testing.assert_array_equal(value, gradient)
