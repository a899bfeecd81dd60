"""The script that measures a GPU, rehearsed on whatever device there is."""
import os
import signal
import threading
import time

import pytest
from helpers import run_script, script_arguments

from dcgan_tf1.evaluate import command as evaluate
from dcgan_tf1.evaluate.settings import EvaluateSettings
from dcgan_tf1.model import precision
from dcgan_tf1.settings import cli_flags
from dcgan_tf1.util import device
from dcgan_tf1.util.errors import UserError
from scripts import gpu

pytestmark = pytest.mark.any_tensorflow


def test_a_rehearsal_is_no_result(tmp_path):
    with pytest.raises(UserError, match='--rehearse needs --output: a rehearsal is no result'):
        script_arguments(gpu, '--rehearse')
    text = gpu.readme(gpu.Measurements(str(tmp_path), {'device': 'a test', 'tensorflow': '2'}),
                      script_arguments(gpu, '--rehearse', '--output=%s' % tmp_path))
    assert '**A rehearsal at a tiny size. These numbers mean nothing.**' in text


def test_without_a_gpu_nothing_is_measured(tmp_path, monkeypatch):
    monkeypatch.setattr(device, '_gpus', lambda session: [])
    with pytest.raises(SystemExit, match='sees no GPU.*--rehearse runs every part at a tiny size without one'):
        run_script(gpu, '--output=%s/results' % tmp_path)
    assert not os.listdir(str(tmp_path))


@pytest.mark.slow
def test_a_part_that_takes_too_long_or_fails_is_left_out(monkeypatch, capsys):
    monkeypatch.setitem(gpu.PARTS, 'main', 1)
    monkeypatch.setitem(gpu.MEASURE, 'main', lambda _: gpu.run_module(
        'timeit', '-n1', '-r1', 'import time; time.sleep(60)'))
    monkeypatch.setitem(gpu.MEASURE, 'epoch', lambda _: gpu.run_module('no_such_module'))
    began = time.monotonic()
    assert gpu.within_time('main', None) is None and gpu.within_time('epoch', None) is None
    assert time.monotonic() - began < 30
    printed = capsys.readouterr().err
    assert 'error: main was stopped after 1 seconds' in printed and 'error: no_such_module ended with' in printed


def test_ctrl_c_ends_all(monkeypatch):
    monkeypatch.setitem(gpu.MEASURE, 'main', lambda _: gpu.run_module(
        'timeit', '-n1', '-r1', 'import time; time.sleep(60)'))
    threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        gpu.within_time('main', None)


@pytest.mark.slow
def test_the_trainings_of_a_rehearsal(tmp_path, trainings_in_process, few_digits, monkeypatch, capsys):
    def evaluate_here(_, *flags):
        assert evaluate.run(cli_flags.parse(EvaluateSettings, *flags)) == 0
    monkeypatch.setattr(gpu, 'run_module', evaluate_here)
    monkeypatch.setattr(gpu, 'MAIN_RECIPE', 'graph_mode_dense')
    monkeypatch.setattr(gpu, 'TINY', gpu.TINY._replace(folder_flags=('--image_size=16', '--network=graph_mode_dense')))
    arguments = ['--rehearse', '--parts=main,epoch', '--output=%s' % tmp_path]

    def times():
        return {path.name: path.stat().st_mtime_ns for path in (tmp_path / 'runs').iterdir()}
    with trainings_in_process():
        assert run_script(gpu, *arguments) == 0
        before = times()
        assert run_script(gpu, *arguments) == 0  # nothing is left to do
    assert times() == before
    text = capsys.readouterr().out
    assert (tmp_path / 'README.md').read_text(encoding='utf-8') in text
    for line in ('| float32 | 6 | ', '## An epoch of 64 images', '| packed, float32 | ', '| main job | '):
        assert line in text
    for line in ('| bfloat16 | 6 | ', '| files, bfloat16 | '):
        assert (line in text) == precision.works('bfloat16')
