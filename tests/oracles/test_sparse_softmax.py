"""Recipe `sparse_softmax` against the same script written with `tf.layers`."""
import functools

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from dcgan_tf1 import graph as graphs
from dcgan_tf1 import options
from dcgan_tf1.layers import BATCH_STATISTICS
from dcgan_tf1.losses import LOSSES
from dcgan_tf1.networks import sparse_softmax
from scripts.benchmarks.training.reference import tf_layers_sparse_softmax as oracle

TOLERANCE = 1e-5  # of the largest absolute value of a tensor


def assert_close(ours, theirs, name):
    scale = max(np.abs(theirs).max(), 1e-30)
    assert np.abs(np.asarray(ours) - theirs).max() <= TOLERANCE * scale, name


def is_model(variable):
    return variable.op.name.startswith(('Generator/', 'Discriminator/'))


class Pair:
    """Our graph and the oracle's, with the same weights (and Adam slots, which both begin at 0)."""

    def __init__(self, settings, images, tf_layers):
        ours, theirs = tf.Graph(), tf.Graph()
        with ours.as_default():
            self.ours = graphs.build_training(settings, images, options.batch_plan(settings, images.num_examples))
            self.our_variables = {v.op.name: v for v in tf.global_variables() if is_model(v)}
            self.session = tf.Session()
            self.session.run(tf.global_variables_initializer())
            self.ours.start(self.session, 0)
        with theirs.as_default():
            self.theirs = oracle.build(tf_layers, settings.learning_rate_generator, settings.epsilon)
            self.their_variables = {v.op.name: v for v in tf.global_variables() if is_model(v)}
            self.oracle_session = tf.Session()
            self.oracle_session.run(tf.global_variables_initializer())
            for name, value in self.session.run(self.our_variables).items():
                self.their_variables[name].load(value, self.oracle_session)


@pytest.fixture
def make_pair(training_settings, random_images, tf_layers):
    """(flags…) → a `Pair`, closed after the test."""
    pairs = []

    def make(*flags):
        pairs.append(Pair(training_settings(*flags), random_images, tf_layers))
        return pairs[-1]
    yield make
    for pair in pairs:
        pair.session.close()
        pair.oracle_session.close()


def test_variable_names_and_shapes(make_pair):
    pair = make_pair()
    assert ({name: v.shape.as_list() for name, v in pair.our_variables.items()}
            == {name: v.shape.as_list() for name, v in pair.their_variables.items()})


@pytest.mark.parametrize('training', [True, False])
def test_outputs(make_pair, training):
    pair = make_pair()
    random = np.random.RandomState(0)
    noise = random.uniform(-1, 1, (6, 100))
    generated = pair.session.run(
        pair.ours.generator.images, {pair.ours.inputs.noise: noise, pair.ours.inputs.is_training: training})
    expected = pair.oracle_session.run(
        pair.theirs.generated, {pair.theirs.noise: noise, pair.theirs.is_training: training})
    assert generated.shape == (6, 28, 28, 1) and generated.dtype == np.float32
    assert_close(generated, expected, 'images')
    images = random.uniform(-1, 1, (6, 28, 28, 1))
    odds = pair.session.run(pair.ours.step.real_log_odds, {
        pair.ours.inputs.real_images: images, pair.ours.inputs.is_training: training})
    logits = pair.oracle_session.run(pair.theirs.real_logits, {
        pair.theirs.images: images, pair.theirs.is_training: training})
    assert_close(odds, logits[:, 1] - logits[:, 0], 'log-odds')


def test_losses_and_gradients(graph, tf_layers):
    """Both losses and the gradients of every variable, on the same weights, images and noise."""
    random = np.random.RandomState(1)
    network = sparse_softmax
    noise = tf.constant(random.uniform(-1, 1, (8, 100)), tf.float32)
    images = tf.constant(random.uniform(-1, 1, (8, 28, 28, 1)), tf.float32)
    make = functools.partial(network.generator, image_shape=(28, 28, 1))
    generator = graphs.Network('Generator', make, tf.constant(True))
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
        ours = session.run([our_losses, our_gradients])
        feeds = session.run([noise, images])

    with tf.Graph().as_default(), tf.Session() as session:
        script = oracle.build(tf_layers)
        their_gradients = [tf.gradients(loss, tf.trainable_variables(scope)) for loss, scope in (
            (script.discriminator_loss, 'Discriminator/'), (script.generator_loss, 'Generator/'))]
        session.run(tf.global_variables_initializer())
        for variable in tf.global_variables():
            if variable.op.name in weights:
                variable.load(weights[variable.op.name], session)
        theirs = session.run([[script.discriminator_loss, script.generator_loss], their_gradients],
                             {script.noise: feeds[0], script.images: feeds[1], script.is_training: True})
        names = [[v.op.name for v in tf.trainable_variables(scope)] for scope in ('Discriminator/', 'Generator/')]
    for a, b in zip(ours[0], theirs[0]):
        assert_close(a, b, 'loss')
    largest = max(np.abs(gradient).max() for gradients in theirs[1] for gradient in gradients)
    for our, their, of in zip(ours[1], theirs[1], names):
        assert len(our) == len(of)
        for a, b, name in zip(our, their, of):
            if np.abs(b).max() < 1e-5 * largest:  # a bias before batch norm: its gradient is rounding alone
                assert np.abs(a).max() < 1e-5 * largest, name
            else:
                assert_close(a, b, name)


def step_both(pair, random, batch_size):
    """One step on the same images and noise: our losses, the oracle's."""
    inputs, step = pair.ours.inputs, pair.ours.step
    images = random.uniform(-1, 1, (batch_size, 28, 28, 1))
    noise, generator_noise = random.uniform(-1, 1, (2, batch_size, 100))
    _, *losses = pair.session.run(
        [step.train_op, step.discriminator_loss, step.generator_loss],
        {inputs.real_images: images, inputs.noise: noise, inputs.generator_noise: generator_noise})
    return losses, oracle.step(pair.oracle_session, pair.theirs, images, noise, generator_noise)


def before_batch_norm(name):
    """Batch norm takes these biases out again: their gradients, and all that Adam makes of them, are rounding."""
    return '/bias' in name and not name.startswith(('Generator/conv2d_transpose_1/', 'Discriminator/dense_1/'))


def test_ten_training_steps(make_pair, make_smooth):
    """One run a step equals the source's two: every loss, variable, Adam slot and moving statistic.

    Adam with its usual epsilon turns a gradient that is nothing but rounding into a full step of either sign, so
    two correct float32 programs part after one step. With a large epsilon, a small learning rate and ELUs the updates
    are smooth, and what is equal stays equal.
    """
    make_smooth()
    pair = make_pair('--epsilon=0.1', '--learning_rate_generator=0.0002', '--learning_rate_discriminator=0.0002')
    before = pair.session.run(pair.our_variables)
    random = np.random.RandomState(2)
    for _ in range(10):
        losses, expected = step_both(pair, random, 32)
        assert_close(losses, expected, 'losses')
    assert len(pair.our_variables) == len(pair.their_variables) == 3 * 24 + 10
    assert pair.session.run(pair.ours.global_step) == 10
    ours, theirs = pair.session.run(pair.our_variables), pair.oracle_session.run(pair.their_variables)
    for name, value in theirs.items():
        if before_batch_norm(name):
            assert max(np.abs(value).max(), np.abs(ours[name]).max()) < 1e-6, name
        else:
            assert_close(ours[name], value, name)
            change = np.abs(value - before[name]).max()
            assert change > 0 and np.abs(ours[name] - value).max() < 1e-3 * change, name


def test_first_step_of_the_recipe(make_pair):
    """With the recipe's own settings: the discriminator's step, by its loss, Adam slots and moving statistics.

    With TensorFlow's own kernels: the rounding of others takes a unit over the kink of its leaky ReLU.
    """
    pair = make_pair('--kernels=native')
    losses, expected = step_both(pair, np.random.RandomState(3), 32)
    assert_close(losses[0], expected[0], 'loss')
    ours, theirs = pair.session.run(pair.our_variables), pair.oracle_session.run(pair.their_variables)
    names = [name for name in theirs if name.startswith('Discriminator/') and not before_batch_norm(name)
             and ('Adam' in name or 'moving' in name)]
    assert len(names) == 2 * 11 + 6
    for name in names:
        assert_close(ours[name], theirs[name], name)
