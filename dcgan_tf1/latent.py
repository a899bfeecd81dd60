"""Ways through the space of noise vectors: straight and spherical lines, and arithmetic."""
import re

import numpy as np

MODES = ('linear', 'slerp')
_EXPRESSION = re.compile(r'\d+(,\d+)*([+-]\d+(,\d+)*)*$')


def interpolate(a, b, t, mode):
    """A point between noise vectors.

    Args:
      first, second: float [..., noise_dim].
      share: of the way, from 0 (first) to 1 (second).
      kind: 'linear', or 'spherical': along the great circle, its length going evenly from one's to the other's (White
        2016, arXiv 1609.04468; a straight line between normal vectors passes where hardly any noise lies).
    Returns: float64 [..., noise_dim].
    """
    first, second = np.asarray(first, float), np.asarray(second, float)
    if kind == 'linear':
        return (1 - share) * first + share * second
    lengths = [np.maximum(np.linalg.norm(end, axis=-1, keepdims=True), 1e-12) for end in (first, second)]
    units = first / lengths[0], second / lengths[1]
    angle = np.arccos(np.clip((units[0] * units[1]).sum(axis=-1, keepdims=True), -1, 1))
    sine = np.sin(angle)
    shares = [np.where(sine > 1e-6, np.sin(part * angle) / np.maximum(sine, 1e-6), part)  # no circle: a line
              for part in (1 - share, share)]
    return (shares[0] * units[0] + shares[1] * units[1]) * ((1 - share) * lengths[0] + share * lengths[1])


def interpolation_path(keyframes, frames_per_segment, mode, closed):
    """Points on the way from stop to stop.

    Args:
      stops: [walks, stops, noise_dim].
      frames: points from one stop up to the next.
      closed: go on from the last stop to the first, up to just before it; else end at the last.
    Returns: float32 [walks, points, noise_dim]; points = stops · frames if closed, else (stops − 1) · frames + 1.
    """
    count = stops.shape[1]
    points = [between(stops[:, number], stops[:, (number + 1) % count], frame / frames, kind)
              for number in range(count if closed else count - 1) for frame in range(frames)]
    return np.stack(points if closed else [*points, stops[:, -1]], axis=1).astype(np.float32)


def parse_expression(expression):
    """'0,3-1,4+2,5' → [(1, [0, 3]), (−1, [1, 4]), (1, [2, 5])]; spaces don't count. None where it is not like that."""
    expression = re.sub(r'\s', '', expression)
    if not _EXPRESSION.match(expression):
        return None
    return [(-1 if sign == '-' else 1, [int(text) for text in indices.split(',')])
            for sign, indices in re.findall(r'([+-]?)([\d,]+)', expression)]


def arithmetic(noise, terms):
    """Means of each term's vectors, and their sum with the terms' signs (arXiv 1511.06434, figure 7).

    Args:
      noise: [vectors, noise_dim].
      terms: as of `parse`.
    Returns: float32 [terms + 1, noise_dim].
    """
    means = np.stack([np.mean([noise[index] for index in indices], axis=0) for _, indices in terms])
    signs = np.array([sign for sign, _ in terms], float)
    return np.concatenate([means, (signs @ means)[np.newaxis]]).astype(np.float32)
