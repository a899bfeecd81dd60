"""Data sets: one module each, whose name is the value of `--dataset`.

A module offers `load(data_dir=…, …)` → `Images` or what does the same, taking the flags that it needs by their names,
and HOLDOUT, the number of images at its front that training leaves out unless `--holdout` says otherwise. Modules whose
names start with an underscore are shared parts.
"""
import collections
import hashlib
import importlib
import struct

import tensorflow.compat.v1 as tf

from dcgan_tf1.errors import UserError


class Images(collections.namedtuple('Images', 'pixels source')):
    """Images in memory: pixels uint8 [num_examples, height, width, channels], and where they came from."""

    unreadable = {}  # noqa: RUF012 (nothing ever is; an `ImageFolder` has such)
    fault = None

    @property
    def num_examples(self):
        return len(self.pixels)

    @property
    def image_shape(self):
        """(height, width, channels)."""
        return self.pixels.shape[1:]

    def checksum(self):
        """md5 of the images as an uncompressed IDX file (for MNIST: of the canonical file)."""
        return idx_md5(self.pixels)

    def without_first(self, count):
        return self._replace(pixels=self.pixels[count:])

    def first(self, count):
        """The first images, uint8 [count, height, width, channels] (fewer where there are no more)."""
        return self.pixels[:count]

    def batches(self, indices):
        """A `tf.data.Dataset` of int32 [batch] → one of uint8 [batch, …], and the feeds that its start needs."""
        pixels = tf.placeholder(tf.uint8, self.pixels.shape, 'pixels')  # fed: a constant would swell the graph
        return indices.map(lambda batch: tf.gather(pixels, batch)), {pixels: self.pixels}


def idx_md5(pixels):
    """md5 of uint8 images [n, height, width] or [n, height, width, 1] in the IDX format of MNIST."""
    header = struct.pack('>4I', 0x00000803, *pixels.shape[:3])
    return hashlib.md5(header + pixels.tobytes()).hexdigest()


def load(dataset, holdout=None, **how):
    """The training images of a data set: (all of them, those that training may use), both `Images` or the like.

    Args:
      holdout: how many images at the front to leave out; None: as many as the data set itself sets aside.
      how: flags for the data set's module; it takes those that concern it.
    Raises: UserError if they can't be had, aren't what they should be, or none is left.
    """
    module = importlib.import_module('dcgan_tf1.data.' + dataset)
    images = module.load(**how)
    holdout = module.HOLDOUT if holdout is None else holdout
    if holdout >= images.num_examples:
        raise UserError('--holdout=%d leaves none of the %d images of --dataset=%s: choose a smaller one'
                        % (holdout, images.num_examples, dataset))
    return images, images.without_first(holdout)
