"""Where the images of `input_data` and of `keras.datasets` come from when a script is run."""
import os
from typing import Any, Callable, Optional, Tuple

import numpy as np

from dcgan_tf1.data import _idx, fashion_mnist, mnist
from dcgan_tf1.legacy.put_back import input_data
from dcgan_tf1.legacy.put_back.record import MissingName
from dcgan_tf1.util.errors import UserError

search_folder: Optional[str] = None  # set by --data_dir


def install() -> None:
    """Lets `input_data` search the places where `--dataset=mnist` does, and check the files."""
    input_data.labeled_arrays = labeled_arrays


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


def load_dataset(name: str, *args: Any, **keywords: Any) -> input_data.Datasets:
    """`tf.contrib.learn.datasets.load_dataset`: of 'mnist' only."""
    if name != 'mnist':
        raise MissingName('tf.contrib.learn.datasets.load_dataset(%r): it cannot be put back' % name)
    return input_data.load_dataset(name, *args, **keywords)


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
