"""Distances between many vectors, computed in parts that fit into memory."""
from typing import Iterator, Tuple

import numpy as np

from dcgan_tf1.util import terminal

_ROWS = 1000  # of the matrix of distances, computed at a time


def squared_distances(vectors: np.ndarray, others: np.ndarray) -> Iterator[Tuple[slice, np.ndarray]]:
    """Squared Euclidean distances between all pairs.

    Args:
      vectors: float [n, width].
      others: float [m, width].
    Yields: (slice of `vectors`, their distances [rows, m]).
    """
    norms = np.einsum('ij,ij->i', others, others)
    starts = range(0, len(vectors), _ROWS)
    for start in terminal.track(starts, 'comparing images', len(starts)):
        part = vectors[start:start + _ROWS]
        squares = (-2 * part) @ others.T
        # In place, because memory is the limit here.
        squares += np.einsum('ij,ij->i', part, part)[:, np.newaxis]
        squares += norms
        yield slice(start, start + len(part)), np.maximum(squares, 0, out=squares)
