"""Standing statistics of batch norm: those of many generated batches, made with the weights as they are.

The practice of BigGAN (Brock et al. 2019, arXiv 1809.11096, section 4.1 and appendix C) and of compare_gan: instead of
averages that ran along while the weights moved, a frozen generator makes N batches, each normalized with its own
statistics, and their moments are pooled. Images made with them depend on no companions, and the averages on no history.
"""
import hashlib
import io
import os

import numpy as np
import tensorflow.compat.v1 as tf

from dcgan_tf1 import image_files, randomness
from dcgan_tf1.run_folder import write


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
    fetches = [(mean.batch, variance.batch, variance.bias) for mean, variance in layers]
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


def feed(network, values):
    """What to feed so that a network (as of `accumulate`) normalizes with these values ({name of the variable:
    [channels]}).
    """
    return {network.is_training: False,
            **{statistic.used: values[statistic.moving.op.name] for statistic in network.statistics}}


class Batches:
    """The noise that standing statistics are taken of: the same for every run, seed and number of images."""

    def __init__(self, settings):
        """Adds to the current graph."""
        self._number = tf.placeholder(tf.int64, [], 'standing_batch')
        self._noise = randomness.noise(settings.noise_distribution, 0, randomness.STANDING_NOISE, self._number,
                                       settings.batch_size, settings.noise_dim)

    def draw(self, session, count):
        """An iterator of float32 [batch_size, noise_dim]."""
        return (session.run(self._noise, {self._number: number}) for number in range(count))


class Store:
    """Statistics in a file beside their checkpoint, for as long as that checkpoint is the same."""

    def __init__(self, checkpoint, batches, batch_size):
        """`checkpoint`: path without its suffix, of a checkpoint that can be read."""
        self.path = '%s.standing-%dx%d.npz' % (checkpoint, batches, batch_size)
        index = checkpoint + '.index'  # holds a checksum of every tensor; a checkpoint in the oldest format has none
        with open(index if os.path.exists(index) else checkpoint, 'rb') as file:
            self._fingerprint = hashlib.md5(file.read()).hexdigest()

    def read(self, shapes):
        """The statistics of these variables ({name: shape}), or None where there are none of this checkpoint."""
        try:
            with image_files.read_archive(self.path) as arrays:
                # As `write` leaves it, nothing in it inflates.
                if (sum(member.file_size for member in arrays.zip.infolist()) > os.path.getsize(self.path)
                        or arrays.zip.testzip() or str(arrays['checkpoint']) != self._fingerprint):
                    return None
                values = {name: arrays[name] for name in shapes}
                if all(value.dtype == np.float32 and value.shape == tuple(shapes[name]) and np.isfinite(value).all()
                       for name, value in values.items()):
                    return values
        except Exception:
            pass  # none, or damaged in whatever way: it is made again
        return None

    def write(self, values):
        """Stores statistics. Where the folder can't be written to, they are made anew each time."""
        file = io.BytesIO()
        np.savez(file, checkpoint=np.array(self._fingerprint), **values)
        try:
            write(self.path, file.getvalue())
        except OSError:
            pass
