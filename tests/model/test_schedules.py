"""Each schedule, which is one `Session.run` per step, against a chain of separate runs on the same batches."""
import functools

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from dcgan_tf1.legacy.doctor import doctor
from dcgan_tf1.model import layers, precision, schedules
from dcgan_tf1.model.graph import Inputs, Network
from dcgan_tf1.model.layers import update_moving_statistics
from dcgan_tf1.model.losses import LOSSES

LOSS = LOSSES['sigmoid']


def small_generator(noise, is_training):
    x = tf.nn.leaky_relu(layers.batch_norm(layers.dense(noise, 6), is_training, momentum=0.5))
    return tf.nn.tanh(layers.dense(x, 4))


def small_discriminator(images, is_training):
    x = tf.nn.leaky_relu(layers.batch_norm(layers.dense(images, 5, use_bias=False), is_training, momentum=0.5))
    return layers.dense(x, 1)


def build_networks():
    """(generator, discriminator, placeholders) in the default graph."""
    def placeholder(*shape):
        return tf.placeholder(tf.float32, shape)
    is_training = tf.constant(True)
    inputs = Inputs(placeholder(None, 4), placeholder(None, 3), placeholder(None, 3), is_training,
                    [(placeholder(None, 4), placeholder(None, 3)) for _ in range(2)])
    # With so large an epsilon, rounding errors in the gradients stay small in the updates.
    adam = functools.partial(tf.train.AdamOptimizer, 0.01, 0.5, 0.9, 0.1)
    return (Network('Generator', small_generator, is_training, adam(), extra_bn_momentums=[0.5]),
            Network('Discriminator', small_discriminator, is_training, adam()), inputs)


class Chain:
    """A training step made of separate runs: every forward pass, gradient and update is its own `Session.run`.

    A schedule puts all of them into one graph execution, where TensorFlow may run ops in any order that the
    dependencies allow. If it gives the same losses and variables as this chain, whose order is that of plain Python
    statements, its control dependencies enforce the order that it promises.
    """

    def __init__(self):
        self.graph = tf.Graph()
        with self.graph.as_default():
            self.generator, self.discriminator, _ = build_networks()
            self.noise, self.images = (tf.placeholder(tf.float32, [None, size]) for size in (3, 4))
            self.fake = self.generator(self.noise)
            self.score = self.discriminator(self.images)
            self.fake_score = self.discriminator(self.fake.output)
            self.statistics = {'generator': update_moving_statistics(self.fake.statistics),
                               'discriminator': update_moving_statistics(self.score.statistics)}
            self.losses = {'real': LOSS.real_loss(self.score.output), 'fake': LOSS.fake_loss(self.score.output),
                           'generator': LOSS.generator(self.fake_score.output)}
            self.variables = {'real': self.discriminator.trainable_variables,
                              'fake': self.discriminator.trainable_variables,
                              'generator': self.generator.trainable_variables}
            self.gradients = {name: tf.gradients(self.losses[name], self.variables[name]) for name in self.losses}
            self.fed_gradients = {
                'generator': self._placeholders_like(self.generator.trainable_variables),
                'discriminator': self._placeholders_like(self.discriminator.trainable_variables)}
            self.apply_gradients = {}
            for network, placeholders in self.fed_gradients.items():
                adam = tf.train.AdamOptimizer(0.01, 0.5, 0.9, 0.1)
                variables = self.variables['generator' if network == 'generator' else 'real']
                self.apply_gradients[network] = adam.apply_gradients(zip(placeholders, variables))
            self._initializer = tf.global_variables_initializer()
            self._variables = {variable.op.name: variable for variable in tf.global_variables()}
        self.session = tf.Session(graph=self.graph)

    def start(self, values):
        """Initializes all variables, and sets those in {name: value}."""
        self.session.run(self._initializer)
        for name in set(values) & set(self._variables):
            self._variables[name].load(values[name], self.session)

    def values(self):
        """{name: value} of all variables."""
        return self.session.run(self._variables)

    @staticmethod
    def _placeholders_like(variables):
        return [tf.placeholder(tf.float32, variable.shape) for variable in variables]

    def generate(self, noise):
        return self.session.run(self.fake.output, {self.noise: noise})

    def loss_and_gradient(self, name, x):
        placeholder = self.noise if name == 'generator' else self.images
        return self.session.run([self.losses[name], self.gradients[name]], {placeholder: x})

    def update(self, network, *gradients):
        """Applies the sum of these gradients."""
        totals = [sum(parts) for parts in zip(*gradients)]
        self.session.run(self.apply_gradients[network], dict(zip(self.fed_gradients[network], totals)))

    def update_statistics(self, network, x):
        self.session.run(self.statistics[network], {self.noise if network == 'generator' else self.images: x})

    def update_discriminator(self, real, fake, statistics_of):
        """One update on both batches, after the moving statistics were updated with `statistics_of`, in order."""
        real_loss, real_gradient = self.loss_and_gradient('real', real)
        fake_loss, fake_gradient = self.loss_and_gradient('fake', fake)
        for images in statistics_of:
            self.update_statistics('discriminator', images)
        self.update('discriminator', real_gradient, fake_gradient)
        return real_loss + fake_loss

    def update_generator(self, noise):
        loss, gradient = self.loss_and_gradient('generator', noise)
        self.update('generator', gradient)
        return loss


def discriminator_then_generator(chain, real, noise, generator_noise):
    fake = chain.generate(noise)
    discriminator_loss = chain.update_discriminator(real, fake, [real, fake, fake])
    chain.update_statistics('generator', generator_noise)
    return discriminator_loss, chain.update_generator(generator_noise)


def generator_then_discriminator(chain, real, noise, _):
    chain.update_statistics('generator', noise)
    generator_loss = chain.update_generator(noise)
    fake = chain.generate(noise)
    return chain.update_discriminator(real, fake, [real, fake]), generator_loss


def simultaneous(chain, real, noise, _):
    fake = chain.generate(noise)
    generator_loss, generator_gradient = chain.loss_and_gradient('generator', noise)
    chain.update_statistics('generator', noise)
    discriminator_loss = chain.update_discriminator(real, fake, [real, fake])
    chain.update('generator', generator_gradient)
    return discriminator_loss, generator_loss


def real_then_fake_then_generator(chain, real, noise, _):
    fake = chain.generate(noise)
    chain.update_statistics('generator', noise)
    total = 0
    for name, images in (('real', real), ('fake', fake)):
        loss, gradient = chain.loss_and_gradient(name, images)
        chain.update_statistics('discriminator', images)
        chain.update('discriminator', gradient)
        total += loss
    chain.update_statistics('generator', noise)
    chain.update_statistics('discriminator', fake)
    return total, chain.update_generator(noise)


def discriminator_then_generator_same_images(chain, real, noise, _):
    fake = chain.generate(noise)
    discriminator_loss = chain.update_discriminator(real, fake, [real, fake])
    chain.update_statistics('generator', noise)
    chain.update_statistics('discriminator', fake)
    return discriminator_loss, chain.update_generator(noise)


CHAINS = {chain.__name__: chain for chain in (
    discriminator_then_generator, generator_then_discriminator, simultaneous, real_then_fake_then_generator,
    discriminator_then_generator_same_images)}


@pytest.fixture(scope='module')
def chain():
    built = Chain()
    yield built
    built.session.close()


@pytest.mark.slow
@pytest.mark.parametrize('name,extra_updates', [
    *((name, 0) for name in sorted(schedules.SCHEDULES)), ('discriminator_then_generator', 2),
    pytest.param('simultaneous', 2, marks=pytest.mark.any_tensorflow)])
def test_one_run_equals_separate_runs(name, extra_updates, chain, graph):
    """Compares the losses of four steps, and then all variables, with moving statistics and Adam's slots.

    With the layer's own momentum, an extra average equals the layer's. The doctor for batch norm finds no fault.
    """
    generator, discriminator, inputs = build_networks()
    inputs = inputs._replace(extra_d_batches=inputs.extra_d_batches[:extra_updates])
    updates = schedules.extra_discriminator_updates(generator, discriminator, LOSS, inputs)
    with tf.control_dependencies(updates):
        step = schedules.SCHEDULES[name](generator, discriminator, LOSS, inputs)
    random = np.random.RandomState(0)
    with doctor.watch() as watched, tf.Session() as session:
        session.run(tf.global_variables_initializer())
        chain.start(session.run({v.op.name: v for v in tf.global_variables() if 'power' not in v.op.name}))
        for _ in range(4):
            batches = [(random.randn(5, 4), random.randn(6, 3)) for _ in range(1 + extra_updates)]
            generator_noise = random.randn(6, 3)
            feed = {inputs.real_images: batches[0][0], inputs.noise: batches[0][1],
                    inputs.generator_noise: generator_noise}
            for placeholders, values in zip(inputs.extra_d_batches, batches[1:]):
                feed.update(zip(placeholders, values))
                fake = chain.generate(values[1])
                chain.update_discriminator(values[0], fake, [values[0], fake])
            _, *losses = session.run([step.train_op, step.discriminator_loss, step.generator_loss], feed)
            np.testing.assert_allclose(losses, CHAINS[name](chain, *batches[0], generator_noise), rtol=1e-5)
        actual, expected = session.run({v.op.name: v for v in tf.global_variables()}), chain.values()
    common_names = [name for name in actual if name in expected]
    assert len(common_names) == len(tf.trainable_variables()) * 3 + 6  # two Adam slots each, and 6 moving statistics
    for variable_name in common_names:
        np.testing.assert_allclose(actual[variable_name], expected[variable_name], rtol=1e-4, atol=1e-6,
                                   err_msg=variable_name)
    for statistic in ('mean', 'variance'):
        own = 'Generator/batch_normalization/moving_' + statistic
        np.testing.assert_array_equal(actual[own + '_momentum_0.5'], actual[own])
    assert {finding.kind for finding in watched.findings()} <= {'warm_up'}


def test_every_schedule_has_a_chain():
    assert set(CHAINS) == set(schedules.SCHEDULES)


@pytest.mark.skipif(not precision.works('bfloat16'), reason='this TensorFlow does not train in bfloat16')
def test_weights_are_cast_once_per_update(graph):
    """Passes before an update share the casts; a pass after it casts the new weights."""
    network = Network('Network', lambda x, _: layers.dense(x, 1), True, tf.train.GradientDescentOptimizer(1.),
                      dtype=tf.bfloat16)
    x = tf.ones([2, 3])
    first, second = network(x), network(x)
    update = network.minimize(tf.reduce_mean(first.output + second.output), [first, second])
    with tf.control_dependencies([update]):
        third = network(x)
    casts = [op for op in graph.get_operations() if op.type == 'Cast' and op.inputs[0].op.type == 'ReadVariableOp']
    assert len(casts) == 4  # kernel and bias, before and after
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        before = [session.run(passed.output) for passed in (first, second)]
        np.testing.assert_array_equal(*before)
        after = session.run(third.output)
    np.testing.assert_allclose(after, before[0] - 8, atol=0.05)  # the gradient of each of the 4 weights is 2
