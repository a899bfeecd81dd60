"""The main job from end to end, on the embedded digits: what a run writes, how it stops, how it goes on."""
import os
import re
import shutil
import struct
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from PIL import Image

from dcgan_tf1 import graph, loop, train
from dcgan_tf1.checkpoints import all_checkpoints, step_of
from dcgan_tf1.errors import UserError, exit_status
from dcgan_tf1.events import Events
from dcgan_tf1.run_folder import RunFolder

MAIN = ['--dataset=digits', '--batch_size=8', '--sample_size=4', '--log_every=2', '--sample_every=4',
        '--checkpoint_every=3']
SMALL = [*MAIN, '--network=machinecurve', '--loss=sigmoid']  # a tenth of the variables, and dropout
MAIN_RECIPE = ['--network=sparse_softmax', '--loss=sparse_softmax']
OTHER_FLAGS = ['--steps=3', '--epsilon=1e-7', '--noise_dim=9']
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


@pytest.fixture
def run(training_settings, tmp_path):
    """(name, flags…) → the `RunFolder` of a finished call: a new run, or one that went on."""
    def call(name, *args):
        folder = str(tmp_path / name)
        assert train.run(training_settings(*SMALL, '--run_dir=' + folder, *args)) == 0
        return RunFolder(folder)
    return call


@pytest.fixture
def finished(trained, tmp_path):
    """(name, flags…) → the `RunFolder` of a finished run, the test's own copy to damage or to go on with."""
    return lambda name, *args: RunFolder(shutil.copytree(trained(*SMALL, *args).path, str(tmp_path / name)))


@pytest.fixture
def whole(trained):
    """An uninterrupted run of 8 steps, for reading only."""
    return trained(*SMALL, '--steps=8')


def variables(folder):
    reader = tf.train.load_checkpoint(tf.train.latest_checkpoint(folder.checkpoints))
    return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}


def losses(folder):
    return [{name: value for name, value in record.items() if name != 'images_per_second'}
            for record in folder.read_metrics()]


def assert_same_run(a, b):
    """Bit for bit: variables, Adam slots, moving statistics, logged losses."""
    ours, theirs = variables(a), variables(b)
    assert set(ours) == set(theirs) and any(name.endswith('/Adam_1') for name in ours) and 'global_step' in ours
    for name in ours:
        np.testing.assert_array_equal(ours[name], theirs[name], err_msg=name)
    assert losses(a) == losses(b)


def command(*args, **options):
    """The real command in a process of its own."""
    return subprocess.Popen([sys.executable, '-m', 'dcgan_tf1.train', *args], cwd=ROOT, universal_newlines=True,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)


def test_what_a_run_writes(run, capsys):
    folder = run('run', '--steps=5')
    assert set(os.listdir(folder.path)) >= {'config.json', 'train.flags', 'train.log', 'metrics.jsonl', 'losses.png',
                                            'samples', 'checkpoints'}
    records = folder.read_metrics()
    assert [record['step'] for record in records] == [1, 2, 4, 5]
    for record in records:
        assert set(record) == {'step', 'epoch', 'generator_loss', 'discriminator_loss', 'real_accuracy',
                               'fake_accuracy', 'images_per_second'}
        assert record['epoch'] == round(record['step'] * 8 / 1797, 4)
        assert record['generator_loss'] > 0 and record['discriminator_loss'] > 0 and record['images_per_second'] > 0
        assert record['real_accuracy'] * 8 in range(9) and record['fake_accuracy'] * 8 in range(9)
    assert sorted(os.listdir(folder.samples)) == [
        'reals.png', 'step_000000.png', 'step_000004.png', 'step_000005.png', 'training.gif']
    with Image.open(folder.film) as film:
        assert film.n_frames == 3 and film.size == Image.open(folder.grid(5)).size
    assert Image.open(folder.reals).size == (2 * (2 * 30 + 2),) * 2
    checkpoints = os.listdir(folder.checkpoints)
    assert {'model-3.index', 'model-5.index', 'checkpoint'} <= set(checkpoints)
    config = folder.read_config()
    assert config['versions']['tensorflow'] == tf.__version__ and config['versions']['python'] in sys.version
    assert config['data'] == {'checksum': '9f278633808f1df4872040c6f22c6596', 'images': 1797, 'trained_on': 1797}
    assert config['flags']['steps'] == 5 and config['flags']['seed'] == 0
    told = capsys.readouterr().err
    assert re.search(r'step 4/5  epoch 0\.02  D loss \d', told) and 'finished at step 5' in told
    with open(folder.log) as file:
        logged = file.read()
    for line in told.splitlines():
        assert line in logged


def test_tensorboard_events(trained):
    folder = trained(*MAIN, '--steps=4')
    events = [os.path.join(folder.path, name) for name in os.listdir(folder.path) if name.startswith('events')]
    scalars, pictures, histograms, graphs = {}, [], {}, []
    for event in tf.train.summary_iterator(events[0]):
        if event.graph_def:
            graphs.append(tf.GraphDef.FromString(event.graph_def))
        for value in event.summary.value:
            if value.HasField('image'):
                pictures.append((value.tag, event.step))
                assert value.image.encoded_image_string.startswith(b'\x89PNG')
            elif value.HasField('simple_value'):
                scalars[value.tag, event.step] = value.simple_value
            else:
                histograms[value.tag, event.step] = tf.make_ndarray(value.tensor) if value.HasField('tensor') else (
                    value.histo)
    assert pictures == [('real', 0), ('generated', 0), ('generated', 4)]
    for record in folder.read_metrics():
        step = record['step']
        assert scalars['generator_loss', step] == pytest.approx(record['generator_loss'])
        assert scalars['discriminator_loss', step] == pytest.approx(record['discriminator_loss'])
        assert 0 < scalars['discriminator_output/real', step] < 1 and 0 < scalars['discriminator_output/fake', step] < 1
        assert scalars['gradient_norm/Generator/generator_step', step] > 0
        assert scalars['gradient_norm/Discriminator/discriminator_step', step] > 0
    # At the checkpoints: every trainable variable, and every activation.
    assert {step for _, step in histograms} == {3, 4}
    reader = tf.train.load_checkpoint(folder.checkpoint_prefix + '-4')
    trainable = {name[:-len('/Adam')] for name in reader.get_variable_to_shape_map() if name.endswith('/Adam')}
    assert {tag for tag, _ in histograms if tag.startswith('variables')} == {'variables/' + name for name in trainable}
    for name in trainable:
        assert histograms['variables/' + name, 4].max == pytest.approx(reader.get_tensor(name).max(), rel=1e-6)
    assert {tag for tag, _ in histograms if tag.startswith('activations')} == {
        'activations/Generator/' + name for name in ('Relu', 'Relu_1', 'Tanh')} | {
        'activations/Discriminator/' + name for name in ('LeakyRelu', 'LeakyRelu_1', 'LeakyRelu_2')}
    assert histograms['activations/Generator/Tanh', 4].num == 4 * 28 * 28
    # The graph, once, in few and readable parts.
    assert len(graphs) == 1 and {node.name.split('/')[0] for node in graphs[0].node} < {
        'Discriminator', 'Generator', 'Identity', 'Read', 'ReadVariableOp', 'activations', 'batch_plan',
        'count', 'discriminator_step', 'generator_noise', 'generator_step', 'global_step', 'init', 'is_training',
        'losses', 'noise', 'not_finite', 'pixels', 'real_images', 'samples', 'save', 'variables'}


def test_gradient_norms_are_those_of_the_step(trained):
    """Of the first step: with Adam's first moment that of the gradient, times 1 − β1."""
    folder = trained(*MAIN, '--steps=1')
    event = next(os.path.join(folder.path, name) for name in os.listdir(folder.path) if name.startswith('events'))
    shown = {value.tag: value.simple_value for event in tf.train.summary_iterator(event)
             for value in event.summary.value if value.tag.startswith('gradient_norm')}
    reader = tf.train.load_checkpoint(folder.checkpoint_prefix + '-1')
    for network, tag in (('Generator', 'generator_step'), ('Discriminator', 'discriminator_step')):
        moments = [reader.get_tensor(name) / (1 - 0.5) for name in reader.get_variable_to_shape_map()
                   if name.startswith(network + '/') and name.endswith('/Adam')]
        norm = np.sqrt(sum(np.square(moment.astype(np.float64)).sum() for moment in moments))
        assert shown['gradient_norm/%s/%s' % (network, tag)] == pytest.approx(norm, rel=1e-5)


def test_watching_changes_nothing(run, whole):
    """Logged losses, gradient norms, histograms, pictures and checkpoints of every step leave the run as it is."""
    watched = run('watched', '--steps=8', '--log_every=1', '--checkpoint_every=1', '--sample_every=1')
    ours, theirs = variables(watched), variables(whole)
    for name in ours:
        np.testing.assert_array_equal(ours[name], theirs[name], err_msg=name)


def test_one_seed_one_run(run, whole):
    """Two runs with one seed are identical tensor by tensor; another seed's differs in all that is random."""
    a, b, other = whole, run('b', '--steps=8'), run('c', '--steps=8', '--seed=1')
    assert_same_run(a, b)
    theirs = variables(other)
    assert all(not np.array_equal(value, theirs[name]) for name, value in variables(a).items()
               if '/kernel' in name or 'moving_' in name)
    with open(a.grid(4), 'rb') as ours, open(b.grid(4), 'rb') as same, open(other.grid(4), 'rb') as differs:
        assert ours.read() == same.read() != differs.read()


def test_train_flags_train_the_same_run(trained, training_settings, tmp_path):
    folder = trained(*SMALL, *OTHER_FLAGS)
    again = str(tmp_path / 'again')
    assert train.run(training_settings('--flagfile=' + folder.flags, '--run_dir=' + again)) == 0
    assert_same_run(folder, RunFolder(again))


def test_the_main_recipe_resumes(run):
    run('resumed', *MAIN_RECIPE, '--steps=2')
    assert_same_run(run('resumed', *MAIN_RECIPE, '--steps=4'), run('whole', *MAIN_RECIPE, '--steps=4'))


@pytest.mark.parametrize('stops', [[1], [4], [3, 5]])
def test_more_steps_extend_a_run(stops, run, finished, whole):
    """Whatever steps it stopped at, logged, sampled or neither: equal to the uninterrupted run."""
    finished('resumed', '--steps=%d' % stops[0])
    for step in [*stops[1:], 8]:
        folder = run('resumed', '--steps=%d' % step)
    assert_same_run(folder, whole)


def test_killed_after_its_last_checkpoint(run, whole):
    """Steps that were logged but not saved come again, and are logged once."""
    killed = run('killed', '--steps=5')
    for name in os.listdir(killed.checkpoints):  # as if step 3 had been the last that was saved
        if name.startswith('model-5'):
            os.remove(os.path.join(killed.checkpoints, name))
    with open(os.path.join(killed.checkpoints, 'checkpoint'), 'w') as file:
        file.write('model_checkpoint_path: "model-3"\nall_model_checkpoint_paths: "model-3"\n')
    with open(killed.metrics, 'a') as file:
        file.write('{"step": 6, "ep')  # and as if it had died in the middle of a line
    assert_same_run(run('killed', '--steps=8'), whole)


def test_killed_between_its_last_checkpoint_and_its_film(finished, run, whole, capsys):
    """Of a step that is logged only because it is the last, too."""
    undisturbed, killed = finished('undisturbed', '--steps=5'), finished('killed', '--steps=5')
    os.remove(killed.film)
    for _ in range(2):
        run('killed', '--steps=5')
    told = capsys.readouterr().err
    assert told.count('goes on at step 5 of 5') == 1 and told.count('is finished: 5 steps are done') == 1
    assert_same_run(killed, undisturbed)
    for path in ('film', 'losses', 'reals'):
        with open(getattr(killed, path), 'rb') as ours, open(getattr(undisturbed, path), 'rb') as theirs:
            assert ours.read() == theirs.read()
    # An earlier film is not the film of a run that was made longer.
    run('killed', '--steps=8')
    os.utime(killed.film, (1, 1))
    assert_same_run(run('killed', '--steps=8'), whole)
    with Image.open(killed.film) as film:
        assert film.n_frames == len(killed.grids()) == 4


def test_a_moved_folder_goes_on(run, whole, tmp_path):
    folder = run('here', '--steps=3')  # no copy: nothing may be left where it was
    shutil.move(folder.path, str(tmp_path / 'there'))
    assert_same_run(run('there', '--steps=8'), whole)


def test_a_finished_run_says_so(run, finished, capsys):
    folder = finished('run', '--steps=3')
    before = os.stat(folder.metrics).st_mtime_ns
    capsys.readouterr()
    for steps in (3, 2):
        run('run', '--steps=%d' % steps)
        assert 'is finished: 3 steps are done; a larger --steps makes it longer' in capsys.readouterr().err
    assert os.stat(folder.metrics).st_mtime_ns == before and folder.read_config()['flags']['steps'] == 3


def test_checkpoints_are_pruned_across_resumes(run):
    run('run', '--steps=7', '--keep_checkpoints=2')
    folder = run('run', '--steps=10', '--keep_checkpoints=2')
    kept = {name.split('.')[0] for name in os.listdir(folder.checkpoints) if name.startswith('model')}
    assert kept == {'model-9', 'model-10'}


def test_fewer_checkpoints_may_be_kept(finished, run):
    """By a later call, for a disk that fills up. Damaged ones of later steps don't count."""
    folder = finished('run', '--steps=14')
    assert [step_of(path) for path in all_checkpoints(folder)] == [3, 6, 9, 12, 14]
    for path in all_checkpoints(folder)[-2:]:
        with open(path + '.index', 'w'):
            pass  # damaged
    run('run', '--steps=10', '--keep_checkpoints=2')
    assert [step_of(path) for path in all_checkpoints(folder)] == [9, 10, 12, 14]
    run('run', '--steps=15', '--keep_checkpoints=1')
    assert {name.split('.')[0] for name in os.listdir(folder.checkpoints)} == {'checkpoint', 'model-15'}


def test_other_flags_are_refused(run, finished):
    folder = finished('run', '--steps=2')
    with pytest.raises(UserError) as error:
        run('run', '--steps=4', '--seed=3', '--learning_rate_generator=0.1')
    for part in ('--seed is 0 there, not 3', '--learning_rate_generator is 0.002 there, not 0.1',
                 '--flagfile=' + folder.flags, 'a fresh --run_dir'):
        assert part in str(error.value)


def test_other_images_are_refused(run, finished):
    folder = finished('run', '--steps=2')
    config = folder.read_config()
    config['data']['checksum'] = 'of other images'
    folder.write_config(config)
    with pytest.raises(UserError, match='not those that the run .* began with'):
        run('run', '--steps=4')


def test_a_checkpoint_of_another_recipe_is_refused(run, finished, trained):
    """By the names of the variables, misshapen, missing and surplus."""
    folder, other = finished('run', '--steps=2'), trained(*SMALL, *OTHER_FLAGS)
    for name in os.listdir(other.checkpoints):
        shutil.copy(os.path.join(other.checkpoints, name), folder.checkpoints)
    with pytest.raises(UserError, match=r'misshapen: Generator/dense/kernel is \[9, 6272\] there, not \[100, 6272\]'):
        run('run', '--steps=4')
    with tf.Graph().as_default(), tf.Session() as session:
        for name in ('Generator/dense/kernel', 'Generator/elsewhere'):
            tf.get_variable(name, [100, 6272])
        session.run(tf.global_variables_initializer())
        tf.train.Saver().save(session, folder.checkpoint_prefix, global_step=4)
    with pytest.raises(UserError, match='missing: Discriminator/.*surplus: Generator/elsewhere'):
        run('run', '--steps=4')


def test_a_truncated_checkpoint_is_named(run, finished):
    folder = finished('run', '--steps=2')
    path = os.path.join(folder.checkpoints, 'model-2.data-00000-of-00001')
    with open(path, 'r+b') as file:
        file.truncate(1000)
    with pytest.raises(UserError, match='no checkpoint in .* can be read .*model-2 is damaged'):
        run('run', '--steps=4')


@pytest.mark.parametrize('part', ['.data-00000-of-00001', '.index'])
@pytest.mark.parametrize('fault', ['truncated', 'altered', 'gone'])
def test_the_checkpoint_before_a_damaged_one_is_used(part, fault, run, finished, whole, capsys):
    folder = finished('run', '--steps=5')
    path = folder.checkpoint_prefix + '-5' + part
    if fault == 'gone':
        os.remove(path)
    else:
        with open(path, 'r+b') as file:
            size = file.seek(0, os.SEEK_END)
            if fault == 'truncated':
                file.truncate(size // 2)
            else:  # every part of it
                for place in range(0, size, max(1, size // 1000)):
                    file.seek(place)
                    file.write(b'?')
    assert_same_run(run('run', '--steps=8'), whole)
    told = capsys.readouterr().err
    if (part, fault) != ('.index', 'gone'):  # without an index it is as if it had never been written
        assert re.search(r'model-5 is (damaged|not a readable checkpoint)', told), told
    assert 'goes on at step 3' in told


def test_a_lost_state_file_loses_nothing(run, finished, whole):
    folder = finished('run', '--steps=5')
    with open(os.path.join(folder.checkpoints, 'checkpoint'), 'w') as file:
        file.write('model_checkpoint_path: "elsewhere')
    assert_same_run(run('run', '--steps=8'), whole)


def test_two_processes_on_one_run(training_settings, tmp_path):
    """The second is refused, and does no harm; when the first has been killed, nothing blocks."""
    pytest.importorskip('fcntl')  # not on Windows
    folder = RunFolder(str(tmp_path / 'run'))
    args = [*SMALL, '--steps=100000', '--run_dir=' + folder.path]
    process = command(*args)
    try:
        wait_for(lambda: len(folder.read_metrics()) >= 2, process)
        with pytest.raises(UserError, match=r'is being trained by another process \(%d\)' % process.pid):
            train.run(training_settings(*args))
        assert process.poll() is None
    finally:
        process.kill()
        process.communicate()
    assert train.run(training_settings(*args[:-2], '--steps=%d' % (folder.read_metrics()[-1]['step'] + 1),
                                       args[-1])) == 0


def test_a_damaged_config_is_named(run, finished):
    folder = finished('run', '--steps=2')
    with open(folder.config, 'w') as file:
        file.write('{"flags": ')
    with pytest.raises(UserError, match='config.json cannot be read'):
        run('run', '--steps=4')


def test_checkpoints_without_their_config(run, finished):
    folder = finished('run', '--steps=2')
    os.remove(folder.config)
    with pytest.raises(UserError, match='has checkpoints but no .*config.json: restore it, or name another --run_dir'):
        run('run', '--steps=4')


def test_another_process_was_quicker(run, finished, training_settings, tmp_path, monkeypatch):
    """It began a run in the same folder while this one built its graph."""
    config = finished('other', '--steps=2').read_config()
    folder, build = RunFolder(str(tmp_path / 'run')), graph.build_training

    def build_slowly(*args):
        folder.create()
        folder.write_config(config)
        return build(*args)
    monkeypatch.setattr(graph, 'build_training', build_slowly)
    with pytest.raises(UserError, match='was changed by another process just now: give the same command again'):
        run('run', '--steps=2')


def test_damaged_metrics_are_named(run, finished):
    folder = finished('run', '--steps=5')
    with open(folder.metrics, 'r+b') as file:
        file.write(b'?')
    with pytest.raises(UserError, match='metrics.jsonl, line 1, is not JSON: restore'):
        run('run', '--steps=8')


def test_further_discriminator_updates_resume(run):
    """Three batches a step: the plan goes on after those that the discriminator had."""
    flags = ['--discriminator_updates=3', '--network=graph_mode_dense', '--loss=sigmoid']
    run('resumed', '--steps=3', *flags)
    resumed, uninterrupted = run('resumed', '--steps=5', *flags), run('whole', '--steps=5', *flags)
    ours, theirs = variables(resumed), variables(uninterrupted)
    for name in theirs:
        np.testing.assert_array_equal(ours[name], theirs[name], err_msg=name)
    assert losses(resumed) == losses(uninterrupted)
    assert losses(resumed)[-1]['epoch'] == round(5 * 3 * 8 / 1797, 4)


@pytest.mark.parametrize('xla', ['true', 'false'])
def test_the_session_and_its_graph(xla, run, monkeypatch):
    """Steps find a graph that can't grow any more, and a session that leaves GPU memory to others."""
    seen = []

    def look(session, *others):
        assert session.graph.finalized
        seen.append(session._config)
        return train_steps(session, *others)
    train_steps = loop.train
    monkeypatch.setattr(loop, 'train', look)
    run('run', '--steps=2', '--network=graph_mode_dense', '--loss=sigmoid', '--xla=' + xla)
    config, = seen
    assert config.gpu_options.allow_growth and config.allow_soft_placement
    assert (config.graph_options.optimizer_options.global_jit_level == tf.OptimizerOptions.ON_1) == (xla == 'true')


def test_a_run_older_than_a_flag_goes_on(finished, run):
    """Its config.json says nothing of flags that came later: it did then what their words for it are now."""
    folder = finished('run', '--steps=2', '--kernels=native')
    config = folder.read_config()
    for name in ('precision', 'kernels', 'xla'):
        del config['flags'][name]
    folder.write_config(config)
    with pytest.raises(UserError, match='--kernels is native there, not auto'):
        run('run', '--steps=3')
    run('run', '--steps=3', '--kernels=native')


@pytest.mark.parametrize('rate', ['generator', 'discriminator'])
def test_divergence_stops_the_run(rate, run, tmp_path):
    """A NaN names the step and the last good checkpoint, and is not saved."""
    with pytest.raises(UserError, match=r'step \d+: .*(Generator|Discriminator)/.* holds what is not a finite number'
                       r'.*last good checkpoint is none'):
        run('diverged', '--steps=60', '--checkpoint_every=50', '--learning_rate_%s=1e38' % rate)
    assert not [name for name in os.listdir(str(tmp_path / 'diverged' / 'checkpoints')) if name.startswith('model')]


@pytest.mark.parametrize('network,loss,fitting', [
    ('sparse_softmax', 'sigmoid', '--loss=sparse_softmax, or'),
    ('sparse_softmax', 'clipped', '--loss=sparse_softmax, or'),
    ('graph_mode_dense', 'sparse_softmax', '--loss=clipped or double_sigmoid or log_epsilon or sigmoid, or'),
    ('learnopencv_tf', 'sparse_softmax', '--loss=clipped or')])
def test_a_loss_that_does_not_fit_the_network(network, loss, fitting, training_settings, tmp_path):
    """By the number of logits; nothing is written."""
    images = ['--dataset=digits'] if network != 'learnopencv_tf' else [
        '--dataset=image_folder', '--data_dir=%s/images' % tmp_path, '--image_size=16']
    (tmp_path / 'images').mkdir()
    for number in range(2):
        Image.new('L', (16, 16)).save(str(tmp_path / 'images' / ('%d.png' % number)))
    with pytest.raises(UserError, match='--loss=%s is of . logit.* --network=%s gives .*%s' % (loss, network, fitting)):
        train.run(training_settings(*images, '--network=' + network, '--loss=' + loss, '--batch_size=2',
                                    '--run_dir=%s/run' % tmp_path))
    assert not (tmp_path / 'run').exists()


def test_more_images_a_batch_than_there_are(run):
    with pytest.raises(UserError, match='--batch_size=1798 is more than the 1797 images'):
        run('run', '--batch_size=1798')
    with pytest.raises(UserError, match='--batch_size=8 is more than the 7 images'):
        run('run', '--holdout=1790')


def wait_for(condition, process):
    deadline = time.time() + 120
    while not condition():
        assert process.poll() is None and time.time() < deadline, process.communicate()[0]
        time.sleep(0.02)


@pytest.mark.parametrize('args,fault', [
    (['--dataset=imagenet'], '--dataset=imagenet'), (['--batch_size=0'], '--batch_size=0'),
    (['--dataset=digits', '--batch_size=5000'], '--batch_size=5000'), (['steps=5'], 'steps=5'),
    (['--flagfile=nowhere.flags'], 'nowhere.flags'), (['--step=5'], "Unknown command line flag 'step'"),
    (['--dataset=digits', '--run_dir=/dev/null/run'], '/dev/null/run'),
    (['--data_dir=nowhere'], '--data_dir=nowhere')])
def test_bad_input_is_one_clear_error(args, fault):
    process = command(*args)
    told = process.communicate(timeout=120)[0]
    assert process.returncode == 1 and fault in told and 'Traceback' not in told, told
    assert len([line for line in told.splitlines() if fault in line]) == 1


def test_full_disk(run, finished, whole):
    """A checkpoint that can't be written: what was saved is whole, and the same command goes on from it."""
    resource = pytest.importorskip('resource')  # not on Windows
    folder = finished('run', '--steps=2')
    args = [*SMALL, '--steps=8', '--run_dir=' + folder.path]
    limit = 10 ** 6  # bytes a file: less than a checkpoint, more than the rest
    process = command(*args, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
    told = process.communicate(timeout=120)[0]
    assert process.returncode == 1 and 'Traceback' not in told, told
    assert re.search(r'step 3 cannot be saved to \S+ \(.*File too large', told), told
    assert not [name for name in os.listdir(folder.checkpoints) if 'tempstate' in name]
    assert 'it goes on from %s-2' % folder.checkpoint_prefix in told
    assert_same_run(run('run', '--steps=8'), whole)


def test_a_log_that_cannot_be_written(run, finished, capsys):
    folder = finished('run', '--steps=2')
    os.remove(folder.log)
    os.symlink('/dev/full', folder.log)
    assert exit_status(lambda: run('run', '--steps=4')) == 1
    assert 'error: %s: No space left on device' % folder.log in capsys.readouterr().err


def test_events_that_cannot_be_written(tmp_path, monkeypatch):
    with pytest.raises(UserError, match='nowhere/events.* cannot be written .*make room there, or make it writable'):
        Events(str(tmp_path / 'nowhere'))
    monkeypatch.setattr(time, 'time', lambda: 1.)
    Events(str(tmp_path)).close()
    name, = os.listdir(str(tmp_path))
    (tmp_path / name).unlink()
    (tmp_path / name).symlink_to('/dev/full')
    with pytest.raises(UserError, match=name + r' cannot be written \(.*No space left'):
        Events(str(tmp_path))


def test_what_a_killed_process_left_is_cleared_away(run, finished):
    folder = finished('run', '--steps=3', '--keep_checkpoints=2')
    left = ['model-2.data-00000-of-00001.tempstate123', 'checkpoint.tmp0a1b', 'model-1.standing-2x8.npz']
    for name in [*left, 'model-3.standing-2x8.npz']:
        with open(os.path.join(folder.checkpoints, name), 'w') as file:
            file.write('half')
    run('run', '--steps=4', '--keep_checkpoints=2')
    assert sorted(name for name in os.listdir(folder.checkpoints) if '.data' not in name) == [
        'checkpoint', 'model-3.index', 'model-3.standing-2x8.npz', 'model-4.index']
    run('run', '--steps=6', '--keep_checkpoints=2')  # statistics go with their checkpoint
    assert not [name for name in os.listdir(folder.checkpoints) if name.startswith('model-3')]


def test_progress_bar_on_a_terminal(tmp_path):
    """On a terminal the losses, the rate and the time left stand in a bar; the log file has plain lines."""
    pty, fcntl, termios = map(pytest.importorskip, ('pty', 'fcntl', 'termios'))  # not on Windows
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack('4H', 24, 200, 0, 0))  # rows and columns
    process = subprocess.Popen([sys.executable, '-m', 'dcgan_tf1.train', *SMALL, '--steps=12',
                                '--checkpoint_every=12', '--run_dir=' + str(tmp_path / 'run')], cwd=ROOT, stderr=theirs)
    os.close(theirs)
    told = b''
    while True:
        try:
            part = os.read(ours, 10000)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        told += part
    os.close(ours)
    assert process.wait(60) == 0
    told = told.decode()
    assert re.search(r'12/12 \[\d\d:\d\d<00:00, .*(step/s|s/step), D loss=\d.*G loss=\d', told), told
    assert 'step 4/12' not in told
    with open(str(tmp_path / 'run' / 'train.log')) as file:
        assert re.search(r'^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d step 4/12  epoch', file.read(), re.M)


def test_first_steps_on_real_mnist(run, mnist_dir):
    """On the 55,000 images that the recipe trains on, the discriminator begins to tell within 40 steps."""
    folder = run('mnist', '--dataset=mnist', '--data_dir=' + mnist_dir, '--steps=40', '--batch_size=64',
                 '--sample_every=40', '--checkpoint_every=40')
    assert folder.read_config()['data'] == {
        'checksum': '6bbc9ace898e44ae57da46a324031adb', 'images': 60000, 'trained_on': 55000}
    accuracy = [(record['real_accuracy'] + record['fake_accuracy']) / 2 for record in folder.read_metrics()[-10:]]
    assert np.mean(accuracy) > 0.55  # of 1,280 decisions: 0.5 ± 0.014 if it could not tell
