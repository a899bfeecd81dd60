"""What several workers run in addition to a training step, to end as one worker would, and to stop together."""
from typing import NamedTuple, Optional, Tuple

import tensorflow.compat.v1 as tf

from dcgan_tf1.model.collectives import Workers
from dcgan_tf1.model.schedules import Inputs, TrainStep


class Cooperation(NamedTuple):
    """What several workers run in addition to a training step."""

    stop: tf.Tensor  # placeholder, a float32 scalar: 1 if this worker was asked to stop; default 0
    is_stopping: tf.Tensor  # boolean scalar: whether any worker was
    copy_from_chief: tf.Operation  # gives all workers the chief's values of all variables


def combine(step: TrainStep, inputs: Inputs, batch_size: int,
            workers: Workers) -> Tuple[TrainStep, Optional[Cooperation]]:
    """Replaces the losses and logits of this worker's share by those of the whole batch.

    With one worker, returns the step as it is, and None.

    Args:
        step: the training step, built for this worker's share.
        inputs: those of the step.
        batch_size: of the whole batch.
        workers: those that train together.
    """
    if workers.size == 1:
        return step, None
    with tf.name_scope('workers'):
        stop = tf.placeholder_with_default(0., [], 'stop')
        discriminator_loss, generator_loss, stops = workers.means([step.discriminator_loss, step.generator_loss, stop])
        real_logits, fake_logits = (
            workers.whole(logits, workers.share_of(images), batch_size)
            for logits, images in ((step.real_logits, inputs.real_images), (step.fake_logits, inputs.noise)))
        combined = step._replace(discriminator_loss=discriminator_loss, generator_loss=generator_loss,
                                 real_logits=real_logits, fake_logits=fake_logits)
        return combined, Cooperation(stop, stops > 0, workers.copy_from_chief(tf.global_variables()))
