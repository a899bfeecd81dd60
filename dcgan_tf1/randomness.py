"""Everything random as a pure function of (seed, stream, counter), on stateless ops.

No random state exists, so none has to be saved: a resumed run draws what the uninterrupted one draws, and
TensorFlow 1.15 and 2.21 draw the same numbers.
"""
import zlib

import tensorflow.compat.v1 as tf

# What is drawn; the counter that goes with it is an epoch for SHUFFLE, a step for the noises and for DROPOUT,
# a batch for STANDING_NOISE.
SHUFFLE, NOISE, GENERATOR_NOISE, SAMPLE_NOISE, DROPOUT, STANDING_NOISE = range(6)
DISTRIBUTIONS = ('uniform', 'normal')
_STREAMS = 16  # room for more, so that a new stream changes none of the old ones


def derive_seed(seed, stream, counter, name=''):
    """The seed [2] (int64) that the stateless ops take.

    Args:
      seed: the user's, from 0 to 2^31 − 1.
      counter: may be a tensor.
      name: tells apart what is drawn from one stream at one count.
    """
    counter = tf.cast(counter, tf.int64)
    first = seed + (zlib.crc32(name.encode()) << 31)
    return tf.stack([tf.constant(first, tf.int64), counter * _STREAMS + stream])


def noise(distribution, seed, stream, counter, count, noise_dim, name=''):
    """float32 [count, noise_dim], `uniform` on [−1, 1) or `normal` (mean 0, variance 1). `count` may be a tensor."""
    shape, seeds = [count, noise_dim], derive_seed(seed, stream, counter, name)
    if distribution == 'normal':
        return tf.random.stateless_normal(shape, seeds)
    return tf.random.stateless_uniform(shape, seeds, -1., 1.)
