"""Finds out which routes of convolutions are faster than TensorFlow's own kernels on this machine, by timing them."""
import contextlib
import time
from typing import Callable, Dict, Iterator, List, Sequence, Tuple

import numpy as np
import tensorflow.compat.v1 as tf

from dcgan_tf1 import kernels, routes
from dcgan_tf1.kernels import Convolution, Route
from dcgan_tf1.session import create_session
from dcgan_tf1.timings_cache import TimingsCache

# A route is taken if it is at least this many times as fast. Smaller gains may be noise.
MIN_GAIN = 1.05
SECONDS = 2.5  # for all measurements together
_ROUNDS = 7
_FIRST_COUNTS = 0.2  # seconds of a first round that is so long that compiling a kernel hardly lengthens it
# Convolutions are timed with fewer images first, for about so many floating-point operations. If a route is slower by
# more than `_HOPELESS` there, it is not timed with the whole batch. If there is no time left for that, it is taken if it
# is faster by `_EVIDENT`.
_FIRST_FLOP, _FIRST_IMAGES = 2e9, 8
_HOPELESS, _EVIDENT = 0.8, 1.5

Pairs = List[Tuple[float, float]]  # seconds of (TensorFlow's kernel, the route), which took turns
# (TensorFlow's kernel, the route, seconds that this may take) → their times.
Timer = Callable[[Callable[[], None], Callable[[], None], float], Pairs]


def time_in_turns(native: Callable[[], None], other: Callable[[], None], seconds: float,
                  clock: Callable[[], float] = time.perf_counter) -> Pairs:
    """Times two functions in turns, until the difference is clear or the time is over; at least one round."""
    pairs: Pairs = []
    began = clock()
    for number in range(_ROUNDS + 1):
        times = [clock()]
        for function in (native, other):
            function()
            times.append(clock())
        first, second = np.diff(times)
        if number == 0 and first + second < _FIRST_COUNTS and times[-1] - began < seconds:
            continue  # kernels are compiled, and memory is allocated, when they run for the first time
        pairs.append((float(first), float(second)))
        left = seconds - (times[-1] - began)
        if left < first + second or _is_clear(pairs):
            break
    return pairs


def _is_clear(pairs: Pairs) -> bool:
    ratios = [native / other for native, other in pairs]
    return len(ratios) > 1 and (min(ratios) > 1.3 or max(ratios) < 0.9)


def gain(pairs: Pairs) -> float:
    """How many times as fast the route is: the median of the rounds, or at most 1 if it lost two or more of them."""
    ratios = sorted(native / other for native, other in pairs)
    losses = sum(ratio <= 1 for ratio in ratios)
    median = float(np.median(ratios))
    return median if losses < 2 else min(median, 1.)


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
        pairs = {'dilated': (
            tf.nn.conv2d_backprop_filter(images, kernel_shape, gradients, **geometry),
            routes.weight_gradient(images, gradients, kernel_shape[0], strides, padding))}
        if kernels.is_possible('subpixel', convolution):
            pairs['subpixel'] = (
                tf.nn.conv2d_backprop_input(shapes['images'], kernel, gradients, **geometry),
                routes.subpixel_transpose(gradients, kernel, size, strides, padding))
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
        for convolution in dict.fromkeys(route.convolution for route in candidates):
            names = [route.name for route in candidates if route.convolution == convolution]
            images = _first_images(convolution, self._batch_size)
            for name, pairs in self._times(convolution, images, names):
                self.gains[Route(name, convolution)] = gain(pairs)
                if images < self._batch_size and gain(pairs) > _HOPELESS:
                    expected = sum(map(min, zip(*pairs))) * self._batch_size / images
                    remaining.append((expected, Route(name, convolution)))
        for expected, route in sorted(remaining, reverse=True):  # the largest can gain the most
            if expected < self._left():
                for _, pairs in self._times(route.convolution, self._batch_size, [route.name]):
                    self.gains[route] = gain(pairs)
            elif self.gains[route] < _EVIDENT:
                self.gains[route] = min(self.gains[route], 1.)

    def _times(self, convolution: Convolution, images: int, names: Sequence[str]) -> Iterator[Tuple[str, Pairs]]:
        if self._left() > 0:
            with operations(convolution, images) as functions:
                for name in names:
                    if self._left() > 0:
                        yield name, self._timer(*functions[name], self._left())

    def _left(self) -> float:
        return self._end - self._clock()


def _first_images(convolution: Convolution, batch_size: int) -> int:
    flop = 2 * float(np.prod(convolution.output_size)) * float(np.prod(convolution.kernel))
    images = max(_FIRST_IMAGES, int(_FIRST_FLOP / flop))
    return images if images < batch_size / 2 else batch_size


def gains(convolutions: Sequence[Convolution], batch_size: int, cache: TimingsCache, timer: Timer = time_in_turns,
          clock: Callable[[], float] = time.monotonic) -> Dict[Route, float]:
    """How many times as fast as TensorFlow's kernel each route is that one of the convolutions can take.

    What is not in the cache is measured. That takes about `SECONDS`; what they do not suffice for counts as 1.

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
        known.update(cache.add({candidates[route]: round(measured.gains.get(route, 1.), 3) for route in missing}))
    return {route: known[name] for route, name in candidates.items()}


def choice(found: Dict[Route, float]) -> str:
    """The value of --kernels that takes exactly the routes that are faster; `found` is a result of `gains`."""
    return ','.join(sorted(str(route) for route, factor in found.items() if factor >= MIN_GAIN)) or 'native'


def gain_of_bfloat16(timer: Timer = time_in_turns) -> float:
    """How many times as fast a typical convolution is in bfloat16 as in float32. Takes a fraction of a second."""
    with tf.Graph().as_default(), create_session() as session:
        outputs = []
        for dtype in (tf.float32, tf.bfloat16):
            images, kernel = [tf.get_variable(
                name + dtype.name, initializer=tf.fill(shape, tf.constant(0.5, dtype)), use_resource=True).read_value()
                for name, shape in (('images', [32, 14, 14, 64]), ('kernel', [5, 5, 64, 128]))]
            outputs.append(tf.nn.conv2d(images, kernel, strides=[1, 2, 2, 1], padding='SAME').op)
        session.run(tf.global_variables_initializer())
        return gain(timer(*map(session.make_callable, outputs), 0.5))
