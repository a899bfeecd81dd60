"""Fréchet distance between normal distributions of the classifier's features, generated and of the training images.

|m₁ − m₂|² + Tr(C₁ + C₂ − 2 (C₁ C₂)^½) (Dowson and Landau 1982; of Inception's features: Heusel et al. 2017, arXiv
1706.08500). The features are our classifier's, so the numbers compare with each other, not with published FIDs. Its
estimate falls with the number of images (by about a constant over that number): compare scores of equally many only.
"""
import operator

import numpy as np

MIN_SAMPLES = 2000  # 128 features, whose covariance needs many times as many images
NEEDS_CLASSIFIER = True
RANKINGS = {'frechet_distance': operator.neg}


def scores(made, real):
    """{'frechet_distance': …}, 0 or more."""
    return {'frechet_distance': distance(_moments(made.features), _moments(real.features))}


def distance(first, second):
    """Between two normal distributions: (mean [n], covariance [n, n]) each."""
    (mean, covariance), (other_mean, other_covariance) = first, second
    # (C₁ C₂)^½ has the trace of (C₁^½ C₂ C₁^½)^½, which is symmetric.
    values, vectors = np.linalg.eigh(covariance)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    cross = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ other_covariance @ root), 0)).sum()
    found = ((mean - other_mean) ** 2).sum() + np.trace(covariance) + np.trace(other_covariance) - 2 * cross
    return float(max(found, 0.))


def _moments(features):
    features = features.astype(np.float64)
    mean = features.mean(axis=0)
    centred = features - mean
    return mean, centred.T @ centred / max(len(features) - 1, 1)
