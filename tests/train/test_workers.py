"""Several devices train as one does: those of one process, and those of several."""
import json
import math
import os
import subprocess
import sys

import numpy as np
import pytest
import worker_steps
from helpers import ROOT, SMALL_RUN, TENSORFLOW, differing

from dcgan_tf1.model.collectives import Replicas
from dcgan_tf1.model.graph import build_training
from dcgan_tf1.model.inputs import batch_plan
from dcgan_tf1.model.schedules import SCHEDULES
from dcgan_tf1.train import loop
from dcgan_tf1.train.workers.cluster import Cluster
from dcgan_tf1.util.errors import UserError
from scripts.lib.workers import environments

PARTIAL = ('--images=29', '--batch_size=12')  # the last batch of an epoch has 5 images
# Every schedule, and every way in which batches can be of different sizes.
EQUAL = {
    'even': ('--images=24', '--batch_size=12', '--schedule=discriminator_then_generator'),
    'no multiple': ('--images=30', '--batch_size=11', '--schedule=generator_then_discriminator'),
    'partial batch': (*PARTIAL, '--shuffle=per_epoch', '--noise_batch=match', '--schedule=simultaneous'),
    'full noise': (*PARTIAL, '--shuffle=per_epoch', '--noise_batch=full', '--d_steps_per_g_step=2',
                   '--schedule=real_then_fake_then_generator'),
    'once, fewer images than devices': ('--images=25', '--batch_size=12', '--channels=3', '--shuffle=once',
                                        '--noise_batch=match', '--schedule=discriminator_then_generator_same_images'),
}
# What depends on the number of devices is how batches are shared.
SHARED = ('partial batch', 'once, fewer images than devices')
CASES = [(2, name) for name in EQUAL] + [(3, SHARED[0]), (4, SHARED[1])]
if TENSORFLOW < (2,):  # nothing about schedules, or about a fourth device, depends on it
    CASES = [(2, 'even'), (3, SHARED[0])]


def record(count, *flags):
    """What so many devices of this process compute. (It checks that all hold the same bits.)"""
    with Cluster(count) as cluster:
        return worker_steps.record_steps(cluster, *flags)


@pytest.fixture(scope='module')
def recorded():
    """(number of devices of this process, name in `EQUAL`) → what they compute."""
    known = {}

    def call(count, name):
        if (count, name) not in known:
            known[count, name] = record(count, *EQUAL[name])
        return known[count, name]
    return call


@pytest.mark.slow
@pytest.mark.parametrize('count, name', CASES)
def test_several_devices_equal_one(count, name, recorded):
    assert not differing(recorded(count, name), recorded(1, name), 1e-5)


@pytest.mark.slow
def test_the_same_devices_again_give_the_same_bits(recorded):
    assert not differing(record(2, *EQUAL['even']), recorded(2, 'even'))


@pytest.mark.slow
@pytest.mark.parametrize('devices', [1, 2])
def test_two_processes_equal_one(devices, recorded, tmp_path):
    """They have so many devices each. Both hold the same bits."""
    names = SHARED if devices == 1 else SHARED[:1]
    (tmp_path / 'runs.json').write_text(json.dumps([EQUAL[name] for name in names]))
    processes = [subprocess.Popen(
        [sys.executable, '-c', 'import worker_steps; worker_steps.main()', str(tmp_path / 'runs.json'), str(tmp_path),
         str(devices)],
        env={**environment, 'PYTHONPATH': os.pathsep.join([ROOT, os.path.join(ROOT, 'tests')])})
        for environment in environments(2)]
    try:
        assert [process.wait(900) for process in processes] == [0, 0]
    finally:
        for process in processes:
            process.kill()
    for number, name in enumerate(names):
        first, second = (dict(np.load(str(tmp_path / ('%d-%d.npz' % (number, rank))))) for rank in (0, 1))
        assert not differing(second, first)
        assert not differing(first, recorded(1, name), 1e-5)


@pytest.mark.slow
def test_with_relus_only_rounding_differs():
    """In float32, a rounding error that moves a unit across the kink of its ReLU changes gradients by far more than the
    rounding error itself. In float64, the same networks agree to the last digits, so they compute the same.
    """
    def kept(count):  # what replaces fused batch norm in float64 has biased variances
        arrays = record(count, *EQUAL['partial batch'], worker_steps.RELU, worker_steps.FLOAT64)
        return {name: array for name, array in arrays.items() if not name.endswith('moving_variance')}
    alone = kept(1)
    counts = (2, 3, 4) if TENSORFLOW >= (2,) else (3,)
    assert not [count for count in counts if differing(kept(count), alone, 1e-12)]


@pytest.mark.slow
@pytest.mark.skipif(TENSORFLOW < (2,), reason='TensorFlow 1 does not train in bfloat16')
def test_bfloat16():
    """Its rounding errors are larger, and depend on the size of the batch."""
    actual, expected = (record(count, *EQUAL['even'], '--precision=bfloat16') for count in (2, 1))
    for name in ('record/discriminator_loss', 'record/generator_loss'):
        np.testing.assert_allclose(actual[name], expected[name], rtol=0.03)


@pytest.mark.slow
def test_statistics_of_each_device(recorded):
    """They are those of a smaller batch: the losses of the first step already differ."""
    actual, expected = record(2, *EQUAL['even'], '--batch_statistics=worker'), recorded(1, 'even')
    assert abs(actual['record/discriminator_loss'][0] - expected['record/discriminator_loss'][0]) > 1e-3


def test_the_runs_have_all_schedules():
    assert {flag.split('=')[1] for flags in EQUAL.values() for flag in flags if 'schedule' in flag} == set(SCHEDULES)


def test_one_device_adds_nothing_to_the_graph(graph, training_settings, random_images):
    settings = training_settings(*SMALL_RUN)
    training = build_training(settings, random_images, batch_plan(settings, random_images.num_examples), Replicas())
    assert training.cooperation is None
    assert not [op for op in graph.get_operations() if op.type.startswith('Collective') or 'replica' in op.name]


@pytest.mark.any_tensorflow
def test_the_chief_alone_judges_the_losses(monkeypatch):
    """Otherwise the error of another worker would end it before it has said which checkpoint is good."""
    steps = [(1, {'discriminator_loss': math.nan, 'generator_loss': 1.}, False)]
    monkeypatch.setattr(loop, '_steps', lambda *_: iter(steps))
    assert loop.follow(None, None, None, 0) is None


@pytest.mark.any_tensorflow
def test_a_process_trains_only_once_with_other_workers(monkeypatch):
    """TensorFlow's server keeps the address of the first training."""
    monkeypatch.setattr(Cluster, '_has_server', True)
    monkeypatch.setenv('TF_CONFIG', environments(2)[0]['TF_CONFIG'])
    with pytest.raises(UserError, match='^this process has already trained as worker 0: '):
        Cluster().__enter__()
