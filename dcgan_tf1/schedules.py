"""The order of the updates within a training step, as control dependencies in one graph.

A schedule is a function (generator, discriminator, loss, inputs) → `TrainStep`; the networks are
`graph.Network`s. Reads of variables built under a control dependency on an update see the updated values,
because the variables are resource variables.
"""
import collections

import tensorflow.compat.v1 as tf

# train_op: runs one step; the losses, scalars, and the log-odds of «real» [batch] are those of the passes
# that the step's updates are made from.
TrainStep = collections.namedtuple(
    'TrainStep', 'train_op discriminator_loss generator_loss real_log_odds fake_log_odds')


def discriminator_then_generator(generator, discriminator, loss, inputs):
    """The discriminator on `noise`, then the generator on `generator_noise` through the updated discriminator.

    Equal to two `Session.run`s of the source's script, moving statistics included. That script applies the
    discriminator three times: to real images, to generated ones, and again to the same generated ones for
    the generator's loss. Its discriminator step runs the update ops of all three, so the statistics of the
    generated batch enter twice.
    """
    with tf.name_scope('discriminator_step'):
        fake = generator(inputs.noise)
        real_verdict = discriminator(inputs.real_images)
        fake_verdict = discriminator(fake.output)
        discriminator_loss = loss.discriminator(real_verdict.output, fake_verdict.output)
        update = discriminator.minimize(discriminator_loss, [real_verdict, fake_verdict, fake_verdict])
    with tf.name_scope('generator_step'), tf.control_dependencies([update]):
        fresh_fake = generator(inputs.generator_noise)
        generator_loss = loss.generator(discriminator(fresh_fake.output).output)
        train_op = generator.minimize(generator_loss, [fresh_fake])
    return TrainStep(train_op, discriminator_loss, generator_loss,
                     loss.log_odds(real_verdict.output), loss.log_odds(fake_verdict.output))


SCHEDULES = {'discriminator_then_generator': discriminator_then_generator}
