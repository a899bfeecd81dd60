"""Which classes the images are of, by the classifier: whether the generator draws all, and equally often.

The number of modes, counted by a classifier, is Metz et al.'s (2017, arXiv 1611.02163, section 3.3); here one counts
that has at least a tenth of the share it would have if all were equally frequent. The total variation distance of two
histograms is half the sum of their absolute differences: from 0 (the same) to 1 (nothing in common).
"""
import operator

import numpy as np

MIN_SAMPLES = 1000
NEEDS_CLASSIFIER = True
RANKINGS = {'total_variation': operator.neg}


def scores(made, real):
    """{'histogram': of all classes, 'most_frequent_share', 'modes', 'total_variation': to the training set's}."""
    shares, wanted = histogram(made.probabilities), histogram(real.probabilities)
    return {'histogram': shares.tolist(), 'most_frequent_share': float(shares.max()),
            'modes': int((shares >= 0.1 / len(shares)).sum()),
            'total_variation': float(np.abs(shares - wanted).sum() / 2)}


def histogram(probabilities):
    """Share of the images whose likeliest class is each: float64 [classes], summing to 1."""
    classes = probabilities.shape[1]
    return np.bincount(probabilities.argmax(axis=1), minlength=classes) / len(probabilities)
