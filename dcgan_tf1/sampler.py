"""Images from a checkpoint, in any mode of batch norm."""
import math

import numpy as np
import tensorflow.compat.v1 as tf

from dcgan_tf1 import graph, loop, options, randomness, standing
from dcgan_tf1.checkpoints import named_checkpoint, restore
from dcgan_tf1.errors import UserError
from dcgan_tf1.layers import extra_average_name
from dcgan_tf1.run_folder import RunFolder

_TOGETHER = 1000  # images made in one batch, at the most


def of_run(settings):
    """Settings of a command, with what the run of --run_dir was trained with.

    Its last checkpoint and its own mode of batch norm are the defaults. Raises: UserError, also where flags were given
    that contradict the run.
    """
    folder = RunFolder(settings.run_dir)
    if not folder.read_config():
        raise UserError('--run_dir=%s holds no run (no %s): name the folder of a run'
                        % (settings.run_dir, folder.config))
    trained = options.trained(folder)
    settings = options.as_trained(settings, trained, (
        'recipe', 'network', 'noise_dim', 'noise_distribution', 'image_size', 'channels', 'batch_size', 'precision',
        'kernels'))
    return settings._replace(checkpoint=named_checkpoint(folder, settings.checkpoint),
                             bn_mode=settings.bn_mode or trained['bn_mode'])


class Sampler:
    """A generator with the weights of a checkpoint, in a graph and a Session of its own. A context manager."""

    def __init__(self, settings):
        """`settings`: flags, of which `checkpoint` counts and those that describe the generator.

        Raises: UserError where the checkpoint is not one of this generator.
        """
        self._settings = settings
        with tf.Graph().as_default() as self._graph:
            self._generator = graph.build_generator(settings)
            self._batches = standing_statistics.NoiseBatches(settings)
            variables = tf.global_variables()
            saver = tf.train.Saver(variables)
            self._session = session.create_session()
            restore(self._session, saver, settings.checkpoint, variables)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._session.close()

    def noise(self, count, seed):
        """float32 [count, noise_dim]: the first vectors are the same for every count."""
        with self._graph.as_default():
            return self._session.run(randomness.noise(
                self._settings.noise_distribution, seed, randomness.SAMPLE_NOISE, 0, count, self._settings.noise_dim))

    def statistics(self, bn_mode, momentum=None, batches=None):
        """What batch norm normalizes with: {name of the moving statistic: float32 [channels]}, or None for 'batch'.

        Args:
          bn_mode: one of `options.BN_MODES`.
          momentum: of 'moving': that of averages which the run kept beside its own, by --extra_bn_momentums.
          batches: of 'standing': how many; their statistics are stored beside the checkpoint.
        Raises: UserError.
        """
        names = [statistic.moving.op.name for statistic in self._generator.statistics]
        if bn_mode == 'batch':
            return None
        if bn_mode == 'moving':
            return self._moving(names, momentum)
        store = statistics_cache.StatisticsCache(self._settings.checkpoint, batches, self._settings.batch_size)
        values = store.read({statistic.moving.op.name: statistic.moving.shape.as_list()
                             for statistic in self._generator.statistics})
        if values is None:
            values = standing_statistics.accumulate(self._session, self._generator, self._generator.noise,
                                         self._batches.draw(self._session, batches))
            store.write(values)
        return values

    def _moving(self, names, momentum):
        reader = tf.train.load_checkpoint(self._settings.checkpoint)
        kept = [name if momentum is None else extra_average_name(name, momentum) for name in names]
        if any(not reader.has_tensor(name) for name in kept):
            raise UserError('%s keeps no moving statistics of --bn_momentum=%g: train with --extra_bn_momentums=%g'
                            % (self._settings.checkpoint, momentum, momentum))
        return {name: reader.get_tensor(kept_as) for name, kept_as in zip(names, kept)}

    def images(self, vectors, statistics=None):
        """float32 [n, image_size, image_size, channels] in [−1, 1].

        Args:
          vectors: float32 [n, noise_dim].
          statistics: what `statistics` gave. None: those of the images that are made together, up to 1,000 (more are
            made in equal parts).
        Raises: UserError where one image alone should have such.
        """
        if statistics is None and len(vectors) == 1:
            raise UserError('one image alone cannot be made with --bn_mode=batch: it has no batch to take '
                            'statistics of; use --bn_mode=moving or --bn_mode=standing, or ask for more')
        feed = ({self._generator.is_training: True} if statistics is None
                else standing_statistics.feed_dict(self._generator, statistics))
        return np.concatenate([
            self._session.run(self._generator.images, {self._generator.noise: part, **feed})
            for part in np.array_split(vectors, math.ceil(len(vectors) / _TOGETHER))])
