"""Training steps alone, without a run folder, to time them."""
import contextlib
from typing import Callable, Iterator, List, NamedTuple

import numpy as np
import tensorflow.compat.v1 as tf

from dcgan_tf1.data import AnyImages, Images
from dcgan_tf1.model import graph, precision
from dcgan_tf1.model.inputs import batch_plan
from dcgan_tf1.model.kernels.timing import Timer, Timings
from dcgan_tf1.settings.train import TrainSettings
from dcgan_tf1.util.session import create_session

SECONDS = 3.  # for timing steps, after those that warm up


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
