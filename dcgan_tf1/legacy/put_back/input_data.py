"""The loader of MNIST that the TensorFlow 1 tutorials use, `tensorflow.examples.tutorials.mnist.input_data`.

Written from the behavior of the one in TensorFlow 1.15: the same split, and the same batches from the same seeds.
Imports nothing of this package: `--migrate` copies what a script uses. `mnist_files` is in the place of
`labeled_arrays` when a script is run.
"""
import collections
import gzip
import operator
import os
import struct
from typing import Any, Optional, Tuple

import numpy as np
import tensorflow.compat.v1 as tf

Datasets = collections.namedtuple('Datasets', ['train', 'validation', 'test'])
DEFAULT_SOURCE_URL = 'https://storage.googleapis.com/cvdf-datasets/mnist/'

_FILES = ('train-images-idx3-ubyte', 'train-labels-idx1-ubyte', 't10k-images-idx3-ubyte', 't10k-labels-idx1-ubyte')


def labeled_arrays(train_dir: Optional[str] = None) -> Tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Images and labels of the training set, images and labels of the test set: uint8 [n, 28, 28, 1] and [n].

    They come from the four files in the format of MNIST in `train_dir`, or else from Keras, which downloads MNIST.
    """
    paths = [os.path.join(train_dir or '', name + '.gz') for name in _FILES]
    if all(os.path.isfile(path) for path in paths):
        arrays = []
        for path, extract in zip(paths, [extract_images, extract_labels] * 2):
            with open(path, 'rb') as file:
                arrays.append(extract(file))
        return (*arrays,)  # type: ignore[return-value]
    (images, labels), (test_images, test_labels) = tf.keras.datasets.mnist.load_data()
    return images[..., np.newaxis], labels, test_images[..., np.newaxis], test_labels


def dense_to_one_hot(labels_dense: np.ndarray, num_classes: int) -> np.ndarray:
    """Labels [n] → float64 [n, num_classes]."""
    return np.eye(num_classes)[np.asarray(labels_dense).ravel()]


def extract_images(f: Any) -> np.ndarray:
    """Reads an open file of images in the format of MNIST, with gzip: uint8 [n, height, width, 1]."""
    return _extract(f, 3)[..., np.newaxis]


def extract_labels(f: Any, one_hot: bool = False, num_classes: int = 10) -> np.ndarray:
    """Reads an open file of labels in the format of MNIST, with gzip: uint8 [n] or float64 [n, num_classes]."""
    labels = _extract(f, 1)
    return dense_to_one_hot(labels, num_classes) if one_hot else labels


def _extract(file: Any, rank: int) -> np.ndarray:
    with gzip.GzipFile(fileobj=file) as stream:
        content = stream.read()
    magic, *shape = struct.unpack('>%dI' % (1 + rank), content[:4 * (1 + rank)])
    if magic != 0x800 | rank:
        raise ValueError('Invalid magic number %d in MNIST file: %s' % (magic, getattr(file, 'name', '')))
    return np.frombuffer(content, np.uint8, offset=4 * (1 + rank)).reshape(shape)


class DataSet:
    """Images with labels, in batches. NumPy's global random numbers shuffle them, as in the original."""

    def __init__(self, images: Any, labels: Any, fake_data: bool = False, one_hot: bool = False,
                 dtype: Any = tf.float32, reshape: bool = True, seed: Optional[int] = None) -> None:
        graph_seed, op_seed = tf.get_seed(seed)
        np.random.seed(graph_seed if seed is None else op_seed)  # without any seed, this draws a new one
        dtype = tf.as_dtype(dtype).base_dtype
        if dtype not in (tf.uint8, tf.float32):
            raise TypeError('Invalid image dtype %r, expected uint8 or float32' % dtype)
        self._fake = ([1] * 784, [1] + [0] * 9 if one_hot else 0) if fake_data else None
        if fake_data:
            images, labels = np.zeros([10000, 0]), np.zeros([10000, 0])
        else:
            if reshape:
                images = images.reshape(len(images), -1)
            if dtype == tf.float32:
                images = np.multiply(images.astype(np.float32), 1.0 / 255.0)
        self._images, self._labels = images, labels
        self._num_examples = len(images)
        self._epochs_completed = 0
        self._index_in_epoch = 0

    # Scripts also use the names that begin with an underscore, as in the original.
    images = property(operator.attrgetter('_images'))
    labels = property(operator.attrgetter('_labels'))
    num_examples = property(operator.attrgetter('_num_examples'))
    epochs_completed = property(operator.attrgetter('_epochs_completed'))

    def _shuffle(self) -> None:
        order = np.arange(self._num_examples)
        np.random.shuffle(order)
        self._images, self._labels = self._images[order], self._labels[order]

    def next_batch(self, batch_size: int, fake_data: bool = False, shuffle: bool = True) -> Any:
        """The next (images, labels). A batch at the end of an epoch is completed from the next epoch."""
        if fake_data and self._fake is not None:
            return [self._fake[0]] * batch_size, [self._fake[1]] * batch_size
        start = self._index_in_epoch
        if start == 0 and self._epochs_completed == 0 and shuffle:
            self._shuffle()
        self._index_in_epoch = start + batch_size
        if self._index_in_epoch <= self._num_examples:
            return self._images[start:self._index_in_epoch], self._labels[start:self._index_in_epoch]
        rest = self._images[start:], self._labels[start:]
        self._epochs_completed += 1
        if shuffle:
            self._shuffle()
        self._index_in_epoch = batch_size - len(rest[0])
        return (np.concatenate([rest[0], self._images[:self._index_in_epoch]]),
                np.concatenate([rest[1], self._labels[:self._index_in_epoch]]))


def read_data_sets(train_dir: str, fake_data: bool = False, one_hot: bool = False, dtype: Any = tf.float32,
                   reshape: bool = True, validation_size: int = 5000, seed: Optional[int] = None,
                   source_url: str = DEFAULT_SOURCE_URL) -> Datasets:
    """The 55,000 training, 5,000 validation and 10,000 test images, with labels."""
    options = {'dtype': dtype, 'reshape': reshape, 'seed': seed}
    if fake_data:
        return Datasets(*[DataSet([], [], fake_data=True, one_hot=one_hot, dtype=dtype, seed=seed) for _ in range(3)])
    images, labels, test_images, test_labels = labeled_arrays(train_dir)
    if one_hot:
        labels, test_labels = dense_to_one_hot(labels, 10), dense_to_one_hot(test_labels, 10)
    if not 0 <= validation_size <= len(images):
        raise ValueError('Validation size should be between 0 and %d. Received: %d.' % (len(images), validation_size))
    return Datasets(
        train=DataSet(images[validation_size:], labels[validation_size:], **options),
        validation=DataSet(images[:validation_size], labels[:validation_size], **options),
        test=DataSet(test_images, test_labels, **options))


def load_dataset(name: str, *args: Any, **keywords: Any) -> Datasets:
    """`tf.contrib.learn.datasets.load_dataset`: of 'mnist' only."""
    if name != 'mnist':
        raise ValueError('Dataset %s not found: only mnist is' % name)
    return load_mnist(*args, **keywords)


def load_mnist(train_dir: str = 'MNIST-data') -> Datasets:
    """The same with all defaults."""
    return read_data_sets(train_dir)
