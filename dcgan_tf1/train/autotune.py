"""What --kernels=auto and --precision=auto stand for here. A new run times its steps, and records the result."""
import contextlib
import math
import statistics
import time
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Tuple

import numpy as np
import tensorflow.compat.v1 as tf

from dcgan_tf1.data import AnyImages, Images
from dcgan_tf1.model import graph, precision
from dcgan_tf1.model.inputs import batch_plan
from dcgan_tf1.settings.train import KERNELS, TrainSettings
from dcgan_tf1.train.workers.cluster import Cluster
from dcgan_tf1.util.device import create_session
from dcgan_tf1.util.log import log

# What rounds differently is taken if it makes a step at least this many times as fast. bfloat16 rounds more.
MIN_GAIN, _MIN_GAIN_OF_BFLOAT16 = 1.03, 1.1
SECONDS = 10.  # of a comparison of steps
_MIN_ROUNDS, _MAX_ROUNDS = 5, 50  # of a comparison; fewer than five could not be significant
_SIGNIFICANCE = 0.05

Rounds = List[Tuple[float, float]]  # seconds of two functions that took turns
# (first function, second function, seconds that this may take) → their times.
Timer = Callable[[Callable[[], Any], Callable[[], Any], float], Rounds]


def time_in_turns(first: Callable[[], Any], second: Callable[[], Any], seconds: float,
                  clock: Callable[[], float] = time.perf_counter) -> Rounds:
    """Times two functions in turns until the time is over.

    A first round, which allocates memory and compiles kernels, does not count. Every second round begins with the
    second function, because the one that runs first may be slower for that alone.
    """
    rounds: Rounds = []
    first(), second()
    end = clock() + seconds
    while len(rounds) < _MIN_ROUNDS or (clock() < end and len(rounds) < _MAX_ROUNDS):
        elapsed = [0., 0.]
        for index in (0, 1) if len(rounds) % 2 == 0 else (1, 0):
            began = clock()
            (first, second)[index]()
            elapsed[index] = clock() - began
        rounds.append((elapsed[0], elapsed[1]))
    return rounds


def gain(rounds: Rounds) -> float:
    """How many times as fast the second function is: the median of the rounds; at most 1 where more may be chance.

    Of two equally fast functions, either is as likely to be faster in a round. The sign test says how likely it is then
    that the second is faster in at least so many rounds.
    """
    ratios = [first / max(second, 1e-9) for first, second in rounds]
    wins = sum(ratio > 1 for ratio in ratios)
    chance = sum(_combinations(len(ratios), count) for count in range(wins, len(ratios) + 1)) / 2 ** len(ratios)
    median = statistics.median(ratios)
    return median if chance <= _SIGNIFICANCE else min(median, 1.)


def _combinations(total: int, count: int) -> int:
    return math.factorial(total) // math.factorial(count) // math.factorial(total - count)


def choose_for_all(settings: TrainSettings, cluster: Cluster) -> TrainSettings:
    """Does what `choose` does, on the chief, for all workers. The others wait meanwhile.

    All workers need the same choice. What is timed is the share of a batch that one device computes.

    Raises:
        UserError: if this worker cannot train in the precision that the chief takes, or as `choose` does.
    """
    choice: Dict[str, str] = {}
    if cluster.is_chief:
        chosen = choose(settings.replace(batch_size=-(-settings.batch_size // cluster.size)))
        choice = {'kernels': chosen.kernels, 'precision': chosen.precision}
    settings = settings.replace(**cluster.from_chief(choice))
    precision.check(settings.precision)
    return settings


def choose(settings: TrainSettings, timer: Timer = time_in_turns) -> TrainSettings:
    """Replaces 'auto' in the settings of a new run with what is fastest here, and says what that is.

    A comparison takes about `SECONDS`, or five steps of both if these take longer. There are up to three.

    Args:
        settings: of a new run.
        timer: compares two functions.

    Raises:
        UserError: if the network does not fit the other settings.
    """
    if settings.precision == 'auto':
        return _with_precision(settings, timer)
    _warn_of_slow_precision(settings, timer)
    return _with_kernels(settings, timer)


def _with_kernels(settings: TrainSettings, timer: Timer) -> TrainSettings:
    """Settings with the kernels that make a step faster."""
    if settings.kernels != 'auto':
        return settings
    native, alternative = (settings.replace(kernels=name) for name in KERNELS)
    if _has_gpu() or not precision.works(settings.precision):
        return native  # a GPU has fast kernels of its own
    found = gain(compare(native, alternative, timer))
    chosen = alternative if found >= MIN_GAIN else native
    log.info('--kernels=auto takes %s kernels for %s: here, a step with alternative kernels is %.2f times as fast as '
             'with native ones', chosen.kernels, settings.precision, found)
    return chosen


def _with_precision(settings: TrainSettings, timer: Timer) -> TrainSettings:
    """Settings with the precision in which a step is faster, and the kernels for it."""
    if not precision.works('bfloat16'):
        log.info('--precision=auto takes float32: TensorFlow %s does not train in bfloat16', tf.__version__)
        return _with_kernels(settings.replace(precision='float32'), timer)
    log.info('--precision=auto: timing steps in float32 and in bfloat16')
    in_float32 = _with_kernels(settings.replace(precision='float32'), timer)
    try:
        in_bfloat16 = _with_kernels(settings.replace(precision='bfloat16'), timer)
        found = gain(compare(in_float32, in_bfloat16, timer))
    # Whatever keeps a network from training in bfloat16 (types in a network of the user, a missing kernel), float32 is
    # the answer. What keeps it from training at all will be reported when the training begins.
    except Exception as error:
        log.info('--precision=auto takes float32: a step in bfloat16 fails (%s)', str(error).strip().split('\n')[0])
        return in_float32
    chosen = in_bfloat16 if found >= _MIN_GAIN_OF_BFLOAT16 else in_float32
    log.info('--precision=auto takes %s: here, a step in bfloat16 is %.2f times as fast as in float32',
             chosen.precision, found)
    return chosen


def _has_gpu() -> bool:
    return bool(tf.config.experimental.list_physical_devices('GPU'))


def _warn_of_slow_precision(settings: TrainSettings, timer: Timer) -> None:
    """Says so if bfloat16 is slow on this processor."""
    if settings.precision == 'bfloat16' and precision.works('bfloat16') and not _has_gpu():
        found = gain_of_float32(timer)
        if found >= MIN_GAIN:
            log.warning('--precision=bfloat16 is slow on this processor: a typical convolution takes %.1f times as '
                        'long as in float32. --precision=auto takes what is faster', found)


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
        return gain(timer(in_bfloat16, in_float32, 0.3))


class Steps(NamedTuple):
    """An initialized training."""

    train: Callable[[int], List[float]]  # runs steps; returns the last losses, the discriminator's first
    graph: tf.Graph
    session: tf.Session


def build(settings: TrainSettings, images: AnyImages) -> Steps:
    """Builds the training graph and initializes it.

    Args:
      settings: of a training.
      images: a dataset, as `data.load` returns it.

    Raises:
        UserError: if this TensorFlow cannot train with these settings.
    """
    precision.check(settings.precision)
    with tf.Graph().as_default() as training_graph:
        training = graph.build_training(settings, images, batch_plan(settings, images.num_examples))
        session = create_session(settings.xla)
        session.run(tf.global_variables_initializer())
        training.start_batches(session, 0)
        training_graph.finalize()
    fetches = (training.step.train_op, training.step.discriminator_loss, training.step.generator_loss)

    def train(steps):
        for _ in range(steps):
            fetched = session.run(fetches)
        return [float(loss) for loss in fetched[1:]]
    return Steps(train, training_graph, session)


@contextlib.contextmanager
def _on_noise(settings: TrainSettings) -> Iterator[Steps]:
    """Steps on images of noise."""
    shape = (settings.batch_size, settings.image_size, settings.image_size, settings.channels)
    steps = build(settings, Images(np.random.RandomState(0).randint(0, 256, shape).astype(np.uint8), 'noise'))
    with contextlib.closing(steps.session):
        yield steps


def compare(settings: TrainSettings, other: TrainSettings, timer: Timer = time_in_turns) -> Rounds:
    """Times the steps of two trainings in turns. Raises what their graphs raise."""
    with _on_noise(settings) as first, _on_noise(other) as second:
        return timer(lambda: first.train(1), lambda: second.train(1), SECONDS)
