"""Sharpness: the variance of an image's Laplacian, which is low for blurry images (Pech-Pacheco et al. 2000).

The Laplacian uses the four neighbors of each pixel inside the image. Pixels range from 0 to 1, and colors are
averaged. Noise and checkerboard patterns are sharp, too, so a ratio above 1 is not better than 1.
"""
from typing import Dict

import numpy as np

from dcgan_tf1.metrics import Sample

MIN_SAMPLES = 100
NEEDS_CLASSIFIER = False
RANKINGS = {'sharpness_ratio': lambda ratio: -abs(ratio - 1)}
_MAX_BATCH = 1000  # images in float64 at a time


def scores(generated: Sample, real: Sample) -> Dict[str, float]:
    """{'sharpness': mean over the images, 'sharpness_ratio': ratio to the mean over the training images}."""
    sharpness = float(variances(generated.pixels).mean())
    real_sharpness = float(variances(real.pixels).mean())
    return {'sharpness': sharpness, 'sharpness_ratio': sharpness / max(real_sharpness, 1e-12)}


def variances(pixels: np.ndarray) -> np.ndarray:
    """The variance of the Laplacian of each image.

    Args:
      pixels: uint8 [n, height, width, channels].
    Returns: float64 [n].
    """
    results = []
    for start in range(0, len(pixels), _MAX_BATCH):
        gray = pixels[start:start + _MAX_BATCH].mean(axis=3, dtype=np.float64) / 255
        center = gray[:, 1:-1, 1:-1]
        laplacian = (gray[:, :-2, 1:-1] + gray[:, 2:, 1:-1] + gray[:, 1:-1, :-2] + gray[:, 1:-1, 2:]
                     - 4 * center)
        results.append(laplacian.var(axis=(1, 2)))
    return np.concatenate(results)
