"""Standing statistics of batch norm: those of many generated batches, made with the weights as they are.

The practice of BigGAN (Brock et al. 2019, arXiv 1809.11096, section 4.1 and appendix C) and of compare_gan: instead of
averages that ran along while the weights moved, a frozen generator makes N batches, each normalized with its own
statistics, and their moments are pooled. Images made with them depend on no companions, and the averages on no history.
"""
import numpy as np
import tensorflow.compat.v1 as tf

from dcgan_tf1 import randomness


def accumulate(session, network, inputs, batches):
    """Pooled statistics of a network: of every batch norm the mean E[x] and variance E[x²] − E[x]².

    Args:
      network: a `graph.Generator` or `graph.Discriminator`.
      inputs: the placeholder of what it is applied to.
      batches: an iterable of what to feed there, all of one size: noise, float32 [vectors, noise_dim], or images.
    Returns: {name of the moving statistic's variable: float32 [channels]}.
    """
    layers = list(zip(*[iter(network.statistics)] * 2))  # a batch norm records its mean, then its variance
    count, sums = 0, [0.] * len(layers)
    fetches = [(mean.batch, variance.batch, variance.biased_factor) for mean, variance in layers]
    for batch in batches:
        fetched = session.run(fetches, {inputs: batch, network.is_training: True})
        count += 1
        for index, (mean, variance, bias) in enumerate(fetched):
            mean, variance = mean.astype(np.float64), variance.astype(np.float64) * bias
            sums[index] = sums[index] + np.stack([mean, variance + mean ** 2])
    pooled = {}
    for (mean, variance), (first, second) in zip(layers, (total / count for total in sums)):
        pooled[mean.moving.op.name] = first.astype(np.float32)
        pooled[variance.moving.op.name] = np.maximum(second - first ** 2, 0).astype(np.float32)
    return pooled


def feed_dict(network, values):
    """What to feed so that a network (as of `accumulate`) normalizes with these values ({name of the variable:
    [channels]}).
    """
    return {network.is_training: False,
            **{statistic.used: values[statistic.moving.op.name] for statistic in network.statistics}}


class NoiseBatches:
    """The noise that standing statistics are taken of: the same for every run, seed and number of images."""

    def __init__(self, settings):
        """Adds to the current graph."""
        self._number = tf.placeholder(tf.int64, [], 'standing_batch')
        self._noise = randomness.noise(settings.noise_distribution, 0, randomness.STANDING_NOISE, self._number,
                                       settings.batch_size, settings.noise_dim)

    def draw(self, session, count):
        """An iterator of float32 [batch_size, noise_dim]."""
        return (session.run(self._noise, {self._number: number}) for number in range(count))
