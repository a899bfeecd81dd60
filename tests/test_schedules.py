"""Each schedule, one `Session.run` a step, against the obvious chain of separate runs on the same feeds."""
import functools

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from dcgan_tf1 import layers, schedules
from dcgan_tf1.graph import Inputs, Network
from dcgan_tf1.layers import update_moving_statistics
from dcgan_tf1.losses import LOSSES

LOSS = LOSSES['sigmoid']


def make_images(noise, is_training):
    x = tf.nn.leaky_relu(layers.batch_norm(layers.dense(noise, 6), is_training, momentum=0.5))
    return tf.nn.tanh(layers.dense(x, 4))


def judge(images, is_training):
    x = tf.nn.leaky_relu(layers.batch_norm(layers.dense(images, 5, use_bias=False), is_training, momentum=0.5))
    return layers.dense(x, 1)


def build():
    """Small networks and placeholders in the current graph."""
    def placeholder(*shape):
        return tf.placeholder(tf.float32, shape)
    is_training = tf.constant(True)
    inputs = Inputs(placeholder(None, 4), placeholder(None, 3), placeholder(None, 3), is_training,
                    [(placeholder(None, 4), placeholder(None, 3)) for _ in range(2)])
    # An epsilon that keeps the updates smooth: what is equal stays equal.
    adam = functools.partial(tf.train.AdamOptimizer, 0.01, 0.5, 0.9, 0.1)
    return (Network('Generator', make_images, is_training, adam()),
            Network('Discriminator', judge, is_training, adam()), inputs)


class Chain:
    """The separate runs: every pass, gradient and update is a run of its own, in plain order, on fetched values."""

    def __init__(self):
        self.graph = tf.Graph()
        with self.graph.as_default():
            self.generator, self.discriminator, _ = build()
            self.noise, self.images = (tf.placeholder(tf.float32, [None, size]) for size in (3, 4))
            self.fake = self.generator(self.noise)
            self.verdict = self.discriminator(self.images)
            self.stacked = self.discriminator(self.fake.output)
            self.statistics = {network: update_moving_statistics(application.statistics) for network, application in (
                ('generator', self.fake), ('discriminator', self.verdict))}
            self.losses = {'real': LOSS.of_real(self.verdict.output), 'fake': LOSS.of_fake(self.verdict.output),
                           'generator': LOSS.generator(self.stacked.output)}
            self.variables = {'real': self.discriminator.trainable_variables,
                              'fake': self.discriminator.trainable_variables,
                              'generator': self.generator.trainable_variables}
            self.gradients = {name: tf.gradients(self.losses[name], self.variables[name]) for name in self.losses}
            self.fed = {name: [tf.placeholder(tf.float32, variable.shape) for variable in self.variables[name]]
                        for name in ('real', 'generator')}
            adams = {name: tf.train.AdamOptimizer(0.01, 0.5, 0.9, 0.1) for name in self.fed}
            self.apply = {name: adams[name].apply_gradients(zip(self.fed[name], self.variables[name]))
                          for name in self.fed}
            self.session = tf.Session()
            self.session.run(tf.global_variables_initializer())

    def make(self, noise):
        return self.session.run(self.fake.output, {self.noise: noise})

    def gradient(self, name, x):
        placeholder = self.noise if name == 'generator' else self.images
        return self.session.run([self.losses[name], self.gradients[name]], {placeholder: x})

    def update(self, name, *gradients):
        summed = [sum(parts) for parts in zip(*gradients)]
        self.session.run(self.apply['generator' if name == 'generator' else 'real'],
                         dict(zip(self.fed['generator' if name == 'generator' else 'real'], summed)))

    def move(self, network, x):
        self.session.run(self.statistics[network],
                         {self.noise if network == 'generator' else self.images: x})

    def discriminate(self, real, fake, moved):
        """One update on both; `moved` lists the images whose statistics move before it."""
        real_loss, real_gradient = self.gradient('real', real)
        fake_loss, fake_gradient = self.gradient('fake', fake)
        for images in moved:
            self.move('discriminator', images)
        self.update('discriminator', real_gradient, fake_gradient)
        return real_loss + fake_loss

    def generate(self, noise):
        loss, gradient = self.gradient('generator', noise)
        self.update('generator', gradient)
        return loss


def discriminator_then_generator(chain, real, noise, generator_noise):
    fake = chain.make(noise)
    discriminator_loss = chain.discriminate(real, fake, [real, fake, fake])
    chain.move('generator', generator_noise)
    return discriminator_loss, chain.generate(generator_noise)


def generator_then_discriminator(chain, real, noise, _):
    chain.move('generator', noise)
    generator_loss = chain.generate(noise)
    fake = chain.make(noise)
    return chain.discriminate(real, fake, [real, fake]), generator_loss


def simultaneous(chain, real, noise, _):
    fake = chain.make(noise)
    generator_loss, generator_gradient = chain.gradient('generator', noise)
    chain.move('generator', noise)
    discriminator_loss = chain.discriminate(real, fake, [real, fake])
    chain.update('generator', generator_gradient)
    return discriminator_loss, generator_loss


def real_then_fake_then_generator(chain, real, noise, _):
    fake = chain.make(noise)
    chain.move('generator', noise)
    total = 0
    for name, images in (('real', real), ('fake', fake)):
        loss, gradient = chain.gradient(name, images)
        chain.move('discriminator', images)
        chain.update('discriminator', gradient)
        total += loss
    chain.move('generator', noise)
    chain.move('discriminator', fake)
    return total, chain.generate(noise)


def discriminator_then_generator_same_images(chain, real, noise, _):
    fake = chain.make(noise)
    discriminator_loss = chain.discriminate(real, fake, [real, fake])
    chain.move('generator', noise)
    chain.move('discriminator', fake)
    return discriminator_loss, chain.generate(noise)


CHAINS = {chain.__name__: chain for chain in (
    discriminator_then_generator, generator_then_discriminator, simultaneous, real_then_fake_then_generator,
    discriminator_then_generator_same_images)}


@pytest.mark.parametrize('further', [0, 2])
@pytest.mark.parametrize('name', sorted(schedules.SCHEDULES))
def test_one_run_equals_separate_runs(name, further, graph):
    """Losses and all variables (Adam's and the moving statistics too) after four steps."""
    generator, discriminator, inputs = build()
    inputs = inputs._replace(further=inputs.further[:further])
    updates = schedules.further_discriminator_updates(generator, discriminator, LOSS, inputs)
    with tf.control_dependencies(updates):
        step = schedules.SCHEDULES[name](generator, discriminator, LOSS, inputs)
    chain = Chain()
    random = np.random.RandomState(0)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        weights = session.run({v.op.name: v for v in tf.global_variables() if 'power' not in v.op.name})
        with chain.graph.as_default():
            for variable in tf.global_variables():
                if variable.op.name in weights:
                    variable.load(weights[variable.op.name], chain.session)
        for _ in range(4):
            batches = [(random.randn(5, 4), random.randn(6, 3)) for _ in range(1 + further)]
            generator_noise = random.randn(6, 3)
            feed = {inputs.real_images: batches[0][0], inputs.noise: batches[0][1],
                    inputs.generator_noise: generator_noise}
            for placeholders, values in zip(inputs.further, batches[1:]):
                feed.update(zip(placeholders, values))
                fake = chain.make(values[1])
                chain.discriminate(values[0], fake, [values[0], fake])
            _, *losses = session.run([step.train_op, step.discriminator_loss, step.generator_loss], feed)
            np.testing.assert_allclose(losses, CHAINS[name](chain, *batches[0], generator_noise), rtol=1e-5)
        ours = session.run({v.op.name: v for v in tf.global_variables()})
        with chain.graph.as_default():
            theirs = chain.session.run({v.op.name: v for v in tf.global_variables()})
    compared = [key for key in ours if key in theirs]
    assert len(compared) == len(tf.trainable_variables()) * 3 + 4  # + the moving statistics
    for key in compared:
        np.testing.assert_allclose(ours[key], theirs[key], rtol=1e-4, atol=1e-6, err_msg=key)
    chain.session.close()


def test_every_schedule_has_its_chain():
    assert set(CHAINS) == set(schedules.SCHEDULES)
