"""The recipes of posts 002 and 004 against the scripts that the posts were made from, run by `dcgan_tf1.legacy`.

The scripts are not part of this project. $DCGAN_TF1_CODE_DIR names a folder with clones of their repositories.
"""
import os

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from helpers import script_arguments

from scripts.experiments.legacy import clones
from scripts.experiments.upstream import __main__ as upstream
from scripts.experiments.upstream.comparison import compare, difference, sensitivity
from scripts.experiments.upstream.page import page
from scripts.lib.double_precision import double_precision

pytestmark = [pytest.mark.slow, pytest.mark.skipif(
    tf.__version__.startswith('1.'), reason='the scripts are compared on TensorFlow 2')]

# A script in the manner of post 002's, on random images.
SCRIPT = '''
import numpy as np
import tensorflow as tf
from scripts.benchmarks.training.reference import tf_layers_graph_mode
tf_layers_graph_mode.tf = tf  # as if this code were written here
np.random.seed(0)  # of some inputs, a gradient is so close to zero that Adam turns rounding errors of it into 1e-8
tf.set_random_seed(0)
script = tf_layers_graph_mode.build(tf.layers, recipe=%r, with_updates=False)
with tf.Session() as session:
    session.run(tf.global_variables_initializer())
    while True:
        images, noise = np.random.uniform(-1, 1, (4, 28, 28, 1)), np.random.uniform(-1, 1, (4, %s100))
        session.run([script.losses], {script.images: images, script.noise: noise, script.is_training: True})
        session.run(script.train_generator, {script.noise: noise, script.is_training: True})
        session.run([script.train_discriminator],
                    {script.images: images, script.noise: noise, script.is_training: True})
'''
LOSSES = {'discriminator': 'Mean:0', 'generator': 'Mean_1:0'}  # in the order in which the reference creates them


@pytest.fixture(autouse=True)
def _installed():
    pytest.importorskip('tf_keras', reason='tf_keras is not installed')
    pytest.importorskip('tf_slim', reason='tf_slim is not installed')


@pytest.fixture
def recorded(tmp_path, monkeypatch):
    """(recipe, shape of the noise, precision) → the folder of three recorded steps of `SCRIPT`."""
    def call(recipe, noise, precision):
        clone = tmp_path / 'clones' / 'owner' / 'name'
        clone.mkdir(parents=True)
        (clone / 'gan.py').write_text(SCRIPT % (recipe, noise))
        monkeypatch.setattr(clones, 'repositories', lambda: [{'repository': 'owner/name', 'commit': '1234567890'}])
        source = upstream.Source('0', 'owner/name', 'gan.py', LOSSES, (1, 3))
        folder = tmp_path / 'recorded'
        folder.mkdir()
        options = script_arguments(upstream, '--code_dir=%s/clones' % tmp_path, '--data_dir=%s' % tmp_path, '--steps=3')
        upstream.record(source, precision, str(folder), options)
        return str(folder)
    return call


def assert_equal_in_double_precision(folder, flags):
    same = compare(folder, flags, 'float64')
    assert len(same['losses']) == 3 and max(same['losses'] + same['weights']) < 1e-8
    assert max(same['moving']) == 0 and same['same_noise']


def test_convolutions_and_batch_norm_in_double_precision(recorded):
    folder = recorded('graph_mode', '1, 1, ', 'float64')
    with double_precision():
        assert_equal_in_double_precision(folder, ['--recipe=graph_mode', '--batch_size=4', '--update_ops=false'])


def test_a_difference_is_found_in_double_precision(recorded):
    folder = recorded('graph_mode_dense', '', 'float64')
    flags = ['--recipe=graph_mode_dense', '--batch_size=4']
    with double_precision():
        assert_equal_in_double_precision(folder, flags)
        assert max(compare(folder, [*flags, '--beta1=0.501'], 'float64')['weights']) > 1e-6
        with pytest.raises(ValueError, match='trains the generator first'):
            compare(folder, [*flags, '--schedule=discriminator_then_generator'], 'float64')


def test_single_precision_and_the_page(recorded):
    folder = recorded('graph_mode_dense', '', 'float32')
    flags = ['--recipe=graph_mode_dense', '--batch_size=4']
    measured = compare(folder, flags, 'float32')
    assert max(measured['losses'] + measured['weights']) < 1e-3
    nudged = sensitivity(folder, flags)
    assert 0 < max(nudged['weights']) < 1e-3
    results = {'graph_mode_dense': {'float64': measured, 'float32': measured, 'sensitivity': nudged}}
    text = page(upstream.SOURCES, {source.repository: 'abc' for source in upstream.SOURCES.values()}, results, 'm')
    assert '%.0e' % max(nudged['weights']) in text


def test_double_precision_ends_with_its_context(graph):
    with double_precision():
        assert tf.placeholder(tf.float32).dtype.name == tf.constant(1.).dtype.name == 'float64'
        x = np.random.RandomState(0).randn(3, 4, 5, 2)
        y, mean, variance = tf.nn.fused_batch_norm(tf.constant(x), tf.ones([2], tf.float32), tf.zeros([2], tf.float32))
    assert tf.placeholder(tf.float32).dtype.name == tf.constant(1.).dtype.name == 'float32'
    with tf.Session() as session:
        y, mean, variance = session.run([y, mean, variance])
    assert difference(mean, x.mean((0, 1, 2))) < 1e-14 and difference(variance, x.var((0, 1, 2))) < 1e-14
    assert difference(y, (x - x.mean((0, 1, 2))) / np.sqrt(x.var((0, 1, 2)) + 0.001)) < 1e-14


@pytest.mark.parametrize('recipe', sorted(upstream.SOURCES))
def test_twenty_steps_equal_those_of_the_script(recipe, mnist_dir, tmp_path):
    code_dir = os.environ.get('DCGAN_TF1_CODE_DIR')
    source = upstream.SOURCES[recipe]
    if not code_dir or not os.path.isdir(os.path.join(code_dir, source.repository)):
        pytest.skip('$DCGAN_TF1_CODE_DIR names no folder with a clone of ' + source.repository)
    options = script_arguments(upstream, '--code_dir=' + code_dir, '--data_dir=' + mnist_dir)
    upstream.record(source, 'float64', str(tmp_path), options)
    with double_precision():
        result = compare(str(tmp_path), ['--recipe=' + recipe, *source.flags], 'float64', source.canceled)
    assert len(result['losses']) == 20 and max(result['losses']) < 1e-8
    assert max(result['weights']) < 1e-8 and max(result['moving']) < 1e-6 and max(result['canceled']) < 1e-6
    assert np.median(result['raced']) < 1e-6  # updates that overlap, which is the script's fault, are rare


def test_a_missing_clone_is_named(tmp_path):
    options = script_arguments(upstream, '--code_dir=%s' % tmp_path, '--data_dir=.')
    with pytest.raises(SystemExit, match='clone it from https://github.com/CarlFredriksson/dcgan_tensorflow'):
        upstream.record(upstream.SOURCES['graph_mode'], 'float64', str(tmp_path), options)
