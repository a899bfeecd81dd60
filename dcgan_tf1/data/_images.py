"""Sets of images in memory, and batches of them in a graph."""
import hashlib
import struct
from typing import Callable, Dict, NamedTuple, Optional, Tuple

import numpy as np
import tensorflow.compat.v1 as tf

from dcgan_tf1.util import grids
from dcgan_tf1.util.errors import UserError


class BatchSource(NamedTuple):
    """Batches of images in a fixed order, in the current graph."""

    get_next: Callable[[], tf.Tensor]  # creates the op of a batch, uint8 [batch, height, width, channels]
    initializer: tf.Operation  # starts from the first batch; run it with `feed`
    feed: Dict[tf.Tensor, np.ndarray]  # feed_dict of `initializer`

    @classmethod
    def from_dataset(cls, dataset: tf.data.Dataset) -> 'BatchSource':
        """Batches of a `tf.data.Dataset`, prefetched while the preceding step runs."""
        iterator = tf.data.make_initializable_iterator(dataset.prefetch(2))
        return cls(iterator.get_next, iterator.initializer, {})


class Images(NamedTuple):
    """A set of images in memory."""

    pixels: np.ndarray  # uint8 [num_examples, height, width, channels]
    source: str  # where the images come from: a path, or a name

    @property
    def faults(self) -> Dict[str, int]:
        """Files that ended the reading: none. (See `image_folder.ImageFolder`.)"""
        return {}

    @property
    def fault(self) -> Optional[UserError]:
        """The error that ended the reading: None. (See `image_folder.ImageFolder`.)"""
        return None

    def close(self) -> None:
        """Does nothing. (See `image_folder.ImageFolder`.)"""

    @property
    def num_examples(self) -> int:
        """Number of images."""
        return len(self.pixels)

    @property
    def image_shape(self) -> Tuple[int, int, int]:
        """(height, width, channels)."""
        return self.pixels.shape[1:]

    def checksum(self) -> str:
        """The md5 of the images as an uncompressed IDX file: for MNIST, of the canonical file."""
        return idx_md5(self.pixels)

    def content_checksum(self) -> str:
        """'', because `checksum` is that of the content. (See `image_folder.ImageFolder`.)"""
        return ''

    def without_first(self, count: int) -> 'Images':
        """All images but the first `count`."""
        return self._replace(pixels=self.pixels[count:])

    def evenly_spaced(self, count: int) -> np.ndarray:
        """`count` images at even distances, uint8 [count, height, width, channels]; all of them, if there are fewer."""
        return self.pixels[grids.evenly_spaced(self.num_examples, count)]

    def first(self, count: int) -> np.ndarray:
        """The first images, uint8 [count, height, width, channels]; all of them, if there are fewer."""
        return self.pixels[:count]

    def batches(self, indices: tf.data.Dataset) -> BatchSource:
        """Creates the ops that yield batches of these images.

        All pixels are copied to the device once and batches are gathered there, so a step transfers only
        indices.

        Args:
          indices: dataset of int32 [batch].
        """
        placeholder = tf.placeholder(tf.uint8, self.pixels.shape)  # a constant would enlarge the graph
        # A local variable, because checkpoints contain all global ones.
        pixels = tf.get_variable('pixels', initializer=placeholder, trainable=False, use_resource=True,
                                 collections=[tf.GraphKeys.LOCAL_VARIABLES])
        index_source = BatchSource.from_dataset(indices)
        return BatchSource(lambda: tf.gather(pixels, index_source.get_next()),
                           tf.group(pixels.initializer, index_source.initializer), {placeholder: self.pixels})


class LabeledImages(NamedTuple):
    """Images with their classes."""

    images: Images
    labels: np.ndarray  # uint8 [num_examples], classes from 0

    def split(self, test_every: int) -> Tuple['LabeledImages', 'LabeledImages']:
        """Training and test set: every `test_every`-th image is a test image, the others are training images."""
        is_test = np.arange(len(self.labels)) % test_every == test_every - 1
        training, test = (LabeledImages(self.images._replace(pixels=self.images.pixels[mask]), self.labels[mask])
                          for mask in (~is_test, is_test))
        return training, test


def idx_md5(array: np.ndarray) -> str:
    """The md5 of an array as an uncompressed file in the IDX format of MNIST.

    Args:
      array: uint8 [n], [n, height, width] or [n, height, width, 1].
    """
    shape = array.shape[:3]
    header = struct.pack('>%dI' % (1 + len(shape)), 0x00000800 | len(shape), *shape)
    return hashlib.md5(header + array.tobytes()).hexdigest()
