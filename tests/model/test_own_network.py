"""--network=FILE: anyone's generator and discriminator, written with tf.layers, tf.nn or this package's layers."""
import os
import re
import shutil
import sys
import textwrap

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from helpers import FEW_FILTERS, ROOT, TENSORFLOW, assert_same_run, load_variables

from dcgan_tf1 import api, export
from dcgan_tf1.export import ExportSettings
from dcgan_tf1.model import graph as graphs
from dcgan_tf1.model import networks, standing_statistics
from dcgan_tf1.model.collectives import Replicas
from dcgan_tf1.model.inputs import batch_plan
from dcgan_tf1.model.schedules import SCHEDULES
from dcgan_tf1.runs.folder import RunFolder
from dcgan_tf1.runs.saved_settings import network_checksum, run_dir
from dcgan_tf1.sample.settings import SampleSettings
from dcgan_tf1.settings import cli_flags
from dcgan_tf1.settings.train import TrainSettings
from dcgan_tf1.train import training
from dcgan_tf1.train.training import train
from dcgan_tf1.util.errors import UserError

# The network of a post, as its script calls tf.layers, but with the filters of tests/few_filters.py.
TF_LAYERS = '''
    import tensorflow.compat.v1 as tf

    def generator(z, is_training):
        x = tf.layers.dense(z, units=7 * 7 * 8)
        x = tf.nn.relu(tf.layers.batch_normalization(x, training=is_training))
        x = tf.reshape(x, shape=[-1, 7, 7, 8])
        x = tf.layers.conv2d_transpose(x, 4, 5, strides=2, padding='same')
        x = tf.nn.relu(tf.layers.batch_normalization(x, training=is_training))
        return tf.nn.tanh(tf.layers.conv2d_transpose(x, 1, 5, strides=2, padding='same'))

    def discriminator(x, is_training):
        def activate(x):
            return tf.nn.leaky_relu(tf.layers.batch_normalization(x, training=is_training), alpha=0.2)
        x = activate(tf.layers.conv2d(x, 4, 5, strides=2, padding='same'))
        x = activate(tf.layers.conv2d(x, 8, 5, strides=2, padding='same'))
        x = activate(tf.layers.dense(tf.reshape(x, shape=[-1, 7 * 7 * 8]), 16))
        return tf.layers.dense(x, 2)
    '''
SMALL = '''
    import tensorflow.compat.v1 as tf

    def generator(z, is_training):
        x = tf.nn.relu(tf.layers.batch_normalization(tf.layers.dense(z, 16), training=is_training))
        return tf.nn.tanh(tf.layers.dense(x, 28 * 28))

    def discriminator(x, reuse):
        with tf.variable_scope('layers', reuse=reuse):
            return tf.layers.dense(tf.layers.flatten(x), 1)
    '''
SMALL_RUN = ('--dataset=mnist_10k', '--batch_size=8', '--sample_size=4', '--log_every=1', '--sample_every=4',
             '--checkpoint_every=1', '--loss=sigmoid')


@pytest.fixture
def write(tmp_path, tf_layers):
    """(source, name) → path of a Python file with this source."""
    def call(source, name='my_gan.py'):
        path = tmp_path / name
        path.write_text(textwrap.dedent(source))
        return str(path)
    return call


def build(settings, images):
    """A Session with a training graph, its variables by name, and the graph."""
    with tf.Graph().as_default():
        graph = graphs.build_training(settings, images, batch_plan(settings, images.num_examples))
        session = tf.Session()
        session.run(tf.global_variables_initializer())
        graph.start_batches(session, 0)
        return session, {variable.op.name: variable for variable in tf.global_variables('(Gen|Discrim)')}, graph


@pytest.mark.slow
def test_a_posts_functions_train_as_the_layers_of_this_package(write, training_settings, random_images, make_smooth):
    """The initial weights are the same. Ten steps later, so are all variables, the moving averages included.

    Differences of rounding would grow with the recipe's small epsilon and at the kinks of ReLUs.
    """
    make_smooth()
    flags = ['--epsilon=0.1', '--batch_size=8', '--learning_rate_generator=0.0002',
             '--learning_rate_discriminator=0.0002']
    session, variables, graph = build(training_settings(*flags, FEW_FILTERS), random_images)
    own_session, own_variables, own_graph = build(
        training_settings(*flags, '--network=' + write(TF_LAYERS)), random_images)
    with session, own_session:
        initial, own_initial = session.run(variables), own_session.run(own_variables)
        assert set(initial) == set(own_initial)
        for name, value in initial.items():
            np.testing.assert_array_equal(value, own_initial[name], err_msg=name)
        for _ in range(10):
            session.run(graph.step.train_op)
            own_session.run(own_graph.step.train_op)
        values, own_values = session.run(variables), own_session.run(own_variables)
    for name, expected in values.items():
        if name.endswith('bias') or '/bias/' in name:  # before batch norm, the gradient of a bias is noise
            continue
        scale = max(np.abs(expected).max(), 1e-30)
        assert np.abs(own_values[name] - expected).max() <= 2e-5 * scale, name


@pytest.mark.slow
@pytest.mark.any_tensorflow
def test_the_example_in_the_documentation(write, training_settings, tmp_path):
    """It trains, and is sampled and exported with every kind of statistics."""
    with open(os.path.join(ROOT, 'docs', 'your-own-network.md'), encoding='utf-8') as file:
        source = re.search('```python\n(.*?)```', file.read(), re.S).group(1)
    run = str(tmp_path / 'run')
    assert train(training_settings(*SMALL_RUN, '--network=' + write(source), '--steps=2',
                                   '--run_dir=' + run)) == 0
    with api.open_run(run) as generator:
        for mode in ('batch', 'moving', 'standing'):
            assert generator.images(generator.latent_vectors(4), mode, standing_batches=2).shape == (4, 28, 28, 1)
    assert export.run(cli_flags.parse(ExportSettings, '--run_dir=' + run, '--standing_batches=2',
                                      '--output=%s' % (tmp_path / 'exported'))) == 0


# An average of the images to which the discriminator is applied. All generated images are -0.25.
AVERAGED = '''
    import tensorflow.compat.v1 as tf

    def generator(z):
        return tf.reshape(0. * tf.layers.dense(z, 28 * 28) - 0.25, [-1, 28, 28, 1])

    def discriminator(x):
        average = tf.get_variable('average', [], initializer=tf.zeros_initializer(), trainable=False)
        tf.add_to_collection(tf.GraphKeys.UPDATE_OPS, tf.assign(average, 0.5 * average + tf.reduce_mean(x)))
        return tf.layers.dense(tf.layers.flatten(x), 1)
    '''


@pytest.mark.slow
@pytest.mark.parametrize('schedule', list(SCHEDULES))
def test_updates_of_several_passes_have_an_order(schedule, write, training_settings, random_images):
    """The real images enter the average first, then the generated ones, once for each pass."""
    settings = training_settings('--batch_size=8', '--loss=sigmoid', '--schedule=' + schedule,
                                 '--network=' + write(AVERAGED))
    session, variables, graph = build(settings, random_images)
    means = [0.5, -0.25]
    if schedule in ('real_then_fake_then_generator', 'discriminator_then_generator_same_images'):
        means.append(-0.25)  # the pass for the generator
    average = 0.
    with session:
        for _ in range(30):
            session.run(graph.step.train_op, {graph.inputs.real_images: np.full([8, 28, 28, 1], 0.5)})
            for mean in means:
                average = 0.5 * average + mean
            np.testing.assert_allclose(session.run(variables['Discriminator/average']), average, rtol=1e-5)


# An average as scripts write it by hand, and a weight without layers.
PLAIN = '''
    import tensorflow.compat.v1 as tf

    def generator(z):
        weight = tf.get_variable('weight', [100, 28 * 28])
        total = tf.get_variable('total', [], initializer=tf.zeros_initializer(), trainable=False)
        tf.add_to_collection(tf.GraphKeys.UPDATE_OPS, total.assign_add(1.))
        return tf.nn.tanh(tf.matmul(z, weight))

    def discriminator(x):
        return tf.reshape(tf.reduce_mean(x, axis=[1, 2, 3]) * tf.get_variable('weight', []), [-1, 1])
    '''


def test_other_update_ops_run_once_per_step(write, training_settings, random_images, graph):
    session, variables, graph = build(training_settings(*SMALL_RUN, '--network=' + write(PLAIN)), random_images)
    with session:
        for _ in range(3):
            session.run(graph.step.train_op)
        assert session.run(variables['Generator/total']) == 3
        with pytest.raises(UserError, match='--bn_mode=standing needs batch norm layers of .*, but samples/Generator/'):
            standing_statistics.accumulate(session, graph.generator, graph.inputs.noise, [])


@pytest.mark.slow
def test_the_update_ops_of_tf_layers_run_in_order(write, training_settings, random_images):
    """Twice the same training gives the same moving averages, bit for bit."""
    settings = training_settings(*SMALL_RUN, '--network=' + write(TF_LAYERS), '--loss=sparse_softmax')
    session, variables, graph = build(settings, random_images)
    everything = session.graph.get_collection(tf.GraphKeys.GLOBAL_VARIABLES)
    results, initial = [], session.run(everything)
    with session:
        for _ in range(2):
            load_variables(session, zip(everything, initial))
            graph.start_batches(session, 0)
            for _ in range(3):
                session.run(graph.step.train_op)
            results.append(session.run(variables))
    assert np.abs(results[0]['Discriminator/batch_normalization/moving_mean']).max() > 0
    for name, value in results[0].items():
        np.testing.assert_array_equal(value, results[1][name], err_msg=name)


# Batch norm as scripts write it by hand. Its updates are run in one of several ways.
BY_HAND = '''
    import tensorflow.compat.v1 as tf
    from tensorflow.python.training.moving_averages import assign_moving_average

    def run_with_step(updates):
        for update in updates:
            tf.add_to_collection(tf.GraphKeys.UPDATE_OPS, update)
        return []

    def batch_norm(x, is_training):
        with tf.variable_scope('bn'):
            channels, options = x.shape[-1:], {'trainable': False, 'dtype': tf.float32}
            mean = tf.get_variable('moving_mean', channels, initializer=tf.zeros_initializer(), **options)
            variance = tf.get_variable('moving_variance', channels, initializer=tf.ones_initializer(), **options)
            if not is_training:
                return tf.nn.batch_normalization(x, mean, variance, None, None, 1e-3)
            batch_mean, batch_variance = tf.nn.moments(x, [0])
            updates = [assign_moving_average(mean, batch_mean, 0.9, zero_debias=False),
                       assign_moving_average(variance, batch_variance, 0.9, zero_debias=False)]
            with tf.control_dependencies(run_with_step(updates)):
                return tf.nn.batch_normalization(x, batch_mean, batch_variance, None, None, 1e-3)

    def generator(z, is_training):
        x = tf.matmul(z, tf.get_variable('w0', [100, 16]))
        return tf.nn.tanh(tf.matmul(batch_norm(x, is_training), tf.get_variable('w1', [16, 784])))

    def discriminator(x, is_training, reuse=False):
        with tf.variable_scope('layers') as scope:
            if reuse:
                scope.reuse_variables()
            x = tf.matmul(tf.reshape(x, [-1, 784]), tf.get_variable('w0', [784, 16]))
            return tf.matmul(batch_norm(x, is_training), tf.get_variable('w1', [16, 1]))
    '''


@pytest.mark.slow
def test_updates_that_the_output_waits_for_run_with_the_step(write, training_settings, random_images):
    """They do the same as in the collection UPDATE_OPS, and nothing when images are generated.

    What the forward pass waits for besides, the step of the other network, it still waits for.
    """
    results, waiting = [], []
    for updates in ('run_with_step(updates)', 'updates', '[tf.group(*updates)]'):
        network = write(BY_HAND.replace('run_with_step(updates)):', updates + '):'))
        session, variables, graph = build(training_settings(*SMALL_RUN, '--network=' + network), random_images)
        with session:
            for _ in range(3):
                session.run(graph.step.train_op)
            results.append(session.run(variables))
            for is_training in (True, False):
                session.run(graph.generator.images, {graph.generator.noise: np.ones([4, 100]),
                                                     graph.inputs.is_training: is_training})
            for name, value in session.run(variables).items():
                np.testing.assert_array_equal(value, results[-1][name], err_msg=name)
            assert len(graph.generator.statistics) == 2
            waiting.append({op.name for op in session.graph.get_operations() if 'group' not in op.name and any(
                re.search('Discriminator_update/[^/]*$', control.name) for control in op.control_inputs)})
    assert waiting[0] and waiting[0] == waiting[1] == waiting[2]
    assert results[0]['Discriminator/layers/bn/moving_variance'].max() != 1
    for name, value in results[0].items():
        for other in results[1:]:
            np.testing.assert_array_equal(value, other[name], err_msg=name)


@pytest.mark.slow
def test_without_update_ops(write, training_settings, random_images):
    session, variables, graph = build(
        training_settings(*SMALL_RUN, '--network=' + write(SMALL), '--update_ops=false'), random_images)
    with session:
        session.run(graph.step.train_op)
        assert not session.run(variables['Generator/batch_normalization/moving_mean']).any()


@pytest.mark.slow
def test_samples_in_every_mode(write, training_settings, tmp_path):
    """A checkpoint of the functions in tf.layers gives the same images as with the layers of this package."""
    run = str(tmp_path / 'run')
    assert train(training_settings(*SMALL_RUN, '--loss=sparse_softmax', '--network=' + write(TF_LAYERS),
                                   '--steps=1', '--run_dir=' + run)) == 0
    checkpoint = RunFolder(run).checkpoint_prefix + '-1'
    with api.open_run(run) as own, api.open_checkpoint(
            checkpoint, batch_size=8, network='few_filters') as recipe:
        noise = own.latent_vectors(8)
        for mode in ('batch', 'moving', 'standing', 'batch'):
            images, expected = (generator.images(noise, mode, standing_batches=3).astype(int)
                                for generator in (own, recipe))
            # The variance of tf.layers is the unbiased one in all modes.
            assert np.abs(images - expected).max() <= (3 if mode == 'standing' else 1), mode


@pytest.mark.slow
@pytest.mark.any_tensorflow
def test_a_run_resumes_after_its_network_was_moved(write, training_settings, tmp_path):
    first = write(PLAIN)

    def run(name, network, steps):
        assert train(training_settings(*SMALL_RUN, '--network=' + network, '--steps=%d' % steps,
                                       '--run_dir=' + str(tmp_path / name))) == 0
        return RunFolder(str(tmp_path / name))
    whole = run('whole', first, 4)
    run('resumed', first, 2)
    moved = str(tmp_path / 'moved.py')
    shutil.move(first, moved)
    assert_same_run(run('resumed', moved, 4), whole)


@pytest.mark.slow
@pytest.mark.any_tensorflow
def test_a_changed_network_is_refused(write, training_settings, tmp_path):
    path, flags = write(PLAIN), (*SMALL_RUN, '--steps=1', '--run_dir=' + str(tmp_path / 'run'))
    assert train(training_settings(*flags, '--network=' + path)) == 0
    write(PLAIN.replace('assign_add(1.)', 'assign_add(2.)'))
    for resume in (lambda: train(training_settings(*flags, '--network=' + path)),
                   lambda: api.open_run(str(tmp_path / 'run'))):
        with pytest.raises(UserError, match='my_gan.py is not as it was when the run in .* was trained'):
            resume()
    with pytest.raises(UserError, match='--network is .*my_gan.py there, not graph_mode_dense'):
        train(training_settings(*flags, '--network=graph_mode_dense'))


def test_the_default_run_folder_has_the_name_of_the_network(write):
    assert run_dir(cli_flags.parse(TrainSettings, '--network=' + write(SMALL))) == os.path.join(
        'runs', 'my_gan-mnist-0')


def test_a_module_that_can_be_imported(monkeypatch, write, tmp_path):
    write(SMALL, 'importable_gan.py')
    monkeypatch.syspath_prepend(str(tmp_path))
    settings = cli_flags.parse(SampleSettings, '--network=importable_gan', '--checkpoint=x', '--output=y')
    assert settings.network == 'importable_gan' and callable(networks.load('importable_gan').generator)


def test_a_file_that_imports_its_neighbor(write, graph):
    write('def width():\n    return 28 * 28\n', 'my_layers.py')
    path = write('''
        import tensorflow.compat.v1 as tf
        from my_layers import width

        def generator(z):
            return tf.reshape(tf.matmul(z, tf.get_variable('w', [3, width()])), [-1, 28, 28, 1])

        def discriminator(x, verbose=False):
            return tf.reduce_mean(x, axis=[1, 2])
        ''')
    functions = networks.load(path)
    images = functions.generator(tf.zeros([2, 3]), False, (28, 28, 1))
    assert images.shape.as_list() == [2, 28, 28, 1]
    assert functions.discriminator(images, True).shape.as_list() == [2, 1]


def test_networks_with_neighbors_of_the_same_name(write, tmp_path):
    """Each imports its own, whatever other networks this process has loaded."""
    paths = []
    for width in (16, 32, 64):
        (tmp_path / str(width) / 'package').mkdir(parents=True)
        write('width = %d' % width, '%d/blocks.py' % width)
        write('from blocks import width', '%d/package/__init__.py' % width)
        write('from blocks import width', '%d/package/part.py' % width)
        paths.append(write('''
            import blocks
            import package.part

            def generator(z):
                import package.part as part
                return blocks.width, package.width, part.width

            discriminator = generator
            ''', '%d/gan.py' % width))
    before = set(sys.modules)
    for path in (*paths, paths[0]):
        _, width = os.path.split(os.path.dirname(path))
        assert networks._own._import(path).generator(None) == (int(width),) * 3
    assert set(sys.modules) - before <= {'blocks', 'package', 'package.part', networks._own._MODULE}


def test_a_data_class(write):
    """Python looks for its module in sys.modules."""
    networks.load(write('''
        from __future__ import annotations
        import dataclasses
        from dcgan_tf1.model.networks.graph_mode_dense import discriminator, generator

        @dataclasses.dataclass
        class Sizes:
            width: int = 3
        '''))


@pytest.mark.slow
def test_a_network_that_is_edited_during_its_training(write, training_settings, tmp_path, monkeypatch):
    """The evaluations use the one that is trained. Afterwards, the file is another one."""
    path, seen = write(PLAIN), []

    class BestCheckpoint:
        def __init__(self, _, settings):
            self.settings = settings

        def __call__(self, _):
            write(PLAIN.replace('tanh', 'sigmoid'))
            with tf.Graph().as_default():
                graphs.build_generator(self.settings)
                seen.append({op.type for op in tf.get_default_graph().get_operations()} & {'Tanh', 'Sigmoid'})
            seen.append(network_checksum(self.settings.network))
            return {}, False

        def close(self):
            pass
    monkeypatch.setattr(training, 'BestCheckpoint', BestCheckpoint)
    monkeypatch.chdir(tmp_path)
    assert train(training_settings(*SMALL_RUN, '--network=my_gan.py', '--steps=1', '--evaluate_every=1',
                                   '--run_dir=run')) == 0
    assert seen == [{'Tanh'}, RunFolder('run').read_config()['network_checksum']]
    assert network_checksum(path) != seen[1]


ONE_LOGIT = '\n\ndef discriminator(x):\n    return tf.reduce_mean(x, axis=[1, 2])\n'
START = 'import tensorflow.compat.v1 as tf\n\n'


@pytest.mark.parametrize('source,message', [
    ('def generator(z):\n    return z', 'must define the functions .* has no discriminator'),
    ('x = 1', 'has no generator and no discriminator'),
    ('def generator(z)\n', 'line 1 of .*my_gan.py is not Python 3'),
    ('print "training"', 'line 1 of .*my_gan.py is not Python 3'),
    ('import no_such_library', "cannot be imported .No module named 'no_such_library'"),
    ('import tensorflow as tf\nmul = tf.mul', 'line 2 of .*my_gan.py uses tf.mul, which TensorFlow .* does not have: '
     'run the command with python -m dcgan_tf1.legacy -m in place of python -m, which'),
    ('import tensorflow.no_part', 'line 1 of .*my_gan.py uses tf.no_part, which TensorFlow'),
    (START + 'def generator(z):\n    return tf.mul(z, 2)' + ONE_LOGIT, 'line 4 of .*my_gan.py uses tf.mul, which'),
    (START + 'def generator(z, size):\n    return z' + ONE_LOGIT, 'generator has a parameter size'),
    (START + 'def generator(z):\n    return z' + ONE_LOGIT, r'the generator returns the shape \[.*, 100\], but must'),
    ('def generator():\n    return 0' + ONE_LOGIT, 'generator takes nothing: its first parameter must be the latent'),
    (START + 'def generator(z):\n    return [z]' + ONE_LOGIT, 'the generator returns list, but must'),
    (SMALL.replace('1)', '1), x'), 'the discriminator returns a tuple, but must return its logits alone'),
    (SMALL.replace('return tf.layers.dense(tf.layers', 'return tf.nn.sigmoid(tf.layers.dense(tf.layers')
     .replace('1)\n', '1))\n'), 'returns probabilities, but must return logits: leave out the sigmoid'),
    (SMALL.replace('(x), 1)', '(x), 5)'), 'takes 1 logit.s. per score, but --network=.* outputs 5: change the network'),
    (SMALL.replace('return tf.layers.dense(tf.layers.flatten(x), 1)',
                   "return tf.matmul(tf.layers.flatten(x), tf.Variable(tf.zeros([784, 1])))"),
     'Discriminator creates a new variable .*Variable whenever it is called')])
def test_networks_that_do_not_fit(source, message, write, training_settings, random_images, graph):
    settings = training_settings(*SMALL_RUN, '--network=' + write(source))
    with pytest.raises(UserError, match=message):
        graphs.build_training(settings, random_images, batch_plan(settings, 40))


@pytest.mark.skipif(TENSORFLOW < (2, 0), reason='TensorFlow 1 has tf.get_variable')
def test_a_network_that_imports_tensorflow_2(write):
    with pytest.raises(UserError, match='uses tf.get_variable, .*: write "import tensorflow.compat.v1 as tf"'):
        networks.load(write('import tensorflow as tf\nget_variable = tf.get_variable'))


@pytest.mark.slow
@pytest.mark.parametrize('statistics', ['all', 'worker'])
def test_layers_that_several_devices_cannot_share(statistics, write, training_settings, random_images, graph):
    """Every device would update moving statistics with its own share of the batch."""
    settings = training_settings(*SMALL_RUN, '--network=' + write(SMALL))
    with pytest.raises(UserError, match='^several devices cannot share the update op .*Generator.* of the network '
                                        'Generator: use dcgan_tf1.layers.batch_norm instead .* with one device$'):
        graphs.build_training(settings, random_images, batch_plan(settings, random_images.num_examples),
                              Replicas(0, 2, statistics == 'all'))


def test_names_that_are_no_network(training_settings):
    with pytest.raises(UserError, match='--network=no such module must be one of graph_mode'):
        training_settings('--network=no such module')
    for name in ('grpah_mode', 'no_such_package.module'):
        with pytest.raises(UserError, match='--network=%s cannot be imported' % name):
            networks.load(name)
    with pytest.raises(UserError, match='--network=nowhere.py does not exist'):
        networks.load('nowhere.py')
