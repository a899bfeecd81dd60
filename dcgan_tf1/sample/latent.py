"""Interpolation between latent vectors, and latent arithmetic."""
import re
from typing import List, Optional, Sequence, Tuple

import numpy as np

from dcgan_tf1.util.errors import UserError

MODES = ('linear', 'slerp')
_EXPRESSION = re.compile(r'\d{1,6}(,\d{1,6})*([+-]\d{1,6}(,\d{1,6})*)*$')


def check(vectors: np.ndarray, noise_dim: int, name: str) -> np.ndarray:
    """Latent vectors as float32 [n, noise_dim].

    Args:
        vectors: numbers of that shape, or of the shape [n, 1, 1, noise_dim] that the sources use.
        noise_dim: length of a vector.
        name: what errors call them.

    Raises:
        UserError: if they do not have that shape, or are not finite.
    """
    if (vectors.ndim in (2, 4) and len(vectors) and vectors.dtype.kind in 'fiu'
            and vectors.shape[1:] in ((noise_dim,), (1, 1, noise_dim))):
        with np.errstate(over='ignore'):  # too large values become infinite, which is checked next
            vectors = np.array(vectors, np.float32).reshape(len(vectors), -1)
        if np.isfinite(vectors).all():
            return vectors
    raise UserError('%s must hold finite numbers (as float32) of shape [images, %d]; it is %s %s'
                    % (name, noise_dim, vectors.dtype, list(vectors.shape)))


def interpolate(a: np.ndarray, b: np.ndarray, t: float, mode: str) -> np.ndarray:
    """A point between two latent vectors.

    Args:
        a, b: float [..., noise_dim], the vectors at t = 0 and at t = 1.
        t: position between them, from 0 to 1.
        mode: 'linear' for a straight line, or 'slerp' for spherical interpolation: along the great circle,
            while the length changes linearly (White 2016, arXiv 1609.04468). A straight line between two
            normally distributed vectors passes through a region that the distribution hardly ever reaches.

    Returns:
        float64 [..., noise_dim].
    """
    a, b = np.asarray(a, float), np.asarray(b, float)
    if mode == 'linear':
        return (1 - t) * a + t * b
    lengths = [np.maximum(np.linalg.norm(end, axis=-1, keepdims=True), 1e-12) for end in (a, b)]
    units = a / lengths[0], b / lengths[1]
    angle = np.arccos(np.clip((units[0] * units[1]).sum(axis=-1, keepdims=True), -1, 1))
    sine = np.sin(angle)
    # Parallel and opposite vectors define no great circle: interpolate these linearly.
    weights = [np.where(sine > 1e-6, np.sin(weight * angle) / np.maximum(sine, 1e-6), weight)
               for weight in (1 - t, t)]
    return (weights[0] * units[0] + weights[1] * units[1]) * ((1 - t) * lengths[0] + t * lengths[1])


def interpolation_path(keyframes: np.ndarray, frames_per_segment: int, mode: str, closed: bool) -> np.ndarray:
    """Points along paths through keyframes.

    Args:
        keyframes: [paths, keyframes, noise_dim].
        frames_per_segment: number of points from one keyframe to just before the next.
        mode: one of MODES.
        closed: whether the path continues from the last keyframe to just before the first. Otherwise it ends
            at the last keyframe.

    Returns:
        float32 [paths, points, noise_dim], with keyframes * frames_per_segment points if the path is closed,
        and (keyframes - 1) * frames_per_segment + 1 otherwise.
    """
    count = keyframes.shape[1]
    points = []
    for number in range(count if closed else count - 1):
        start, end = keyframes[:, number], keyframes[:, (number + 1) % count]
        points += [interpolate(start, end, frame / frames_per_segment, mode)
                   for frame in range(frames_per_segment)]
    if not closed:
        points.append(keyframes[:, -1])
    return np.stack(points, axis=1).astype(np.float32)


def plane(corners: np.ndarray, points: int, mode: str) -> np.ndarray:
    """A square of points between four latent vectors.

    Args:
        corners: [4, noise_dim], the vectors at the top left, top right, bottom left and bottom right.
        points: number of rows, and of columns.
        mode: one of MODES. It is applied along the left and the right edge, then along each row.

    Returns:
        float32 [rows, columns, noise_dim].
    """
    top_left, top_right, bottom_left, bottom_right = corners
    shares = np.linspace(0, 1, points)
    rows = [(interpolate(top_left, bottom_left, share, mode), interpolate(top_right, bottom_right, share, mode))
            for share in shares]
    return np.array([[interpolate(left, right, share, mode) for share in shares] for left, right in rows],
                    np.float32)


def parse_expression(expression: str) -> Optional[List[Tuple[int, List[int]]]]:
    """Parses latent arithmetic, such as '0,3-1,4+2,5'. Spaces are ignored.

    Returns:
        The terms, each a sign and the indices of its vectors, such as [(1, [0, 3]), (-1, [1, 4]), (1, [2,
        5])]; or None if the expression is malformed.
    """
    expression = re.sub(r'\s', '', expression)
    if not _EXPRESSION.match(expression):
        return None
    return [(-1 if sign == '-' else 1, [int(text) for text in indices.split(',')])
            for sign, indices in re.findall(r'([+-]?)([\d,]+)', expression)]


def arithmetic(noise: np.ndarray, terms: Sequence[Tuple[int, Sequence[int]]]) -> np.ndarray:
    """The mean of each term's vectors, and the signed sum of these means (arXiv 1511.06434, figure 7).

    Args:
        noise: [vectors, noise_dim].
        terms: the result of `parse_expression`.

    Returns:
        float32 [terms + 1, noise_dim]; the sum is last.
    """
    means = np.stack([np.mean([noise[index] for index in indices], axis=0) for _, indices in terms])
    signs = np.array([sign for sign, _ in terms], float)
    return np.concatenate([means, (signs @ means)[np.newaxis]]).astype(np.float32)
