"""The batch plan: which examples make up the batch of step t, a function of (seed, t) alone."""
import collections
import math

import tensorflow.compat.v1 as tf

from dcgan_tf1 import randomness

SHUFFLES = ('continuous', 'per_epoch', 'once')


class BatchPlan(collections.namedtuple('BatchPlan', 'shuffle num_examples batch_size seed')):
    """How the examples are cut into batches. Kinds:

    continuous: every epoch in a new order, batches cut from epoch after epoch without a gap, so that one may hold the
      end of an epoch and the start of the next (the loader of the TensorFlow 1 tutorials);
    epochs: every epoch in a new order, its last batch holds what is left (Keras's and PyTorch's loaders);
    fixed: cut once, the same batches in the same order every epoch, the last holds what is left.
    """

    def steps_in(self, epochs):
        """Steps in that many epochs (a float), a part of a step counted as one."""
        return math.ceil(epochs * (self.num_examples / self.batch_size if self.shuffle == 'continuous'
                                   else self._batches_an_epoch()))

    def epochs_in(self, steps):
        """Passes over the examples in that many steps, a float."""
        return steps * self.batch_size / self.num_examples if self.shuffle == 'continuous' else (
            steps / self._batches_an_epoch())

    def _batches_an_epoch(self):
        return math.ceil(self.num_examples / self.batch_size)

    def indices(self, start):
        """The endless plan from batch `start` (int64 [], from 0) on: a `tf.data.Dataset` of int32 [batch_size or less].

        Batch t is the same whatever batch the plan is started at.
        """
        def epoch(number):
            number = tf.zeros_like(number) if self.shuffle == 'once' else number
            keys = tf.random.stateless_uniform([self.num_examples],
                                               randomness.derive_seed(self.seed, randomness.SHUFFLE, number))
            # Equal keys keep their order, so the order is the same wherever it is computed.
            return tf.data.Dataset.from_tensor_slices(tf.argsort(keys, stable=True))

        if self.shuffle == 'continuous':
            position, length = start * self.batch_size, self.num_examples
        else:
            position, length = start, self._batches_an_epoch()
        epochs = tf.data.Dataset.range(tf.int64.max - 1).map(lambda number: position // length + number)
        if self.shuffle == 'continuous':
            return epochs.flat_map(epoch).skip(position % length).batch(self.batch_size)
        return epochs.flat_map(lambda number: epoch(number).batch(self.batch_size)).skip(position % length)
