"""Everything random as a pure function of (seed, stream, counter), on stateless ops.

No random state exists, so none has to be saved: a resumed run draws what the uninterrupted one draws, and
TensorFlow 1.15 and 2.21 draw the same numbers.
"""
import tensorflow.compat.v1 as tf

# What is drawn; the counter that goes with it is an epoch for SHUFFLE, a step for the noises.
SHUFFLE, NOISE, GENERATOR_NOISE, SAMPLE_NOISE = range(4)
_STREAMS = 16  # room for more, so that a new stream changes none of the old ones


def seed_of(seed, stream, counter):
    """The seed [2] (int64) that the stateless ops take. `counter` may be a tensor."""
    counter = tf.cast(counter, tf.int64)
    return tf.stack([tf.constant(seed, tf.int64), counter * _STREAMS + stream])


def uniform_noise(seed, stream, counter, batch_size, noise_dim):
    """[batch_size, noise_dim], uniform on [−1, 1)."""
    return tf.random.stateless_uniform([batch_size, noise_dim], seed_of(seed, stream, counter), -1., 1.)
