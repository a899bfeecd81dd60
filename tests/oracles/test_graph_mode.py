"""Recipes `graph_mode` and `graph_mode_dense` against the same scripts written with `tf.layers`."""
import os

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from dcgan_tf1 import graph as graphs
from dcgan_tf1 import options
from scripts.benchmarks.training.reference import tf_layers_graph_mode as oracle

FLAGS = os.path.join(os.path.dirname(__file__), '..', '..', 'flags')


@pytest.mark.parametrize('recipe', sorted(oracle.NETWORKS))
@pytest.mark.parametrize('smooth', [False, True])
def test_ten_steps(smooth, recipe, training_settings, random_images, tf_layers, make_smooth):
    """Images of the initial weights, losses of every step, then variables, Adam slots and moving statistics.

    With ELUs for the ten; with the recipe's own ReLUs, one of whose kinks is always within rounding, the first.
    """
    if smooth:
        make_smooth()
    settings = training_settings('--flagfile=%s/%s.flags' % (FLAGS, recipe), '--batch_size=8', '--epsilon=0.001')
    random = np.random.RandomState(0)
    feeds = [(random.uniform(-1, 1, (8, 28, 28, 1)), random.uniform(-1, 1, (8, 100)))
             for _ in range(10 if smooth else 1)]
    with tf.Graph().as_default(), tf.Session() as session:
        training = graphs.build_training(settings, random_images, options.batch_plan(settings, 40))
        inputs, step = training.inputs, training.step
        session.run(tf.global_variables_initializer())
        training.start(session, 0)
        variables = {v.op.name: v for v in tf.global_variables() if v.op.name.startswith(('Gen', 'Disc'))}
        initial = session.run(variables)
        generated = session.run(training.generator.images, {inputs.noise: feeds[0][1]})
        losses = [session.run([step.train_op, step.discriminator_loss, step.generator_loss],
                              {inputs.real_images: images, inputs.noise: noise})[1:] for images, noise in feeds]
        ours = session.run(variables)
    with tf.Graph().as_default(), tf.Session() as session:
        script = oracle.build(tf_layers, settings.learning_rate_generator, settings.epsilon, recipe)
        session.run(tf.global_variables_initializer())
        variables = {v.op.name: v for v in tf.global_variables() if v.op.name.startswith(('Gen', 'Disc'))}
        assert set(variables) == set(initial)
        for name, variable in variables.items():
            variable.load(initial[name], session)
        feeds = [(images, noise.reshape(8, *oracle.NETWORKS[recipe][1])) for images, noise in feeds]
        np.testing.assert_allclose(generated, session.run(
            script.generated, {script.noise: feeds[0][1], script.is_training: True}), atol=1e-5 * generated.max())
        for (images, noise), expected in zip(feeds, losses):
            np.testing.assert_allclose(expected, oracle.step(session, script, images, noise), rtol=1e-5)
        theirs = session.run(variables)
    for name, value in theirs.items() if smooth else ():
        error, change = np.abs(ours[name] - value).max(), np.abs(value - initial[name]).max()
        assert change > 0 and error <= max(1e-5 * np.abs(value).max(), 1e-7), name
        assert error <= 1e-3 * change + 2 ** -22 * np.abs(value).max(), name
