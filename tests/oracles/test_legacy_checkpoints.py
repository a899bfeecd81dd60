"""Checkpoints of scripts that use plain `tf.layers` and `tf.train.Saver`, as the posts do."""
import collections
import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from helpers import ROOT, TENSORFLOW, final_variables

from dcgan_tf1.runs.folder import RunFolder
from dcgan_tf1.sample import command as sample
from dcgan_tf1.train.training import train
from dcgan_tf1.util.errors import UserError
from scripts.benchmarks.training.reference import tf_layers_graph_mode
from scripts.benchmarks.training.reference import tf_layers_sparse_softmax as oracle

FLAGS = os.path.join(os.path.dirname(__file__), '..', '..', 'flags')
NOISE = np.random.RandomState(0).uniform(-1, 1, (9, 100)).astype(np.float32)


# path: of a checkpoint; batch_images and moving_images: what the script's generator makes of NOISE in training and
# inference mode; values: {name: value} of everything in the checkpoint.
Script = collections.namedtuple('Script', 'path batch_images moving_images values')


@pytest.fixture(scope='module')
def scripts(tf_layers, tmp_path_factory):
    """{whether the checkpoint has the state of Adam: `Script` after three training steps}."""
    with tf.Graph().as_default(), tf.Session() as session:
        built = tf_layers_graph_mode.build(tf_layers)
        session.run(tf.global_variables_initializer())
        random = np.random.RandomState(1)
        for _ in range(3):
            tf_layers_graph_mode.step(session, built, random.uniform(-1, 1, (4, 28, 28, 1)),
                                      random.uniform(-1, 1, (4, 1, 1, 100)))
        images = [session.run(built.generated, {built.noise: NOISE.reshape(9, 1, 1, 100), built.is_training: mode})
                  for mode in (True, False)]
        results = {}
        for with_adam in (True, False):
            saved = [v for v in tf.global_variables() if with_adam or not (
                'Adam' in v.op.name or 'power' in v.op.name)]
            path = tf.train.Saver(saved).save(session, str(tmp_path_factory.mktemp('script') / 'model.ckpt'))
            results[with_adam] = Script(path, *images, session.run({v.op.name: v for v in saved}))
        return results


@pytest.fixture
def script(scripts):
    return scripts[True]


@pytest.mark.slow
def test_sample_generates_the_images_of_the_script(script, sampling_settings, tmp_path):
    np.save(str(tmp_path / 'z.npy'), NOISE.reshape(9, 1, 1, 100))
    for mode, expected in (('batch', script.batch_images), ('moving', script.moving_images)):
        output = str(tmp_path / 'images.npy')
        assert sample.run(sampling_settings(
            '--flagfile=%s/graph_mode.flags' % FLAGS, '--checkpoint=' + script.path, '--noise=%s/z.npy' % tmp_path,
            '--bn_mode=' + mode, '--output=' + output)) == 0
        images = np.load(output)
        assert images.dtype == np.float32 and images.shape == (9, 28, 28, 1)
        np.testing.assert_allclose(images, expected, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize('with_adam', [True, False])
def test_training_starts_from_the_checkpoint(with_adam, scripts, training_settings, tmp_path, capsys):
    """With a learning rate of nearly 0, the weights stay those of the script. Adam's state is restored if saved."""
    script = scripts[with_adam]
    settings = training_settings(
        '--flagfile=%s/graph_mode.flags' % FLAGS, '--dataset=mnist_10k', '--steps=1', '--batch_size=4',
        '--sample_size=4', '--init_checkpoint=' + script.path, '--learning_rate_generator=1e-30',
        '--learning_rate_discriminator=1e-30', '--run_dir=' + str(tmp_path / 'run'))
    assert train(settings) == 0
    assert with_adam == ('Generator/conv2d_transpose/kernel/Adam' in script.values)
    assert ('with the state of Adam' if with_adam else 'with a new state of Adam') in capsys.readouterr().err
    variables = final_variables(RunFolder(settings.run_dir))
    assert variables['global_step'] == 1
    for name, value in script.values.items():
        if 'Adam' not in name and 'power' not in name and 'moving' not in name:
            np.testing.assert_allclose(variables[name], value, atol=1e-12, err_msg=name)
    assert variables['generator_step/Generator_update/beta1_power'] == pytest.approx(
        0.5 ** (1 + 1 + (3 if with_adam else 0)))


@pytest.mark.slow
@pytest.mark.any_tensorflow
def test_a_checkpoint_that_does_not_match(script, training_settings, sampling_settings, tmp_path):
    """The error names all missing, unexpected and wrongly shaped variables."""
    with pytest.raises(UserError) as error:
        train(training_settings('--dataset=mnist_10k', '--batch_size=4', '--init_checkpoint=' + script.path,
                                '--run_dir=' + str(tmp_path / 'run')))
    for part in ('missing: Generator/dense/kernel', 'missing: Discriminator/dense_1/bias',
                 'unexpected: Generator/conv2d_transpose_2/kernel', 'wrong shape: Discriminator/conv2d/kernel is '
                 '[5, 5, 1, 128] there, not [5, 5, 1, 64]'):
        assert part in str(error.value)
    with pytest.raises(UserError, match='missing: Generator/dense/kernel.*wrong shape'):
        sample.run(sampling_settings('--checkpoint=' + script.path, '--output=x.npy'))


@pytest.mark.slow
@pytest.mark.any_tensorflow
def test_a_checkpoint_for_the_default_recipe(tf_layers, sampling_settings, tmp_path):
    """The variables have the names of post 004: layers with biases, and dense layers."""
    with tf.Graph().as_default(), tf.Session() as session:
        built = oracle.build(tf_layers)
        session.run(tf.global_variables_initializer())
        path = tf.train.Saver().save(session, str(tmp_path / 'model'))
        expected = session.run(built.generated, {built.noise: NOISE, built.is_training: True})
    np.save(str(tmp_path / 'z.npy'), NOISE)
    assert sample.run(sampling_settings('--checkpoint=' + path, '--noise=%s/z.npy' % tmp_path, '--bn_mode=batch',
                                        '--output=%s/images.npy' % tmp_path)) == 0
    np.testing.assert_allclose(np.load(str(tmp_path / 'images.npy')), expected, atol=1e-5)


# The generator of post 004 with the defaults of `tf.contrib.layers`: no gamma, and no bias before batch norm.
CONTRIB_SCRIPT = """
import numpy as np
import tensorflow as tf
layers = tf.contrib.layers

noise = tf.placeholder(tf.float32, [None, 100])
is_training = tf.placeholder(tf.bool, [])
normalized = dict(activation_fn=tf.nn.relu, normalizer_fn=layers.batch_norm,
                  normalizer_params={'is_training': is_training})
with tf.variable_scope('generator'):
    x = tf.reshape(layers.fully_connected(noise, 7 * 7 * 128, **normalized), [-1, 7, 7, 128])
    x = layers.conv2d_transpose(x, 64, 5, stride=2, **normalized)
    images = layers.conv2d_transpose(x, 1, 5, stride=2, activation_fn=tf.nn.tanh)

random = np.random.RandomState(0)
with tf.Session() as session:
    for variable in tf.global_variables():
        if 'variance' in variable.op.name:
            variable.load(random.uniform(0.5, 2, variable.shape), session)
        else:
            variable.load(random.normal(0, 0.1, variable.shape), session)
    tf.train.Saver().save(session, 'all/model.ckpt')
    tf.train.Saver(tf.trainable_variables()).save(session, 'trainable/model.ckpt')
    for mode in ('batch', 'moving'):
        np.save(mode, session.run(images, {noise: np.load('z.npy'), is_training: mode == 'batch'}))
"""


@pytest.mark.slow
def test_checkpoints_of_contrib_layers(sampling_settings, tmp_path):
    if TENSORFLOW >= (2, 0):
        pytest.importorskip('tf_slim', reason='tf_slim is not installed')
    np.save(str(tmp_path / 'z.npy'), NOISE)
    (tmp_path / 'script.py').write_text(CONTRIB_SCRIPT)
    subprocess.check_call([sys.executable, '-m', 'dcgan_tf1.legacy', 'script.py'], cwd=str(tmp_path),
                          env={**os.environ, 'PYTHONPATH': ROOT})

    def sampled(saved, mode, *flags):
        assert sample.run(sampling_settings(
            '--checkpoint=%s' % (tmp_path / saved), '--noise=%s' % (tmp_path / 'z.npy'), '--bn_mode=' + mode,
            '--output=%s' % (tmp_path / 'images.npy'), *flags)) == 0
        return np.load(str(tmp_path / 'images.npy'))

    for saved, mode in (('all', 'batch'), ('all', 'moving'), ('trainable', 'batch')):
        with pytest.raises(UserError, match='load it with --checkpoint_names=generator=Generator') as error:
            sampled(saved, mode)
        np.testing.assert_allclose(sampled(saved, mode, str(error.value).split()[-1]),
                                   np.load(str(tmp_path / (mode + '.npy'))), atol=1e-5)
