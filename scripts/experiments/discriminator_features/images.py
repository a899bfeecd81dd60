"""Labeled images to train and test classifiers with."""
import os
import sys
from typing import List, Tuple

import numpy as np

from dcgan_tf1 import data
from dcgan_tf1.data import image_folder
from dcgan_tf1.settings.train import TrainSettings
from dcgan_tf1.util.errors import UserError
from scripts.experiments.discriminator_features.svm import is_held_out


def load(dataset: TrainSettings, max_train: int, max_test: int) -> List[Tuple[np.ndarray, np.ndarray]]:
    """Loads training and test images.

    Args:
      dataset: `TrainSettings`, of which those about the dataset are used.
      max_train, max_test: maximum numbers of images.
    Returns:
      [(training pixels, labels), (test pixels, labels)]: uint8 [n, height, width, channels], int [n].
    Raises:
      UserError: if there are no images, or they have no classes.
    """
    labeled = data.load_labeled_for(dataset)
    if labeled:
        full_dataset, seen = data.load_for(dataset)
        num_held_out = full_dataset.num_examples - seen.num_examples  # at the front
        parts = [(part.images.pixels.__getitem__, np.arange(first, len(part.labels)), part.labels)
                 for part, first in zip(labeled, (num_held_out, 0))]
    else:
        parts = _load_folders(dataset)
    loaded = []
    for (take, indices, labels), maximum in zip(parts, (max_train, max_test)):
        # Evenly spaced: files come class by class.
        positions = np.linspace(0, len(indices) - 1, min(maximum, len(indices))).round().astype(int)
        loaded.append((take(indices[positions]), labels[indices[positions]]))
    return loaded


def _load_folders(dataset):
    """The training and the test part of folders that are classes.

    Returns:
      For each part: a function (indices → pixels), the indices of the part, and the labels of all images that
      the function knows.
    """
    root = dataset.data_dir
    folders = [os.path.join(root, part) for part in ('train', 'test')]
    if all(map(os.path.isdir, folders)):
        loaded = [_load_folder(dataset, folder) for folder in folders]
        indices = [np.arange(images.num_examples) for images, _ in loaded]
    else:
        loaded = [_load_folder(dataset, root)] * 2
        all_indices = np.arange(loaded[0][0].num_examples)
        test = is_held_out(len(all_indices))
        indices = [all_indices[~test], all_indices[test]]
        print('%s has no folders train and test: every fifth image is used for testing, although the '
              'discriminator may have seen it' % root, file=sys.stderr)
    training_classes, test_classes = (classes for _, classes in loaded)
    names = sorted(set(training_classes))
    if '' in names or len(names) < 2 or set(test_classes) - set(names):
        raise UserError('--data_dir=%s must have a folder of image files for each of two or more classes, or '
                        'such folders in train and the same in test; it has %s and %s' % (
                            root, _describe(training_classes), _describe(test_classes)))
    return [(images.decode, part, np.searchsorted(names, classes))
            for (images, classes), part in zip(loaded, indices)]


def _load_folder(dataset, folder):
    settings = dataset.replace(data_dir=folder, skip_unreadable=False)
    images = image_folder.load(**data.options_of(image_folder.load, settings))
    return images, images.classes()


def _describe(classes):
    return ', '.join(name or 'files outside of folders' for name in sorted(set(classes)))
