"""--kernels=auto and --precision=auto: what is measured, what a run records of it, and that it resumes exactly."""
import os
import threading

import pytest
import tensorflow.compat.v1 as tf
from helpers import ROOT, SMALL_RUN, assert_same_run

from dcgan_tf1 import api
from dcgan_tf1.model import graph, precision
from dcgan_tf1.model.kernels import kernels
from dcgan_tf1.model.kernels.timing import Timings
from dcgan_tf1.runs.folder import RunFolder
from dcgan_tf1.sample.preparation import for_run
from dcgan_tf1.train import autotune, preparation
from dcgan_tf1.train.training import train
from dcgan_tf1.train.workers.cluster import Cluster
from dcgan_tf1.util.errors import UserError
from scripts.lib.workers import environments

if_it_trains = pytest.mark.skipif(not precision.works('bfloat16'), reason='this TensorFlow does not train in bfloat16')
RUN = (*SMALL_RUN, '--network=' + os.path.join(ROOT, 'tests', 'one_convolution.py'), '--kernels=auto')
ROUTES = 'dilated-14x14-5x5x64x128-s2-same-float32,subpixel-28x28-5x5x1x64-s2-same-float32'
NATIVE_NOTE = "--kernels=auto takes TensorFlow's own kernels, which are the fastest here"


@pytest.fixture
def new_cache(tmp_path, monkeypatch):
    """A cache in which nothing is known yet; its file."""
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))
    return tmp_path / 'cache' / 'dcgan_tf1' / 'timings.json'


def always(gain):
    """A timer according to which the second function is always so many times as fast. Its `calls` counts them."""
    def timer(first, second, seconds):
        timer.calls += 1
        return Timings([(gain, 1.)] * 3, [(gain, 1.)] * 3)
    timer.calls = 0
    return timer


def stopped_clock():
    return 0.


def choose(settings, timer):
    return autotune.choose(settings, timer, stopped_clock)


@pytest.mark.slow
def test_the_choice_becomes_the_setting(new_cache, training_settings, logged):
    timer = always(2.)
    settings = choose(training_settings(*RUN), timer)
    assert kernels.parse(settings.kernels) == {
        kernels.Route(name, convolution) for name in kernels.ROUTES
        for convolution in graph.convolutions(training_settings(*RUN))
        if kernels.is_possible(name, convolution) and name != 'patches'}  # of equally fast routes, the first
    note = "--kernels=auto takes other routes for 2 of 2 kernels, up to 2.0 times as fast here as TensorFlow's own"
    assert logged == [note]
    assert timer.calls == 3 and new_cache.exists()
    # The second time, nothing is measured: the cache decides.
    assert choose(training_settings(*RUN), always(0.5)) == settings and logged == [note] * 2
    new_cache.write_bytes(b'damaged')
    settings = choose(training_settings(*RUN), always(0.5))
    assert settings == training_settings(*RUN, '--kernels=native') and logged[2:] == [NATIVE_NOTE]


@pytest.mark.parametrize('choice', ['native', ROUTES])
def test_explicit_choices_are_not_measured(choice, new_cache, training_settings, logged):
    timer = always(2.)
    given = training_settings(*RUN, '--kernels=' + choice)
    assert choose(given, timer) == given and not logged and not timer.calls


def test_the_chief_chooses_for_all_workers(new_cache, training_settings, logged, monkeypatch):
    """It times its share of a batch. The other worker measures nothing."""
    asked = []

    def choose(settings):
        asked.append((threading.current_thread().name, settings.batch_size))
        return original(settings, always(2.), stopped_clock)
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
    assert of_chief == of_other == settings.replace(kernels=of_chief.kernels)
    assert len(kernels.parse(of_chief.kernels)) == 2 and len(logged) == 1  # the chief says it
    assert asked == [('0', 5)]


def test_nothing_to_choose(new_cache, training_settings, logged):
    """A network without convolutions or large dense layers."""
    timer = always(2.)
    settings = choose(training_settings(*SMALL_RUN), timer)
    assert settings.kernels == 'native' and not logged and not timer.calls


def test_a_gpu_takes_its_own_kernels(new_cache, training_settings, monkeypatch):
    monkeypatch.setattr(tf.config.experimental, 'list_physical_devices', lambda kind: [kind])
    timer = always(2.)
    assert choose(training_settings(*RUN), timer).kernels == 'native' and not timer.calls


@pytest.fixture
def train_with(monkeypatch, tmp_path, training_settings):
    """(gain, name, flags…) → the `RunFolder` of a training on a machine where other routes have this gain."""
    def call(gain, name, *flags):
        timer = always(gain)
        monkeypatch.setattr(preparation.autotune, 'choose', lambda settings: original(settings, timer, stopped_clock))
        assert train(training_settings(*RUN, '--run_dir=' + str(tmp_path / name), *flags)) == 0
        return RunFolder(str(tmp_path / name))
    original = autotune.choose
    return call


@pytest.mark.slow
def test_a_run_records_its_choices_and_resumes_with_them(new_cache, train_with, tmp_path, sampling_settings, capsys):
    """Also where other choices would be made by now, and the cache is gone."""
    auto = '--precision=auto'
    resumed = train_with(2., 'resumed', '--steps=2', auto)
    assert "--kernels=auto takes other routes for 2 of 2 kernels" in capsys.readouterr().err
    recorded, chosen = (resumed.read_config()['flags'][name] for name in ('kernels', 'precision'))
    assert len(kernels.parse(recorded)) == 2
    assert chosen == ('bfloat16' if precision.works('bfloat16') else 'float32')
    with open(resumed.flags) as file:
        assert {'--kernels=%s\n' % recorded, '--precision=%s\n' % chosen} <= set(file)
    whole = train_with(0.5, 'whole', '--flagfile=' + resumed.flags, '--run_dir=' + str(tmp_path / 'whole'), '--steps=4')
    os.remove(str(new_cache))
    train_with(0.5, 'resumed', '--steps=4', auto)
    assert not new_cache.exists() and resumed.read_config()['flags']['kernels'] == recorded
    assert_same_run(resumed, whole)
    # The generator is used with the kernels and the precision that it was trained with.
    for flags in ([], ['--kernels=auto', auto]):
        settings = for_run(sampling_settings('--run_dir=' + whole.path, '--output=a.npy', *flags))
        assert (settings.kernels, settings.precision) == (recorded, chosen)
    with pytest.raises(UserError, match='--kernels is dilated.* there, not native'):
        train_with(2., 'resumed', '--steps=5', '--kernels=native', auto)
    with pytest.raises(UserError, match='is a run with other settings: --kernels is dilated.* there, not native'):
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
def test_auto_takes_the_faster_precision(new_cache, training_settings, logged):
    """1.05 times as fast is not worth the rounding. What is not measured yet is the step of another batch size."""
    for batch_size, gain, chosen in ((8, 1.5, 'bfloat16'), (4, 1.05, 'float32')):
        timer = always(gain)
        asked = training_settings(*SMALL_RUN, '--precision=auto', '--batch_size=%d' % batch_size)
        settings = choose(asked, timer)
        assert (settings.precision, settings.kernels, timer.calls) == (chosen, 'native', 1)
        assert choose(asked, always(3.)) == settings
        note = '--precision=auto takes %s: here, a step in bfloat16 is %.2f times as fast as in float32' % (
            chosen, gain)
        assert logged == ['--precision=auto: timing steps in float32 and in bfloat16', note, note]
        logged.clear()


@if_it_trains
@pytest.mark.slow
def test_both_precisions_are_timed_with_their_own_kernels(new_cache, training_settings, monkeypatch):
    compared = []

    def compare(*arguments):
        compared.extend(arguments[:2])
        return original(*arguments)
    original = autotune.compare
    monkeypatch.setattr(autotune, 'compare', compare)
    settings = choose(training_settings(*RUN, '--precision=auto'), always(2.))
    assert [other.precision for other in compared] == ['float32', 'bfloat16'] and settings == compared[1]
    for other in compared:
        assert {route.convolution.dtype for route in kernels.parse(other.kernels)} == {other.precision}


@if_it_trains
@pytest.mark.slow
def test_auto_really_times_steps(new_cache, training_settings, logged):
    settings = autotune.choose(training_settings(*SMALL_RUN, '--precision=auto'))
    assert settings.precision in ('float32', 'bfloat16') and 'a step in bfloat16 is' in logged[1]
    assert 'timing steps in float32 and in bfloat16' in logged[0]


@pytest.mark.skipif(precision.works('bfloat16'), reason='this TensorFlow trains in bfloat16')
def test_tensorflow_1_takes_float32(new_cache, training_settings, logged):
    timer = always(2.)
    settings = choose(training_settings(*SMALL_RUN, '--precision=auto'), timer)
    assert settings.precision == 'float32' and not timer.calls
    assert logged == ['--precision=auto takes float32: TensorFlow %s does not train in bfloat16' % tf.__version__]


@if_it_trains
def test_a_network_that_cannot_compute_in_bfloat16(new_cache, training_settings, logged, tmp_path):
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
    settings = choose(training_settings(
        '--batch_size=2', '--loss=sigmoid', '--network=%s' % network, '--precision=auto'), always(2.))
    assert settings.precision == 'float32'
    assert logged[1].startswith('--precision=auto takes float32: a step in bfloat16 fails (')


@if_it_trains
@pytest.mark.parametrize('gain, is_slow', [(2., True), (1.01, False), (0.5, False)])
def test_slow_bfloat16_is_mentioned(gain, is_slow, new_cache, training_settings, logged):
    timer = always(gain)
    settings = choose(training_settings(*SMALL_RUN, '--precision=bfloat16'), timer)
    assert settings.precision == 'bfloat16' and timer.calls == 1
    assert logged == ['--precision=bfloat16 is slow on this processor: a typical convolution takes 2.0 times as long '
                      'as in float32. --precision=auto takes what is faster'] * is_slow


@pytest.mark.slow
@pytest.mark.any_tensorflow
@pytest.mark.parametrize('obstacle', ['unwritable', 'no home'])
def test_without_a_cache_it_measures_every_time(obstacle, tmp_path, monkeypatch, training_settings):
    if obstacle == 'unwritable':
        (tmp_path / 'file').write_text('')
        monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'file'))
    else:
        monkeypatch.delenv('XDG_CACHE_HOME')
        monkeypatch.setattr(autotune, 'default_path', lambda: None)
    for expected in (2., 0.5):
        timer = always(expected)
        settings = choose(training_settings(*RUN, '--batch_size=2'), timer)
        assert timer.calls == 3 and (settings.kernels == 'native') == (expected < 1)
