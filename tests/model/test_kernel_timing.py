"""Timing of routes: what is faster by more than the noise, and how long that may take."""
import math

import pytest
import tensorflow.compat.v1 as tf

from dcgan_tf1.model.kernels import kernels
from dcgan_tf1.model.kernels import timing as kernel_timing
from dcgan_tf1.model.kernels.kernels import Convolution, Route
from dcgan_tf1.model.kernels.timing import Timings, gain
from dcgan_tf1.model.kernels.timings_cache import TimingsCache

SMALL = Convolution((9, 8), (5, 5, 3, 4), 2, 'SAME', 'float32')
LARGE = Convolution((32, 32), (5, 5, 128, 256), 2, 'SAME', 'float32')  # more than 2 GFLOP for 8 images
DENSE = Convolution((1, 1), (1, 1, 2048, 512), 1, 'VALID', 'float32')
LAST = Convolution((4, 4), (4, 4, 64, 1), 1, 'VALID', 'float32')  # of stride 1: subpixel is not possible


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

    def time(self, first, second, seconds=10.):
        return kernel_timing.time_in_turns(first, second, seconds, self.clock, self.clock)


@pytest.fixture
def machine():
    return Machine()


@pytest.fixture
def cache():
    return TimingsCache('a test', None)


def test_the_first_call_does_not_count(machine):
    timings = machine.time(machine.function(0.15, 0.002), machine.function(0.03, 0.001))
    assert gain(timings) == pytest.approx(2.) and timings.elapsed[0] == pytest.approx((0.002, 0.001))


def test_no_function_always_runs_first(machine):
    """A function against itself, on a machine where the first of each round takes longer by 9%."""
    def call():
        machine.calls += 1
        machine.now += 0.01 if machine.calls % 2 == 0 else 0.0109
    assert 0.9 < gain(machine.time(call, call)) < kernel_timing.MIN_GAIN


def test_it_stops_early_where_the_difference_is_clear(machine):
    machine.time(machine.function(0.02), machine.function(0.01))
    clear = machine.calls
    machine.calls = 0
    machine.time(machine.function(0.0102), machine.function(0.01))
    assert 2 * 3 <= clear < machine.calls <= 2 * 50


@pytest.mark.parametrize('first, seconds, rounds', [(2., 0.3, 1), (2., 100., 1), (1.1, 3., 1), (1.1, 100., 3)])
def test_long_functions_run_only_once_if_that_is_clear_or_all_there_is_time_for(first, seconds, rounds, machine):
    timings = machine.time(machine.function(first), machine.function(1.), seconds)
    assert len(timings.elapsed) == rounds
    assert gain(timings) == pytest.approx(first / (1.1 if rounds == 1 else 1))  # a single round may be an accident


@pytest.mark.parametrize('seconds', [0.02, 0.5, 2., 20.])
@pytest.mark.parametrize('length', [1e-6, 1e-3, 0.1, 0.4])
def test_it_keeps_to_its_time(machine, seconds, length):
    """One round is always measured, and one more may be needed to warm up."""
    machine.time(machine.function(length), machine.function(1.1 * length), seconds)
    assert machine.now <= max(seconds, 2 * 2.1 * length) + 1e-9


@pytest.mark.parametrize('elapsed, cpu, expected', [
    ([(2, 1), (2, 1), (2, 1)], [(2, 1)] * 3, 2.), ([(1, 2)] * 3, [(1, 2)] * 3, 0.5),
    ([(9, 1), (1, 1), (1, 1)], [(1, 1)] * 3, 1.),  # the machine was busy for a moment
    ([(9, 1), (9, 1), (1, 1)], [(1, 1)] * 3, 1.),  # or for longer
    ([(1, 1), (2, 1), (2, 1)], [(2, 1)] * 3, 1.),
    ([(2, 1)] * 3, [(1, 1)] * 3, 1.1),  # another program slowed the first function down, whenever it ran
    ([(2, 1)] * 3, [(0, 0)] * 3, 2.)])  # a clock that counts in hundredths of a second
def test_noise_is_no_gain(elapsed, cpu, expected):
    assert gain(Timings(elapsed, cpu)) == pytest.approx(expected)


@pytest.mark.parametrize('convolution', [SMALL, LAST, DENSE])
def test_operations_compute_something(convolution):
    with kernel_timing.operations(convolution, 2) as operations:
        assert set(operations) == {name for name in kernels.ROUTES if kernels.is_possible(name, convolution)}
        timings = [kernel_timing.time_in_turns(*pair, seconds=0.01) for pair in operations.values()]
    assert all(0 < gain(timing) < math.inf and min(timing.elapsed[0]) > 0 for timing in timings)


def by_name(values):
    """A timer that gives each route its gain, and the list of what it timed. It knows them by their order."""
    timed = []

    def timer(first, second, seconds):
        assert seconds > 0 and callable(first) and callable(second)
        value = values[len(timed) % len(values)]
        timed.append(value)
        pairs = [(value / 1000, 0.001)] * 3
        return Timings(pairs, pairs)
    return timer, timed


def test_each_route_is_timed_once(cache):
    timer, timed = by_name([2., 0.5, 1.01, 1.5])
    gains = kernel_timing.gains([SMALL, LAST], 4, cache, timer)
    assert gains == {Route('dilated', SMALL): 2., Route('subpixel', SMALL): 0.5, Route('dilated', LAST): 1.01,
                     Route('patches', SMALL): 1.5}
    assert kernel_timing.gains([SMALL, LAST], 4, cache, timer) == gains and len(timed) == 4
    assert kernel_timing.choice(gains) == 'dilated-9x8-5x5x3x4-s2-same-float32'  # 1.01 may be noise
    kernel_timing.gains([SMALL], 5, cache, timer)
    assert len(timed) == 7  # batches of another size are timed again
    faster = {**gains, Route('patches', SMALL): 2.1}  # of two routes for the same gradient, the faster one
    assert kernel_timing.choice(faster) == 'patches-9x8-5x5x3x4-s2-same-float32'
    assert kernel_timing.choice({}) == 'native'
    assert kernels.parse(kernel_timing.choice({**gains, Route('subpixel', SMALL): 3.})) == {
        Route('dilated', SMALL), Route('subpixel', SMALL)}


def test_large_convolutions_begin_with_few_images(cache, monkeypatch):
    """What is slow there is not timed with the whole batch."""
    batch_sizes = []
    original = kernel_timing.operations
    monkeypatch.setattr(kernel_timing, 'operations', lambda convolution, images: (
        batch_sizes.append(images) or original(convolution, min(images, 2))))
    timer, timed = by_name([2., 0.5, 0.6, 1.7])
    gains = kernel_timing.gains([LARGE], 64, cache, timer)
    assert batch_sizes == [8, 8, 64] and timed == [2., 0.5, 0.6, 1.7]
    assert gains == {Route('dilated', LARGE): 1.7, Route('patches', LARGE): 0.5, Route('subpixel', LARGE): 0.6}


def test_a_route_that_cannot_run_is_not_taken(cache):
    def timer(first, second, seconds):
        raise tf.errors.ResourceExhaustedError(None, None, 'a test')
    gains = kernel_timing.gains([SMALL], 4, cache, timer)
    assert set(gains.values()) == {1.} and kernel_timing.choice(gains) == 'native'
    assert len(cache.read()) == len(gains)  # it is not tried again


@pytest.mark.parametrize('first, expected', [(1.3, 1.), (1.6, 1.6), (0.9, 1.)])
def test_the_time_is_limited(first, expected, cache, machine):
    """Where it does not suffice for the whole batch, only what was much faster with few images counts."""
    def timer(function, other, seconds):
        machine.now += kernel_timing.SECONDS / 2.5
        machine.calls += 1
        return Timings([(first, 1.)] * 3, [(first, 1.)] * 3)
    gains = kernel_timing.gains([LARGE, SMALL, LAST], 64, cache, timer, machine.clock)
    assert machine.calls == 3  # the third begins in time
    assert gains[Route('dilated', LARGE)] == expected
    assert any(name.startswith(str(Route('dilated', LARGE))) for name in cache.read()) == (expected == first)
    assert gains[Route('dilated', SMALL)] == gains[Route('subpixel', SMALL)] == first
    # The sub-pixel route of many channels is timed last.
    assert gains[Route('dilated', LAST)] == gains[Route('subpixel', LARGE)] == gains[Route('patches', LARGE)] == 1.
    # The next start measures the rest.
    gains = kernel_timing.gains([LARGE, SMALL, LAST], 64, cache, timer, machine.clock)
    assert machine.calls == 6 and gains[Route('dilated', LAST)] == first


@pytest.mark.skipif(tf.__version__.startswith('1.'), reason='TensorFlow 1 has no convolutions in bfloat16')
def test_gain_of_float32():
    assert 0 < kernel_timing.gain_of_float32() < math.inf
