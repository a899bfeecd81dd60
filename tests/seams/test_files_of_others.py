"""The program deletes and replaces only what it wrote itself."""
import itertools
import os
import shutil

import pytest
import tensorflow.compat.v1 as tf

from dcgan_tf1.runs.checkpoints.saving import best_checkpoint, keep_best, last_checkpoint
from dcgan_tf1.util import files


@pytest.mark.slow
def test_copies_of_checkpoints_survive_a_resumed_training(copy_of_run, train_run):
    """As users, file managers and synchronized folders make them."""
    run = copy_of_run('run', '--steps=5')
    stem, copies = run.checkpoint_prefix + '-5', []
    keep_best(run, stem, {})
    for name in ('model-good', 'model-good-9', 'model-5 (1)', 'model-5-before-lr', 'model-5-before-3', 'model-5.bak',
                 'best-5'):
        for suffix, folder in itertools.product(('.index', '.data-00000-of-00001'), (run.checkpoints, run.best)):
            copies.append(os.path.join(folder, name + suffix))
            shutil.copyfile(stem + suffix, copies[-1])
    leftover = run.checkpoint_prefix + '-7.data-00000-of-00001'  # of a killed training
    shutil.copyfile(stem + '.data-00000-of-00001', leftover)
    assert best_checkpoint(run).endswith('best/model-5'.replace('/', os.sep))
    train_run('run', '--steps=6', '--keep_checkpoints=1')
    keep_best(run, last_checkpoint(run), {})
    assert best_checkpoint(run).endswith('best/model-6'.replace('/', os.sep))
    assert all(map(os.path.exists, copies)) and not os.path.exists(leftover)
    assert last_checkpoint(run) == run.checkpoint_prefix + '-6'


@pytest.mark.parametrize('path,is_device', [
    ('/dev/null', True), ('/dev/stdout', True), ('/dev/fd/1', True), ('/dev/shm/a', False), ('a', False)])
def test_what_is_a_device(path, is_device):
    assert files.is_device(path) == is_device


def test_a_second_best_checkpoint_that_a_killed_process_left(copy_of_run):
    run = copy_of_run('run', '--steps=5')
    keep_best(run, run.checkpoint_prefix + '-3', {})
    for suffix in ('.index', '.data-00000-of-00001'):  # killed before the previous one was removed
        shutil.copyfile(run.checkpoint_prefix + '-5' + suffix, run.best_copy_path('model-5' + suffix))
    assert best_checkpoint(run).endswith('model-5')
    keep_best(run, run.checkpoint_prefix + '-5', {})
    assert {name.split('.')[0] for name in os.listdir(run.best)} == {'model-5'}


@pytest.mark.slow
def test_tensorboard_keeps_the_step_from_which_a_run_goes_on(train_run):
    """TensorBoard drops the step of a START event, and all later ones."""
    run = train_run('run', '--steps=2', '--log_every=1')
    train_run('run', '--steps=4', '--log_every=1')
    starts, steps = [], set()
    for name in sorted(name for name in os.listdir(run.path) if name.startswith('events')):
        for event in tf.train.summary_iterator(os.path.join(run.path, name)):
            if event.session_log.status == tf.SessionLog.START:
                starts.append(event.step)
                steps = {step for step in steps if step < event.step}
            steps |= {event.step for value in event.summary.value if value.tag == 'generator_loss'}
    assert starts == [0, 3] and steps == {1, 2, 3, 4}
