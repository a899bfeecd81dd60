"""Improved precision and recall (Kynkäänniemi et al. 2019, arXiv 1904.06991, algorithm 1) on the classifier's features.

Around every image lies a ball that reaches to its third nearest neighbour of its own set. Precision is the share of
generated images inside a ball of the real ones: how real they are; recall the share of real ones inside a ball of the
generated: how much of the data is drawn. Both sets have the same size, for the balls shrink as a set grows.
"""
import numpy as np

from dcgan_tf1.metrics import _neighbors, evenly_spaced

MIN_SAMPLES = 1000
NEEDS_CLASSIFIER = True
RANKINGS = {'precision': float, 'recall': float}
NEIGHBORS = 3
_MOST = 10000  # images of a set: time and memory grow with the square


def scores(made, real):
    """{'precision', 'recall'}, each from 0 to 1; of fewer than five images there are none."""
    count = min(len(made.features), len(real.features), _MOST)
    if count <= NEIGHBORS + 1:
        return {}
    made, real = (evenly_spaced(sample, count).features.astype(np.float64) for sample in (made, real))
    return {'precision': covered(made, real), 'recall': covered(real, made)}


def covered(vectors, others):
    """Share of the vectors [n, width] that lie inside a ball around one of the others [m, width]."""
    radii = np.empty(len(others))
    for rows, squares in _neighbors.squared_distances(others, others):
        # The nearest of all is the vector itself.
        radii[rows] = np.partition(squares, NEIGHBORS, axis=1)[:, NEIGHBORS]
    inside = [(squares <= radii).any(axis=1) for _, squares in _neighbors.squared_distances(vectors, others)]
    return float(np.concatenate(inside).mean())
