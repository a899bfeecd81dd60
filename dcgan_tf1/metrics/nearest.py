"""The distance to the nearest training image: whether the generator has memorized the training set.

It is the Euclidean distance of the pixels, which range from 0 to 1. Memorized images are closer to a training
image than real images of a test set are to the images outside of it, so compare with the test set's values.
"""
from typing import Callable, Dict, Tuple

import numpy as np

from dcgan_tf1.metrics import Sample, _neighbors

MIN_SAMPLES = 1000
NEEDS_CLASSIFIER = False
RANKINGS: Dict[str, Callable[[float], float]] = {}  # neither a small nor a large distance is better


def scores(generated: Sample, real: Sample) -> Dict[str, float]:
    """{'nearest_median': median of the distances, 'nearest_percentile': their first percentile}."""
    distances, _ = nearest(generated.pixels, real.pixels if real.trained_on is None else real.trained_on)
    return {'nearest_median': float(np.median(distances)),
            'nearest_percentile': float(np.percentile(distances, 1))}


def nearest(pixels: np.ndarray, training: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    """Finds the nearest training image of each image.

    Args:
      pixels: uint8 [n, height, width, channels].
      training: uint8 [m, height, width, channels].
    Returns: (distances float64 [n], indices of the nearest training images [n]).
    """
    vectors, others = (images.reshape(len(images), -1).astype(np.float32) / 255
                       for images in (pixels, training))
    indices = np.concatenate([squares.argmin(axis=1)
                              for _, squares in _neighbors.squared_distances(vectors, others)])
    # Recomputed exactly, because the expanded form in `squared_distances` loses precision.
    return np.sqrt(((vectors.astype(np.float64) - others[indices]) ** 2).sum(axis=1)), indices
