"""The files that a training writes, what it prints, and that logging does not change what it computes."""
import os
import re
import struct
import subprocess
import sys

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from helpers import (
    ALL_LAYERS,
    MAIN_RUN,
    ROOT,
    SMALL_RUN,
    assert_same_run,
    assert_same_variables,
    final_variables,
    read_variables,
)
from PIL import Image

from dcgan_tf1.runs.folder import RunFolder
from dcgan_tf1.train.loop import TrainingLoop
from dcgan_tf1.train.reporter import write_animation
from dcgan_tf1.train.training import train
from dcgan_tf1.util import grids


def test_metrics(trained):
    folder = trained(*SMALL_RUN, '--steps=5')
    records = folder.read_metrics()
    assert [record['step'] for record in records] == [1, 2, 4, 5]
    for record in records:
        assert set(record) == {'step', 'epoch', 'generator_loss', 'discriminator_loss', 'real_accuracy',
                               'fake_accuracy', 'images_per_second'}
        assert record['epoch'] == round(record['step'] * 8 / 10000, 4)
        assert record['generator_loss'] > 0 and record['discriminator_loss'] > 0 and record['images_per_second'] > 0
        assert record['real_accuracy'] * 8 in range(9) and record['fake_accuracy'] * 8 in range(9)


@pytest.mark.any_tensorflow
def test_images_and_checkpoints(trained):
    folder = trained(*SMALL_RUN, '--steps=5')
    assert set(os.listdir(folder.path)) >= {'config.json', 'train.flags', 'train.log', 'metrics.jsonl', 'losses.png',
                                            'samples', 'checkpoints'}
    assert sorted(os.listdir(folder.samples)) == [
        'reals.png', 'step_000000.png', 'step_000004.png', 'step_000005.png', 'training.gif']
    with Image.open(folder.animation) as animation:
        width, height = Image.open(folder.grid(5)).size
        assert animation.n_frames == 3 and animation.size == (width, height + 30)
        durations = []
        for frame in range(3):
            animation.seek(frame)
            durations.append(animation.info['duration'])
        assert durations == [400, 400, 2000] and animation.info['loop'] == 0
        last = np.asarray(animation.convert('L'), float)
        np.testing.assert_allclose(last[:height], np.asarray(Image.open(folder.grid(5)).convert('L')), atol=5)
    assert Image.open(folder.reals).size == (2 * (2 * 30 + 2),) * 2
    assert {'model-3.index', 'model-5.index', 'checkpoint'} <= set(os.listdir(folder.checkpoints))


@pytest.mark.parametrize('num_grids, frames, duration', [(1, 1, None), (10, 10, 400), (30, 30, 250), (101, 26, 280)])
def test_a_long_animation_shows_evenly_spaced_grids(num_grids, frames, duration, tmp_path, monkeypatch):
    folder = RunFolder(str(tmp_path))
    folder.create()
    for number in range(num_grids):
        Image.new('RGB', (130, 8)).save(folder.grid(100 * number))
    captions = []
    monkeypatch.setattr(grids, 'with_captions', lambda pictures, shown: captions.extend(shown) or [
        np.full((8, 8, 3), 200 * (number % 2), np.uint8) for number in range(len(pictures))])
    write_animation(folder, folder.animation)
    every = 4 if num_grids == 101 else 1
    assert captions == [f'step {100 * every * number:,}' for number in range(frames)]
    with Image.open(folder.animation) as animation:
        assert animation.n_frames == frames and (duration is None or animation.info['duration'] == duration)


@pytest.mark.any_tensorflow
def test_config(trained):
    config = trained(*SMALL_RUN, '--steps=5').read_config()
    assert config['versions']['tensorflow'] == tf.__version__ and config['versions']['python'] in sys.version
    assert config['data'] == {'checksum': '5c79385d982930bb52f9d200093d60cd', 'images': 10000, 'trained_on': 10000}
    assert config['flags']['steps'] == 5 and config['flags']['seed'] == 0


@pytest.mark.slow
@pytest.mark.any_tensorflow
def test_terminal_and_log_file(train_run, capsys):
    folder = train_run('run', '--steps=4')
    printed = capsys.readouterr().err
    assert re.search(r'step 4/4  epoch 0\.00  D loss \d', printed) and 'finished at step 4' in printed
    with open(folder.log) as file:
        log = file.read()
    for line in printed.splitlines():
        assert line in log


def events(folder):
    """The TensorBoard events of a run that was never resumed."""
    name, = [name for name in os.listdir(folder.path) if name.startswith('events')]
    return list(tf.train.summary_iterator(os.path.join(folder.path, name)))


@pytest.fixture
def main_recipe_run(trained):
    return trained(*MAIN_RUN, '--steps=4')


@pytest.mark.slow
def test_scalars_and_images_in_tensorboard(main_recipe_run):
    scalars, images = {}, []
    for event in events(main_recipe_run):
        for value in event.summary.value:
            if value.HasField('image'):
                images.append((value.tag, event.step))
                assert value.image.encoded_image_string.startswith(b'\x89PNG')
            elif value.HasField('simple_value'):
                scalars[value.tag, event.step] = value.simple_value
    assert images == [('real', 0), ('generated', 0), ('generated', 4)]
    for record in main_recipe_run.read_metrics():
        step = record['step']
        assert scalars['generator_loss', step] == pytest.approx(record['generator_loss'])
        assert scalars['discriminator_loss', step] == pytest.approx(record['discriminator_loss'])
        assert 0 < scalars['discriminator_output/real', step] < 1 and 0 < scalars['discriminator_output/fake', step] < 1
        assert scalars['gradient_norm/Generator/generator_step', step] > 0
        assert scalars['gradient_norm/Discriminator/discriminator_step', step] > 0


@pytest.mark.slow
def test_histograms_in_tensorboard(main_recipe_run):
    """Every checkpoint comes with a histogram of each trainable variable and of each activation."""
    histograms = {}
    for event in events(main_recipe_run):
        for value in event.summary.value:
            if value.HasField('tensor'):
                histograms[value.tag, event.step] = tf.make_ndarray(value.tensor)
            elif value.HasField('histo'):
                histograms[value.tag, event.step] = value.histo
    assert {step for _, step in histograms} == {3, 4}
    variables = read_variables(main_recipe_run.checkpoint_prefix + '-4')
    trainable = {name[:-len('/Adam')] for name in variables if name.endswith('/Adam')}
    assert {tag for tag, _ in histograms if tag.startswith('variables')} == {'variables/' + name for name in trainable}
    for name in trainable:
        assert histograms['variables/' + name, 4].max == pytest.approx(variables[name].max(), rel=1e-6)
    assert {tag for tag, _ in histograms if tag.startswith('activations')} == {
        'activations/Generator/' + name for name in ('Relu', 'Relu_1', 'Tanh')} | {
        'activations/Discriminator/' + name for name in ('LeakyRelu', 'LeakyRelu_1', 'LeakyRelu_2')}
    assert histograms['activations/Generator/Tanh', 4].num == 4 * 28 * 28


@pytest.mark.slow
def test_graph_in_tensorboard(main_recipe_run):
    """The graph is written once, and its top level consists of a few readable scopes."""
    graphs = [tf.GraphDef.FromString(event.graph_def) for event in events(main_recipe_run) if event.graph_def]
    assert len(graphs) == 1 and {node.name.split('/')[0] for node in graphs[0].node} < {
        'Discriminator', 'Generator', 'Identity', 'Read', 'ReadVariableOp', 'activations', 'batch_plan',
        'count', 'discriminator_step', 'generator_noise', 'generator_step', 'global_step', 'init', 'is_training',
        'losses', 'noise', 'not_finite', 'pixels', 'real_images', 'samples', 'save', 'variables'}


@pytest.mark.slow
@pytest.mark.any_tensorflow
def test_gradient_norms(trained):
    """After the first step, Adam's first moment is the gradient times 1 − β1."""
    folder = trained(*MAIN_RUN, '--steps=1')
    logged = {value.tag: value.simple_value for event in events(folder)
              for value in event.summary.value if value.tag.startswith('gradient_norm')}
    variables = read_variables(folder.checkpoint_prefix + '-1')
    for network, tag in (('Generator', 'generator_step'), ('Discriminator', 'discriminator_step')):
        gradients = [value / (1 - 0.5) for name, value in variables.items()
                     if name.startswith(network + '/') and name.endswith('/Adam')]
        norm = np.sqrt(sum(np.square(gradient.astype(np.float64)).sum() for gradient in gradients))
        assert logged['gradient_norm/%s/%s' % (network, tag)] == pytest.approx(norm, rel=1e-5)


@pytest.mark.slow
@pytest.mark.any_tensorflow
def test_logging_does_not_change_the_run(train_run, trained):
    """Losses, gradient norms, histograms, images and checkpoints of every step leave the variables unchanged."""
    logged_run = train_run('logged', ALL_LAYERS, '--steps=8', '--log_every=1', '--checkpoint_every=1',
                           '--sample_every=1')
    plain_run = trained(*SMALL_RUN, ALL_LAYERS, '--steps=8')
    assert_same_variables(final_variables(logged_run), final_variables(plain_run))


@pytest.mark.slow
@pytest.mark.any_tensorflow
def test_a_seed_determines_the_run(train_run, trained):
    """Two runs with the same seed are equal bit for bit. With another seed everything random differs."""
    run = trained(*SMALL_RUN, '--steps=5')
    same_seed = train_run('same', '--steps=5')
    other_seed = train_run('other', '--steps=5', '--seed=1')
    assert_same_run(same_seed, run)
    other_variables = final_variables(other_seed)
    assert all(not np.array_equal(value, other_variables[name])
               for name, value in final_variables(run).items()
               if '/kernel' in name or 'moving_' in name)
    with open(run.grid(4), 'rb') as grid, open(same_seed.grid(4), 'rb') as same_grid, open(
            other_seed.grid(4), 'rb') as other_grid:
        assert grid.read() == same_grid.read() != other_grid.read()


@pytest.mark.slow
@pytest.mark.any_tensorflow
def test_the_written_flag_file_trains_the_same_run(trained, training_settings, tmp_path):
    folder = trained(*SMALL_RUN, '--steps=3', '--epsilon=1e-7', '--noise_dim=9')
    repeated = RunFolder(str(tmp_path / 'repeated'))
    assert train(training_settings('--flagfile=' + folder.flags, '--run_dir=' + repeated.path)) == 0
    assert_same_run(folder, repeated)


@pytest.mark.slow
@pytest.mark.parametrize('xla', ['true', 'false'])
def test_session_and_graph_of_the_loop(xla, train_run, monkeypatch):
    """The training loop cannot add ops to the graph, and its session leaves GPU memory to other programs."""
    configs, original_train = [], TrainingLoop.train

    def checked_train(self, start_step):
        assert tf.get_default_graph().finalized
        configs.append(tf.get_default_session()._config)
        return original_train(self, start_step)
    monkeypatch.setattr(TrainingLoop, 'train', checked_train)
    train_run('run', '--steps=1', '--xla=' + xla)
    config, = configs
    assert config.gpu_options.allow_growth and config.allow_soft_placement
    assert (config.graph_options.optimizer_options.global_jit_level == tf.OptimizerOptions.ON_1) == (xla == 'true')


@pytest.mark.any_tensorflow
def test_event_files_are_in_order_whatever_the_clock_says(tmp_path):
    """TensorBoard reads them by name."""
    folder = RunFolder(str(tmp_path))
    for name in ('events.out.tfevents.4000000000.other.9', 'events.out.tfevents.old'):
        (tmp_path / name).touch()
    for _ in range(2):
        path = folder.new_events_path()
        assert not os.path.exists(path) and os.path.basename(path) > max(
            name for name in os.listdir(str(tmp_path)) if name[-3:] != 'old')
        open(path, 'w').close()


@pytest.mark.slow
@pytest.mark.any_tensorflow
def test_progress_bar_on_a_terminal(tmp_path):
    """On a terminal, a bar shows the losses, the speed and the time left. The log file has plain lines."""
    pty, fcntl, termios = map(pytest.importorskip, ('pty', 'fcntl', 'termios'))  # not on Windows
    terminal, other_end = pty.openpty()
    fcntl.ioctl(other_end, termios.TIOCSWINSZ, struct.pack('4H', 24, 200, 0, 0))  # rows and columns
    process = subprocess.Popen([sys.executable, '-m', 'dcgan_tf1.train', *SMALL_RUN, '--steps=12',
                                '--checkpoint_every=12', '--run_dir=' + str(tmp_path / 'run')], cwd=ROOT,
                               stderr=other_end)
    os.close(other_end)
    printed = b''
    while True:
        try:
            part = os.read(terminal, 10000)
        except OSError:  # the process has closed its end
            break
        if not part:
            break
        printed += part
    os.close(terminal)
    assert process.wait(60) == 0
    printed = printed.decode()
    assert re.search(r'12/12 \[\d\d:\d\d<00:00, .*(step/s|s/step), D loss=\d.*G loss=\d', printed), printed
    assert 'step 4/12' not in printed
    with open(str(tmp_path / 'run' / 'train.log')) as file:
        assert re.search(r'^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d step 4/12  epoch', file.read(), re.M)


@pytest.mark.slow
@pytest.mark.any_tensorflow
def test_first_steps_on_mnist(train_run, mnist_dir):
    """The discriminator learns to tell real from generated images within 40 steps."""
    folder = train_run('mnist', '--dataset=mnist', '--data_dir=' + mnist_dir, '--steps=40',
                       '--batch_size=64', '--sample_every=40', '--checkpoint_every=40')
    assert folder.read_config()['data'] == {
        'checksum': '6bbc9ace898e44ae57da46a324031adb', 'images': 60000, 'trained_on': 55000}
    accuracy = [(record['real_accuracy'] + record['fake_accuracy']) / 2 for record in folder.read_metrics()[-10:]]
    assert np.mean(accuracy) > 0.55  # 1,280 decisions at random would give 0.5 ± 0.014
