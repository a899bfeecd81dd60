"""Several workers train as one does."""
import json
import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
import worker_steps
from helpers import ROOT, difference

from dcgan_tf1 import tf_config
from dcgan_tf1.cluster import Cluster
from dcgan_tf1.launch import free_addresses
from dcgan_tf1.schedules import SCHEDULES

EVEN = ('--images=24', '--batch_size=12')
PARTIAL = ('--images=29', '--batch_size=12', '--shuffle=per_epoch')  # the last batch of an epoch has 5 images
RUNS = {
    **{schedule: (*EVEN, '--schedule=' + schedule) for schedule in sorted(SCHEDULES)},
    'no multiple': ('--images=30', '--batch_size=11'),
    'partial batch': (*PARTIAL, '--noise_batch=match'),
    'partial batch, full noise': (*PARTIAL, '--noise_batch=full', '--d_steps_per_g_step=2'),
    'once': (*PARTIAL[:2], '--shuffle=once', '--noise_batch=match'),
    'fewer images than workers': ('--images=25', '--batch_size=12', '--shuffle=per_epoch', '--noise_batch=match',
                                  '--channels=3'),
    'bfloat16': (*EVEN, '--precision=bfloat16'),
    'worker': (*EVEN, '--batch_statistics=worker'),
}
NAMES = [name for name in RUNS if name != 'bfloat16' or not tf.__version__.startswith('1.')]


def start_workers(count, *command, **options):
    """Starts a Python program as that many workers; returns the processes."""
    addresses = free_addresses(count)
    return [subprocess.Popen([sys.executable, *command], env={
        **os.environ, 'PYTHONPATH': ROOT, 'TF_CONFIG': tf_config.write(addresses, rank)}, **options)
        for rank in range(count)]


def end(processes, seconds=900):
    """Waits for processes; returns their exit statuses. Kills them if they take too long."""
    try:
        return [process.wait(seconds) for process in processes]
    finally:
        for process in processes:
            process.kill()


@pytest.fixture(scope='module')
def recorded(tmp_path_factory):
    """(number of workers, name of a run, rank) → what that worker recorded."""
    folder = tmp_path_factory.mktemp('workers')
    (folder / 'runs.json').write_text(json.dumps([RUNS[name] for name in NAMES]))

    def record(count, attempt=0):
        output = folder / ('%d-%d' % (count, attempt))
        output.mkdir()
        assert end(start_workers(count, worker_steps.__file__, str(folder / 'runs.json'), str(output))) == [0] * count

    def read(count, name, rank=0, attempt=0):
        if not (folder / ('%d-%d' % (count, attempt))).exists():
            record(count, attempt)
        with np.load(str(folder / ('%d-%d' % (count, attempt)) / ('%d-%d.npz' % (NAMES.index(name), rank)))) as file:
            return dict(file)
    return read


@pytest.fixture(scope='module')
def alone():
    """Name of a run → what one worker records."""
    known = {}

    def read(name):
        if name not in known:
            known[name] = worker_steps.record_steps(Cluster(), *RUNS[name])
        return known[name]
    return read


@pytest.mark.slow
@pytest.mark.parametrize('count', [2, 3])
@pytest.mark.parametrize('name', [name for name in NAMES if name not in ('bfloat16', 'worker')])
def test_several_workers_equal_one(name, count, recorded, alone):
    assert difference(recorded(count, name), alone(name)) < 1e-5


@pytest.mark.slow
@pytest.mark.parametrize('count', [2, 3])
@pytest.mark.parametrize('name', NAMES)
def test_all_workers_hold_the_same_bits(name, count, recorded):
    for rank in range(1, count):
        assert difference(recorded(count, name, rank), recorded(count, name)) == 0


@pytest.mark.slow
def test_the_same_workers_again_give_the_same_bits(recorded):
    for name in NAMES:
        assert difference(recorded(2, name, attempt=1), recorded(2, name)) == 0


@pytest.mark.slow
@pytest.mark.skipif('bfloat16' not in NAMES, reason='TensorFlow 1 does not train in bfloat16')
def test_bfloat16(recorded, alone):
    """Its rounding errors are larger, and depend on the size of the batch."""
    actual, expected = recorded(2, 'bfloat16'), alone('bfloat16')
    for name in ('record/discriminator_loss', 'record/generator_loss'):
        np.testing.assert_allclose(actual[name], expected[name], rtol=0.03)


@pytest.mark.slow
def test_statistics_of_each_worker(recorded, alone):
    """They are those of a smaller batch: the losses of the first step already differ."""
    actual, expected = recorded(2, 'worker'), alone('worker')
    assert abs(actual['record/discriminator_loss'][0] - expected['record/discriminator_loss'][0]) > 1e-3
    assert difference(recorded(2, 'worker'), alone('discriminator_then_generator')) > 1e-3
