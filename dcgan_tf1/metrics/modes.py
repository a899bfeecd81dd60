"""Modes: whether the generator draws all classes, and equally often, as judged by the classifier.

Counting modes with a classifier is from Metz et al. (2017, arXiv 1611.02163, section 3.3). Here a mode counts
if it has at least a tenth of the share that it would have if all were equally frequent. The total variation
distance of two histograms is half the sum of their absolute differences: from 0 (equal) to 1 (disjoint).
"""
import operator
from typing import Any, Dict

import numpy as np

from dcgan_tf1.metrics import Sample

MIN_SAMPLES = 1000
NEEDS_CLASSIFIER = True
RANKINGS = {'total_variation': operator.neg}


def scores(generated: Sample, real: Sample) -> Dict[str, Any]:
    """The scores of the histogram of the classes.

    Returns:
      histogram: the share of each class, a list.
      most_frequent_share: the largest share.
      modes: the number of classes that are drawn.
      total_variation: the distance to the histogram of the training set.
    """
    shares, real_shares = histogram(generated.probabilities), histogram(real.probabilities)
    return {'histogram': shares.tolist(), 'most_frequent_share': float(shares.max()),
            'modes': int((shares >= 0.1 / len(shares)).sum()),
            'total_variation': float(np.abs(shares - real_shares).sum() / 2)}


def histogram(probabilities: np.ndarray) -> np.ndarray:
    """The share of images for which each class is the most probable.

    Args:
      probabilities: float [n, classes].
    Returns: float64 [classes], with sum 1.
    """
    classes = probabilities.shape[1]
    return np.bincount(probabilities.argmax(axis=1), minlength=classes) / len(probabilities)
