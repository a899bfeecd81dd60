"""Random numbers as pure functions of (seed, stream, counter), computed with stateless ops.

There is no random state to save. A resumed run draws the same numbers as an uninterrupted one, and TensorFlow
1.15 and 2.21 draw the same numbers.
"""
import zlib
from typing import Union

import tensorflow.compat.v1 as tf

# The streams. Their counters are: for SHUFFLE the epoch; for NOISE, GENERATOR_NOISE, SAMPLE_NOISE and DROPOUT
# the step; for STANDING_NOISE the batch.
SHUFFLE, NOISE, GENERATOR_NOISE, SAMPLE_NOISE, DROPOUT, STANDING_NOISE = range(6)
DISTRIBUTIONS = ('uniform', 'normal')
_MAX_STREAMS = 16  # more than there are, so that a new stream does not change the existing ones


def derive_seed(seed: Union[int, tf.Tensor], stream: int, counter: Union[int, tf.Tensor], name: str = '') -> tf.Tensor:
    """The seed of a stateless random op, int64 [2].

    Args:
        seed: the user's seed, from 0 to 2^31 - 1; an integer, or an int64 scalar.
        stream: one of the streams of this module.
        counter: integer scalar, position in the stream.
        name: distinguishes draws at the same position of a stream.
    """
    counter = tf.cast(counter, tf.int64)
    first = seed + (zlib.crc32(name.encode()) << 31)
    return tf.stack([tf.convert_to_tensor(first, tf.int64), counter * _MAX_STREAMS + stream])


def noise(distribution: str, seed: Union[int, tf.Tensor], stream: int, counter: Union[int, tf.Tensor],
          count: Union[int, tf.Tensor], noise_dim: int, name: str = '') -> tf.Tensor:
    """Latent vectors, float32 [count, noise_dim].

    Args:
        distribution: 'uniform' on [-1, 1), or 'normal' with mean 0 and variance 1.
        seed, stream, counter, name: as in `derive_seed`.
        count: number of vectors, an integer or an integer scalar tensor.
        noise_dim: length of a vector.
    """
    shape, seeds = [count, noise_dim], derive_seed(seed, stream, counter, name)
    if distribution == 'normal':
        return tf.random.stateless_normal(shape, seeds)
    return tf.random.stateless_uniform(shape, seeds, -1., 1.)
