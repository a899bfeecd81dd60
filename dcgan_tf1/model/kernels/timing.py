"""Finds out which routes of convolutions are faster than TensorFlow's own kernels on this machine, by timing them."""
import contextlib
import math
import statistics
import time
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Sequence, Tuple

import numpy as np
import tensorflow.compat.v1 as tf

from dcgan_tf1.model.kernels import kernels, routes
from dcgan_tf1.model.kernels.kernels import Convolution, Route
from dcgan_tf1.model.kernels.timings_cache import TimingsCache
from dcgan_tf1.util.device import create_session

# A route is taken if it is at least this many times as fast. Smaller gains may be noise.
MIN_GAIN = 1.05
SECONDS = 2.2  # for all measurements together
# Of one comparison. It ends between the least and the most, when the difference is clear.
_MIN_ROUNDS, _MAX_ROUNDS = 3, 50
_MIN_SECONDS, _MAX_SECONDS = 0.05, 0.25
_FIRST_COUNTS = 0.2  # seconds of a first round that is so long that compiling a kernel hardly lengthens it
_NOISE = 1.1  # of a single round
# Convolutions are timed with fewer images first, for about so many floating-point operations. A route that is slower
# than `_HOPELESS` there is not timed with the whole batch. Where no time is left for that, a route is taken if it was
# faster than `_EVIDENT`.
_FIRST_FLOP, _FIRST_IMAGES = 2e9, 8
_HOPELESS, _EVIDENT = 0.8, 1.5

_Pairs = List[Tuple[float, float]]  # seconds of two functions that took turns


class Timings(NamedTuple):
    """How long two functions took that ran in turns."""

    elapsed: _Pairs
    cpu: _Pairs  # of this process: other processes hardly change it


# (first function, second function, seconds that this may take) → their times.
Timer = Callable[[Callable[[], Any], Callable[[], Any], float], Timings]


def time_in_turns(first: Callable[[], Any], second: Callable[[], Any], seconds: float,
                  clock: Callable[[], float] = time.perf_counter,
                  cpu_clock: Callable[[], float] = time.process_time) -> Timings:
    """Times two functions in turns, until the difference is clear or the time is over; at least one round.

    Every second round begins with the second function, because the one that runs first may be slower for that alone.
    """
    timings = Timings([], [])
    began = now = clock()
    for number in range(_MAX_ROUNDS):
        elapsed, cpu = [now], [cpu_clock()]
        for function in (second, first) if number % 2 else (first, second):
            function()
            elapsed.append(clock())
            cpu.append(cpu_clock())
        now, length = elapsed[-1], elapsed[-1] - elapsed[0]
        # Kernels are compiled, and memory is allocated, when they run for the first time.
        if number == 0 and length < _FIRST_COUNTS:
            continue
        for values, pairs in zip((elapsed, cpu), timings):
            seconds_of_each = values[1] - values[0], values[2] - values[1]
            pairs.append((seconds_of_each[number % 2], seconds_of_each[1 - number % 2]))
        is_enough = length > _FIRST_COUNTS or (number >= _MIN_ROUNDS and now - began > _MIN_SECONDS)
        is_clear = is_enough and not 0.85 < gain(timings) < 1.25
        if is_clear or now - began + length > min(seconds, max(_MAX_SECONDS, _MIN_ROUNDS * length)):
            break
    return timings


def gain(timings: Timings) -> float:
    """How many times as fast the second function is, by the most cautious of several estimates.

    It must be faster in its fastest round and in the median of all, because what else the machine does can only slow a
    round down. And it must not gain from that alone, without taking less CPU time. (A tenth more is allowed: it may use
    the cores more evenly.)
    """
    return min(_gain(timings.elapsed), 1.1 * _gain(timings.cpu))


def elapsed_gain(timings: Timings) -> float:
    """The same by elapsed time alone, for functions that may compute on a GPU."""
    return _gain(timings.elapsed)


def _gain(pairs: _Pairs) -> float:
    fastest = [min(times) for times in zip(*pairs)]
    if not all(fastest):
        return math.inf  # too short for this clock
    median = statistics.median(first / second for first, second in pairs)
    # A single round may be an accident, and counts less.
    return min(fastest[0] / fastest[1], median) / (_NOISE if len(pairs) == 1 else 1.)


@contextlib.contextmanager
def operations(convolution: Convolution, batch_size: int) -> Iterator[Dict[str, Tuple[Callable, Callable]]]:
    """{name of a route: (runs TensorFlow's kernel, runs the route)} for the routes that this convolution can take."""
    size, kernel_shape, strides, padding, dtype = convolution
    shapes = {'images': (batch_size, *size, kernel_shape[2]), 'kernel': kernel_shape,
              'gradients': (batch_size, *convolution.output_size, kernel_shape[3])}
    with tf.Graph().as_default(), create_session() as session:
        images, kernel, gradients = [
            tf.get_variable(name, initializer=tf.fill(shape, tf.constant(0.5, dtype)), use_resource=True).read_value()
            for name, shape in shapes.items()]
        geometry = {'strides': [1, strides, strides, 1], 'padding': padding}
        pairs = {}
        if kernels.is_possible('dilated', convolution):
            pairs['dilated'] = (
                tf.nn.conv2d_backprop_filter(images, kernel_shape, gradients, **geometry),
                routes.weight_gradient(images, gradients, kernel_shape[0], strides, padding))
        if kernels.is_possible('patches', convolution):
            pairs['patches'] = (
                tf.nn.conv2d_backprop_filter(images, kernel_shape, gradients, **geometry),
                routes.weight_gradient_of_patches(images, gradients, kernel_shape[0], strides, padding))
        if kernels.is_possible('subpixel', convolution):
            pairs['subpixel'] = (
                tf.nn.conv2d_backprop_input(shapes['images'], kernel, gradients, **geometry),
                routes.subpixel_transpose(gradients, kernel, size, strides, padding))
        if kernels.is_possible('transposed', convolution):
            rows, matrix = tf.reshape(gradients, [batch_size, -1]), tf.reshape(kernel, kernel_shape[2:])
            pairs['transposed'] = (
                tf.matmul(rows, matrix, transpose_b=True), routes.dense_input_gradient(rows, matrix))
        session.run(tf.global_variables_initializer())
        yield {name: tuple(session.make_callable(tensor.op) for tensor in pair) for name, pair in pairs.items()}


class _Candidates:
    """Times the routes of some convolutions, within a limited time."""

    def __init__(self, batch_size: int, timer: Timer, clock: Callable[[], float]) -> None:
        self._batch_size, self._timer, self._clock = batch_size, timer, clock
        self._end = clock() + SECONDS
        self.gains: Dict[Route, float] = {}

    def measure(self, candidates: Sequence[Route]) -> None:
        """Fills `gains`."""
        remaining = []  # what is promising with a part of the batch
        groups: Dict[Tuple[bool, Convolution], List[str]] = {}
        for route in candidates:
            groups.setdefault((_is_unlikely(route), route.convolution), []).append(route.name)
        for (_, convolution), names in sorted(groups.items(), key=lambda item: item[0][0]):
            images = _first_images(convolution, self._batch_size)
            for name, timings in self._times(convolution, images, names):
                self.gains[Route(name, convolution)] = gain(timings)
                if images < self._batch_size and gain(timings) > _HOPELESS:
                    expected = sum(map(min, zip(*timings.elapsed))) * self._batch_size / images
                    remaining.append((expected, Route(name, convolution)))
        for expected, route in sorted(remaining, reverse=True):  # the largest can gain the most
            if expected < self._left():
                for _, timings in self._times(route.convolution, self._batch_size, [route.name]):
                    self.gains[route] = gain(timings)
            elif self.gains[route] < _EVIDENT:
                del self.gains[route]

    def _times(self, convolution: Convolution, images: int, names: Sequence[str]) -> Iterator[Tuple[str, Timings]]:
        try:
            if self._left() > 0:
                with operations(convolution, images) as functions:
                    for name in names:
                        if self._left() > 0:
                            yield name, self._timer(*functions[name], self._left())
        # What cannot run here (for lack of memory, or in this version of TensorFlow) is not taken.
        except tf.errors.OpError:
            for name in names:
                self.gains.setdefault(Route(name, convolution), 1.)

    def _left(self) -> float:
        return self._end - self._clock()


def _is_unlikely(route: Route) -> bool:
    """Whether a route is timed last, when time may be over.

    The sub-pixel route computes more products. With TensorFlow 2 it has only been faster for 1 or 3 channels. Patches
    have hardly been faster in float32.
    """
    if route.name == 'patches':
        return route.convolution.dtype == 'float32'
    return route.name == 'subpixel' and route.convolution.kernel[2] > 4


def _first_images(convolution: Convolution, batch_size: int) -> int:
    flop = 2 * float(np.prod(convolution.output_size)) * float(np.prod(convolution.kernel))
    images = max(_FIRST_IMAGES, int(_FIRST_FLOP / flop))
    return images if images < batch_size / 2 else batch_size


def gains(convolutions: Sequence[Convolution], batch_size: int, cache: TimingsCache, timer: Timer = time_in_turns,
          clock: Callable[[], float] = time.monotonic) -> Dict[Route, float]:
    """How many times as fast as TensorFlow's kernel each route is that one of the convolutions can take.

    What is not in the cache is measured. That takes about `SECONDS`; what they do not suffice for counts as 1, and is
    measured the next time.

    Args:
        convolutions: distinct.
        batch_size: images per batch.
        cache: of this machine.
        timer: compares two functions.
        clock: seconds; replaced in tests.
    """
    candidates = {route: '%s, batches of %d' % (route, batch_size) for route in (
        Route(name, convolution) for convolution in convolutions for name in kernels.ROUTES
        if kernels.is_possible(name, convolution))}
    known = cache.read()
    missing = [route for route, name in candidates.items() if name not in known]
    if missing:
        measured = _Candidates(batch_size, timer, clock)
        measured.measure(missing)
        known.update(cache.add({candidates[route]: max(round(factor, 3), 0.001)
                                for route, factor in measured.gains.items()}))
    return {route: known.get(name, 1.) for route, name in candidates.items()}


def choice(found: Dict[Route, float]) -> str:
    """The value of --kernels that takes the routes that are faster; `found` is a result of `gains`.

    Of two routes for the same gradient, it takes the faster one.
    """
    best: Dict[Tuple[str, Convolution], Route] = {}
    for route, factor in found.items():
        gradient = gradient_of(route)
        if factor >= MIN_GAIN and (gradient not in best or factor > found[best[gradient]]):
            best[gradient] = route
    return ','.join(sorted(map(str, best.values()))) or 'native'


def gradient_of(route: Route) -> Tuple[str, Convolution]:
    """What a route computes: ('kernel' or 'input', the convolution)."""
    return kernels.ROUTES[route.name], route.convolution


def gain_of_float32(timer: Timer = time_in_turns) -> float:
    """How many times as fast a typical convolution is in float32 as in bfloat16. Takes a fraction of a second."""
    with tf.Graph().as_default(), create_session() as session:
        outputs = []
        for dtype in (tf.bfloat16, tf.float32):
            images, kernel = [tf.get_variable(
                name + dtype.name, initializer=tf.fill(shape, tf.constant(0.5, dtype)), use_resource=True).read_value()
                for name, shape in (('images', [32, 14, 14, 64]), ('kernel', [5, 5, 64, 128]))]
            outputs.append(tf.nn.conv2d(images, kernel, strides=[1, 2, 2, 1], padding='SAME').op)
        session.run(tf.global_variables_initializer())
        in_bfloat16, in_float32 = map(session.make_callable, outputs)
        return gain(timer(in_bfloat16, in_float32, 0.5))
