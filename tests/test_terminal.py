"""No state of the terminal may end a training before it is saved, and the terminal belongs to the run."""
import io
import os
import re
import signal
import subprocess
import sys
import threading

import pytest
from helpers import CLASSIFIER_STEPS, ROOT, SMALL_RUN, wait_for

from dcgan_tf1.run_folder import RunFolder
from dcgan_tf1.terminal import Unfailing
from dcgan_tf1.training import train

COMMANDS = ('train', 'sample', 'evaluate', 'export', 'report', 'explore')
# Of TensorFlow, absl and CUDA: "2026-01-31 12:00:00.000000: I tensorflow/…", "E0000 …", "WARNING: …".
FOREIGN = re.compile(r'^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d|^[IWEF]\d{4} |WARNING|tensorflow/|oneDNN|cuda|cuInit', re.I)


def environment(**changes):
    """The variables of this process, without those that importing the package set."""
    kept = {name: value for name, value in os.environ.items() if name not in ('TF_CPP_MIN_LOG_LEVEL', 'MPLBACKEND')}
    return {**kept, 'PYTHONPATH': ROOT, **changes}


def run_shell(command, *flags, **variables):
    """Runs `python -m dcgan_tf1 train …` with the redirections in `command`, where {} stands for it."""
    program = '"%s" -m dcgan_tf1 train "$@"' % sys.executable
    return subprocess.run(['bash', '-c', command.replace('{}', program), 'bash', *SMALL_RUN, *flags], cwd=ROOT,
                          env=environment(**variables), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)


def checkpoint_steps(folder):
    return [int(path.rsplit('-', 1)[1].split('.')[0]) for path in folder.checkpoint_indexes()]


@pytest.mark.slow
@pytest.mark.parametrize('number,status', [('SIGINT', 130), ('SIGTERM', 143), ('SIGHUP', 129)])
def test_a_signal_after_the_reader_of_the_output_has_ended(number, status, tmp_path):
    """As in `… 2>&1 | tee log` and Ctrl-C, which ends `tee`, too; or when the window is closed."""
    folder = RunFolder(str(tmp_path / 'run'))
    process = subprocess.Popen(
        [sys.executable, '-m', 'dcgan_tf1', 'train', *SMALL_RUN, '--log_every=1', '--checkpoint_every=1000000',
         '--steps=1000000', '--run_dir=' + folder.path], cwd=ROOT, env=environment(), stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, preexec_fn=lambda: signal.signal(  # the tests themselves may run under nohup
            getattr(signal, number), signal.SIG_DFL))
    try:
        wait_for(lambda: len(folder.read_metrics()) >= 3, process)
        process.stdout.close()
        process.send_signal(getattr(signal, number))
        assert process.wait(60) == status
    finally:
        process.kill()
        process.wait()
    last = folder.read_metrics()[-1]['step']
    assert max(checkpoint_steps(folder)) == last


@pytest.mark.slow
@pytest.mark.parametrize('command', [
    '{} 2>&1 | head -n 1; exit ${PIPESTATUS[0]}', '{} >&- 2>&-', '{} <&- >&- 2>&-', '{} > /dev/full 2>&1'])
def test_a_training_goes_on_without_a_terminal(command, tmp_path):
    if '/dev/full' in command and not os.path.exists('/dev/full'):
        pytest.skip('there is no /dev/full')
    folder = RunFolder(str(tmp_path / 'run'))
    process = run_shell(command, '--log_every=1', '--steps=30', '--run_dir=' + folder.path)
    assert process.returncode == 0, process.stdout
    assert len(folder.read_metrics()) == 30 and max(checkpoint_steps(folder)) == 30


@pytest.mark.slow
def test_a_terminal_of_another_encoding(tmp_path):
    process = run_shell('{}', '--steps=1', '--run_dir=%s' % (tmp_path / 'café Ω'), PYTHONIOENCODING='ascii')
    assert process.returncode == 0 and b'Traceback' not in process.stdout, process.stdout


def test_an_unfailing_stream():
    ascii_stream = io.TextIOWrapper(io.BytesIO(), encoding='ascii')
    print('café \udce9', file=Unfailing(ascii_stream))
    assert ascii_stream.buffer.getvalue() == b'caf\\xe9 \\udce9\n'
    ascii_stream.close()
    for stream in (ascii_stream, None):
        unfailing = Unfailing(stream)
        print('lost', file=unfailing, flush=True)
        assert not unfailing.isatty()


@pytest.mark.slow
@pytest.mark.parametrize('backend', ['module://of.another.environment', 'nonsense', 'module://matplotlib_inline.backend'])
def test_a_backend_inherited_from_a_notebook(backend, tmp_path):
    process = run_shell('{}', '--steps=1', '--run_dir=%s' % (tmp_path / 'run'), MPLBACKEND=backend)
    assert process.returncode == 0, process.stdout
    assert os.path.exists(RunFolder(str(tmp_path / 'run')).losses)


@pytest.mark.slow
def test_a_training_in_a_thread(training_settings, tmp_path):
    results = []
    settings = training_settings(*SMALL_RUN, '--steps=2', '--run_dir=%s' % (tmp_path / 'run'))
    thread = threading.Thread(target=lambda: results.append(train(settings)))
    thread.start()
    thread.join()
    assert results == [0]


@pytest.mark.slow
@pytest.mark.parametrize('command', COMMANDS)
def test_only_our_own_lines_are_on_the_terminal(command, trained, tmp_path):
    run = trained(*SMALL_RUN, '--steps=3').path
    output = '--output=%s' % tmp_path
    arguments = {
        'train': [*SMALL_RUN, '--steps=1', '--run_dir=%s' % (tmp_path / 'run')],
        'sample': ['--run_dir=' + run, output + '/a.png'],
        'evaluate': ['--run_dir=' + run, output + '/a.json', '--num_images=100', CLASSIFIER_STEPS,
                     '--cache_dir=%s' % tmp_path],
        'export': ['--run_dir=' + run, '--bn_mode=moving', output + '/saved_model'],
        'report': [run, output + '/report.html'], 'explore': [run, output + '/explore.html', '--points=2']}[command]
    process = subprocess.run([sys.executable, '-m', 'dcgan_tf1', command, *arguments], cwd=ROOT, env=environment(),
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300)
    assert process.returncode == 0, process.stdout
    assert not [line for line in process.stdout.decode().splitlines() if FOREIGN.search(line)], process.stdout


def test_the_log_level_of_the_user_wins():
    code = 'import os, dcgan_tf1; print(os.environ["TF_CPP_MIN_LOG_LEVEL"])'
    for variables, expected in (({'TF_CPP_MIN_LOG_LEVEL': '0'}, ['0']), ({}, ['2', '3'])):
        assert subprocess.check_output([sys.executable, '-c', code], env=environment(**variables),
                                       universal_newlines=True).strip() in expected
