"""Recipes `graph_mode` and `graph_mode_dense` against the same scripts written with `tf.layers`."""
import os

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from helpers import load_variables
from training_steps import assert_same_training

from dcgan_tf1.model import graph as graphs
from dcgan_tf1.model.inputs import batch_plan
from scripts.benchmarks.training.reference import tf_layers_graph_mode as oracle

FLAGS = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'flags')


def model_variables():
    return {v.op.name: v for v in tf.global_variables() if v.op.name.startswith(('Generator', 'Discriminator'))}


@pytest.mark.slow
@pytest.mark.parametrize('recipe', sorted(oracle.NETWORKS))
@pytest.mark.parametrize('smooth', [False, True])
def test_training_equals_tf_layers(smooth, recipe, training_settings, random_images, tf_layers, make_smooth):
    """Images of the initial weights, losses of every step, and all variables after ten steps.

    With the recipe's own ReLUs, only the images and losses of the first step are compared: some unit is always within
    rounding of a kink.
    """
    if smooth:
        make_smooth()
    settings = training_settings('--flagfile=%s/%s.flags' % (FLAGS, recipe), '--batch_size=4', '--epsilon=0.001')
    random = np.random.RandomState(0)
    feeds = [(random.uniform(-1, 1, (4, 28, 28, 1)), random.uniform(-1, 1, (4, 100)))
             for _ in range(10 if smooth else 1)]
    with tf.Graph().as_default(), tf.Session() as session:
        training = graphs.build_training(settings, random_images, batch_plan(settings, 40))
        inputs, step = training.inputs, training.step
        session.run(tf.global_variables_initializer())
        training.start_batches(session, 0)
        variables = model_variables()
        initial = session.run(variables)
        generated = session.run(training.generator.images, {inputs.noise: feeds[0][1]})
        losses = [session.run([step.train_op, step.discriminator_loss, step.generator_loss],
                              {inputs.real_images: images, inputs.noise: noise})[1:] for images, noise in feeds]
        final = session.run(variables)
    with tf.Graph().as_default(), tf.Session() as session:
        script = oracle.build(tf_layers, settings.learning_rate_generator, settings.epsilon, recipe)
        session.run(tf.global_variables_initializer())
        variables = model_variables()
        assert set(variables) == set(initial)
        load_variables(session, [(variable, initial[name]) for name, variable in variables.items()])
        feeds = [(images, noise.reshape(4, *oracle.NETWORKS[recipe][1])) for images, noise in feeds]
        np.testing.assert_allclose(generated, session.run(
            script.generated, {script.noise: feeds[0][1], script.is_training: True}), atol=1e-5 * generated.max())
        for (images, noise), step_losses in zip(feeds, losses):
            np.testing.assert_allclose(step_losses, oracle.step(session, script, images, noise), rtol=1e-5)
        expected = session.run(variables)
    if smooth:
        for name, value in expected.items():
            assert_same_training(final[name], value, initial[name], name)
