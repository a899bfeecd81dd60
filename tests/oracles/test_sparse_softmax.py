"""Recipe `sparse_softmax` against the same script written with `tf.layers`."""
import functools

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from helpers import load_variables
from training_steps import assert_close

from dcgan_tf1.model import graph as graphs
from dcgan_tf1.model.inputs import batch_plan
from dcgan_tf1.model.layers import BATCH_STATISTICS
from dcgan_tf1.model.losses import LOSSES
from dcgan_tf1.model.networks import sparse_softmax
from dcgan_tf1.settings import cli_flags
from dcgan_tf1.settings.train import TrainSettings
from scripts.benchmarks.training.reference import tf_layers_sparse_softmax as oracle


def is_model(variable):
    return variable.op.name.startswith(('Generator/', 'Discriminator/'))


class Pair:
    """Our training graph and the oracle's, each in a session, with the same initial weights."""

    def __init__(self, settings, images, tf_layers):
        with tf.Graph().as_default():
            self.graph = graphs.build_training(settings, images, batch_plan(settings, images.num_examples))
            self.variables = {v.op.name: v for v in tf.global_variables() if is_model(v)}
            self.session = tf.Session()
            self.session.run(tf.global_variables_initializer())
            self.graph.start_batches(self.session, 0)
        with tf.Graph().as_default():
            self.oracle = oracle.build(tf_layers, settings.learning_rate_generator, settings.epsilon)
            self.oracle_variables = {v.op.name: v for v in tf.global_variables() if is_model(v)}
            self.oracle_session = tf.Session()
            self.oracle_session.run(tf.global_variables_initializer())
        self._initial = self.session.run(self.variables)
        self.start()

    def start(self):
        """Gives both graphs the same initial weights, and Adam slots of 0."""
        for session, variables in ((self.session, self.variables), (self.oracle_session, self.oracle_variables)):
            load_variables(session, [(variables[name], value) for name, value in self._initial.items()])

    def close(self):
        self.session.close()
        self.oracle_session.close()


@pytest.fixture
def make_pair(training_settings, random_images, tf_layers):
    """(flags…) → a `Pair`, whose sessions are closed after the test."""
    pairs = []

    def make(*flags):
        pairs.append(Pair(training_settings(*flags), random_images, tf_layers))
        return pairs[-1]
    yield make
    for pair in pairs:
        pair.close()


@pytest.fixture(scope='module')
def untrained_pair(random_images, tf_layers):
    """A `Pair` for tests that leave it at its initial weights."""
    pair = Pair(cli_flags.parse(TrainSettings, '--kernels=native'), random_images, tf_layers)
    yield pair
    pair.close()


@pytest.mark.slow
def test_variable_names_and_shapes(untrained_pair):
    assert ({name: v.shape.as_list() for name, v in untrained_pair.variables.items()}
            == {name: v.shape.as_list() for name, v in untrained_pair.oracle_variables.items()})


@pytest.mark.slow
@pytest.mark.parametrize('training', [True, False])
def test_outputs(untrained_pair, training):
    pair = untrained_pair
    random = np.random.RandomState(0)
    noise = random.uniform(-1, 1, (6, 100))
    generated = pair.session.run(
        pair.graph.generator.images, {pair.graph.inputs.noise: noise, pair.graph.inputs.is_training: training})
    expected = pair.oracle_session.run(
        pair.oracle.generated, {pair.oracle.noise: noise, pair.oracle.is_training: training})
    assert generated.shape == (6, 28, 28, 1) and generated.dtype == np.float32
    assert_close(generated, expected, 'images')
    images = random.uniform(-1, 1, (6, 28, 28, 1))
    real_logits = pair.session.run(pair.graph.step.real_logits, {
        pair.graph.inputs.real_images: images, pair.graph.inputs.is_training: training})
    logits = pair.oracle_session.run(pair.oracle.real_logits, {
        pair.oracle.images: images, pair.oracle.is_training: training})
    assert_close(real_logits, logits[:, 1] - logits[:, 0], 'logits')


@pytest.mark.slow
@pytest.mark.any_tensorflow
def test_losses_and_gradients(graph, tf_layers):
    """Both losses and the gradients of all variables, on the same weights, images and noise."""
    random = np.random.RandomState(1)
    network = sparse_softmax
    noise = tf.constant(random.uniform(-1, 1, (8, 100)), tf.float32)
    images = tf.constant(random.uniform(-1, 1, (8, 28, 28, 1)), tf.float32)
    generate = functools.partial(network.generator, image_shape=(28, 28, 1))
    generator = graphs.Network('Generator', generate, tf.constant(True))
    discriminator = graphs.Network('Discriminator', network.discriminator, tf.constant(True))
    fake = generator(noise).output
    loss = LOSSES['sparse_softmax']
    our_losses = (loss.discriminator(discriminator(images).output, discriminator(fake).output),
                  loss.generator(discriminator(fake).output))
    our_gradients = [tf.gradients(loss, network.trainable_variables)
                     for loss, network in zip(our_losses, (discriminator, generator))]
    assert len(tf.get_collection(BATCH_STATISTICS)) == 4 + 3 * 6
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        weights = session.run({v.op.name: v for v in tf.global_variables()})
        actual_losses, actual_gradients = session.run([our_losses, our_gradients])
        feeds = session.run([noise, images])

    with tf.Graph().as_default(), tf.Session() as session:
        script = oracle.build(tf_layers)
        oracle_gradients = [tf.gradients(loss, tf.trainable_variables(scope)) for loss, scope in (
            (script.discriminator_loss, 'Discriminator/'), (script.generator_loss, 'Generator/'))]
        session.run(tf.global_variables_initializer())
        load_variables(session, [(variable, weights[variable.op.name]) for variable in tf.global_variables()
                                 if variable.op.name in weights])
        expected_losses, expected_gradients = session.run(
            [[script.discriminator_loss, script.generator_loss], oracle_gradients],
            {script.noise: feeds[0], script.images: feeds[1], script.is_training: True})
        names = [[v.op.name for v in tf.trainable_variables(scope)] for scope in ('Discriminator/', 'Generator/')]
    for actual, expected in zip(actual_losses, expected_losses):
        assert_close(actual, expected, 'loss')
    largest = max(np.abs(gradient).max() for gradients in expected_gradients for gradient in gradients)
    for network_actual, network_expected, network_names in zip(actual_gradients, expected_gradients, names):
        assert len(network_actual) == len(network_names)
        for actual, expected, name in zip(network_actual, network_expected, network_names):
            if np.abs(expected).max() < 1e-5 * largest:  # of a bias before batch norm: nothing but rounding
                assert np.abs(actual).max() < 1e-5 * largest, name
            else:
                assert_close(actual, expected, name)


def step_both(pair, random, batch_size):
    """One step of each on the same images and noise; returns our losses and the oracle's."""
    inputs, step = pair.graph.inputs, pair.graph.step
    images = random.uniform(-1, 1, (batch_size, 28, 28, 1))
    noise, generator_noise = random.uniform(-1, 1, (2, batch_size, 100))
    _, *losses = pair.session.run(
        [step.train_op, step.discriminator_loss, step.generator_loss],
        {inputs.real_images: images, inputs.noise: noise, inputs.generator_noise: generator_noise})
    return losses, oracle.step(pair.oracle_session, pair.oracle, images, noise, generator_noise)


def is_bias_before_batch_norm(name):
    """Batch norm subtracts these biases again, so their gradients and Adam slots are nothing but rounding errors."""
    return '/bias' in name and not name.startswith(('Generator/conv2d_transpose_1/', 'Discriminator/dense_1/'))


@pytest.mark.slow
def test_ten_training_steps(make_pair, make_smooth):
    """Our single run per step equals the post's two: losses, variables, Adam slots and moving statistics.

    With its usual epsilon, Adam turns a gradient of nothing but rounding errors into a full-size update of random
    sign, so that two correct float32 programs differ after one step. A large epsilon, a small learning rate and ELUs
    keep the updates smooth.
    """
    make_smooth()
    pair = make_pair('--epsilon=0.1', '--learning_rate_generator=0.0002', '--learning_rate_discriminator=0.0002')
    initial = pair.session.run(pair.variables)
    random = np.random.RandomState(2)
    for _ in range(10):
        losses, expected = step_both(pair, random, 32)
        assert_close(losses, expected, 'losses')
    assert len(pair.variables) == len(pair.oracle_variables) == 3 * 24 + 10
    assert pair.session.run(pair.graph.global_step) == 10
    actual, expected = pair.session.run(pair.variables), pair.oracle_session.run(pair.oracle_variables)
    for name, value in expected.items():
        if is_bias_before_batch_norm(name):
            assert max(np.abs(value).max(), np.abs(actual[name]).max()) < 1e-6, name
        else:
            assert_close(actual[name], value, name)
            change = np.abs(value - initial[name]).max()
            assert change > 0 and np.abs(actual[name] - value).max() < 1e-3 * change, name


@pytest.mark.slow
def test_first_step_of_the_recipe(untrained_pair):
    """With the recipe's own settings: the discriminator's loss, Adam slots and moving statistics after one step.

    With TensorFlow's own kernels, because the rounding of others moves a unit across the kink of its leaky ReLU.
    """
    pair = untrained_pair
    losses, expected_losses = step_both(pair, np.random.RandomState(3), 32)
    assert_close(losses[0], expected_losses[0], 'loss')
    actual, expected = pair.session.run(pair.variables), pair.oracle_session.run(pair.oracle_variables)
    pair.start()
    names = [name for name in expected if name.startswith('Discriminator/') and not is_bias_before_batch_norm(name)
             and ('Adam' in name or 'moving' in name)]
    assert len(names) == 2 * 11 + 6
    for name in names:
        assert_close(actual[name], expected[name], name)
