"""Datasets. Each is a module in this package, and --dataset is the module's name.

A module provides
  load(data_dir=…, …): all training images, as `Images` or an object with the same methods. Its parameters have the
    names of the settings that it needs.
  HOLDOUT: the number of images at the front that training leaves out by default (see --holdout).
  load_labeled(data_dir=…): the training set and the test set of a classifier, two `LabeledImages`. Only
    datasets with labels have it. Modules whose names start with an underscore are shared parts.
"""
import importlib
import inspect
from typing import Any, Callable, Dict, Optional, Tuple, Union

from dcgan_tf1.data._images import Images, LabeledImages
from dcgan_tf1.data.image_folder import ImageFolder
from dcgan_tf1.settings.train import TrainSettings
from dcgan_tf1.util.errors import UserError

AnyImages = Union[Images, ImageFolder]


def load_for(settings: TrainSettings) -> Tuple[AnyImages, AnyImages]:
    """Loads the training images that these settings describe, as `load` does."""
    _check_data_dir(settings)
    return load(settings.dataset, settings.holdout, **options_of(_module(settings.dataset).load, settings))


def load_labeled_for(settings: TrainSettings) -> Optional[Tuple[LabeledImages, LabeledImages]]:
    """Loads the labeled images that these settings describe, as `load_labeled` does."""
    _check_data_dir(settings)
    if not has_labels(settings.dataset):
        return None
    return load_labeled(settings.dataset, **options_of(_module(settings.dataset).load_labeled, settings))


def options_of(loader: Callable[..., Any], settings: TrainSettings) -> Dict[str, Any]:
    """The settings that a function takes: {name of a parameter: value}."""
    return {name: getattr(settings, name) for name in inspect.signature(loader).parameters if hasattr(settings, name)}


def _check_data_dir(settings: TrainSettings) -> None:
    if settings.data_dir is not None and not reads_files(settings.dataset):
        raise UserError('--data_dir cannot be used with this --dataset, which reads no files: remove it, or name '
                        'another dataset')


def load(dataset: str, holdout: Optional[int] = None, **options: Any) -> Tuple[AnyImages, AnyImages]:
    """Loads the training images of a dataset.

    Args:
      dataset: name of a module of this package.
      holdout: how many images at the front to leave out. Default: the dataset's own HOLDOUT.
      **options: arguments of the dataset's own `load`.
    Returns: (all images, the images to train on).
    Raises: UserError if the images cannot be obtained or are not the expected ones, or if `holdout` leaves
      none.
    """
    module = _module(dataset)
    full_dataset = module.load(**options)
    holdout = module.HOLDOUT if holdout is None else holdout
    if holdout >= full_dataset.num_examples:
        raise UserError('--holdout=%d leaves none of the %d images of --dataset=%s: choose a smaller number'
                        % (holdout, full_dataset.num_examples, dataset))
    return full_dataset, full_dataset.without_first(holdout)


def load_labeled(dataset: str, **options: Any) -> Optional[Tuple[LabeledImages, LabeledImages]]:
    """Loads the labeled images of a dataset: (training set, test set), or None if it has no labels.

    Arguments are those of the dataset's own `load_labeled`, errors those of `load`.
    """
    return _module(dataset).load_labeled(**options) if has_labels(dataset) else None


def reads_files(dataset: str) -> bool:
    """Whether a dataset uses --data_dir."""
    return 'data_dir' in inspect.signature(_module(dataset).load).parameters


def has_labels(dataset: str) -> bool:
    """Whether a dataset has labels."""
    return hasattr(_module(dataset), 'load_labeled')


def _module(dataset: str) -> Any:
    return importlib.import_module('dcgan_tf1.data.' + dataset)
