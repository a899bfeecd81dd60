"""Input that cannot work, divergence and full disks: each ends with one clear error and leaves a usable run."""
import os
import re
import subprocess
import sys

import pytest
from helpers import ROOT, SMALL_RUN, assert_same_run, start_command
from PIL import Image

from dcgan_tf1.settings.cli import exit_status
from dcgan_tf1.train.reporter import EventWriter
from dcgan_tf1.train.training import train
from dcgan_tf1.util.errors import UserError


@pytest.mark.parametrize('flags,fault', [
    (['--dataset=imagenet'], '--dataset=imagenet'), (['--batch_size=0'], '--batch_size=0'),
    (['--batch_size=many'], 'batch_size'),
    (['--dataset=mnist_10k', '--batch_size=10001'], '--batch_size=10001'), (['steps=5'], 'steps=5'),
    (['--flagfile=nowhere.flags'], 'nowhere.flags'), (['--step=5'], "Unknown command line flag 'step'"),
    (['--dataset=mnist_10k', '--run_dir=/dev/null/run'], '/dev/null/run'),
    (['--data_dir=nowhere'], '--data_dir=nowhere')])
def test_bad_input_is_one_clear_error(flags, fault, training_settings, capsys):
    assert exit_status(lambda: train(training_settings(*flags))) == 1
    errors = capsys.readouterr().err.splitlines()
    assert len([line for line in errors if fault in line]) == 1 and errors[-1].startswith('error: ')


@pytest.mark.slow
@pytest.mark.any_tensorflow
def test_bad_input_of_the_command(tmp_path):
    process = start_command('--data_dir=nowhere', '--run_dir=%s' % tmp_path)
    printed = process.communicate(timeout=120)[0]
    assert process.returncode == 1 and 'Traceback' not in printed, printed
    assert len([line for line in printed.splitlines() if '--data_dir=nowhere' in line]) == 1


@pytest.mark.slow
@pytest.mark.any_tensorflow
@pytest.mark.parametrize('network,loss,suggestion', [
    ('sparse_softmax', 'sigmoid', '--loss=sparse_softmax, or'),
    ('sparse_softmax', 'clipped', '--loss=sparse_softmax, or'),
    ('graph_mode_dense', 'sparse_softmax', '--loss=clipped or double_sigmoid or log_epsilon or sigmoid, or'),
    ('learnopencv_tf', 'sparse_softmax', '--loss=clipped or')])
def test_a_loss_that_does_not_fit_the_network(network, loss, suggestion, training_settings, tmp_path):
    """The network has another number of logits than the loss needs. Nothing is written."""
    dataset = ['--dataset=mnist_10k'] if network != 'learnopencv_tf' else [
        '--dataset=image_folder', '--data_dir=%s/images' % tmp_path, '--image_size=16']
    (tmp_path / 'images').mkdir()
    for number in range(2):
        Image.new('L', (16, 16)).save(str(tmp_path / 'images' / ('%d.png' % number)))
    with pytest.raises(UserError, match='--loss=%s takes . logit.* --network=%s outputs .*%s' % (
            loss, network, suggestion)):
        train(training_settings(*dataset, '--network=' + network, '--loss=' + loss, '--batch_size=2',
                                    '--run_dir=%s/run' % tmp_path))
    assert not (tmp_path / 'run').exists()


def test_more_images_per_batch_than_there_are(train_run):
    with pytest.raises(UserError, match='--batch_size=10001 is more than the 10000 training images'):
        train_run('run', '--batch_size=10001')
    with pytest.raises(UserError, match='--batch_size=8 is more than the 7 training images'):
        train_run('run', '--holdout=9993')


@pytest.mark.slow
@pytest.mark.parametrize('network', ['generator', 'discriminator'])
def test_divergence_stops_the_run(network, train_run, tmp_path):
    """The error names the step and the last good checkpoint. The diverged variables are not saved."""
    with pytest.raises(UserError, match=r'step \d+: .*(Generator|Discriminator)/.* has values that are not finite'
                       r'.*last good checkpoint is none'):
        train_run('diverged', '--steps=60', '--checkpoint_every=50', '--learning_rate_%s=1e38' % network)
    assert not [name for name in os.listdir(str(tmp_path / 'diverged' / 'checkpoints')) if name.startswith('model')]


@pytest.mark.slow
def test_a_full_disk(train_run, copy_of_run, uninterrupted_run):
    """If a checkpoint cannot be written, earlier ones stay intact, and the same command resumes from them."""
    pytest.importorskip('resource')  # not on Windows
    folder = copy_of_run('run', '--steps=3')
    limit = 10 ** 6  # bytes per file: a checkpoint is larger, all other files are smaller
    program = ('import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (%d, %d))\n'
               'from dcgan_tf1.train import __main__ as train; train.main()' % (limit, limit))
    process = subprocess.Popen([sys.executable, '-c', program, *SMALL_RUN, '--steps=8', '--run_dir=' + folder.path],
                               cwd=ROOT, universal_newlines=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    printed = process.communicate(timeout=120)[0]
    assert process.returncode == 1 and 'Traceback' not in printed, printed
    assert re.search(r'step 6 cannot be saved to \S+ \(.*File too large', printed), printed
    assert not [name for name in os.listdir(folder.checkpoints) if 'tempstate' in name]
    assert 'it will resume from %s-3' % folder.checkpoint_prefix in printed
    assert_same_run(train_run('run', '--steps=8'), uninterrupted_run)


@pytest.mark.slow
@pytest.mark.any_tensorflow
def test_a_log_that_cannot_be_written(train_run, copy_of_run, capsys):
    folder = copy_of_run('run', '--steps=3')
    os.remove(folder.log)
    os.symlink('/dev/full', folder.log)
    assert exit_status(lambda: train_run('run', '--steps=4')) == 1
    assert 'error: %s: No space left on device' % folder.log in capsys.readouterr().err


@pytest.mark.parametrize('path', ['nowhere/events', 'events'])
def test_events_that_cannot_be_written(path, tmp_path):
    """Neither if the file cannot be created, nor if the disk is full."""
    (tmp_path / 'events').symlink_to('/dev/full')
    with pytest.raises(UserError, match=path + r' cannot be written \(.*free disk space or make the folder writable'):
        EventWriter(str(tmp_path / path))
