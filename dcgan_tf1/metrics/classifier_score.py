"""The Inception Score with this package's classifier: exp E KL(p(y|x) ‖ p(y)).

Salimans et al. 2016, arXiv 1606.03498.

It ranges from 1 (all images get the same class probabilities) to the number of classes (the classifier is
certain about every image, and all classes are equally frequent). It measures neither how realistic an image
is nor how much the images of one class differ.
"""
from typing import Dict

import numpy as np

from dcgan_tf1.metrics import Sample

MIN_SAMPLES = 1000
NEEDS_CLASSIFIER = True
RANKINGS = {'classifier_score': float}


def scores(generated: Sample, _: Sample) -> Dict[str, float]:
    """{'classifier_score': from 1 to the number of classes}."""
    conditional = generated.probabilities.astype(np.float64)
    marginal = conditional.mean(axis=0)
    with np.errstate(divide='ignore', invalid='ignore'):
        terms = np.where(conditional > 0, conditional * (np.log(conditional) - np.log(marginal)), 0.)
    return {'classifier_score': float(np.exp(terms.sum(axis=1).mean()))}
