"""Checkpoints of scripts written with plain `tf.layers` and `tf.train.Saver`, as the posts' are."""
import os

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from dcgan_tf1 import sample, train
from dcgan_tf1.errors import UserError
from dcgan_tf1.run_folder import RunFolder
from scripts.benchmarks.training.reference import tf_layers_graph_mode
from scripts.benchmarks.training.reference import tf_layers_sparse_softmax as oracle

FLAGS = os.path.join(os.path.dirname(__file__), '..', '..', 'flags')
NOISE = np.random.RandomState(0).uniform(-1, 1, (9, 100)).astype(np.float32)


@pytest.fixture(params=['with Adam', 'without Adam'])
def legacy(request, tf_layers, tmp_path):
    """(path of a checkpoint, images of NOISE in batch mode, in moving mode, variables)."""
    with tf.Graph().as_default(), tf.Session() as session:
        script = tf_layers_graph_mode.build(tf_layers)
        noise, is_training, images = script.noise, script.is_training, script.generated
        session.run(tf.global_variables_initializer())
        random = np.random.RandomState(1)
        for _ in range(3):
            tf_layers_graph_mode.step(session, script, random.uniform(-1, 1, (4, 28, 28, 1)),
                                      random.uniform(-1, 1, (4, 1, 1, 100)))
        kept = [v for v in tf.global_variables() if request.param == 'with Adam' or not (
            'Adam' in v.op.name or 'power' in v.op.name)]
        path = tf.train.Saver(kept).save(session, str(tmp_path / 'script' / 'model.ckpt'))
        return (path, *(session.run(images, {noise: NOISE.reshape(9, 1, 1, 100), is_training: mode})
                        for mode in (True, False)), session.run(
                            {v.op.name: v for v in kept}))


def test_sample_makes_the_scripts_images(legacy, sampling_settings, tmp_path):
    path, batch, moving = legacy[:3]
    np.save(str(tmp_path / 'z.npy'), NOISE.reshape(9, 1, 1, 100))
    for mode, expected in (('batch', batch), ('moving', moving)):
        output = str(tmp_path / 'images.npy')
        assert sample.run(sampling_settings(
            '--flagfile=%s/graph_mode.flags' % FLAGS, '--checkpoint=' + path, '--noise=%s/z.npy' % tmp_path,
            '--bn_mode=' + mode, '--output=' + output)) == 0
        made = np.load(output)
        assert made.dtype == np.float32 and made.shape == (9, 28, 28, 1)
        np.testing.assert_allclose(made, expected, atol=1e-5)


def test_training_goes_on_from_the_script(legacy, training_settings, tmp_path, capsys):
    """With a learning rate of nothing the weights stay the script's; its Adam state comes along where it was saved."""
    path, values = legacy[0], legacy[3]
    settings = training_settings(
        '--flagfile=%s/graph_mode.flags' % FLAGS, '--dataset=digits', '--steps=1', '--batch_size=4', '--sample_size=4',
        '--init_checkpoint=' + path, '--learning_rate_generator=1e-30', '--learning_rate_discriminator=1e-30',
        '--run_dir=' + str(tmp_path / 'run'))
    assert train.run(settings) == 0
    with_adam = 'Generator/conv2d_transpose/kernel/Adam' in values
    assert ('with the state of Adam' if with_adam else 'Adam begins anew') in capsys.readouterr().err
    reader = tf.train.load_checkpoint(tf.train.latest_checkpoint(RunFolder(settings.run_dir).checkpoints))
    assert reader.get_tensor('global_step') == 1
    for name, value in values.items():
        if 'Adam' not in name and 'power' not in name and 'moving' not in name:
            np.testing.assert_allclose(reader.get_tensor(name), value, atol=1e-12, err_msg=name)
    power = reader.get_tensor('generator_step/Generator_update/beta1_power')
    assert power == pytest.approx(0.5 ** (1 + 1 + (3 if with_adam else 0)))


def test_a_checkpoint_that_does_not_match_names_every_fault(legacy, training_settings, sampling_settings, tmp_path):
    path = legacy[0]
    with pytest.raises(UserError) as error:
        train.run(training_settings('--dataset=digits', '--batch_size=4', '--init_checkpoint=' + path,
                                    '--run_dir=' + str(tmp_path / 'run')))
    for part in ('missing: Generator/dense/kernel', 'missing: Discriminator/dense_1/bias',
                 'surplus: Generator/conv2d_transpose_2/kernel', 'misshapen: Discriminator/conv2d/kernel is '
                 '[5, 5, 1, 128] there, not [5, 5, 1, 64]'):
        assert part in str(error.value)
    with pytest.raises(UserError, match='missing: Generator/dense/kernel.*misshapen'):
        sample.run(sampling_settings('--checkpoint=' + path, '--output=x.npy'))


def test_the_default_recipes_script(tf_layers, sampling_settings, tmp_path):
    """Post 004's own names, from `tf.layers` with biases and dense layers."""
    with tf.Graph().as_default(), tf.Session() as session:
        script = oracle.build(tf_layers)
        session.run(tf.global_variables_initializer())
        path = tf.train.Saver().save(session, str(tmp_path / 'model'))
        expected = session.run(script.generated, {script.noise: NOISE, script.is_training: True})
    np.save(str(tmp_path / 'z.npy'), NOISE)
    assert sample.run(sampling_settings('--checkpoint=' + path, '--noise=%s/z.npy' % tmp_path, '--bn_mode=batch',
                                        '--output=%s/images.npy' % tmp_path)) == 0
    np.testing.assert_allclose(np.load(str(tmp_path / 'images.npy')), expected, atol=1e-5)
