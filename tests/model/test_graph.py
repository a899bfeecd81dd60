"""The training graph: its inputs, what a step changes, and which network owns which variable."""
import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from helpers import FEW_FILTERS, SMALL_RUN, load_variables

from dcgan_tf1.model import graph as graphs
from dcgan_tf1.model import layers
from dcgan_tf1.model.inputs import batch_plan
from dcgan_tf1.model.network import Network
from dcgan_tf1.settings import cli_flags
from dcgan_tf1.settings.train import TrainSettings


def build(settings, images):
    """(training graph, a session with initialized variables) in the default graph."""
    training = graphs.build_training(settings, images, batch_plan(settings, images.num_examples))
    session = tf.Session()
    session.run(tf.global_variables_initializer())
    training.start_batches(session, 0)
    return training, session


@pytest.fixture(scope='module')
def shared_graph(random_images):
    """(training graph, session, initializer) for batches of 8 images, built once."""
    with tf.Graph().as_default():
        training, session = build(cli_flags.parse(TrainSettings, '--batch_size=8', FEW_FILTERS), random_images)
        initializer = tf.global_variables_initializer()
    yield training, session, initializer
    session.close()


@pytest.fixture
def initialized(shared_graph):
    """(training graph, session) with initial variables, at the first batch. The graph is the default graph."""
    training, session, initializer = shared_graph
    with session.graph.as_default():
        session.run(initializer)
        training.start_batches(session, 0)
        yield training, session


@pytest.mark.slow
def test_inputs_may_be_fed(initialized):
    training, session = initialized
    for name, shape in (('real_images', [None, 28, 28, 1]), ('noise', [None, 100]),
                        ('generator_noise', [None, 100]), ('is_training', [])):
        tensor = session.graph.get_tensor_by_name(name + ':0')
        assert tensor.op.type == 'PlaceholderWithDefault' and tensor.shape.as_list() == shape
    real, noise, training_mode = session.run(
        [training.inputs.real_images, training.inputs.noise, training.inputs.is_training])
    assert real.shape == (8, 28, 28, 1) and -1 <= real.min() < real.max() <= 1
    assert noise.shape == (8, 100) and training_mode
    zeros = np.zeros((7, 100))
    assert session.run(training.generator.images, {training.inputs.noise: zeros}).shape == (7, 28, 28, 1)
    logits = session.run(training.step.real_logits, {training.inputs.real_images: np.zeros((3, 28, 28, 1))})
    assert logits.shape == (3,)


def test_real_images_are_scaled(training_settings, random_images, graph):
    """Bytes x become (x − 127.5) / 127.5, and the batch plan chooses the images."""
    training, session = build(training_settings(*SMALL_RUN, '--batch_size=40'), random_images)
    with session:
        batch = session.run(training.inputs.real_images)
    expected = (random_images.pixels.astype(float) - 127.5) / 127.5
    np.testing.assert_allclose(sorted(batch.sum(axis=(1, 2, 3))), sorted(expected.sum(axis=(1, 2, 3))), rtol=1e-4)


def test_as_many_latent_vectors_as_images(training_settings, random_images, graph):
    """In each of the updates of a step: with --noise_batch=match, the last batch of an epoch has fewer of both."""
    settings = training_settings(*SMALL_RUN, '--batch_size=12', '--shuffle=per_epoch', '--noise_batch=match',
                                 '--d_steps_per_g_step=2')
    training, session = build(settings, random_images)
    pairs = [training.inputs[:2], *training.inputs.extra_d_batches]
    sizes = [tf.shape(tensor)[0] for tensor in (*pairs[0], training.inputs.generator_noise, *pairs[1])]
    with session:
        assert [list(session.run(sizes)) for _ in range(3)] == [[12] * 5, [12, 12, 12, 4, 4], [12] * 5]


def are_updated(training, session):
    """{whether steps update a moving statistic of the default graph}, for all of them."""
    moving = [v for v in tf.global_variables() if 'moving_' in v.name]
    assert len(moving) == 10
    for _ in range(3):
        session.run(training.step.train_op)
    return {bool((value != ('variance' in variable.name)).any())
            for variable, value in zip(moving, session.run(moving))}


def test_update_ops(initialized):
    """A step updates the moving statistics of both networks."""
    assert len(tf.get_collection(tf.GraphKeys.UPDATE_OPS)) == 3 * 6 + 4
    assert are_updated(*initialized) == {True}


@pytest.mark.slow
def test_without_update_ops(training_settings, random_images, graph):
    """Moving statistics stay at exactly 0 and 1."""
    training, session = build(training_settings('--batch_size=4', '--update_ops=false', FEW_FILTERS), random_images)
    assert not tf.get_collection(tf.GraphKeys.UPDATE_OPS)
    with session:
        assert are_updated(training, session) == {False}


@pytest.mark.slow
def test_moving_statistics_of_one_step(initialized):
    """Computes in NumPy what the moving statistics of the first layers become.

    The discriminator's are updated with the real images, then twice with the fake ones. The generator's are updated
    with generator_noise.
    """
    training, session = initialized
    inputs = training.inputs
    weights = session.run({v.op.name: v for v in tf.trainable_variables()})
    real, noise, generator_noise = session.run(
        [inputs.real_images, inputs.noise, inputs.generator_noise])
    fake = session.run(training.generator.images, {inputs.noise: noise})

    def moments(images):
        kernel, bias = weights['Discriminator/conv2d/kernel'], weights['Discriminator/conv2d/bias']
        y = session.run(tf.nn.conv2d(images, kernel, [1, 2, 2, 1], 'SAME') + bias)
        return y.mean(axis=(0, 1, 2)), y.var(axis=(0, 1, 2), ddof=1)
    dense = generator_noise.dot(weights['Generator/dense/kernel']) + weights['Generator/dense/bias']
    expected = {'Generator/batch_normalization/moving_mean': 0.01 * dense.mean(axis=0),
                'Generator/batch_normalization/moving_variance': 0.99 + 0.01 * dense.var(axis=0)}
    mean, variance = 0., 1.
    for batch_mean, batch_variance in map(moments, (real, fake, fake)):
        mean, variance = 0.99 * mean + 0.01 * batch_mean, 0.99 * variance + 0.01 * batch_variance
    expected['Discriminator/batch_normalization/moving_mean'] = mean
    expected['Discriminator/batch_normalization/moving_variance'] = variance
    session.run(training.step.train_op, {
        inputs.real_images: real, inputs.noise: noise, inputs.generator_noise: generator_noise})
    for name, value in expected.items():
        np.testing.assert_allclose(session.run(session.graph.get_tensor_by_name(name + '/Read/ReadVariableOp:0')),
                                   value, rtol=1e-5, atol=1e-6, err_msg=name)


def test_sampling_changes_no_variable(initialized):
    training, session = initialized
    before = session.run(tf.global_variables())
    for mode in (True, False):
        session.run(training.generator.images, {training.inputs.is_training: mode})
    for value_before, value in zip(before, session.run(tf.global_variables())):
        np.testing.assert_array_equal(value, value_before)


def test_moving_statistics_of_another_scope_are_an_error(graph):
    """Even if the name of the other scope begins with that of the network."""
    with tf.variable_scope('Generator_2') as other:
        pass

    def function(x, is_training):
        with tf.variable_scope(other):
            return layers.batch_norm(x, is_training)
    with pytest.raises(ValueError, match='Generator_2/.*moving_mean.*not a variable of it'):
        Network('Generator', function, tf.constant(True))(tf.ones([2, 3]))


def test_a_variable_without_a_network_is_an_error(training_settings, random_images, graph):
    tf.get_variable('stray', [3])
    with pytest.raises(ValueError, match='no network owns .*stray:0'):
        build(training_settings(*SMALL_RUN), random_images)


def test_epsilon_where_a_step_has_several_updates(training_settings, graph):
    """With --epsilon_mode=pytorch, the variable is what PyTorch's formula gives for that many updates."""
    settings = training_settings('--epsilon=0.1', '--epsilon_mode=pytorch', '--beta2=0.9')
    optimizer = graphs.adam(settings, 0.01)
    variable = tf.get_variable('x', [3], initializer=tf.zeros_initializer(), use_resource=True)
    gradient = np.array([1., 0.1, -0.01])
    updates = []
    for _ in range(3):
        with tf.control_dependencies(updates[-1:]):
            updates.append(optimizer.apply_gradients([(tf.constant(gradient, tf.float32), variable)]))
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for _ in range(2):
            session.run(updates[-1])
        # The gradient is constant, so its corrected moments are the gradient and its square.
        expected = -6 * 0.01 * gradient / (np.abs(gradient) + 0.1)
        np.testing.assert_allclose(session.run(variable), expected, rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize('fixed_network', ['generator', 'discriminator'])
def test_each_optimizer_updates_its_own_network(fixed_network, training_settings, random_images, graph):
    """If the learning rate of one network is nearly 0, the variables of that network alone do not change."""
    settings = training_settings(*SMALL_RUN, '--learning_rate_%s=1e-30' % fixed_network)
    training, session = build(settings, random_images)
    variables = tf.trainable_variables()
    with session:
        before = session.run(variables)
        session.run(training.step.train_op)
        for variable, value_before, value in zip(variables, before, session.run(variables)):
            change = np.abs(value - value_before).max()
            is_fixed = variable.name.startswith(fixed_network.capitalize() + '/')
            assert (change < 1e-20) == is_fixed, variable.name


def test_build_generator(initialized, training_settings):
    """With the same weights, it gives the same images as the generator of the training graph."""
    training, session = initialized
    noise = np.random.RandomState(0).uniform(-1, 1, (5, 100))
    weights = session.run({v.op.name: v for v in tf.global_variables('Generator/')})
    expected = session.run(training.generator.images, {training.inputs.noise: noise})
    with tf.Graph().as_default(), tf.Session() as session:
        generator = graphs.build_generator(training_settings(FEW_FILTERS))
        session.run(tf.global_variables_initializer())
        load_variables(session, [(variable, weights[variable.op.name]) for variable in tf.global_variables()])
        np.testing.assert_array_equal(
            session.run(generator.images, {generator.noise: noise, generator.is_training: True}), expected)
