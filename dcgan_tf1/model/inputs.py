"""The inputs of a training step: real images in the order of the batch plan, and latent vectors."""
import math
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

import tensorflow.compat.v1 as tf

from dcgan_tf1.data import AnyImages
from dcgan_tf1.model import randomness
from dcgan_tf1.model.collectives import Replicas, Share
from dcgan_tf1.model.schedules import Inputs
from dcgan_tf1.settings.train import TrainSettings
from dcgan_tf1.util import pixels

SHUFFLES = ('continuous', 'per_epoch', 'once')
# Keys of type float32 have 2^23 values. More examples than this are shuffled with 63 random bits: otherwise many keys
# would be equal, and the examples that have them would keep their order.
_MOST_WITH_FLOAT_KEYS = 10 ** 6


class BatchPlan(NamedTuple):
    """How examples are divided into batches.

    The values of `shuffle`:

    - continuous: every epoch has a new order, and batches are cut without a gap between epochs. A batch may
      contain the end of one epoch and the start of the next (as in the data loader of the TensorFlow 1
      tutorials).
    - per_epoch: every epoch has a new order, and its last batch contains the remaining examples (as in Keras
      and PyTorch).
    - once: the examples are shuffled and divided once. Every epoch has the same batches in the same order,
      and its last batch contains the remaining examples.
    """

    shuffle: str  # one of SHUFFLES
    num_examples: int  # size of the training set
    batch_size: int
    seed: int  # seed of the order

    def steps_in(self, epochs: float) -> int:
        """Number of batches in that many passes over the examples, rounded up."""
        if self.shuffle == 'continuous':
            return math.ceil(epochs * self.num_examples / self.batch_size)  # in this order, 21 epochs are 21.0
        return math.ceil(epochs * self._batches_per_epoch())

    def epochs_in(self, steps: int) -> float:
        """Number of passes over the examples in that many batches."""
        if self.shuffle == 'continuous':
            return steps * self.batch_size / self.num_examples
        return steps / self._batches_per_epoch()

    def _batches_per_epoch(self) -> int:
        return math.ceil(self.num_examples / self.batch_size)

    def batch_rows(self, number: tf.Tensor) -> tf.Tensor:
        """How many examples batch `number` (int64 scalar, from 0) contains, an int32 scalar."""
        num_batches, remainder = self._batches_per_epoch(), self.num_examples % self.batch_size
        if self.shuffle == 'continuous' or not remainder:
            return tf.constant(self.batch_size)
        return tf.where(tf.equal(number % num_batches, num_batches - 1), remainder, self.batch_size)

    def _keys(self, epoch: tf.Tensor) -> tf.Tensor:
        """A random number for every example. Sorted by them, the examples are in the order of an epoch."""
        seed = randomness.derive_seed(self.seed, randomness.SHUFFLE, epoch)
        if self.num_examples <= _MOST_WITH_FLOAT_KEYS:
            return tf.random.stateless_uniform([self.num_examples], seed)
        return tf.random.stateless_uniform([self.num_examples], seed, 0, tf.int64.max, tf.int64)

    def indices(self, start: tf.Tensor) -> tf.data.Dataset:
        """The endless sequence of batches from batch `start` on.

        Batch t is the same no matter where the sequence starts.

        Args:
            start: int64 scalar, 0 or more.

        Returns:
            A dataset of int32 [batch_size], or fewer in the last batch of an epoch.
        """
        def epoch(number: tf.Tensor) -> tf.data.Dataset:
            number = tf.zeros_like(number) if self.shuffle == 'once' else number
            # A stable sort gives the same order on every machine, even if two keys are equal.
            return tf.data.Dataset.from_tensor_slices(tf.argsort(self._keys(number), stable=True))

        if self.shuffle == 'continuous':
            position, length = start * self.batch_size, self.num_examples
        else:
            position, length = start, self._batches_per_epoch()
        epochs = tf.data.Dataset.range(tf.int64.max - 1).map(lambda number: position // length + number)
        if self.shuffle == 'continuous':
            return epochs.flat_map(epoch).skip(position % length).batch(self.batch_size)
        return epochs.flat_map(lambda number: epoch(number).batch(self.batch_size)).skip(position % length)


class BatchStart(NamedTuple):
    """A function (session, step) that starts the batch plan after that many steps."""

    operation: tf.Operation
    feed: Dict[tf.Tensor, Any]  # of the operation, and the number of steps
    step: tf.Tensor

    def __call__(self, session: tf.Session, step: int) -> None:
        session.run(self.operation, {**self.feed, self.step: step})


def build_inputs(settings: TrainSettings, images: AnyImages, plan: BatchPlan, step: tf.Tensor,
                 replicas: Replicas) -> Tuple[Inputs, BatchStart]:
    """Creates the inputs of a training step in the current default graph.

    Args:
        settings: settings of the training.
        images: the training set.
        plan: the batch plan of these images.
        step: int64 scalar, the number of completed steps, which determines the latent vectors.
        replicas: those that train together. With several, the inputs are the shares of one, and marked as such.

    Returns:
        The inputs, and a function (session, step) that starts the batch plan after that many steps.
    """
    num_batches = settings.d_steps_per_g_step  # each update of the discriminator uses a batch of its own
    with tf.name_scope('batch_plan'):
        start_step = tf.placeholder(tf.int64, [], 'start_step')
        indices = plan.indices(start_step * num_batches)
        image_shares, noise_shares = _shares(settings, plan, step, replicas)
        if replicas.size > 1:
            indices = indices.map(lambda batch: replicas.take(batch, replicas.share(tf.shape(batch)[0])))
        source = images.batches(indices)
        batches: List[tf.Tensor] = []
        for _ in range(num_batches):
            with tf.control_dependencies(batches[-1:]):  # take them in the order of the plan
                batches.append(source.get_next())
        real_images = [pixels.to_float(tf.cast(batch, tf.float32)) for batch in batches]

        def draw(stream: int, number: int) -> tf.Tensor:
            """The latent vectors for batch `number` of the step."""
            share = noise_shares[number]
            rows = settings.batch_size if settings.noise_batch == 'full' else tf.shape(batches[number])[0]
            # The names select random streams; other names would change the numbers.
            vectors = randomness.noise(settings.noise_distribution, settings.seed, stream, step,
                                       share.rows if share else rows, settings.noise_dim,
                                       'further %d' % number if number else '')
            return replicas.take(vectors, share) if share else vectors
        noise = [draw(randomness.NOISE, number) for number in range(num_batches)]
        generator_noise = draw(randomness.GENERATOR_NOISE, 0)

    def placeholder(name: str, default: object, share: Optional[Share], *shape: Optional[int]) -> tf.Tensor:
        return replicas.mark(tf.placeholder_with_default(default, shape, name), share)

    pairs = [(placeholder('real_images', batch, image_share, None, *images.image_shape),
              placeholder('noise', vectors, noise_share, None, settings.noise_dim))
             for batch, image_share, vectors, noise_share in zip(real_images, image_shares, noise, noise_shares)]
    generator_noise = placeholder('generator_noise', generator_noise, noise_shares[0], None, settings.noise_dim)
    return Inputs(*pairs[0], generator_noise, placeholder('is_training', True, None), pairs[1:]), BatchStart(
        source.initializer, source.feed, start_step)


def _shares(settings: TrainSettings, plan: BatchPlan, step: tf.Tensor,
            replicas: Replicas) -> Tuple[List[Optional[Share]], List[Optional[Share]]]:
    """The replica's shares of every batch of images of a step, and of the latent vectors for each. None with one."""
    num_batches = settings.d_steps_per_g_step
    if replicas.size == 1:
        return [None] * num_batches, [None] * num_batches
    image_shares = [replicas.share(plan.batch_rows(step * num_batches + number)) for number in range(num_batches)]
    if settings.noise_batch == 'match':
        return image_shares, image_shares
    return image_shares, [replicas.share(settings.batch_size)] * num_batches


def batch_plan(settings: TrainSettings, num_examples: int) -> BatchPlan:
    """How the images of the training set are assigned to batches."""
    return BatchPlan(settings.shuffle, num_examples, settings.batch_size, settings.seed)
