"""Images from a checkpoint, in every batch-norm mode."""
import math
from typing import Any, Callable, Dict, Generic, List, Optional, TypeVar

import numpy as np
import tensorflow.compat.v1 as tf

from dcgan_tf1.model import graph, precision, randomness, standing_statistics
from dcgan_tf1.model.layers import extra_average_name
from dcgan_tf1.runs.checkpoints.files import CorruptCheckpointError
from dcgan_tf1.runs.checkpoints.loading import GivenCheckpoint
from dcgan_tf1.runs.saved_settings import network_checksum
from dcgan_tf1.sample import latent
from dcgan_tf1.sample.preparation import for_generator
from dcgan_tf1.sample.settings import GeneratorSettings, SampleSettings
from dcgan_tf1.sample.statistics_cache import StatisticsCache
from dcgan_tf1.settings import cli_flags
from dcgan_tf1.settings.fields import Role
from dcgan_tf1.util import pixels, terminal
from dcgan_tf1.util.device import create_session
from dcgan_tf1.util.errors import UserError

_MAX_BATCH = 1000
_Settings = TypeVar('_Settings', bound=GeneratorSettings)

Statistics = Dict[str, np.ndarray]  # {name of a moving statistic's variable: float32 [channels]}


class Generator(Generic[_Settings]):
    """A trained generator, in its own graph and Session. Close it after use, or use it as a context manager.

    Attributes:
      settings: its `GeneratorSettings`, complete.
      checkpoint: the `GivenCheckpoint`. All that is needed of it was read, because a training may delete it.
    """

    def __init__(self, settings: _Settings):
        """Builds the generator that the settings describe and restores `settings.checkpoint`.

        Raises: UserError if the checkpoint does not belong to this generator, or TensorFlow lacks its precision.
        """
        precision.check(settings.precision, training=False)
        self.settings = settings
        with tf.Graph().as_default() as self._graph:
            self._generator = graph.build_generator(settings)
            self._batches = standing_statistics.NoiseBatches(settings)
            self._seed = tf.placeholder(tf.int64, [], 'seed')
            self._count = tf.placeholder(tf.int32, [], 'count')
            self._noise = randomness.noise(
                settings.noise_distribution, self._seed, randomness.SAMPLE_NOISE, 0, self._count, settings.noise_dim)
            self._session = create_session()
            self.checkpoint = GivenCheckpoint(settings.checkpoint, settings.checkpoint_names)
            self.checkpoint.load(self._session, tf.global_variables())
            # Those with other momentums have longer names.
            names = tuple(statistic.moving.op.name for statistic in self._generator.statistics)
            self._averages = {name: self.checkpoint.value(name) for name in self.checkpoint.shapes
                              if name.startswith(names)}

    def __enter__(self) -> 'Generator[_Settings]':
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def close(self) -> None:
        """Frees the Session."""
        self._session.close()

    def weights(self) -> Dict[str, np.ndarray]:
        """{name: value} of all variables of the generator."""
        with self._graph.as_default():
            return self._session.run({variable.op.name: variable for variable in tf.global_variables()})

    def latent_vectors(self, count: int, seed: int = 0) -> np.ndarray:
        """Draws latent vectors, float32 [count, noise_dim], as the recipe does.

        One seed always gives the same ones; a larger count adds others at the end.
        Raises: UserError if `count` is not 1 or more, or `seed` is negative.
        """
        values = cli_flags.build(SampleSettings, {
            'num_images': count, 'seed': seed, 'checkpoint': self.settings.checkpoint, 'output': '(array)'})
        return self._session.run(self._noise, {self._seed: values.seed, self._count: values.num_images})

    def statistics(self, bn_mode: str, momentum: Optional[float] = None, batches: int = 100) -> Optional[Statistics]:
        """The statistics that batch norm normalizes with; None for 'batch'.

        Args:
          bn_mode: 'batch', 'moving' or 'standing'.
          momentum: for 'moving', use the averages that the training kept with --extra_bn_momentums.
          batches: for 'standing', the number of batches; their statistics are cached beside the checkpoint.
        Raises: UserError if the checkpoint has no such averages.
        """
        if bn_mode == 'batch':
            return None
        if bn_mode == 'moving':
            return self._moving([statistic.moving.op.name for statistic in self._generator.statistics], momentum)
        settings = self.settings
        built_with = {name: getattr(settings, name) for name in settings.names(Role.OF_THE_GENERATOR)}
        cache = StatisticsCache(settings.checkpoint, batches, settings.batch_size, repr((
            settings.network, network_checksum(settings.network), settings.checkpoint_names, built_with)))
        values = cache.read({statistic.moving.op.name: statistic.moving.shape.as_list()
                             for statistic in self._generator.statistics})
        if values is None:
            drawn = terminal.track(self._batches.draw(self._session, batches), 'standing statistics', batches)
            values = standing_statistics.accumulate(self._session, self._generator, self._generator.noise, drawn)
            cache.write(values)
        return values

    def own_statistics(self) -> Optional[Statistics]:
        """The `statistics` that its settings name."""
        settings = self.settings
        return self.statistics(settings.bn_mode or 'batch', settings.bn_momentum, settings.standing_batches)

    def _moving(self, names: List[str], momentum: Optional[float]) -> Statistics:
        sources = [name if momentum is None else extra_average_name(name, momentum) for name in names]
        if any(source not in self._averages for source in sources):
            path = self.settings.checkpoint
            raise UserError(
                '%s has no moving averages of batch norm: use --bn_mode=standing or --bn_mode=batch' % path
                if momentum is None else
                '%s has no moving averages of --bn_momentum=%g: train with --extra_bn_momentums=%g'
                % (path, momentum, momentum))
        return {name: self._averages[source] for name, source in zip(names, sources)}

    def images(self, latent_vectors: np.ndarray, bn_mode: Optional[str] = None, momentum: Optional[float] = None,
               standing_batches: Optional[int] = None) -> np.ndarray:
        """Generates one image per latent vector.

        Args:
          latent_vectors: numbers [n, noise_dim].
          bn_mode: the statistics that batch norm uses: 'batch', 'moving' or 'standing'; default: as the run drew its
            grids.
          momentum: for 'moving', one of the training's `extra_bn_momentums`.
          standing_batches: for 'standing', the number of batches that the statistics are computed from; default: as
            in the run.
        Returns: uint8 [n, image_size, image_size, channels].
        Raises: UserError.
        """
        values = cli_flags.build(GeneratorSettings, {
            'bn_mode': bn_mode or self.settings.bn_mode or 'batch', 'bn_momentum': momentum,
            'standing_batches': self.settings.standing_batches if standing_batches is None else standing_batches})
        noise = latent.check(np.asarray(latent_vectors), self.settings.noise_dim, 'latent_vectors')
        statistics = self.statistics(values.bn_mode, values.bn_momentum, values.standing_batches)
        return pixels.to_uint8(self.generate(noise, statistics))

    def generate(self, noise: np.ndarray, statistics: Optional[Statistics] = None) -> np.ndarray:
        """Generates images, float32 [n, image_size, image_size, channels] in [-1, 1].

        Args:
          noise: latent vectors, float32 [n, noise_dim].
          statistics: a result of `statistics`. None: those of the images that are generated together (up to 1,000;
            more images are generated in equal parts).
        Raises: UserError if a single image would need batch statistics.
        """
        if statistics is None and len(noise) == 1:
            raise UserError('a single image cannot be generated with --bn_mode=batch, because it has no batch: use '
                            '--bn_mode=moving or --bn_mode=standing, or generate more images')
        feed = {self._generator.is_training: True} if statistics is None else self._use(statistics)
        parts = np.array_split(noise, math.ceil(len(noise) / _MAX_BATCH))
        return np.concatenate([
            self._session.run(self._generator.images, {self._generator.noise: part, **feed})
            for part in terminal.track(parts, 'generating images', len(noise), len)])

    def _use(self, statistics: Statistics) -> Dict[tf.Tensor, Any]:
        """Makes batch norm normalize with these statistics. Returns what to feed for it."""
        layers = self._generator.statistics
        with self._graph.as_default():
            for statistic in layers:
                if statistic.used is None:  # a layer that is not from `layers.py` can only read its variables
                    statistic.moving.load(statistics[statistic.moving.op.name], self._session)
        return standing_statistics.feed_dict(
            self._generator._replace(statistics=[layer for layer in layers if layer.used is not None]), statistics)


def open_generator(settings: _Settings,
                   prepare: Callable[[_Settings], _Settings] = for_generator) -> Generator[_Settings]:
    """Opens the generator that the settings of a command name.

    If a training deletes the checkpoint while it is read, the one that takes its place is opened.

    Args:
      settings: those of the command.
      prepare: completes them, as `for_generator` does; `Generator.settings` has the result.
    Raises: UserError.
    """
    while True:
        prepared = prepare(settings)
        try:
            return Generator(prepared)
        except CorruptCheckpointError:
            if prepare(settings).checkpoint == prepared.checkpoint:
                raise
