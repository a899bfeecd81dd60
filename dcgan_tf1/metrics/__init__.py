"""Scores of generated images. Each metric is a module in this package.

A module provides
  MIN_SAMPLES: the number of generated images that its scores need. Scores of fewer images are marked in
    reports.
  NEEDS_CLASSIFIER: whether it uses the classifier's output for the images, or only their pixels.
  RANKINGS: {name of a score by which generators can be ranked: function of its value, larger for a better
    generator}.
  scores(generated, real): two `Sample`s → {name: a number, or a list of numbers}.
Modules whose names start with an underscore are shared parts.

The same scores of other real images (a test set) are the target for a generator.
"""
import importlib
import pkgutil
from typing import Any, Callable, Dict, List, NamedTuple, Union

import numpy as np

from dcgan_tf1.util import grids

Value = Union[float, List[float]]


class Sample(NamedTuple):
    """A set of images and the classifier's output for them."""

    pixels: np.ndarray  # uint8 [n, height, width, channels]
    features: Any  # float32 [n, width], its last hidden layer; None without a classifier
    probabilities: Any  # float32 [n, classes]; None without a classifier
    # Of training images: the pixels of all that a generator may have memorized, if these are more; uint8 as `pixels`.
    trained_on: Any = None


class Score(NamedTuple):
    """One score of a set of images."""

    value: Value
    samples_needed: int  # number of images from which it is meaningful


def title(name: str) -> str:
    """The name of a score in tables."""
    return name.replace('_', ' ').replace('frechet', 'Fréchet')


def names() -> List[str]:
    """The names of all metrics."""
    return [module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith('_')]


def rankings(with_classifier: bool = True) -> Dict[str, Callable[[Any], float]]:
    """The `RANKINGS` of all metrics, or only of those that need no classifier."""
    return {name: rank for metric in _modules(with_classifier) for name, rank in metric.RANKINGS.items()}


def score(generated: Sample, real: Sample) -> Dict[str, Score]:
    """Scores generated images against training images.

    Args:
      generated: without features, the scores that need a classifier are left out.
      real: the training images.
    Returns: {name: score}.
    """
    return {name: Score(value, metric.MIN_SAMPLES)
            for metric in _modules(with_classifier=generated.features is not None)
            for name, value in metric.scores(generated, real).items()}


def evenly_spaced(sample: Sample, count: int) -> Sample:
    """Selects `count` images at even distances; all of them, if there are fewer."""
    total = len(sample.pixels)
    if count >= total:
        return sample
    indices = grids.evenly_spaced(total, count)
    return Sample._make(None if part is None else part[indices] for part in sample)


def _modules(with_classifier: bool) -> List[Any]:
    """All metrics, or only those that need no classifier."""
    modules = [importlib.import_module('%s.%s' % (__name__, name)) for name in names()]
    return [module for module in modules if with_classifier or not module.NEEDS_CLASSIFIER]
