"""Improved precision and recall of the classifier's features.

Kynkäänniemi et al. 2019, arXiv 1904.06991, algorithm 1.

Each image has a ball around it that reaches to its third-nearest neighbor in its own set. Precision is the
share of generated images inside a ball of a real image: how realistic they are. Recall is the share of real
images inside a ball of a generated image: how much of the data is covered. Both sets have the same size,
because balls shrink as a set grows.
"""
from typing import Dict

import numpy as np

from dcgan_tf1.metrics import Sample, _neighbors, evenly_spaced

MIN_SAMPLES = 1000
NEEDS_CLASSIFIER = True
RANKINGS = {'precision': float, 'recall': float}
NEIGHBORS = 3
_MAX_SAMPLES = 10000  # per set: time and memory grow with the square


def scores(generated: Sample, real: Sample) -> Dict[str, float]:
    """{'precision': from 0 to 1, 'recall': from 0 to 1}; {} for fewer than five images."""
    count = min(len(generated.features), len(real.features), _MAX_SAMPLES)
    if count <= NEIGHBORS + 1:
        return {}
    generated_features, real_features = (
        evenly_spaced(sample, count).features.astype(np.float64) for sample in (generated, real))
    return {'precision': covered(generated_features, real_features),
            'recall': covered(real_features, generated_features)}


def covered(vectors: np.ndarray, others: np.ndarray) -> float:
    """The share of `vectors`, [n, width], that lie inside a ball around one of `others`, [m, width]."""
    radii = np.empty(len(others))
    for rows, squares in _neighbors.squared_distances(others, others):
        # Index 0 is the vector itself.
        radii[rows] = np.partition(squares, NEIGHBORS, axis=1)[:, NEIGHBORS]
    inside = [(squares <= radii).any(axis=1) for _, squares in _neighbors.squared_distances(vectors, others)]
    return float(np.concatenate(inside).mean())
