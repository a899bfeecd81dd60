"""--precision=bfloat16: what is rounded to bfloat16, and what stays float32."""
import os

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from helpers import FEW_FILTERS, MAIN_RUN

from dcgan_tf1.data import Images
from dcgan_tf1.model import graph as graphs
from dcgan_tf1.model import layers, precision
from dcgan_tf1.model.inputs import batch_plan
from dcgan_tf1.sample import command as sample
from dcgan_tf1.settings import recipes
from dcgan_tf1.train.training import train
from dcgan_tf1.util.errors import UserError

if_it_trains = pytest.mark.skipif(not precision.works('bfloat16'),
                                  reason='this TensorFlow does not train in bfloat16')


@pytest.fixture(params=recipes.names())
def recipe(request, training_settings):
    """(flags…) → (settings of the recipe, 12 images of noise). Images are at most 32×32."""
    def call(*flags):
        settings = training_settings('--recipe=' + request.param, '--batch_size=4', *flags)
        settings = settings.replace(image_size=min(settings.image_size, 32))
        shape = (12, settings.image_size, settings.image_size, settings.channels)
        return settings, Images(np.random.RandomState(0).randint(0, 256, shape).astype(np.uint8), 'a test')
    return call


@pytest.mark.skipif(not precision.works('bfloat16', training=False), reason='this TensorFlow has no layers in bfloat16')
@pytest.mark.parametrize('layer', [
    lambda x: layers.dense(layers.flatten(x), 7), lambda x: layers.conv2d(x, 7, 5, 2),
    lambda x: layers.conv2d_transpose(x, 1, 5, 2), lambda x: layers.conv2d_transpose(x, 7, 4, 1, 'valid'),
    lambda x: layers.batch_norm(x, tf.constant(True)), lambda x: layers.batch_norm(x, tf.constant(False)),
    lambda x: layers.batch_norm(layers.flatten(x), tf.constant(True))])
def test_layers_round_only_inputs_kernels_and_outputs(layer, graph):
    """Except for these roundings, a layer computes the same as in float32."""
    x = np.random.RandomState(0).normal(size=(8, 6, 6, 5)).astype(np.float32)
    tf.set_random_seed(1)
    outputs = []
    for dtype in (tf.bfloat16, tf.float32):
        with tf.variable_scope('layer', reuse=tf.AUTO_REUSE):
            outputs.append(layer(tf.cast(x, dtype)))
    in_bfloat16, in_float32 = outputs
    assert in_bfloat16.dtype == tf.bfloat16 and in_float32.dtype == tf.float32
    assert all(variable.dtype.base_dtype == tf.float32 for variable in tf.global_variables())
    statistics = tf.get_collection(layers.BATCH_STATISTICS)
    assert all(statistic.batch.dtype == tf.float32 for statistic in statistics)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        in_bfloat16, in_float32 = session.run([layers.full_precision(in_bfloat16), in_float32])
        batch = session.run([statistic.batch for statistic in statistics])
    # A single rounding changes a number by up to 2⁻⁸ of its magnitude.
    assert 0 < np.abs(in_bfloat16 - in_float32).max() <= 0.01 * np.abs(in_float32).max()
    for rounded, exact in zip(batch[:2], batch[2:]):
        np.testing.assert_allclose(rounded, exact, atol=0.01)


def test_dropout_in_bfloat16(graph):
    tf.set_random_seed(1)
    tf.train.create_global_step()
    y = layers.dropout(tf.ones([1000], tf.bfloat16), 0.5, tf.constant(True))
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        assert set(session.run(layers.full_precision(y))) == {0., 2.} and y.dtype == tf.bfloat16


@pytest.mark.slow
@pytest.mark.any_tensorflow
def test_logits_are_computed_in_float32(recipe):
    """Images and logits are float32, and so is the last layer of the discriminator. All layers before it are not."""
    settings, _ = recipe('--precision=bfloat16')
    with tf.Graph().as_default() as graph:
        both = graphs.Networks(settings)
        images = both.generator(tf.constant(True))(tf.ones([4, settings.noise_dim])).output
        tf.train.create_global_step()
        tf.set_random_seed(0)
        logits = both.discriminator(tf.constant(True))(images).output
        products = [operation for operation in graph.get_operations()
                    if operation.type in ('Conv2D', 'Conv2DBackpropInput', 'MatMul')]
        assert images.dtype == logits.dtype == tf.float32
        assert {operation.outputs[0].dtype for operation in products[:-1]} == {tf.bfloat16}
        assert products[-1].outputs[0].dtype == tf.float32
        # Nothing is rounded between the last layer and the logits.
        operation = logits.op
        while operation is not products[-1]:
            assert operation.outputs[0].dtype == tf.float32
            operation = operation.inputs[0].op
        assert all(variable.dtype.base_dtype.is_integer or variable.dtype.base_dtype == tf.float32
                   for variable in tf.global_variables())


@pytest.mark.slow
@if_it_trains
@pytest.mark.parametrize('recipe', ['graph_mode', 'machinecurve'], indirect=True)
def test_a_step_equals_that_of_float32_except_for_rounding(recipe):
    """The losses differ by up to 2%, the variables have the same types, and all values are finite."""
    results = []  # of two networks that have every kind of layer
    for name in ('float32', 'bfloat16'):
        settings, images = recipe('--precision=' + name)
        with tf.Graph().as_default(), tf.Session() as session:
            training = graphs.build_training(settings, images, batch_plan(settings, 12))
            session.run(tf.global_variables_initializer())
            training.start_batches(session, 0)
            step = training.step
            losses = [session.run([step.train_op, step.discriminator_loss, step.generator_loss])[1:]
                      for _ in range(3)]
            results.append((losses[0], {v.name: v.dtype for v in tf.global_variables()}))
            assert np.isfinite(losses).all() and all(
                np.isfinite(value).all() for value in session.run(tf.global_variables()))
            assert step.discriminator_loss.dtype == step.real_logits.dtype == tf.float32
    np.testing.assert_allclose(results[1][0], results[0][0], rtol=0.02)
    assert results[0][1] == results[1][1]


RUN = (*MAIN_RUN, FEW_FILTERS)


@pytest.mark.slow
@if_it_trains
def test_a_run_in_bfloat16(tmp_path, trained, training_settings, sampling_settings):
    """`sample` uses the precision of the training. (That it resumes bit for bit is tested in test_fastest.py.)"""
    whole = trained(*RUN, '--precision=bfloat16', '--steps=4')
    # With --run_dir in bfloat16, with --checkpoint alone in float32.
    images = []
    for flags in (['--run_dir=' + whole.path], [*RUN, '--checkpoint=' + whole.checkpoint_prefix + '-4']):
        output = str(tmp_path / 'images.npy')
        assert sample.run(sampling_settings(*flags, '--num_images=4', '--output=' + output)) == 0
        images.append(np.load(output))
    assert 0 < np.abs(images[0] - images[1]).max() < 0.1
    with pytest.raises(UserError, match='--precision is bfloat16 there, not float32'):
        train(training_settings(*RUN, '--run_dir=' + whole.path, '--steps=9'))


@pytest.mark.skipif(precision.works('bfloat16'), reason='this TensorFlow trains in bfloat16')
def test_a_tensorflow_without_bfloat16_refuses(training_settings, tmp_path):
    with pytest.raises(UserError, match='--precision=bfloat16 does not train on TensorFlow .*--precision=float32'):
        train(training_settings(*RUN, '--precision=bfloat16', '--run_dir=' + str(tmp_path / 'run')))
    assert not os.path.exists(str(tmp_path / 'run'))
