"""The batch plan: which examples make up the batch of step t, a function of (seed, t) alone."""
import tensorflow.compat.v1 as tf

from dcgan_tf1 import randomness


def shuffled_indices(num_examples, batch_size, seed, start_step):
    """The endless plan: every epoch in a new order, batches cut from epoch after epoch without a gap.

    So a batch may hold the end of one epoch and the start of the next, as the loader of the TensorFlow 1
    tutorials cut them. Batch t (from 0) is the same whatever step the plan is started at.

    Args:
      start_step: int64 [], the number of batches to leave out.
    Returns: a `tf.data.Dataset` of int32 [batch_size], values in [0, num_examples).
    """
    position = start_step * batch_size
    first_epoch = position // num_examples

    def epoch(number):
        keys = tf.random.stateless_uniform([num_examples],
                                           randomness.seed_of(seed, randomness.SHUFFLE, number))
        # Equal keys keep their order, so the order is the same wherever it is computed.
        return tf.data.Dataset.from_tensor_slices(tf.argsort(keys, stable=True))

    epochs = tf.data.Dataset.range(tf.int64.max - 1).map(lambda number: first_epoch + number)
    return epochs.flat_map(epoch).skip(position % num_examples).batch(batch_size)
