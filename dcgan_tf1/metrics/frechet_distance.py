"""Fréchet distance between the distributions of the classifier's features of generated and of real images.

The features come from this package's classifier, so the values can be compared with each other, but not with
published FIDs. With both distributions taken to be normal, the distance is |m₁ − m₂|² + Tr(C₁ + C₂ − 2 (C₁
C₂)^½) (Dowson and Landau 1982; with features of Inception: Heusel et al. 2017, arXiv 1706.08500). The
estimate decreases with the number of images n, by about a constant divided by n: compare only scores of
equally many images.
"""
import operator
from typing import Dict, Tuple

import numpy as np

from dcgan_tf1.metrics import Sample

MIN_SAMPLES = 2000  # the covariance of 128 features needs many times as many images
NEEDS_CLASSIFIER = True
RANKINGS = {'frechet_distance': operator.neg}

Moments = Tuple[np.ndarray, np.ndarray]  # mean [width], covariance [width, width]


def scores(generated: Sample, real: Sample) -> Dict[str, float]:
    """{'frechet_distance': 0 or more}."""
    return {'frechet_distance': distance(_moments(generated.features), _moments(real.features))}


def distance(first: Moments, second: Moments) -> float:
    """The Fréchet distance between two normal distributions, 0 or more."""
    (mean, covariance), (other_mean, other_covariance) = first, second
    # (C₁ C₂)^½ has the same trace as (C₁^½ C₂ C₁^½)^½, which is symmetric.
    values, vectors = np.linalg.eigh(covariance)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    cross = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ other_covariance @ root), 0)).sum()
    squared = ((mean - other_mean) ** 2).sum() + np.trace(covariance) + np.trace(other_covariance) - 2 * cross
    return float(max(squared, 0.))


def _moments(features: np.ndarray) -> Moments:
    features = features.astype(np.float64)
    mean = features.mean(axis=0)
    centered = features - mean
    return mean, centered.T @ centered / max(len(features) - 1, 1)
