"""The order of the updates within a training step, as control dependencies in one graph.

A schedule is a function (generator, discriminator, loss, inputs) → `TrainStep`; the networks are `graph.Network`s.
Reads of variables built under a control dependency on an update see the updated values, because the variables are
resource variables. The forward_passes given to `minimize` say whose moving statistics move with that update: those of
the passes that the source runs in training mode then.
"""
import collections

import tensorflow.compat.v1 as tf

# train_op: runs one step; the losses, scalars, and the log-odds of «real» [batch] are those of the passes
# that the step's updates are made from.
TrainStep = collections.namedtuple(
    'TrainStep', 'train_op discriminator_loss generator_loss real_logits fake_logits')


def _train_step(train_op, loss, d_real, d_fake, generator_loss):
    with tf.name_scope('losses'):
        return TrainStep(train_op, loss.discriminator(d_real.output, d_fake.output), generator_loss,
                         loss.logit(d_real.output), loss.logit(d_fake.output))


def extra_discriminator_updates(generator, discriminator, loss, inputs):
    """What comes before a step's schedule where the discriminator is updated more than once a step: a list of ops.

    Each update is on a batch of its own, real and generated, through what the update before it left.
    """
    updates = []
    for real_images, noise in inputs.extra_d_batches:
        with tf.name_scope('discriminator_step'), tf.control_dependencies(updates[-1:]):
            d_real, d_fake = discriminator(real_images), discriminator(generator(noise).output)
            updates.append(discriminator.minimize(loss.discriminator(d_real.output, d_fake.output),
                                                  [d_real, d_fake]))
    return updates[-1:]


def discriminator_then_generator(generator, discriminator, loss, inputs):
    """The discriminator on `noise`, then the generator on `generator_noise` through the updated discriminator.

    Equal to two `Session.run`s of the source's script, moving statistics included. That script applies the
    discriminator three times: to real images, to generated ones, and again to the same generated ones for the
    generator's loss. Its discriminator step runs the update ops of all three, so the statistics of the generated
    batch enter twice.
    """
    with tf.name_scope('discriminator_step'):
        fake = generator(inputs.noise)
        d_real, d_fake = discriminator(inputs.real_images), discriminator(fake.output)
        update = discriminator.minimize(loss.discriminator(d_real.output, d_fake.output),
                                        [d_real, d_fake, d_fake])
    with tf.name_scope('generator_step'), tf.control_dependencies([update]):
        fresh_fake = generator(inputs.generator_noise)
        generator_loss = loss.generator(discriminator(fresh_fake.output).output)
        train_op = generator.minimize(generator_loss, [fresh_fake])
    return _train_step(train_op, loss, d_real, d_fake, generator_loss)


def generator_then_discriminator(generator, discriminator, loss, inputs):
    """The generator on `noise`, then the discriminator on what the updated generator makes of the same `noise`."""
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


def simultaneous(generator, discriminator, loss, inputs):
    """Both from one forward pass on `noise`: the gradients of either see the other as it was."""
    with tf.name_scope('both_steps'):
        fake = generator(inputs.noise)
        d_real, d_fake = discriminator(inputs.real_images), discriminator(fake.output)
        generator_loss = loss.generator(d_fake.output)
        train_op = tf.group(
            generator.minimize(generator_loss, [fake]),
            discriminator.minimize(loss.discriminator(d_real.output, d_fake.output),
                                   [d_real, d_fake]))
        return _train_step(train_op, loss, d_real, d_fake, generator_loss)


def real_then_fake_then_generator(generator, discriminator, loss, inputs):
    """Three updates: the discriminator on real images; then on images made of `noise` beforehand; then the generator,
    on images made of the same `noise` again. Every pass moves the statistics of both networks, as Keras does.

    The generator, which is without dropout, makes the same images both times: here it makes them once, and their
    statistics move the moving ones twice.
    """
    with tf.name_scope('discriminator_step_real'):
        fake = generator(inputs.noise)
        d_real = discriminator(inputs.real_images)
        update = discriminator.minimize(loss.real_loss(d_real.output), [fake, d_real])
    with tf.name_scope('discriminator_step_fake'), tf.control_dependencies([update]):
        d_fake = discriminator(fake.output)
        update = discriminator.minimize(loss.fake_loss(d_fake.output), [d_fake])
    with tf.name_scope('generator_step'), tf.control_dependencies([update]):
        verdict = discriminator(fake.output)
        generator_loss = loss.generator(verdict.output)
        train_op = generator.minimize(generator_loss, [fake, verdict])
    return _train_step(train_op, loss, d_real, d_fake, generator_loss)


def discriminator_then_generator_same_images(generator, discriminator, loss, inputs):
    """The discriminator on real images and on images made of `noise`, in one update; then the generator, on the *same*
    images through the updated discriminator. Every pass moves the statistics, as PyTorch does.
    """
    with tf.name_scope('discriminator_step'):
        fake = generator(inputs.noise)
        d_real, d_fake = discriminator(inputs.real_images), discriminator(fake.output)
        update = discriminator.minimize(loss.discriminator(d_real.output, d_fake.output),
                                        [d_real, d_fake])
    with tf.name_scope('generator_step'), tf.control_dependencies([update]):
        verdict = discriminator(fake.output)
        generator_loss = loss.generator(verdict.output)
        train_op = generator.minimize(generator_loss, [fake, verdict])
    return _train_step(train_op, loss, d_real, d_fake, generator_loss)


SCHEDULES = {schedule.__name__: schedule for schedule in (
    discriminator_then_generator, generator_then_discriminator, simultaneous, real_then_fake_then_generator,
    discriminator_then_generator_same_images)}
