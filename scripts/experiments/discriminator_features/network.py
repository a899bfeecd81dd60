"""A discriminator with standing statistics: its features, responses, filters and guided gradients."""
import math
from typing import Any, Iterable, List, Optional

import numpy as np
import tensorflow.compat.v1 as tf

from dcgan_tf1 import graph, layers, standing_statistics
from dcgan_tf1.checkpoint_format import restore
from dcgan_tf1.errors import UserError
from dcgan_tf1.session import create_session

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
            self._responses = tf.reduce_max(activations[-1], [1, 2])
            self._channel = tf.placeholder(tf.int32, [])
            response = tf.gather(self._responses, self._channel, axis=1)
            self._guided = tf.gradients(response, self._network.images)[0]
            self._kernel = next(variable for variable in tf.trainable_variables()
                                if variable.shape.ndims == 4)
            self.num_channels = int(self._responses.shape[1])
            variables = tf.global_variables()
            saver = tf.train.Saver(variables)
            self._session = create_session()
            self._session.run(tf.global_variables_initializer())
            if checkpoint:
                restore(self._session, saver, checkpoint, variables)
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
        """The largest activation of the last convolution in each channel: float32 [n, channels]."""
        return self._run([self._responses], images)[0]

    def guided_gradients(self, images: np.ndarray, channel: int) -> np.ndarray:
        """Guided gradients of the responses in a channel with respect to the images, in the images' shape."""
        return self._run([self._guided], images, {self._channel: channel})[0]

    def filters(self) -> np.ndarray:
        """Filters of the first layer: float32 [filters, height, width, channels]."""
        return self._session.run(self._kernel).transpose(3, 0, 1, 2)

    def _run(self, fetches, images, feed=()):
        parts = [self._session.run(fetches, {self._network.images: part, **self._statistics, **dict(feed)})
                 for part in np.array_split(images, math.ceil(len(images) / _MAX_BATCH))]
        return [np.concatenate(fetched) for fetched in zip(*parts)]
