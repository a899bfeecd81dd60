"""The order of the updates within a training step, as control dependencies in one graph.

A schedule is a function (generator, discriminator, loss, inputs) → `TrainStep`. Variables are resource
variables, so a read that is built under a control dependency on an update sees the updated value. The forward
passes given to `minimize` are those whose batch statistics enter the moving statistics with that update: the
passes that the source runs in training mode at that point.
"""
from typing import List, NamedTuple, Tuple

import tensorflow.compat.v1 as tf

from dcgan_tf1.model.losses import Loss
from dcgan_tf1.model.network import ForwardPass, Network


class Inputs(NamedTuple):
    """Placeholders with defaults: a training step feeds none of them, and a caller may feed any of them.

    Start the batch plan first, even if images are fed. TensorFlow's graph optimizer may make a step wait for
    the next batch of the plan anyway.
    """

    real_images: tf.Tensor  # [images, height, width, channels] in [-1, 1], the next batch of the plan
    noise: tf.Tensor  # [vectors, noise_dim], latent vectors of the discriminator's update
    generator_noise: tf.Tensor  # [vectors, noise_dim], for schedules whose generator update draws new vectors
    is_training: tf.Tensor  # boolean scalar (default true), the mode of batch norm and dropout
    extra_d_batches: List[Tuple[tf.Tensor, tf.Tensor]]  # (real_images, noise) of extra discriminator updates


class TrainStep(NamedTuple):
    """One training step. Its losses and logits come from the forward passes that the updates are based on."""

    train_op: tf.Operation  # runs the whole step
    discriminator_loss: tf.Tensor  # scalar
    generator_loss: tf.Tensor  # scalar
    real_logits: tf.Tensor  # [batch], one logit of "real" per real image
    fake_logits: tf.Tensor  # [batch], one logit of "real" per generated image


def _train_step(train_op: tf.Operation, loss: Loss, d_real: ForwardPass, d_fake: ForwardPass,
                generator_loss: tf.Tensor) -> TrainStep:
    with tf.name_scope('losses'):
        return TrainStep(train_op, loss.discriminator(d_real.output, d_fake.output), generator_loss,
                         loss.logit(d_real.output), loss.logit(d_fake.output))


def extra_discriminator_updates(generator: Network, discriminator: Network, loss: Loss,
                                inputs: Inputs) -> List[tf.Operation]:
    """The discriminator updates that come before the schedule, if a step has more than one.

    Each update has its own batch of real images and latent vectors, and starts from the result of the update
    before.

    Returns:
        A list with the last of these updates, which runs all of them; empty if there are none.
    """
    updates: List[tf.Operation] = []
    for real_images, noise in inputs.extra_d_batches:
        with tf.name_scope('discriminator_step'), tf.control_dependencies(updates[-1:]):
            d_real, d_fake = discriminator(real_images), discriminator(generator(noise).output)
            updates.append(discriminator.minimize(loss.discriminator(d_real.output, d_fake.output),
                                                  [d_real, d_fake]))
    return updates[-1:]


def discriminator_then_generator(generator: Network, discriminator: Network, loss: Loss,
                                 inputs: Inputs) -> TrainStep:
    """The discriminator on `noise`, then the generator on `generator_noise` via the updated discriminator.

    This equals the two `Session.run` calls per step of the source's script, moving statistics included. That
    script applies the discriminator three times: to real images, to generated images, and to the same
    generated images again for the generator's loss. Its discriminator update runs the update ops of all three
    passes, so the statistics of the generated batch enter twice.
    """
    with tf.name_scope('discriminator_step'):
        fake = generator(inputs.noise)
        d_real, d_fake = discriminator(inputs.real_images), discriminator(fake.output)
        update = discriminator.minimize(loss.discriminator(d_real.output, d_fake.output),
                                        [d_real, d_fake, d_fake])
    with tf.name_scope('generator_step'), tf.control_dependencies([update]):
        new_fake = generator(inputs.generator_noise)
        generator_loss = loss.generator(discriminator(new_fake.output).output)
        train_op = generator.minimize(generator_loss, [new_fake])
    return _train_step(train_op, loss, d_real, d_fake, generator_loss)


def generator_then_discriminator(generator: Network, discriminator: Network, loss: Loss,
                                 inputs: Inputs) -> TrainStep:
    """The generator on `noise`, then the discriminator on the updated generator's images of this `noise`."""
    with tf.name_scope('generator_step'):
        fake = generator(inputs.noise)
        generator_loss = loss.generator(discriminator(fake.output).output)
        update = generator.minimize(generator_loss, [fake])
    with tf.name_scope('discriminator_step'), tf.control_dependencies([update]):
        fake = generator(inputs.noise)
        d_real, d_fake = discriminator(inputs.real_images), discriminator(fake.output)
        train_op = discriminator.minimize(loss.discriminator(d_real.output, d_fake.output),
                                          [d_real, d_fake])
        return _train_step(train_op, loss, d_real, d_fake, generator_loss)


def simultaneous(generator: Network, discriminator: Network, loss: Loss, inputs: Inputs) -> TrainStep:
    """Both networks from one forward pass on `noise`: each gradient sees the other before its update."""
    with tf.name_scope('both_steps'):
        fake = generator(inputs.noise)
        d_real, d_fake = discriminator(inputs.real_images), discriminator(fake.output)
        generator_loss = loss.generator(d_fake.output)
        train_op = tf.group(
            generator.minimize(generator_loss, [fake]),
            discriminator.minimize(loss.discriminator(d_real.output, d_fake.output),
                                   [d_real, d_fake]))
        return _train_step(train_op, loss, d_real, d_fake, generator_loss)


def real_then_fake_then_generator(generator: Network, discriminator: Network, loss: Loss,
                                  inputs: Inputs) -> TrainStep:
    """Three updates: the discriminator on real images, then on generated ones, then the generator.

    All images are generated from `noise`, before the first update. Every pass updates the moving statistics
    of the networks that it uses, as in Keras.

    The source runs its generator a second time for the third update. Without dropout that gives the same
    images, so this schedule generates them once, and lets their statistics enter the moving statistics twice.
    """
    with tf.name_scope('discriminator_step_real'):
        fake = generator(inputs.noise)
        d_real = discriminator(inputs.real_images)
        update = discriminator.minimize(loss.real_loss(d_real.output), [fake, d_real])
    with tf.name_scope('discriminator_step_fake'), tf.control_dependencies([update]):
        d_fake = discriminator(fake.output)
        update = discriminator.minimize(loss.fake_loss(d_fake.output), [d_fake])
    return _generator_on_same_images(generator, discriminator, loss, update, fake, d_real, d_fake)


def discriminator_then_generator_same_images(generator: Network, discriminator: Network, loss: Loss,
                                             inputs: Inputs) -> TrainStep:
    """The discriminator on `noise`, then the generator on the *same* images via the updated discriminator.

    Every pass updates the moving statistics of the networks that it uses, as in PyTorch.
    """
    with tf.name_scope('discriminator_step'):
        fake = generator(inputs.noise)
        d_real, d_fake = discriminator(inputs.real_images), discriminator(fake.output)
        update = discriminator.minimize(loss.discriminator(d_real.output, d_fake.output),
                                        [d_real, d_fake])
    return _generator_on_same_images(generator, discriminator, loss, update, fake, d_real, d_fake)


def _generator_on_same_images(generator: Network, discriminator: Network, loss: Loss, update: tf.Operation,
                              fake: ForwardPass, d_real: ForwardPass, d_fake: ForwardPass) -> TrainStep:
    """Completes a step whose generator update comes after `update` and uses the images of `fake` again."""
    with tf.name_scope('generator_step'), tf.control_dependencies([update]):
        d_fake_updated = discriminator(fake.output)
        generator_loss = loss.generator(d_fake_updated.output)
        train_op = generator.minimize(generator_loss, [fake, d_fake_updated])
    return _train_step(train_op, loss, d_real, d_fake, generator_loss)


SCHEDULES = {schedule.__name__: schedule for schedule in (
    discriminator_then_generator, generator_then_discriminator, simultaneous, real_then_fake_then_generator,
    discriminator_then_generator_same_images)}
