"""CorruptCheckpointError, incomplete and foreign files among the checkpoints of a run."""
import os
import re
import shutil

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from helpers import SMALL_RUN, assert_same_run

from dcgan_tf1.runs.checkpoints.files import is_intact
from dcgan_tf1.runs.checkpoints.saving import Checkpoints, keep_best
from dcgan_tf1.runs.folder import RunFolder
from dcgan_tf1.util.errors import UserError


@pytest.mark.slow
def test_a_checkpoint_of_another_network_is_refused(train_run, copy_of_run, trained):
    """The error names variables with other shapes, missing variables and unexpected variables."""
    folder, other = copy_of_run('run', '--steps=3'), trained(*SMALL_RUN, '--steps=3', '--epsilon=1e-7', '--noise_dim=9')
    for name in os.listdir(other.checkpoints):
        shutil.copy(os.path.join(other.checkpoints, name), folder.checkpoints)
    with pytest.raises(UserError, match=r'wrong shape: Generator/dense/kernel is \[9, 128\] there, not \[100, 128\]'):
        train_run('run', '--steps=4')
    with tf.Graph().as_default(), tf.Session() as session:
        for name in ('Generator/dense/kernel', 'Generator/elsewhere'):
            tf.get_variable(name, [100, 128])
        session.run(tf.global_variables_initializer())
        tf.train.Saver().save(session, folder.checkpoint_prefix, global_step=4)
    with pytest.raises(UserError, match='missing: Discriminator/.*unexpected: Generator/elsewhere'):
        train_run('run', '--steps=5')


@pytest.mark.slow
@pytest.mark.any_tensorflow
def test_a_run_with_only_a_truncated_checkpoint(train_run, copy_of_run):
    folder = copy_of_run('run', '--steps=3')
    with open(folder.checkpoint_prefix + '-3.data-00000-of-00001', 'r+b') as file:
        file.truncate(1000)
    with pytest.raises(UserError, match='no checkpoint in .* can be read .*model-3 is damaged'):
        train_run('run', '--steps=4')


def damage(path, fault):
    if fault == 'gone':
        os.remove(path)
        return
    with open(path, 'r+b') as file:
        size = file.seek(0, os.SEEK_END)
        if fault == 'truncated':
            file.truncate(size // 2)
        else:  # some bytes of every region of the file
            for position in range(0, size, max(1, size // 1000)):
                file.seek(position)
                file.write(b'?')


@pytest.mark.parametrize('part', ['.data-00000-of-00001', '.index'])
@pytest.mark.parametrize('fault', ['truncated', 'altered', 'gone'])
def test_the_checkpoint_before_a_damaged_one_is_used(part, fault, graph, tmp_path, logged):
    folder = RunFolder(str(tmp_path))
    folder.create()
    variables = [tf.get_variable('kernel_%d' % number, [30, 30]) for number in range(20)]
    checkpoints = Checkpoints(folder, 9)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        expected = session.run(variables)
        checkpoints.save(session, 3)
        session.run(tf.global_variables_initializer())
        checkpoints.save(session, 5)
        damage(folder.checkpoint_prefix + '-5' + part, fault)
        assert [is_intact('%s-%d' % (folder.checkpoint_prefix, step)) for step in (3, 5)] == [True, False]
        checkpoints.restore(session)
        np.testing.assert_array_equal(session.run(variables), expected)
    assert checkpoints.last == folder.checkpoint_prefix + '-3'
    if (part, fault) != ('.index', 'gone'):  # a checkpoint without an index was never completed
        assert re.search(r'model-5 is (damaged|not a readable checkpoint)', *logged)


@pytest.mark.slow
@pytest.mark.any_tensorflow
def test_a_run_resumes_from_the_checkpoint_before_a_damaged_one(train_run, copy_of_run, uninterrupted_run, capsys):
    folder = copy_of_run('run', '--steps=5')
    damage(folder.checkpoint_prefix + '-5.data-00000-of-00001', 'altered')
    assert_same_run(train_run('run', '--steps=8'), uninterrupted_run)
    printed = capsys.readouterr().err
    assert 'model-5 is damaged' in printed and 'resuming at step 3' in printed


@pytest.mark.slow
@pytest.mark.any_tensorflow
def test_a_damaged_state_file_does_not_matter(train_run, copy_of_run, uninterrupted_run):
    folder = copy_of_run('run', '--steps=5')
    with open(os.path.join(folder.checkpoints, 'checkpoint'), 'w') as file:
        file.write('model_checkpoint_path: "elsewhere')
    assert_same_run(train_run('run', '--steps=8'), uninterrupted_run)


@pytest.mark.slow
@pytest.mark.any_tensorflow
def test_files_left_by_a_killed_process_are_deleted(train_run, copy_of_run):
    folder = copy_of_run('run', '--steps=3')
    partial_files = ['model-2.data-00000-of-00001.tempstate123', 'checkpoint.tmp0a1b', 'model-1.standing-2x8.npz']
    for name in [*partial_files, 'model-3.standing-2x8.npz']:
        with open(os.path.join(folder.checkpoints, name), 'w') as file:
            file.write('half')
    train_run('run', '--steps=4', '--keep_checkpoints=2')
    assert sorted(name for name in os.listdir(folder.checkpoints) if '.data' not in name) == [
        'checkpoint', 'model-3.index', 'model-3.standing-2x8.npz', 'model-4.index']
    train_run('run', '--steps=6', '--keep_checkpoints=2')  # cached statistics are deleted with their checkpoint
    assert not [name for name in os.listdir(folder.checkpoints) if name.startswith('model-3')]


@pytest.mark.skipif(not os.path.isdir('/proc/self/fd'), reason='needs the names of open files')
def test_a_power_cut(graph, tmp_path, monkeypatch):
    """Whenever something is deleted, the new checkpoint is on the disk, with the names of its files."""
    folder, on_disk, deleted = RunFolder(str(tmp_path / 'run')), set(), []
    fsync, remove = os.fsync, os.remove
    monkeypatch.setattr(os, 'fsync', lambda file: (
        on_disk.add(os.path.realpath('/proc/self/fd/%d' % file)), fsync(file)))

    def check_and_remove(path):
        deleted.append(os.path.basename(path))
        parent = os.path.dirname(path)
        new = [os.path.join(parent, 'model-2' + suffix) for suffix in ('.index', '.data-00000-of-00001')]
        assert on_disk.issuperset(map(os.path.realpath, [parent, *new]))
        remove(path)
    folder.create()
    tf.get_variable('x', [2])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        checkpoints = Checkpoints(folder, max_to_keep=1)
        for step in (1, 2):
            checkpoints.save(session, step)
            keep_best(folder, checkpoints.last, {})
            monkeypatch.setattr(os, 'remove', check_and_remove)
    names = ['model-1.data-00000-of-00001', 'model-1.index']
    assert deleted[:3] == [names[1], names[0], names[1]] and sorted(deleted[3:]) == [names[0], 'model-1.scores.json']
