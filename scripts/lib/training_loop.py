"""The package's training step in this process, to time it."""
from typing import Callable, List, NamedTuple

import tensorflow.compat.v1 as tf

from dcgan_tf1 import graph, precision
from dcgan_tf1.data import AnyImages
from dcgan_tf1.run_settings import batch_plan
from dcgan_tf1.session import create_session
from dcgan_tf1.settings import TrainSettings


class TrainingLoop(NamedTuple):
    """An initialized training."""
    train: Callable[[int], List[float]]  # runs steps; returns the last losses, the discriminator's first
    graph: tf.Graph
    session: tf.Session


def build(settings: TrainSettings, images: AnyImages) -> TrainingLoop:
    """Builds the training graph and initializes it.

    Args:
      settings: of a training.
      images: a dataset, as `data.load` returns it.
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
    return TrainingLoop(train, training_graph, session)
