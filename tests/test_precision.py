"""--precision=bfloat16: what is rounded and what is not."""
import os

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from dcgan_tf1 import graph as graphs
from dcgan_tf1 import layers, options, sample, train
from dcgan_tf1.data import Images
from dcgan_tf1.errors import UserError
from dcgan_tf1.run_folder import RunFolder

FLAGS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'flags')
RECIPES = sorted(name[:-6] for name in os.listdir(FLAGS) if name != 'demo.flags')
on_tensorflow_2 = pytest.mark.skipif(tf.__version__.startswith('1.'), reason='TensorFlow 1 does not train in bfloat16')


@pytest.fixture(params=RECIPES)
def recipe(request, training_settings):
    """(flags…) → settings and 12 images of noise, of 32×32 where the recipe's are larger."""
    def make(*flags):
        settings = training_settings('--flagfile=' + os.path.join(FLAGS, request.param + '.flags'), '--batch_size=4',
                                     *flags)
        settings = settings._replace(image_size=min(settings.image_size, 32))
        shape = (12, settings.image_size, settings.image_size, settings.channels)
        return settings, Images(np.random.RandomState(0).randint(0, 256, shape).astype(np.uint8), 'a test')
    return make


@pytest.mark.parametrize('layer', [
    lambda x: layers.dense(layers.flatten(x), 7), lambda x: layers.conv2d(x, 7, 5, 2),
    lambda x: layers.conv2d_transpose(x, 1, 5, 2), lambda x: layers.conv2d_transpose(x, 7, 4, 1, 'valid'),
    lambda x: layers.batch_norm(x, tf.constant(True)), lambda x: layers.batch_norm(x, tf.constant(False)),
    lambda x: layers.batch_norm(layers.flatten(x), tf.constant(True))])
def test_layers_round_once(layer, graph):
    """Of what comes in, of the kernel and of what goes out, not in between: as in float32 but for that."""
    x = np.random.RandomState(0).normal(size=(8, 6, 6, 5)).astype(np.float32)
    tf.set_random_seed(1)
    outputs = []
    for dtype in (tf.bfloat16, tf.float32):
        with tf.variable_scope('layer', reuse=tf.AUTO_REUSE):
            outputs.append(layer(tf.cast(x, dtype)))
    low, high = outputs
    assert low.dtype == tf.bfloat16 and high.dtype == tf.float32
    assert all(variable.dtype.base_dtype == tf.float32 for variable in tf.global_variables())
    statistics = tf.get_collection(layers.BATCH_STATISTICS)
    assert all(statistic.batch.dtype == tf.float32 for statistic in statistics)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        low, high = session.run([layers.full_precision(low), high])
        batch = session.run([statistic.batch for statistic in statistics])
    assert 0 < np.abs(low - high).max() <= 0.01 * np.abs(high).max()  # 2⁻⁸ is the largest rounding of one number
    for ours, exact in zip(batch[:2], batch[2:]):
        np.testing.assert_allclose(ours, exact, atol=0.01)


def test_dropout(graph):
    tf.set_random_seed(1)
    tf.train.create_global_step()
    y = layers.dropout(tf.ones([1000], tf.bfloat16), 0.5, tf.constant(True))
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        assert set(session.run(layers.full_precision(y))) == {0., 2.} and y.dtype == tf.bfloat16


def test_the_head_is_exact(recipe):
    """Logits, losses and images come in float32; what makes the logits computes in it; the layers before it don't."""
    settings, _ = recipe('--precision=bfloat16')
    with tf.Graph().as_default() as graph:
        computation = tf.bfloat16, 'native'
        shape = (settings.image_size, settings.image_size, settings.channels)
        images = graphs.Network('Generator', graphs._generator(settings, shape), tf.constant(True),
                                computation=computation)(tf.ones([4, settings.noise_dim])).output
        tf.train.create_global_step()
        tf.set_random_seed(0)
        logits = graphs.Network('Discriminator', graphs._discriminator(settings), tf.constant(True),
                                computation=computation)(images).output
        products = [operation for operation in graph.get_operations()
                    if operation.type in ('Conv2D', 'Conv2DBackpropInput', 'MatMul')]
        assert images.dtype == logits.dtype == tf.float32
        assert {operation.outputs[0].dtype for operation in products[:-1]} == {tf.bfloat16}
        assert products[-1].outputs[0].dtype == tf.float32
        # No rounding on the way from there to the logits.
        operation = logits.op
        while operation is not products[-1]:
            assert operation.outputs[0].dtype == tf.float32
            operation = operation.inputs[0].op
        assert all(variable.dtype.base_dtype.is_integer or variable.dtype.base_dtype == tf.float32
                   for variable in tf.global_variables())


@on_tensorflow_2
def test_a_step_is_that_of_float32_but_for_rounding(recipe):
    """Of every recipe: the losses to 2 %, the same variables, all finite after three steps."""
    results = []
    for precision in ('float32', 'bfloat16'):
        settings, images = recipe('--precision=' + precision)
        with tf.Graph().as_default(), tf.Session() as session:
            training = graphs.build_training(settings, images, options.batch_plan(settings, 12))
            session.run(tf.global_variables_initializer())
            training.start(session, 0)
            step = training.step
            losses = [session.run([step.train_op, step.discriminator_loss, step.generator_loss])[1:]
                      for _ in range(3)]
            results.append((losses[0], {v.name: v.dtype for v in tf.global_variables()}))
            assert np.isfinite(losses).all() and not len(session.run(training.not_finite))
            assert step.discriminator_loss.dtype == step.real_log_odds.dtype == tf.float32
    np.testing.assert_allclose(results[1][0], results[0][0], rtol=0.02)
    assert results[0][1] == results[1][1]


SMALL = ['--dataset=digits', '--batch_size=8', '--sample_size=4', '--checkpoint_every=3']


@on_tensorflow_2
def test_a_run_resumes_bit_for_bit_and_is_sampled_as_it_was_trained(tmp_path, training_settings, sampling_settings):
    def run(name, steps):
        folder = str(tmp_path / name)
        assert train.run(training_settings(*SMALL, '--precision=bfloat16', '--run_dir=' + folder,
                                           '--steps=%d' % steps)) == 0
        return RunFolder(folder)
    run('resumed', 3)
    resumed, whole = run('resumed', 6), run('whole', 6)
    readers = [tf.train.load_checkpoint(tf.train.latest_checkpoint(folder.checkpoints)) for folder in (resumed, whole)]
    for name in readers[0].get_variable_to_shape_map():
        np.testing.assert_array_equal(*[reader.get_tensor(name) for reader in readers], err_msg=name)
    # The grid of the last step, and the same noise in either precision.
    made = []
    for flags in (['--run_dir=' + whole.path], ['--checkpoint=' + whole.checkpoint_prefix + '-6']):
        output = str(tmp_path / 'images.npy')
        assert sample.run(sampling_settings(*flags, '--num_images=4', '--output=' + output)) == 0
        made.append(np.load(output))
    assert 0 < np.abs(made[0] - made[1]).max() < 0.1
    with pytest.raises(UserError, match='--precision is bfloat16 there, not float32'):
        train.run(training_settings(*SMALL, '--run_dir=' + whole.path, '--steps=9'))


@pytest.mark.skipif(not tf.__version__.startswith('1.'), reason='TensorFlow 2 trains in bfloat16')
def test_tensorflow_1_refuses(training_settings, tmp_path):
    with pytest.raises(UserError, match='--precision=bfloat16 does not train on TensorFlow 1.*--precision=float32'):
        train.run(training_settings(*SMALL, '--precision=bfloat16', '--run_dir=' + str(tmp_path / 'run')))
    assert not os.path.exists(str(tmp_path / 'run'))
