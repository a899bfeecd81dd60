"""The loader of MNIST that the TensorFlow 1 tutorials use, `tensorflow.examples.tutorials.mnist.input_data`.

Written from the behavior of the one in TensorFlow 1.15: the same split, and the same batches from the same seeds. The
images come from the folder that the script names, or else from the places where `--dataset=mnist` looks.
"""
import collections
import os
from typing import Any, Callable, Optional, Tuple

import numpy as np
import tensorflow.compat.v1 as tf

from dcgan_tf1.data import _idx, fashion_mnist, mnist
from dcgan_tf1.util.errors import UserError

Datasets = collections.namedtuple('Datasets', ['train', 'validation', 'test'])
DEFAULT_SOURCE_URL = 'https://storage.googleapis.com/cvdf-datasets/mnist/'

search_folder: Optional[str] = None  # set by --data_dir


def labeled_arrays(train_dir: Optional[str] = None) -> Tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Images and labels of the training set, images and labels of the test set: uint8 [n, 28, 28, 1] and [n].

    Files in `train_dir` may be those of any dataset in the format of MNIST, such as Fashion-MNIST.

    Raises:
        UserError: if there are no images, or if files are damaged.
    """
    if train_dir is not None:
        paths = {name: path for name in _idx.SHAPES for path in [os.path.join(train_dir, name + '.gz'),
                                                                 os.path.join(train_dir, name)]
                 if os.path.isfile(path)}
        if len(paths) == len(_idx.SHAPES):
            arrays = {name: _idx.read(path, name) for name, path in paths.items()}
            return (arrays[_idx.TRAIN][..., np.newaxis], arrays[_idx.TRAIN_LABELS],
                    arrays[_idx.TEST][..., np.newaxis], arrays[_idx.TEST_LABELS])
    try:
        train, test = mnist.load_labeled(search_folder)
    except UserError as error:
        places = [folder for folder in (train_dir, search_folder) if folder]
        raise UserError('no MNIST: put the four files (train-images-idx3-ubyte.gz and so on) into %s, or name their '
                        'folder with --data_dir before the script (%s)' % (' or '.join(places) or 'a folder', error)
                        ) from error
    return train.images.pixels, train.labels, test.images.pixels, test.labels


def dense_to_one_hot(labels_dense: np.ndarray, num_classes: int) -> np.ndarray:
    """Labels [n] → float64 [n, num_classes]."""
    return np.eye(num_classes)[np.asarray(labels_dense).ravel()]


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
        self.images, self.labels = images, labels
        self.num_examples = len(images)
        self.epochs_completed = 0
        self._next = 0

    def _shuffle(self) -> None:
        order = np.arange(self.num_examples)
        np.random.shuffle(order)
        self.images, self.labels = self.images[order], self.labels[order]

    def next_batch(self, batch_size: int, fake_data: bool = False, shuffle: bool = True) -> Any:
        """The next (images, labels). A batch at the end of an epoch is completed from the next epoch."""
        if fake_data and self._fake is not None:
            return [self._fake[0]] * batch_size, [self._fake[1]] * batch_size
        start = self._next
        if start == 0 and self.epochs_completed == 0 and shuffle:
            self._shuffle()
        self._next = start + batch_size
        if self._next <= self.num_examples:
            return self.images[start:self._next], self.labels[start:self._next]
        rest = self.images[start:], self.labels[start:]
        self.epochs_completed += 1
        if shuffle:
            self._shuffle()
        self._next = batch_size - len(rest[0])
        return (np.concatenate([rest[0], self.images[:self._next]]),
                np.concatenate([rest[1], self.labels[:self._next]]))


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


def patch_keras(module: Any, used: Callable[[], None]) -> None:
    """Lets `load_data` of `keras.datasets.mnist` or `fashion_mnist` read the files in the folder of --data_dir.

    Without --data_dir, Keras looks into its cache and downloads, as always.

    Args:
        module: the Keras module.
        used: called when the files are read.
    """
    original = module.load_data
    dataset = {'mnist': mnist, 'fashion_mnist': fashion_mnist}[module.__name__.rsplit('.', 1)[-1]]

    def load_data(*args: Any, **kwargs: Any) -> Any:
        if search_folder is None:
            return original(*args, **kwargs)
        used()
        return tuple((part.images.pixels[..., 0], part.labels) for part in dataset.load_labeled(search_folder))
    module.load_data = load_data


def load_mnist(train_dir: str = 'MNIST-data') -> Datasets:
    """The same with all defaults."""
    return read_data_sets(train_dir)
