"""What --kernels=auto and --precision=auto stand for on this machine. A new run measures it, and records the result."""
import contextlib
import hashlib
import time
from typing import Callable, Dict, Iterator, List, NamedTuple

import numpy as np
import tensorflow.compat.v1 as tf

import dcgan_tf1
from dcgan_tf1.data import AnyImages, Images
from dcgan_tf1.model import graph, precision
from dcgan_tf1.model.inputs import batch_plan
from dcgan_tf1.model.kernels import kernels
from dcgan_tf1.model.kernels import timing as kernel_timing
from dcgan_tf1.model.kernels.timing import Timer, Timings
from dcgan_tf1.model.kernels.timings_cache import TimingsCache, default_path
from dcgan_tf1.runs import saved_settings
from dcgan_tf1.settings.fields import Role
from dcgan_tf1.settings.train import TrainSettings
from dcgan_tf1.train.workers.cluster import Cluster
from dcgan_tf1.util import processor
from dcgan_tf1.util.device import create_session
from dcgan_tf1.util.log import log

# bfloat16 rounds more, so it is only chosen if it makes a step at least this many times as fast.
_MIN_GAIN_OF_BFLOAT16 = 1.1
SECONDS = 3.  # for timing steps, after those that warm up


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


def choose(settings: TrainSettings, timer: Timer = kernel_timing.time_in_turns,
           clock: Callable[[], float] = time.monotonic) -> TrainSettings:
    """Replaces 'auto' in the settings of a new run with what is fastest here, and says what that is.

    A file of the user keeps what was measured, for the next run. The first time, measuring the kernels takes up to
    about `kernel_timing.SECONDS`; measuring the precision takes a few steps in both.

    Args:
        settings: of a new run.
        timer: compares two functions.
        clock: seconds, which limit the measuring of kernels.

    Raises:
        UserError: if the network does not fit the other settings.
    """
    tuner = _Tuner(timer, clock)
    if settings.precision == 'auto':
        settings = tuner.with_precision(settings)
    else:
        tuner.warn_of_slow_precision(settings)
    return tuner.with_kernels(settings)


class _Tuner:
    """Measures with a timer, or looks up what was measured earlier."""

    def __init__(self, timer: Timer, clock: Callable[[], float]):
        self._timer, self._clock = timer, clock
        self._has_gpu = bool(tf.config.experimental.list_physical_devices('GPU'))
        machine = '%s, TensorFlow %s, dcgan_tf1 %s' % (processor.fingerprint(), tf.__version__, dcgan_tf1.__version__)
        # Nothing tells one GPU from another here.
        self._cache = TimingsCache(machine, None if self._has_gpu else default_path())

    def with_kernels(self, settings: TrainSettings, is_final: bool = True) -> TrainSettings:
        """Settings with a choice of kernels. Says which only if they are the final ones."""
        if settings.kernels != 'auto':
            return settings
        if self._has_gpu or not precision.works(settings.precision):
            return settings.replace(kernels='native')  # a GPU has fast kernels of its own
        gains = kernel_timing.gains(graph.convolutions(settings), settings.batch_size, self._cache, self._timer,
                                    self._clock)
        choice = kernel_timing.choice(gains)
        faster = [gains[route] for route in kernels.parse(choice) or ()]
        if faster and is_final:
            log.info("--kernels=auto takes other routes for %d of %d kernels, up to %.1f times as fast here as "
                     "TensorFlow's own", len(faster), len(set(map(kernel_timing.gradient_of, gains))), max(faster))
        elif gains and is_final:
            log.info("--kernels=auto takes TensorFlow's own kernels, which are the fastest here")
        return settings.replace(kernels=choice)

    def with_precision(self, settings: TrainSettings) -> TrainSettings:
        """Settings with the precision in which a step is faster."""
        in_float32 = settings.replace(precision='float32')
        if not precision.works('bfloat16'):
            log.info('--precision=auto takes float32: TensorFlow %s does not train in bfloat16', tf.__version__)
            return in_float32
        key = _name_of_a_step(settings)
        gain = self._cache.read().get(key)
        if gain is None:
            log.info('--precision=auto: timing steps in float32 and in bfloat16')
            try:
                first, second = [self.with_kernels(settings.replace(precision=name), is_final=False)
                                 for name in ('float32', 'bfloat16')]
                gain = kernel_timing.elapsed_gain(compare(first, second, self._timer))
            # Whatever keeps a network from training in bfloat16 (types in a network of the user, a missing kernel),
            # float32 is the answer. What keeps it from training at all will be reported when the training begins.
            except Exception as error:
                log.info('--precision=auto takes float32: a step in bfloat16 fails (%s)',
                         str(error).strip().split('\n')[0])
                return in_float32
            gain = self._cache.add({key: round(gain, 3)})[key]
        chosen = 'bfloat16' if gain >= _MIN_GAIN_OF_BFLOAT16 else 'float32'
        log.info('--precision=auto takes %s: here, a step in bfloat16 is %.2f times as fast as in float32',
                 chosen, gain)
        return settings.replace(precision=chosen)

    def warn_of_slow_precision(self, settings: TrainSettings) -> None:
        """Says so if bfloat16 is slow on this processor."""
        if settings.precision != 'bfloat16' or not precision.works('bfloat16') or self._has_gpu:
            return
        name = 'a typical convolution in float32'
        gain = self._cache.read().get(name) or self._cache.add(
            {name: round(kernel_timing.gain_of_float32(self._timer), 3)})[name]
        if gain >= kernel_timing.MIN_GAIN:
            log.warning('--precision=bfloat16 is slow on this processor: a typical convolution takes %.1f times as '
                        'long as in float32. --precision=auto takes what is faster', gain)


def _name_of_a_step(settings: TrainSettings) -> str:
    values = [getattr(settings, name) for name in TrainSettings.names(Role.OF_A_STEP)]
    values.append(saved_settings.network_checksum(settings.network))
    return 'step of %s in bfloat16, %s' % (settings.network, hashlib.md5(repr(values).encode()).hexdigest())


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
    """Steps on images of noise, after one that warms up."""
    shape = (settings.batch_size, settings.image_size, settings.image_size, settings.channels)
    steps = build(settings, Images(np.random.RandomState(0).randint(0, 256, shape).astype(np.uint8), 'noise'))
    with contextlib.closing(steps.session):
        steps.train(1)
        yield steps


def compare(settings: TrainSettings, other: TrainSettings, timer: Timer) -> Timings:
    """Times the steps of two trainings in turns. Raises what their graphs raise."""
    with _on_noise(settings) as first, _on_noise(other) as second:
        return timer(lambda: first.train(1), lambda: second.train(1), SECONDS)
