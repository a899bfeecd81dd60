"""Data sets: one module each, whose name is the value of `--dataset`.

A module offers `load(data_dir=…, …)` → `Images` or what does the same, taking the flags that it needs by their names,
and HOLDOUT, the number of images at its front that training leaves out unless `--holdout` says otherwise. One whose
images have labels offers `labelled(data_dir=…, …)` → two `LabeledImages`, for training and for testing classifiers.
Modules whose names start with an underscore are shared parts.
"""
import collections
import hashlib
import importlib
import inspect
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
        """The `BatchSource` of a `tf.data.Dataset` of int32 [batch].

        All pixels go to the device once, and batches are gathered there: only indices cross over at a step.
        """
        fed = tf.placeholder(tf.uint8, self.pixels.shape)  # a constant would swell the graph
        pixels = tf.get_variable('pixels', initializer=fed, trainable=False, use_resource=True,
                                 collections=[tf.GraphKeys.LOCAL_VARIABLES])  # not of checkpoints
        ahead = BatchSource.from_dataset(indices)
        return BatchSource(lambda: tf.gather(pixels, ahead.get_next()), tf.group(pixels.initializer, ahead.initializer),
                       {fed: self.pixels})


class BatchSource(collections.namedtuple('BatchSource', 'get_next initializer feed')):
    """Images in the order of a plan.

    get_next: a function that makes an op, uint8 [batch, height, width, channels]: the next batch each time it is run;
    initializer: the op that begins it, to be run with `feed`.
    """

    @classmethod
    def from_dataset(cls, dataset):
        """Of a `tf.data.Dataset` that is prepared while the step before runs."""
        iterator = tf.data.make_initializable_iterator(dataset.prefetch(2))
        return cls(iterator.get_next, iterator.initializer, {})


# images: `Images`; labels: uint8 [num_examples], classes from 0.
LabeledImages = collections.namedtuple('LabeledImages', 'images labels')


def idx_md5(array):
    """md5 of uint8 [n], [n, height, width] or [n, height, width, 1] in the IDX format of MNIST."""
    shape = array.shape[:3]
    header = struct.pack('>%dI' % (1 + len(shape)), 0x00000800 | len(shape), *shape)
    return hashlib.md5(header + array.tobytes()).hexdigest()


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


def reads_files(dataset):
    """Whether a data set takes a --data_dir."""
    return 'data_dir' in inspect.signature(importlib.import_module('dcgan_tf1.data.' + dataset).load).parameters


def has_labels(dataset):
    """Whether a data set comes with labels."""
    return hasattr(importlib.import_module('dcgan_tf1.data.' + dataset), 'load_labeled')


def load_labeled(dataset, **how):
    """(training, test) `LabeledImages` of a data set, or None where it has no labels. Arguments and errors as of `load`."""
    if not has_labels(dataset):
        return None
    return importlib.import_module('dcgan_tf1.data.' + dataset).load_labeled(**how)
