"""A run that is resumed, after a pause or a kill, equals one that was never interrupted; and when it is refused."""
import os
import shutil

import numpy as np
import pytest
from helpers import ALL_LAYERS, MAIN_RUN, SMALL_RUN, assert_same_run, logged_losses
from PIL import Image
from tensorflow.python.client.session import BaseSession

from dcgan_tf1.model import graph
from dcgan_tf1.runs.checkpoints.saving import all_checkpoints, step_of
from dcgan_tf1.runs.folder import RunFolder
from dcgan_tf1.train.training import train
from dcgan_tf1.util.errors import UserError


@pytest.mark.slow
def test_the_main_recipe_resumes(original_sessions, training_settings, tmp_path, monkeypatch):
    """As users train it."""
    monkeypatch.setattr(BaseSession, '__init__', original_sessions)
    resumed, whole = RunFolder(str(tmp_path / 'resumed')), RunFolder(str(tmp_path / 'whole'))
    for folder, steps in ((resumed, 1), (resumed, 4), (whole, 4)):
        assert train(training_settings(*MAIN_RUN, '--steps=%d' % steps, '--run_dir=' + folder.path)) == 0
    assert_same_run(resumed, whole)


@pytest.mark.slow
@pytest.mark.any_tensorflow
def test_more_steps_extend_a_run(train_run, copy_of_run, trained):
    """It does not matter whether the steps at which the run stopped are logged ones."""
    copy_of_run('resumed', ALL_LAYERS, '--steps=1')
    for step in (3, 8):
        folder = train_run('resumed', ALL_LAYERS, '--steps=%d' % step)
    assert_same_run(folder, trained(*SMALL_RUN, ALL_LAYERS, '--steps=8'))


@pytest.mark.any_tensorflow
def test_a_run_killed_after_its_last_checkpoint(train_run, copy_of_run, uninterrupted_run):
    """Steps that were logged but not saved are trained again, and are logged once."""
    killed = copy_of_run('killed', '--steps=5')
    for name in os.listdir(killed.checkpoints):  # as if step 3 were the last that was saved
        if name.startswith('model-5'):
            os.remove(os.path.join(killed.checkpoints, name))
    with open(os.path.join(killed.checkpoints, 'checkpoint'), 'w') as file:
        file.write('model_checkpoint_path: "model-3"\nall_model_checkpoint_paths: "model-3"\n')
    with open(killed.metrics, 'a') as file:
        file.write('{"step": 6, "ep')  # as if it had been killed in the middle of a line
    assert_same_run(train_run('killed', '--steps=8'), uninterrupted_run)


@pytest.mark.slow
@pytest.mark.any_tensorflow
def test_a_run_killed_before_its_animation_was_written(copy_of_run, train_run, uninterrupted_run, capsys):
    undisturbed, killed = copy_of_run('undisturbed', '--steps=5'), copy_of_run('killed', '--steps=5')
    os.remove(killed.animation)
    for _ in range(2):
        train_run('killed', '--steps=5')
    printed = capsys.readouterr().err
    assert printed.count('resuming at step 5 of 5') == 1 and printed.count('is finished: all 5 steps are done') == 1
    assert_same_run(killed, undisturbed)
    for name in ('animation', 'losses', 'reals'):
        with open(getattr(killed, name), 'rb') as file, open(getattr(undisturbed, name), 'rb') as expected:
            assert file.read() == expected.read()
    # The animation of the shorter run does not count as that of the longer run.
    train_run('killed', '--steps=8')
    os.utime(killed.animation, (1, 1))
    assert_same_run(train_run('killed', '--steps=8'), uninterrupted_run)
    with Image.open(killed.animation) as animation:
        assert animation.n_frames == len(killed.grids()) == 4


@pytest.mark.slow
@pytest.mark.any_tensorflow
def test_a_moved_folder_resumes(train_run, uninterrupted_run, tmp_path):
    folder = train_run('here', '--steps=3')  # not a copy: nothing may depend on the old path
    shutil.move(folder.path, str(tmp_path / 'there'))
    assert_same_run(train_run('there', '--steps=8'), uninterrupted_run)


@pytest.mark.slow
@pytest.mark.any_tensorflow
def test_a_finished_run_is_left_alone(train_run, copy_of_run, capsys, monkeypatch):
    folder = copy_of_run('run', '--steps=3')
    monkeypatch.setattr(graph, 'build_training', None)  # which takes seconds
    modified = os.stat(folder.metrics).st_mtime_ns
    capsys.readouterr()
    for steps in (3, 2):
        train_run('run', '--steps=%d' % steps)
        assert 'is finished: all 3 steps are done. To train longer, use a larger --steps' in capsys.readouterr().err
    train_run('run', '--steps=3', '--evaluate_every=1')
    assert 'larger --steps. --evaluate_every had no effect: to use it, train again with another --run_name\n' in (
        capsys.readouterr().err)
    assert os.stat(folder.metrics).st_mtime_ns == modified and folder.read_config()['flags']['steps'] == 3


@pytest.mark.slow
@pytest.mark.any_tensorflow
def test_old_checkpoints_are_deleted_across_resumes(train_run, copy_of_run):
    copy_of_run('run', '--steps=5')
    folder = train_run('run', '--steps=10', '--keep_checkpoints=2')
    assert [step_of(path) for path in all_checkpoints(folder)] == [9, 10]


@pytest.mark.slow
@pytest.mark.any_tensorflow
def test_keep_checkpoints_may_decrease(copy_of_run, train_run):
    """A disk may fill up. Damaged checkpoints of later steps do not count."""
    folder = copy_of_run('run', '--steps=8')
    assert [step_of(path) for path in all_checkpoints(folder)] == [3, 6, 8]
    for path in all_checkpoints(folder)[-2:]:
        with open(path + '.index', 'w'):
            pass  # damaged
    train_run('run', '--steps=5', '--keep_checkpoints=1')
    assert [step_of(path) for path in all_checkpoints(folder)] == [5, 6, 8]
    train_run('run', '--steps=9', '--keep_checkpoints=1')
    assert {name.split('.')[0] for name in os.listdir(folder.checkpoints)} == {'checkpoint', 'model-9'}


@pytest.fixture
def pictures(tmp_path):
    """A folder of 20 pictures, one of which is damaged."""
    folder = tmp_path / 'pictures'
    folder.mkdir()
    for number in range(20):
        pixels = np.random.RandomState(number).randint(0, 256, (9, 9)).astype(np.uint8)
        Image.fromarray(pixels).save(str(folder / ('%02d.png' % number)))
    (folder / '07.png').write_bytes(b'no picture')
    return str(folder)


@pytest.mark.slow
@pytest.mark.parametrize('flags,epoch', [
    ('--d_steps_per_g_step=3 --epsilon_mode=pytorch --schedule=real_then_fake_then_generator', 5 * 3 * 8 / 10000),
    *(pytest.param(*case, marks=pytest.mark.any_tensorflow) for case in (
        ('--xla', 5 * 8 / 10000),
        ('--d_steps_per_g_step=2 --dataset=image_folder --data_dir={} --image_size=8 --channels=1 --skip_unreadable '
         '--shuffle=per_epoch --noise_batch=match', 10 / 3)))])
def test_other_runs_resume(flags, epoch, train_run, pictures):
    """The resumed run continues with the batch after the last that was used, and with Adam's count of updates.

    Packed images and TFRecords have such tests of their own.
    """
    flags = flags.format(pictures).split()
    train_run('resumed', '--steps=2', *flags)
    resumed, whole = train_run('resumed', '--steps=5', *flags), train_run('whole', '--steps=5', *flags)
    assert_same_run(resumed, whole)
    assert logged_losses(resumed)[-1]['epoch'] == round(epoch, 4)


def test_other_settings_are_refused(train_run, copy_of_run):
    folder = copy_of_run('run', '--steps=5')
    with pytest.raises(UserError) as error:
        train_run('run', '--steps=8', '--seed=3', '--learning_rate_generator=0.1')
    for part in ('--seed is 0 there, not 3', '--learning_rate_generator is 0.002 there, not 0.1',
                 '--flagfile=' + folder.flags, 'name a new --run_dir'):
        assert part in str(error.value)


def test_other_images_are_refused(train_run, copy_of_run):
    folder = copy_of_run('run', '--steps=5')
    config = folder.read_config()
    config['data']['checksum'] = 'of other images'
    folder.write_config(config)
    with pytest.raises(UserError, match='not those that the run .* was started with'):
        train_run('run', '--steps=8')


def test_a_damaged_config_is_named(train_run, copy_of_run):
    folder = copy_of_run('run', '--steps=5')
    with open(folder.config, 'w') as file:
        file.write('{"flags": ')
    with pytest.raises(UserError, match='config.json cannot be read'):
        train_run('run', '--steps=8')


def test_checkpoints_without_their_config(train_run, copy_of_run):
    folder = copy_of_run('run', '--steps=5')
    os.remove(folder.config)
    with pytest.raises(UserError, match=(
            "has checkpoints but no .*config.json: restore that file, or name another --run_dir")):
        train_run('run', '--steps=8')


def test_damaged_metrics_are_named(train_run, copy_of_run):
    folder = copy_of_run('run', '--steps=5')
    with open(folder.metrics, 'r+b') as file:
        file.write(b'?')
    with pytest.raises(UserError, match='metrics.jsonl, line 1, is not JSON: restore'):
        train_run('run', '--steps=8')


@pytest.mark.slow
@pytest.mark.any_tensorflow
def test_another_process_started_a_run_in_the_same_folder(train_run, trained, tmp_path, monkeypatch):
    """It did so while this process built its graph."""
    config = trained(*SMALL_RUN, '--steps=3').read_config()
    folder, original_build = RunFolder(str(tmp_path / 'run')), graph.build_training

    def build_while_another_process_starts(*args):
        folder.create()
        folder.write_config(config)
        return original_build(*args)
    monkeypatch.setattr(graph, 'build_training', build_while_another_process_starts)
    with pytest.raises(UserError, match='was changed by another process just now: run the command again'):
        train_run('run', '--steps=2')
