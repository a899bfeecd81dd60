"""exp E KL(p(y|x) ‖ p(y)): the Inception score (Salimans et al. 2016, arXiv 1606.03498) by our classifier.

From 1 (every image of the same class, or of none for sure) to the number of classes (each image surely of one, all
equally frequent). It sees neither how real an image is nor how much the images of a class differ.
"""
import numpy as np

MIN_SAMPLES = 1000
NEEDS_CLASSIFIER = True
RANKINGS = {'classifier_score': float}


def scores(made, _):
    """{'classifier_score': …}."""
    conditional = made.probabilities.astype(np.float64)
    marginal = conditional.mean(axis=0)
    with np.errstate(divide='ignore', invalid='ignore'):
        terms = np.where(conditional > 0, conditional * (np.log(conditional) - np.log(marginal)), 0.)
    return {'classifier_score': float(np.exp(terms.sum(axis=1).mean()))}
