"""Standing statistics: batch norm statistics of many batches, computed with the final weights.

This is the practice of BigGAN (Brock et al. 2019, arXiv 1809.11096, section 4.1 and appendix C) and of
compare_gan. Moving averages are collected during training, while the weights change. Here, a generator with
fixed weights generates N batches, each normalized with its own statistics, and their moments are pooled. With
standing statistics, an image does not depend on the images generated with it, and the statistics do not
depend on the course of the training.
"""
from typing import Any, Dict, Iterable, Iterator, Mapping, Tuple, Union

import numpy as np
import tensorflow.compat.v1 as tf

from dcgan_tf1.model import randomness
from dcgan_tf1.model.network import Discriminator, Generator
from dcgan_tf1.settings.train import TrainSettings
from dcgan_tf1.util.errors import UserError


def accumulate(session: tf.Session, network: Union[Generator, Discriminator], placeholder: tf.Tensor,
               batches: Iterable[np.ndarray]) -> Dict[str, np.ndarray]:
    """Computes the pooled statistics of a network: mean E[x] and variance E[x²] - E[x]² for each batch norm
    layer.

    Args:
        session: a session with the network's weights.
        network: the network.
        placeholder: the placeholder of its input.
        batches: inputs, all of one size: latent vectors, float32 [vectors, noise_dim], or images.

    Returns:
        {name of a moving statistic's variable: float32 [channels]}.

    Raises:
        UserError: if the network has moving averages that are not recognized as those of batch norm.
    """
    if network.other_updates:
        raise UserError('--bn_mode=standing needs batch norm layers of dcgan_tf1.layers or tf.layers, but %s '
                        'is an update op of another kind: use --bn_mode=batch or --bn_mode=moving'
                        % network.other_updates[0].name)
    # Each layer has recorded its mean, then its variance.
    layers = list(zip(network.statistics[::2], network.statistics[1::2]))
    moments = [PooledMoments() for _ in layers]
    fetches = [(mean.batch, variance.batch, variance.biased_factor) for mean, variance in layers]
    for batch in batches:
        values = session.run(fetches, {placeholder: batch, network.is_training: True})
        for pool, (mean, variance, biased_factor) in zip(moments, values):
            pool.add(mean, variance.astype(np.float64) * biased_factor)
    pooled = {}
    for (mean, variance), pool in zip(layers, moments):
        pooled[mean.moving.op.name], pooled[variance.moving.op.name] = pool.mean_and_variance()
    return pooled


class PooledMoments:
    """The mean E[x] and the variance E[x²] - E[x]² of several batches of one size, from those of each batch."""

    def __init__(self) -> None:
        self._count = 0
        self._sums: Any = 0.  # of E[x] and E[x²], [2, channels]

    def add(self, mean: np.ndarray, variance: np.ndarray) -> None:
        """Adds a batch: its mean and its biased variance, [channels]."""
        mean, variance = mean.astype(np.float64), variance.astype(np.float64)
        self._count += 1
        self._sums = self._sums + np.stack([mean, variance + mean ** 2])

    def mean_and_variance(self) -> Tuple[np.ndarray, np.ndarray]:
        """The mean and the variance of all batches together, each float32 [channels]."""
        first, second = self._sums / self._count
        return first.astype(np.float32), np.maximum(second - first ** 2, 0).astype(np.float32)


def feed_dict(network: Union[Generator, Discriminator],
              values: Mapping[str, np.ndarray]) -> Dict[tf.Tensor, Union[bool, np.ndarray]]:
    """What to feed so that a network normalizes with given statistics.

    Args:
        network: the network.
        values: {name of a moving statistic's variable: [channels]}, such as the result of `accumulate`.
    Raises:
        UserError: if a batch norm layer is not from `layers.py`.
    """
    feed: Dict[tf.Tensor, Union[bool, np.ndarray]] = {network.is_training: False}
    for statistic in network.statistics:
        if statistic.used is None:
            raise UserError('the batch norm layer of %s cannot use --bn_mode=standing during a training: train with '
                            '--bn_mode=batch or --bn_mode=moving, or use dcgan_tf1.layers in the network'
                            % statistic.moving.op.name)
        feed[statistic.used] = values[statistic.moving.op.name]
    return feed


class NoiseBatches:
    """The latent vectors that standing statistics are computed from.

    They depend only on noise_distribution, batch_size and noise_dim, not on the seed of the run.
    """

    def __init__(self, settings: TrainSettings) -> None:
        """Adds ops to the current default graph."""
        self._number = tf.placeholder(tf.int64, [], 'standing_batch')
        self._noise = randomness.noise(settings.noise_distribution, 0, randomness.STANDING_NOISE,
                                       self._number, settings.batch_size, settings.noise_dim)

    def draw(self, session: tf.Session, count: int) -> Iterator[np.ndarray]:
        """Yields `count` batches, each float32 [batch_size, noise_dim]."""
        return (session.run(self._noise, {self._number: number}) for number in range(count))
