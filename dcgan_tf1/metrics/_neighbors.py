"""Distances between many vectors, in parts that fit into memory."""
import numpy as np

_ROWS = 1000


def squared_distances(vectors, others):
    """Squared Euclidean distances in parts: yields (slice of `vectors`, [rows, len(others)])."""
    norms = np.einsum('ij,ij->i', others, others)
    for start in range(0, len(vectors), _ROWS):
        part = vectors[start:start + _ROWS]
        squares = (-2 * part) @ others.T
        squares += np.einsum('ij,ij->i', part, part)[:, np.newaxis]  # in place: memory is what limits this
        squares += norms
        yield slice(start, start + len(part)), np.maximum(squares, 0, out=squares)
