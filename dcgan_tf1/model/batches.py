"""The batch plan: the indices of the examples in batch t, as a function of (seed, t) only."""
import math
from typing import NamedTuple

import tensorflow.compat.v1 as tf

from dcgan_tf1.model import randomness

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
        return math.ceil(epochs * (self.num_examples / self.batch_size if self.shuffle == 'continuous'
                                   else self._batches_per_epoch()))

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
