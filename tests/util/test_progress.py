"""Progress of long work: a bar on a terminal, lines elsewhere, and no effect on the work."""
import io
import os
import re
import struct
import subprocess
import sys

import pytest
from helpers import ALL_LAYERS, ROOT

from dcgan_tf1 import data, report
from dcgan_tf1.evaluate import command as evaluate
from dcgan_tf1.evaluate.classifier import Classifier
from dcgan_tf1.evaluate.settings import EvaluateSettings
from dcgan_tf1.report import ReportSettings
from dcgan_tf1.sample import command as sample
from dcgan_tf1.sample.settings import SampleSettings
from dcgan_tf1.settings import cli_flags
from dcgan_tf1.util import terminal

SLOW_WORK = 'import time; from dcgan_tf1.util import terminal; terminal.FIRST_LINE = .1\n' \
            'for _ in terminal.track(range(4), "working", 4): time.sleep(.06)\nterminal.say("done")\n'


def test_yields_the_items():
    assert list(terminal.track(iter('abc'), 'working', 3)) == ['a', 'b', 'c']
    assert list(terminal.track([], 'working', 0)) == []


def run_program(program, **options):
    return subprocess.run([sys.executable, '-c', program], cwd=ROOT, stdout=subprocess.PIPE, **options)


def test_lines_without_a_terminal():
    process = run_program(SLOW_WORK, stderr=subprocess.PIPE)
    lines = process.stderr.decode().splitlines()
    assert re.match('working: [1-3] of 4, about 0 seconds left$', lines[0]) and lines[1:] == ['done']
    assert not process.stdout


def test_sizes_of_items(monkeypatch, capsys):
    monkeypatch.setattr(terminal, 'FIRST_LINE', 0)
    list(terminal.track(['abc', 'abcdef', 'a'], 'working', 10, len))
    assert capsys.readouterr().err.startswith('working: 3 of 10, about ')


def test_a_bar_on_a_terminal():
    pty, fcntl, termios = (pytest.importorskip(name) for name in ('pty', 'fcntl', 'termios'))  # not on Windows
    terminal, end = pty.openpty()
    fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack('HHHH', 24, 80, 0, 0))
    process = run_program(SLOW_WORK, stderr=end)
    os.close(end)
    printed = b''
    while True:
        try:
            printed += os.read(terminal, 1000)
        except OSError:  # everything was read
            break
    assert process.returncode == 0 and b'working:  50%' in printed and b'seconds left' not in printed
    assert printed.endswith(b'done\r\n')


@pytest.mark.parametrize('redirection', ['2>&-', '2>/dev/full', '2> >(true)'])
def test_nobody_can_read_it(redirection):
    process = subprocess.run(['bash', '-c', '"$0" -c "$1" ' + redirection, sys.executable, SLOW_WORK + 'print("end")'],
                             cwd=ROOT, stdout=subprocess.PIPE)
    assert process.stdout == b'end\n'


def test_a_closed_or_missing_stream(monkeypatch):
    for stream in (None, io.StringIO()):
        if stream:
            stream.close()
        monkeypatch.setattr(sys, 'stderr', stream)
        assert terminal.bar(total=1).disable
        terminal.say('lost')
        assert list(terminal.track(range(3), 'working', 3)) == [0, 1, 2]


@pytest.mark.slow
@pytest.mark.any_tensorflow
def test_long_work_of_commands_is_not_silent(train_run, few_digits, monkeypatch, capsys, tmp_path):
    """Training a classifier, generating and comparing images, standing statistics, and writing files."""
    run = train_run('run', ALL_LAYERS, '--steps=1').path
    monkeypatch.setattr(terminal, 'FIRST_LINE', 0)
    monkeypatch.setattr(terminal, 'NEXT_LINES', 0)

    def printed(command, settings_class, *flags, words=()):
        capsys.readouterr()
        assert command(cli_flags.parse(settings_class, *flags), *words) == 0
        return capsys.readouterr().err
    lines = printed(evaluate.run, EvaluateSettings, '--run_dir=' + run, '--num_images=1100', '--classifier_steps=5',
                    '--bn_mode=standing', '--standing_batches=3', '--cache_dir=%s' % (tmp_path / 'cache'))
    for work in ('training the classifier: 1 of 5', 'classifying images', 'standing statistics: 1 of 3',
                 'generating images: 550 of 1100', 'comparing images: 1 of 2'):
        assert work in lines, lines
    assert 'writing images: 1 of 3' in printed(sample.run, SampleSettings, '--run_dir=' + run, '--num_images=3',
                                               '--output=%s' % (tmp_path / 'files'))
    assert 'reading runs: 1 of 2' in printed(report.run, ReportSettings, '--output=%s' % (tmp_path / 'a.html'),
                                             words=[[run, run]])


@pytest.mark.slow
@pytest.mark.any_tensorflow
def test_scores_do_not_depend_on_it(monkeypatch, few_digits, tmp_path):
    training, test = data.load_labeled('mnist_10k')
    outputs = []
    for first_line in (0, 9999):
        monkeypatch.setattr(terminal, 'FIRST_LINE', first_line)
        classifier = Classifier(training, test, str(tmp_path / str(first_line)), 5)
        outputs.append(classifier(test.images.pixels)[0].tobytes())
        classifier.close()
    assert outputs[0] == outputs[1]
