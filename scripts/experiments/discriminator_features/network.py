"""A discriminator with standing statistics: its features, responses, filters and guided gradients."""
import math
from typing import Any, Iterable, List, Optional

import numpy as np
import tensorflow.compat.v1 as tf

from dcgan_tf1.model import graph, layers, standing_statistics
from dcgan_tf1.runs.checkpoints.loading import GivenCheckpoint
from dcgan_tf1.util.device import create_session
from dcgan_tf1.util.errors import UserError

GRID = 4  # activations are max-pooled to GRID × GRID
_MAX_BATCH = 500  # images that go through the discriminator at once


def max_pool(x: tf.Tensor) -> tf.Tensor:
    """Max-pools [n, height, width, channels] to [n, 4, 4, channels].

    Along a side of s pixels, cell i covers the pixels from floor(i · s / 4) up to, but excluding,
    ceil((i + 1) · s / 4). If 4 does not divide s, neighboring cells overlap by a pixel, as in PyTorch's
    AdaptiveMaxPool2d.
    """
    for axis in (1, 2):
        size = int(x.shape[axis])
        cells = [np.arange(cell * size // GRID, -(-(cell + 1) * size // GRID)) for cell in range(GRID)]
        x = tf.stack([tf.reduce_max(tf.gather(x, cell, axis=axis), axis) for cell in cells], axis)
    return x


@tf.RegisterGradient('dcgan_tf1.Guided')
def _guided_gradient(operation, gradient):
    return tf.where((gradient > 0) & (operation.inputs[0] > 0), gradient, tf.zeros_like(gradient))


def guided_backpropagation():
    """A context in which activation functions pass back positive gradients only, if their input is positive.

    The method was made for ReLUs. Leaky ReLUs and ELUs are treated like them.
    """
    return tf.get_default_graph().gradient_override_map(
        {kind: 'dcgan_tf1.Guided' for kind in ('Relu', 'LeakyRelu', 'Elu')})


class Discriminator:
    """A discriminator in its own graph and Session. A context manager."""

    def __init__(self, settings: Any, checkpoint: Optional[str], batches: Iterable[np.ndarray]):
        """Builds the network and pools its standing statistics.

        Args:
          settings: of the run.
          checkpoint: a path, or None for the initial weights of the settings' seed.
          batches: real images, float32 [batch, height, width, channels] in [−1, 1].
        Raises:
          UserError: if the checkpoint does not fit this discriminator, or if it has no convolutions.
        """
        with tf.Graph().as_default():
            tf.set_random_seed(settings.seed)  # gives the same initial weights as training
            with guided_backpropagation():
                self._network = graph.build_discriminator(settings)
            activations = [x for x in self._network.activations if x.shape.ndims == 4]
            if not activations:
                raise UserError('the discriminator of --network=%s has no convolutions: use a run of another '
                                'network' % settings.network)
            self._features = [layers.flatten(max_pool(x)) for x in activations]
            last = activations[-1]
            self._grid_shape = tuple(map(int, last.shape[1:3]))
            self.num_units = int(last.shape[3])
            self._responses = tf.reduce_max(last, [1, 2])
            self._positions = tf.argmax(tf.reshape(last, [-1, np.prod(self._grid_shape), self.num_units]), axis=1)
            # An activation per image: at [row, column, unit].
            self._indices = tf.placeholder(tf.int32, [None, 3])
            numbered = tf.concat([tf.range(tf.shape(last)[0])[:, tf.newaxis], self._indices], axis=1)
            images = self._network.images
            self._guided = tf.gradients(tf.gather_nd(last, numbered), images)[0]
            self._guided_of_all_units = tf.gradients(tf.gather_nd(last, numbered[:, :3]), images)[0]
            self._kernel = next(variable for variable in tf.trainable_variables()
                                if variable.shape.ndims == 4)
            self._session = create_session()
            self._session.run(tf.global_variables_initializer())
            if checkpoint:
                GivenCheckpoint(checkpoint).load(self._session, tf.global_variables())
        self._statistics = standing_statistics.feed_dict(self._network, standing_statistics.accumulate(
            self._session, self._network, self._network.images, batches))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._session.close()

    def features(self, images: np.ndarray) -> List[np.ndarray]:
        """Features of each convolution, float32 [n, 4 · 4 · channels], of images in [−1, 1]."""
        return self._run(self._features, images)

    def responses(self, images: np.ndarray) -> np.ndarray:
        """The largest activation of each unit (channel) of the last convolution: float32 [n, units]."""
        return self._run([self._responses], images)[0]

    def positions(self, images: np.ndarray, unit: int) -> np.ndarray:
        """Where a unit of the last convolution responds most: int [n, 2], the row and the column."""
        return np.stack(np.unravel_index(self._run([self._positions], images)[0][:, unit], self._grid_shape), axis=1)

    def guided_gradients(self, images: np.ndarray, unit: int, positions: np.ndarray) -> np.ndarray:
        """Guided gradients with respect to the images of a unit's activations at positions, int [n, 2].

        Returns: float32 in the images' shape.
        """
        indices = np.concatenate([positions, np.full((len(images), 1), unit)], axis=1)
        return self._run_once(self._guided, images, indices)

    def receptive_fields(self) -> np.ndarray:
        """The part of an image on which the last convolution depends at each position.

        Measured: a pixel belongs to it if it has a guided gradient in any of 32 images of noise, for any unit.

        Returns: int [rows, columns, 2, 2]: [[top, left], [bottom, right]], where bottom and right are excluded.
        """
        noise = np.random.RandomState(0).uniform(-1, 1, (32, *self._network.images.shape.as_list()[1:]))
        fields = np.empty((*self._grid_shape, 2, 2), int)
        for position in np.ndindex(*self._grid_shape):
            gradients = self._run_once(self._guided_of_all_units, noise, np.tile([*position, 0], (len(noise), 1)))
            pixels = np.argwhere(gradients.any(axis=(0, 3)))
            fields[position] = pixels.min(axis=0), pixels.max(axis=0) + 1
        return fields

    def filters(self) -> np.ndarray:
        """Filters of the first layer: float32 [filters, height, width, channels]."""
        return self._session.run(self._kernel).transpose(3, 0, 1, 2)

    def _run_once(self, fetch, images, indices):
        return self._session.run(fetch, {self._network.images: images, self._indices: indices, **self._statistics})

    def _run(self, fetches, images):
        parts = [self._session.run(fetches, {self._network.images: part, **self._statistics})
                 for part in np.array_split(images, math.ceil(len(images) / _MAX_BATCH))]
        return [np.concatenate(fetched) for fetched in zip(*parts)]
