"""Signals and the lock on a run folder. (scripts/robustness kills whole processes at random moments.)"""
import os
import signal
import subprocess
import sys

import pytest
import tensorflow.compat.v1 as tf
from helpers import ROOT, SMALL_RUN, assert_same_run, start_command, wait_for

from dcgan_tf1.runs.folder import RunFolder
from dcgan_tf1.train.loop import TrainingLoop
from dcgan_tf1.train.shutdown import REPEATED, GracefulShutdown
from dcgan_tf1.train.training import train
from dcgan_tf1.util.errors import UserError

HANDLED = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)


@pytest.mark.slow
def test_a_signal_stops_the_run_after_the_step(training_settings, train_run, uninterrupted_run, tmp_path, monkeypatch):
    """The step is saved, the status is that of a process ended by the signal, and the run can be resumed."""
    steps_done, original_run, handlers = [], tf.Session.run, list(map(signal.getsignal, HANDLED))
    folder, settings = RunFolder(str(tmp_path / 'run')), training_settings(
        *SMALL_RUN, '--steps=8', '--run_dir=%s' % (tmp_path / 'run'))
    stops = {2: [signal.SIGUSR1, signal.SIGXCPU, signal.SIGUSR1], 4: [signal.SIGTERM], 6: [signal.SIGINT]}

    def run_with_signal(self, fetches, *args, **options):
        if isinstance(fetches, dict) and 'train_op' in fetches:
            steps_done.append(fetches)
            for number in stops.get(len(steps_done), []):
                os.kill(os.getpid(), number)
        return original_run(self, fetches, *args, **options)
    monkeypatch.setattr(tf.Session, 'run', run_with_signal)
    for stop, status in ((2, 143), (4, 143), (6, 130)):
        assert train(settings) == status
        assert len(steps_done) == stop and os.path.exists('%s-%d.index' % (folder.checkpoint_prefix, stop))
        assert list(map(signal.getsignal, HANDLED)) == handlers
    assert_same_run(train_run('run', '--steps=8'), uninterrupted_run)


@pytest.mark.any_tensorflow
@pytest.mark.parametrize('name', ['SIGUSR1', 'SIGUSR2', 'SIGXCPU'])
def test_a_signal_of_a_scheduler_before_the_training(name):
    """It ends the process as SIGTERM does. Status 138 would mean that a worker was lost."""
    program = 'import os, signal\nfrom dcgan_tf1.train import shutdown\nshutdown.treat_as_sigterm()\n%s' \
              'os.kill(os.getpid(), signal.%s)'
    assert subprocess.call([sys.executable, '-c', program % ('', name)], cwd=ROOT) == -signal.SIGTERM
    ignored = 'signal.signal(signal.%s, signal.SIG_IGN)\nshutdown.treat_as_sigterm()\n' % name
    assert subprocess.call([sys.executable, '-c', program.replace('shutdown.treat_as_sigterm()\n', '')
                            % (ignored, name)], cwd=ROOT) == 0


@pytest.mark.any_tensorflow
def test_a_signal_that_something_else_handles_is_left_alone():
    """Libraries for clusters use SIGUSR1 for their own purposes."""
    received = []
    previous = signal.signal(signal.SIGUSR1, lambda number, _: received.append(number))
    try:
        with GracefulShutdown() as shutdown:
            os.kill(os.getpid(), signal.SIGUSR1)
        assert received == [signal.SIGUSR1] and shutdown.signal is None
    finally:
        signal.signal(signal.SIGUSR1, previous)


@pytest.mark.any_tensorflow
def test_a_handler_from_before_python_is_left_as_it_is(monkeypatch):
    """`signal.signal` returns None for it, and does not take that."""
    install = signal.signal
    previous = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(signal, 'signal', lambda number, handler: install(number, handler) and None)
    try:
        with GracefulShutdown():
            pass
    finally:
        for number in (signal.SIGTERM, signal.SIGINT, *REPEATED):
            install(number, previous if number == signal.SIGTERM else
                    signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)


@pytest.mark.any_tensorflow
def test_a_signal_of_a_scheduler_after_the_training():
    """A worker that has stopped waits until another has saved."""
    program = 'import os, signal\nfrom dcgan_tf1.train import shutdown\nshutdown.treat_as_sigterm()\n' \
              'with shutdown.GracefulShutdown() as stop:\n    os.kill(os.getpid(), signal.SIGINT)\n' \
              'os.kill(os.getpid(), signal.SIGXCPU)\nexit(128 + stop.signal)'
    assert subprocess.call([sys.executable, '-c', program], cwd=ROOT) == 130


@pytest.mark.slow
@pytest.mark.any_tensorflow
def test_a_signal_while_a_step_is_written(training_settings, tmp_path, monkeypatch):
    """It stops the run after the next step, which is saved."""
    original = TrainingLoop._write_what_is_due

    def write_with_signal(self, step, is_interrupted):
        original(self, step, is_interrupted)
        if step == 4:
            os.kill(os.getpid(), signal.SIGTERM)
    monkeypatch.setattr(TrainingLoop, '_write_what_is_due', write_with_signal)
    folder = RunFolder(str(tmp_path / 'run'))
    assert train(training_settings(*SMALL_RUN, '--steps=8', '--run_dir=' + folder.path)) == 143
    assert os.path.exists(folder.checkpoint_prefix + '-5.index')


@pytest.mark.slow
@pytest.mark.any_tensorflow
def test_two_processes_cannot_train_the_same_run(training_settings, tmp_path):
    """The second is refused and does no harm. After the first is killed, the run can be resumed."""
    pytest.importorskip('fcntl')  # not on Windows
    folder = RunFolder(str(tmp_path / 'run'))
    flags = [*SMALL_RUN, '--run_dir=' + folder.path]
    process = start_command(*flags, '--steps=100000')
    try:
        wait_for(lambda: len(folder.read_metrics()) >= 2, process)
        with pytest.raises(UserError, match=r'is being trained by another process \(%d\)' % process.pid):
            train(training_settings(*flags, '--steps=100000'))
        assert process.poll() is None
    finally:
        process.kill()
        process.communicate()
    last_step = folder.read_metrics()[-1]['step']
    assert train(training_settings(*flags, '--steps=%d' % (last_step + 1))) == 0
