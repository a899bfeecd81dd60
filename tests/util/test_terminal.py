"""No state of the terminal may end a training before it is saved, and the terminal belongs to the run."""
import io
import os
import re
import signal
import subprocess
import sys
import threading

import pytest
from helpers import ROOT, SMALL_RUN, wait_for

from dcgan_tf1.runs.folder import RunFolder
from dcgan_tf1.train.training import train
from dcgan_tf1.util.terminal import Unfailing

COMMANDS = ('train', 'sample', 'evaluate', 'export', 'report', 'explore')
# Of TensorFlow, absl and CUDA: "2026-01-31 12:00:00.000000: I tensorflow/…", "E0000 …", "WARNING: …".
FOREIGN = re.compile(r'^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d|^[IWEF]\d{4} |WARNING|tensorflow/|oneDNN|cuda|cuInit', re.I)


def environment(**changes):
    """The variables of this process, without those that importing the package set."""
    kept = {name: value for name, value in os.environ.items() if name not in ('TF_CPP_MIN_LOG_LEVEL', 'MPLBACKEND')}
    return {**kept, 'PYTHONPATH': ROOT, **changes}


def run_here(program, *flags, **options):
    """Runs a program in Python with the flags of a small training."""
    return subprocess.run([sys.executable, *program, *SMALL_RUN, *flags], cwd=ROOT,
                          **{'stdout': subprocess.PIPE, 'stderr': subprocess.STDOUT, 'timeout': 120, **options})


TRAIN = ('-m', 'dcgan_tf1', 'train')


def checkpoint_steps(folder):
    return [int(path.rsplit('-', 1)[1].split('.')[0]) for path in folder.checkpoint_indexes()]


@pytest.mark.slow
@pytest.mark.parametrize('number,status', [
    ('SIGHUP', 129), *(pytest.param(*pair, marks=pytest.mark.any_tensorflow) for pair in (
        ('SIGINT', 130), ('SIGTERM', 143)))])
def test_a_signal_after_the_reader_of_the_output_has_ended(number, status, tmp_path):
    """As in `… 2>&1 | tee log` and Ctrl-C, which ends `tee`, too; or when the window is closed."""
    folder = RunFolder(str(tmp_path / 'run'))
    # The tests themselves may run under nohup.
    program = ('import signal, sys; signal.signal(signal.%s, signal.%s); sys.argv.insert(1, "train")\n'
               'from dcgan_tf1 import __main__; __main__.main()' % (
                   number, 'default_int_handler' if number == 'SIGINT' else 'SIG_DFL'))
    process = subprocess.Popen(
        [sys.executable, '-c', program, *SMALL_RUN, '--log_every=1', '--checkpoint_every=1000000', '--steps=1000000',
         '--run_dir=' + folder.path], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
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
@pytest.mark.parametrize('redirection', ['>&- 2>&-', pytest.param('<&- >&- 2>&-', marks=pytest.mark.any_tensorflow)])
def test_a_training_without_standard_streams(redirection, tmp_path):
    folder = RunFolder(str(tmp_path / 'run'))
    process = subprocess.run(
        ['bash', '-c', '"$0" -m dcgan_tf1 train "$@" ' + redirection, sys.executable, *SMALL_RUN, '--log_every=1',
         '--steps=5', '--run_dir=' + folder.path], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert process.returncode == 0, process.stdout
    assert len(folder.read_metrics()) == 5 and max(checkpoint_steps(folder)) == 5


@pytest.mark.slow
@pytest.mark.any_tensorflow
def test_a_training_goes_on_when_nobody_reads_its_output(tmp_path):
    folder = RunFolder(str(tmp_path / 'run'))
    process = subprocess.Popen([sys.executable, *TRAIN, *SMALL_RUN, '--log_every=1', '--steps=30',
                                '--run_dir=' + folder.path], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert process.stdout.readline()
    process.stdout.close()
    assert process.wait(120) == 0
    assert len(folder.read_metrics()) == 30 and max(checkpoint_steps(folder)) == 30


@pytest.mark.slow
@pytest.mark.any_tensorflow
@pytest.mark.skipif(not os.path.exists('/dev/full'), reason='there is no /dev/full')
def test_a_training_goes_on_when_its_output_cannot_be_written(tmp_path):
    folder = RunFolder(str(tmp_path / 'run'))
    with open('/dev/full', 'w') as full:
        assert run_here(TRAIN, '--log_every=1', '--steps=5', '--run_dir=' + folder.path, stdout=full).returncode == 0
    assert len(folder.read_metrics()) == 5 and max(checkpoint_steps(folder)) == 5


@pytest.mark.slow
@pytest.mark.any_tensorflow
def test_a_terminal_of_another_encoding(tmp_path):
    program = ('import io, sys\nfor name in ("stdout", "stderr"):\n'
               '    setattr(sys, name, io.TextIOWrapper(getattr(sys, name).buffer, "ascii", line_buffering=True))\n'
               'from dcgan_tf1.train import __main__ as train; train.main()')
    process = run_here(('-c', program), '--steps=1', '--run_dir=%s' % (tmp_path / 'café Ω'))
    assert process.returncode == 0 and b'Traceback' not in process.stdout and b'caf\\xe9' in process.stdout, process


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
@pytest.mark.any_tensorflow
def test_a_backend_inherited_from_a_notebook(tmp_path):
    process = run_here(TRAIN, '--steps=1', '--run_dir=%s' % (tmp_path / 'run'),
                       env=environment(MPLBACKEND='module://of.another.environment'))
    assert process.returncode == 0, process.stdout
    assert os.path.exists(RunFolder(str(tmp_path / 'run')).losses)


@pytest.mark.slow
@pytest.mark.any_tensorflow
@pytest.mark.parametrize('backend', ['module://of.another.environment', 'nonsense', 'module://matplotlib_inline.backend'])
def test_other_backends_inherited_from_a_notebook(backend):
    program = 'from dcgan_tf1.util import charts; assert charts.losses([{"step": 1, "generator_loss": 1., ' \
              '"discriminator_loss": 1.}], "title")'
    subprocess.run([sys.executable, '-c', program], cwd=ROOT, env=environment(MPLBACKEND=backend), check=True)


@pytest.mark.slow
def test_a_training_in_a_thread(training_settings, tmp_path):
    results = []
    settings = training_settings(*SMALL_RUN, '--steps=2', '--run_dir=%s' % (tmp_path / 'run'))
    thread = threading.Thread(target=lambda: results.append(train(settings)))
    thread.start()
    thread.join()
    assert results == [0]


@pytest.mark.slow
@pytest.mark.parametrize('command', [
    'train', *(pytest.param(name, marks=pytest.mark.any_tensorflow) for name in COMMANDS[1:])])
def test_only_our_own_lines_are_on_the_terminal(command, trained, tmp_path):
    """`train` starts without what this process has set for TensorFlow; all commands start in the same way."""
    run = trained(*SMALL_RUN, '--steps=3').path
    output = '--output=%s' % tmp_path
    arguments = {
        'train': [*SMALL_RUN, '--steps=1', '--run_dir=%s' % (tmp_path / 'run')],
        'sample': ['--run_dir=' + run, output + '/a.png'],
        'evaluate': ['--run_dir=' + run, output + '/a.json', '--num_images=100', '--classifier_steps=5',
                     '--cache_dir=%s' % tmp_path],
        'export': ['--run_dir=' + run, '--bn_mode=moving', output + '/saved_model'],
        'report': [run, output + '/report.html'], 'explore': [run, output + '/explore.html', '--points=2']}[command]
    process = subprocess.run([sys.executable, '-m', 'dcgan_tf1', command, *arguments], cwd=ROOT,
                             env=environment() if command == 'train' else None, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, timeout=300)
    assert process.returncode == 0, process.stdout
    assert not [line for line in process.stdout.decode().splitlines() if FOREIGN.search(line)], process.stdout


def test_the_log_level_of_the_user_wins():
    code = 'import os, dcgan_tf1; print(os.environ["TF_CPP_MIN_LOG_LEVEL"])'
    for variables, expected in (({'TF_CPP_MIN_LOG_LEVEL': '0'}, ['0']), ({}, ['2', '3'])):
        assert subprocess.check_output([sys.executable, '-c', code], env=environment(**variables),
                                       universal_newlines=True).strip() in expected
