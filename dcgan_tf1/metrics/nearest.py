"""The nearest training image: whether the generator draws the training set from memory.

Euclidean distance of the pixels, which go from 0 to 1. Images that are copies lie nearer to a training image than real
ones of a test set do; how near those lie is what to compare with.
"""
import numpy as np

from dcgan_tf1.metrics import _neighbors

MIN_SAMPLES = 1000
NEEDS_CLASSIFIER = False
RANKINGS = {}  # neither near nor far is better


def scores(made, real):
    """{'nearest_median': median of the distances, 'nearest_percentile': their first percentile}."""
    distances, _ = nearest(made.pixels, real.pixels)
    return {'nearest_median': float(np.median(distances)), 'nearest_percentile': float(np.percentile(distances, 1))}


def nearest(pixels, training):
    """(distances float64 [n], indices [n]) of the nearest training image; uint8 [n, height, width, channels]."""
    vectors, others = (np.float32(images.reshape(len(images), -1)) / 255 for images in (pixels, training))
    indices = np.concatenate([squares.argmin(axis=1)
                              for _, squares in _neighbors.squared_distances(vectors, others)])
    # Anew, since the differences of large sums are rough.
    return np.sqrt(((vectors.astype(np.float64) - others[indices]) ** 2).sum(axis=1)), indices
