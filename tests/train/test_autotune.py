"""--kernels=auto and --precision=auto: what is measured, what a run records of it, and that it resumes exactly."""
import math
import os
import threading

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from helpers import ROOT, SMALL_RUN, assert_same_run

from dcgan_tf1 import api
from dcgan_tf1.model import precision
from dcgan_tf1.runs.folder import RunFolder
from dcgan_tf1.sample.preparation import for_run
from dcgan_tf1.train import autotune, preparation
from dcgan_tf1.train.training import train
from dcgan_tf1.train.workers.cluster import Cluster
from dcgan_tf1.util.errors import UserError
from scripts.lib.workers import environments

if_it_trains = pytest.mark.skipif(not precision.works('bfloat16'), reason='this TensorFlow does not train in bfloat16')
RUN = (*SMALL_RUN, '--network=' + os.path.join(ROOT, 'tests', 'one_convolution.py'), '--kernels=auto')
OF_KERNELS = ('--kernels=auto takes %s kernels for %s: here, a step with alternative kernels is %.2f times as fast as '
              'with native ones')
OF_PRECISION = '--precision=auto takes %s: here, a step in bfloat16 is %.2f times as fast as in float32'


class Machine:
    """A clock, and functions that take some time on it."""

    def __init__(self):
        self.now, self.calls = 0., 0

    def clock(self):
        return self.now

    def function(self, *seconds):
        """A function that takes these seconds when it is called first, second and so on; the last, from then on."""
        remaining = list(seconds)

        def call():
            self.calls += 1
            self.now += remaining.pop(0) if len(remaining) > 1 else remaining[0]
        return call

    def time(self, first, second, seconds=3.):
        self.calls = 0
        return autotune.time_in_turns(first, second, seconds, self.clock)


@pytest.fixture
def machine():
    return Machine()


def test_the_first_call_does_not_count(machine):
    rounds = machine.time(machine.function(5., 0.25), machine.function(1., 0.125))
    assert set(rounds) == {(0.25, 0.125)} and autotune.gain(rounds) == 2.


def test_no_function_always_runs_first(machine):
    """A function against itself, on a machine where the first of each round takes longer by 9%."""
    def call():
        machine.now += 0.01 if machine.calls % 2 else 0.0109
        machine.calls += 1
    assert autotune.gain(machine.time(call, call)) == 1.


@pytest.mark.parametrize('length, count', [(2., 5), (0.25, 6), (0.01, 50)])
def test_number_of_rounds(length, count, machine):
    """It is limited by the time. But too few could not be significant, and more would not help."""
    assert len(machine.time(machine.function(length), machine.function(length))) == count
    assert machine.calls == 2 * (count + 1)


@pytest.mark.parametrize('rounds, expected', [
    ([(3., 2.)] * 5, 1.5),
    ([(3., 2.)] * 4, 1.),  # 1 of 16 times by chance
    ([(3., 2.)] * 7 + [(2., 3.)], 1.5), ([(3., 2.)] * 6 + [(2., 3.)] * 2, 1.),
    ([(1., 2.)] * 5, 0.5), ([(1., 1.)] * 5, 1.)])
def test_gain(rounds, expected):
    assert autotune.gain(rounds) == pytest.approx(expected)


def test_false_gains_are_rare():
    """Two equal functions on a machine whose speed varies by 30%."""
    random = np.random.RandomState(0)
    for count in (5, 8, 15, 50):
        found = [autotune.gain(random.lognormal(0, 0.3, (count, 2))) for _ in range(2000)]
        assert 0 < sum(gain >= autotune.MIN_GAIN for gain in found) <= 0.05 * len(found)


def always(gain):
    """A timer according to which the second function is always so many times as fast. Its `calls` counts them."""
    def timer(first, second, seconds):
        timer.calls += 1
        return [(gain, 1.)] * 5
    timer.calls = 0
    return timer


@pytest.mark.slow
@pytest.mark.any_tensorflow
@pytest.mark.parametrize('gain, chosen', [(2., 'alternative'), (1.02, 'native'), (0.5, 'native')])
def test_the_choice_becomes_the_setting(gain, chosen, training_settings, logged):
    assert autotune.choose(training_settings(*RUN), always(gain)) == training_settings(*RUN, '--kernels=' + chosen)
    assert logged == [OF_KERNELS % (chosen, 'float32', gain)]


@pytest.mark.parametrize('choice', ['native', 'alternative'])
def test_explicit_choices_are_not_measured(choice, training_settings, logged):
    timer = always(2.)
    given = training_settings(*RUN, '--kernels=' + choice)
    assert autotune.choose(given, timer) == given and not logged and not timer.calls


@pytest.mark.slow
@pytest.mark.any_tensorflow
def test_the_chief_chooses_for_all_workers(training_settings, logged, monkeypatch):
    """It times its share of a batch. The other worker measures nothing."""
    asked = []

    def choose(settings):
        asked.append((threading.current_thread().name, settings.batch_size))
        return original(settings, always(2.))
    original = autotune.choose
    monkeypatch.setattr(autotune, 'choose', choose)
    settings = training_settings(*RUN, '--batch_size=9')

    def work(rank):
        with clusters[rank]:
            results[rank] = autotune.choose_for_all(settings, clusters[rank])
    clusters, results = [], [None, None]
    for environment in environments(2):
        monkeypatch.setenv('TF_CONFIG', environment['TF_CONFIG'])
        clusters.append(Cluster())
    threads = [threading.Thread(target=work, args=(rank,), name=str(rank)) for rank in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    of_chief, of_other = results
    assert of_chief == of_other == settings.replace(kernels='alternative')
    assert logged == [OF_KERNELS % ('alternative', 'float32', 2.)]  # the chief says it
    assert asked == [('0', 5)]


def test_a_gpu_takes_its_own_kernels(training_settings, monkeypatch):
    monkeypatch.setattr(tf.config.experimental, 'list_physical_devices', lambda kind: [kind])
    timer = always(2.)
    assert autotune.choose(training_settings(*RUN), timer).kernels == 'native' and not timer.calls


@pytest.fixture
def train_with(monkeypatch, tmp_path, training_settings):
    """(gain, name, flags…) → the `RunFolder` of a training on a machine where all choices have this gain."""
    def call(gain, name, *flags):
        monkeypatch.setattr(preparation.autotune, 'choose', lambda settings: original(settings, always(gain)))
        assert train(training_settings(*RUN, '--run_dir=' + str(tmp_path / name), *flags)) == 0
        return RunFolder(str(tmp_path / name))
    original = autotune.choose
    return call


@pytest.mark.slow
@pytest.mark.any_tensorflow
def test_a_run_records_its_choices_and_resumes_with_them(train_with, tmp_path, sampling_settings):
    """Also where other choices would be made by now."""
    auto = '--precision=auto'
    resumed = train_with(2., 'resumed', '--steps=2', auto)
    recorded, chosen = (resumed.read_config()['flags'][name] for name in ('kernels', 'precision'))
    assert (recorded, chosen) == ('alternative', 'bfloat16' if precision.works('bfloat16') else 'float32')
    with open(resumed.flags) as file:
        assert {'--kernels=%s\n' % recorded, '--precision=%s\n' % chosen} <= set(file)
    whole = train_with(0.5, 'whole', '--steps=4', '--kernels=' + recorded, '--precision=' + chosen)
    train_with(0.5, 'resumed', '--steps=4', auto)
    assert resumed.read_config()['flags']['kernels'] == recorded
    assert_same_run(resumed, whole)
    # The generator is used with the kernels and the precision that it was trained with.
    for flags in ([], ['--kernels=auto', auto]):
        settings = for_run(sampling_settings('--run_dir=' + whole.path, '--output=a.npy', *flags))
        assert (settings.kernels, settings.precision) == (recorded, chosen)
    with pytest.raises(UserError, match='--kernels is alternative there, not native'):
        train_with(2., 'resumed', '--steps=5', '--kernels=native', auto)
    with pytest.raises(UserError, match='is a run with other settings: --kernels is alternative there, not native'):
        for_run(sampling_settings('--run_dir=' + whole.path, '--output=a.npy', '--kernels=native'))
    if precision.works('bfloat16'):
        with pytest.raises(UserError, match='--precision is bfloat16 there, not float32'):
            train_with(2., 'resumed', '--steps=5')
    # Without a run, nothing has been measured.
    network = whole.read_config()['flags']['network']
    with api.open_checkpoint(whole.checkpoint_prefix + '-4', network=network, precision='auto') as generator:
        assert generator.images(generator.latent_vectors(2)).shape == (2, 28, 28, 1)


@if_it_trains
@pytest.mark.slow
@pytest.mark.parametrize('gain, chosen', [(1.5, 'bfloat16'), (1.05, 'float32')])
def test_auto_takes_the_faster_precision(gain, chosen, training_settings, logged):
    """1.05 times as fast is not worth the rounding of bfloat16. Each is timed with its faster kernels."""
    timer = always(gain)
    settings = autotune.choose(training_settings(*RUN, '--precision=auto'), timer)
    assert (settings.precision, settings.kernels, timer.calls) == (chosen, 'alternative', 3)
    assert logged == ['--precision=auto: timing steps in float32 and in bfloat16',
                      *(OF_KERNELS % ('alternative', name, gain) for name in ('float32', 'bfloat16')),
                      OF_PRECISION % (chosen, gain)]


@if_it_trains
@pytest.mark.slow
def test_auto_really_times_steps(training_settings, logged, monkeypatch):
    monkeypatch.setattr(autotune, 'SECONDS', 0.2)
    settings = autotune.choose(training_settings(*SMALL_RUN, '--precision=auto'))
    assert settings.precision in ('float32', 'bfloat16') and 'a step in bfloat16 is' in logged[1]


@pytest.mark.skipif(precision.works('bfloat16'), reason='this TensorFlow trains in bfloat16')
def test_tensorflow_1_takes_float32(training_settings, logged):
    timer = always(2.)
    settings = autotune.choose(training_settings(*SMALL_RUN, '--precision=auto'), timer)
    assert settings.precision == 'float32' and not timer.calls
    assert logged == ['--precision=auto takes float32: TensorFlow %s does not train in bfloat16' % tf.__version__]


@if_it_trains
def test_a_network_that_cannot_compute_in_bfloat16(training_settings, logged, tmp_path):
    network = tmp_path / 'gan.py'
    network.write_text('''
import tensorflow.compat.v1 as tf
from dcgan_tf1.layers import dense, flatten

def generator(noise, is_training, image_shape):
    x = tf.linalg.diag_part(tf.linalg.inv(tf.linalg.diag(1. + tf.square(dense(noise, 28 * 28)))))  # of float32 only
    return tf.reshape(x, [-1, 28, 28, 1])

def discriminator(images, is_training):
    return dense(flatten(images), 1)
''')
    settings = autotune.choose(training_settings(
        '--batch_size=2', '--loss=sigmoid', '--network=%s' % network, '--precision=auto'), always(2.))
    assert settings.precision == 'float32'
    assert logged[1].startswith('--precision=auto takes float32: a step in bfloat16 fails (')


@if_it_trains
@pytest.mark.parametrize('gain, is_slow', [(2., True), (1.01, False), (0.5, False)])
def test_slow_bfloat16_is_mentioned(gain, is_slow, training_settings, logged):
    timer = always(gain)
    settings = autotune.choose(training_settings(*SMALL_RUN, '--precision=bfloat16'), timer)
    assert settings.precision == 'bfloat16' and timer.calls == 1
    assert logged == ['--precision=bfloat16 is slow on this processor: a typical convolution takes 2.0 times as long '
                      'as in float32. --precision=auto takes what is faster'] * is_slow


@if_it_trains
def test_gain_of_float32():
    assert 0 < autotune.gain_of_float32() < math.inf
