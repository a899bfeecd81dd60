"""Records training steps of our graph, and compares them with the same steps of a reference implementation."""
import collections

import numpy as np
import tensorflow.compat.v1 as tf

from dcgan_tf1.data import Images
from dcgan_tf1.model import graph as graphs
from dcgan_tf1.model.inputs import batch_plan

SCOPES = ('Generator', 'Discriminator')

# names, initial and final: {scope: list} of a network's variables in the order of their creation, without Adam's.
# training_images and inference_images: what the initial generator makes of the first noise batch in either mode.
# losses: [(discriminator loss, generator loss)] of every step.
TrainingRecord = collections.namedtuple(
    'TrainingRecord', 'names initial final training_images inference_images losses')


def network_variables(scope):
    """The variables of a network in the default graph, without those of its optimizer."""
    return [variable for variable in tf.global_variables(scope + '/') if 'Adam' not in variable.op.name]


def record_training(settings, feeds):
    """Trains our graph on `feeds`, a list of (real images, noise); returns a `TrainingRecord`."""
    images = Images(np.zeros((16, *feeds[0][0].shape[1:]), np.uint8), 'a test')
    with tf.Graph().as_default(), tf.Session() as session:
        training = graphs.build_training(settings, images, batch_plan(settings, 16))
        inputs, step = training.inputs, training.step
        variables = {scope: network_variables(scope) for scope in SCOPES}
        session.run(tf.global_variables_initializer())
        training.start_batches(session, 0)
        initial = session.run(variables)
        generated = [session.run(training.generator.images, {inputs.noise: feeds[0][1], inputs.is_training: mode})
                     for mode in (True, False)]
        losses = [session.run([step.train_op, step.discriminator_loss, step.generator_loss],
                              {inputs.real_images: real, inputs.noise: noise})[1:] for real, noise in feeds]
        names = {scope: [variable.op.name for variable in variables[scope]] for scope in SCOPES}
        return TrainingRecord(names, initial, session.run(variables), *generated, losses)


def assert_close(actual, expected, name, tolerance=1e-5):
    """Asserts that no element differs by more than `tolerance` times the largest expected magnitude."""
    scale = max(np.abs(expected).max(), 1e-30)
    assert np.abs(np.asarray(actual) - expected).max() <= tolerance * scale, name


def assert_same_training(actual, expected, initial, name):
    """Asserts that two implementations changed a variable in the same way.

    The difference must be small relative to the values, and relative to their change since `initial`. The latter
    excludes the rounding of the variable itself to float32.
    """
    error, change = np.abs(actual - expected).max(), np.abs(expected - initial).max()
    magnitude = np.abs(expected).max()
    assert change > 0, name
    assert error <= max(1e-5 * magnitude, 1e-7), name
    assert error <= 1e-3 * change + 2 ** -22 * magnitude, name
