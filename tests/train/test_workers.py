"""Several workers train as one does."""
import json
import math
import os
import subprocess
import sys

import numpy as np
import pytest
import worker_steps
from helpers import ROOT, SMALL_RUN, TENSORFLOW, differing

from dcgan_tf1.launch import free_addresses
from dcgan_tf1.model.collectives import Workers
from dcgan_tf1.model.graph import build_training
from dcgan_tf1.model.inputs import batch_plan
from dcgan_tf1.model.schedules import SCHEDULES
from dcgan_tf1.train import loop
from dcgan_tf1.train.workers import tf_config
from dcgan_tf1.train.workers.cluster import Cluster

PARTIAL = ('--images=29', '--batch_size=12')  # the last batch of an epoch has 5 images
# Every schedule, and every way in which batches can be of different sizes. Each process needs some seconds for a run.
EQUAL = {
    'even': ('--images=24', '--batch_size=12', '--schedule=discriminator_then_generator'),
    'no multiple': ('--images=30', '--batch_size=11', '--schedule=generator_then_discriminator'),
    'partial batch': (*PARTIAL, '--shuffle=per_epoch', '--noise_batch=match', '--schedule=simultaneous'),
    'full noise': (*PARTIAL, '--shuffle=per_epoch', '--noise_batch=full', '--d_steps_per_g_step=2',
                   '--schedule=real_then_fake_then_generator'),
    'once, fewer images than workers': ('--images=25', '--batch_size=12', '--channels=3', '--shuffle=once',
                                        '--noise_batch=match', '--schedule=discriminator_then_generator_same_images'),
}
OTHER = {'worker': (*EQUAL['even'], '--batch_statistics=worker'), 'again': EQUAL['partial batch']}
# What depends on the number of workers is how batches are shared.
THREE = {name: EQUAL[name] for name in ('partial batch', 'once, fewer images than workers')}
TWO = EQUAL
if TENSORFLOW < (2,):  # nothing about schedules depends on it
    TWO = {name: EQUAL[name] for name in ('even', *THREE)}
else:  # TensorFlow 1 does not train in bfloat16
    OTHER['bfloat16'] = (*EQUAL['even'], '--precision=bfloat16')
RELU = {'ReLU, float64': (*EQUAL['partial batch'], worker_steps.RELU, worker_steps.FLOAT64)}
RUNS = {2: {**TWO, **OTHER, **RELU}, 3: THREE}


def start_workers(count, *command, **options):
    """Starts a Python program as that many workers; returns the processes."""
    addresses, path = free_addresses(count), os.pathsep.join([ROOT, os.path.join(ROOT, 'tests')])
    return [subprocess.Popen([sys.executable, *command], env={
        **os.environ, 'PYTHONPATH': path, 'TF_CONFIG': tf_config.write(addresses, rank)}, **options)
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

    def record(count):
        (folder / str(count)).mkdir()
        runs = folder / ('%d.json' % count)
        runs.write_text(json.dumps(list(RUNS[count].values())))
        program = 'import worker_steps; worker_steps.main()'
        assert end(start_workers(count, '-c', program, str(runs), str(folder / str(count)))) == [0] * count

    def read(count, name, rank=0):
        if not (folder / str(count)).exists():
            record(count)
        with np.load(str(folder / str(count) / ('%d-%d.npz' % (list(RUNS[count]).index(name), rank)))) as file:
            return dict(file)
    return read


@pytest.fixture(scope='module')
def alone():
    """Name of a run → what one worker records."""
    known = {}

    def read(name):
        if name not in known:
            known[name] = worker_steps.record_steps(Cluster(), *RUNS[2][name])
        return known[name]
    return read


@pytest.mark.slow
@pytest.mark.parametrize('name, count', [(name, count) for count in RUNS for name in RUNS[count] if name in EQUAL])
def test_several_workers_equal_one(name, count, recorded, alone):
    assert not differing(recorded(count, name), alone(name), 1e-5)


@pytest.mark.slow
@pytest.mark.parametrize('name, count', [(name, count) for count in RUNS for name in RUNS[count]])
def test_all_workers_hold_the_same_bits(name, count, recorded):
    for rank in range(1, count):
        assert not differing(recorded(count, name, rank), recorded(count, name))


@pytest.mark.slow
def test_the_same_workers_again_give_the_same_bits(recorded):
    assert not differing(recorded(2, 'again'), recorded(2, 'partial batch'))


@pytest.mark.slow
def test_with_relus_only_rounding_differs(recorded, alone):
    """In float32, a rounding error that moves a unit across the kink of its ReLU changes gradients by far more than the
    rounding error itself. In float64, the same networks agree to the last digits, so they compute the same.
    """
    def kept(arrays):  # what replaces fused batch norm in float64 has biased variances
        return {name: array for name, array in arrays.items() if not name.endswith('moving_variance')}
    assert not differing(kept(recorded(2, 'ReLU, float64')), kept(alone('ReLU, float64')), 1e-12)


@pytest.mark.slow
@pytest.mark.skipif('bfloat16' not in OTHER, reason='TensorFlow 1 does not train in bfloat16')
def test_bfloat16(recorded, alone):
    """Its rounding errors are larger, and depend on the size of the batch."""
    actual, expected = recorded(2, 'bfloat16'), alone('bfloat16')
    for name in ('record/discriminator_loss', 'record/generator_loss'):
        np.testing.assert_allclose(actual[name], expected[name], rtol=0.03)


@pytest.mark.slow
def test_statistics_of_each_worker(recorded, alone):
    """They are those of a smaller batch: the losses of the first step already differ."""
    actual, expected = recorded(2, 'worker'), alone('even')
    assert abs(actual['record/discriminator_loss'][0] - expected['record/discriminator_loss'][0]) > 1e-3


def test_the_runs_have_all_schedules():
    assert {flag.split('=')[1] for flags in EQUAL.values() for flag in flags if 'schedule' in flag} == set(SCHEDULES)


def test_one_worker_adds_nothing_to_the_graph(graph, training_settings, random_images):
    settings = training_settings(*SMALL_RUN)
    training = build_training(settings, random_images, batch_plan(settings, random_images.num_examples), Workers())
    assert training.cooperation is None
    assert not [op for op in graph.get_operations() if op.type.startswith('Collective') or 'workers' in op.name]


@pytest.mark.any_tensorflow
def test_the_chief_alone_judges_the_losses(monkeypatch):
    """Otherwise the error of another worker would end it before it has said which checkpoint is good."""
    steps = [(1, {'discriminator_loss': math.nan, 'generator_loss': 1.}, False)]
    monkeypatch.setattr(loop, '_steps', lambda *_: iter(steps))
    assert loop.follow(None, None, None, 0) is None
