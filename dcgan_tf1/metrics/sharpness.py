"""Sharpness: the variance of an image's Laplacian, which is what «blurry» has little of (Pech-Pacheco et al. 2000).

The Laplacian is of four neighbours, inside the image only; pixels go from 0 to 1, colours are averaged. Noise and
checkerboards are sharp, too: a ratio above 1 is no praise.
"""
import numpy as np

MIN_SAMPLES = 100
NEEDS_CLASSIFIER = False
RANKINGS = {'sharpness_ratio': lambda ratio: -abs(ratio - 1)}


def scores(made, real):
    """{'sharpness': mean over the images, 'sharpness_ratio': to the training images' mean}."""
    sharpness = float(variances(made.pixels).mean())
    return {'sharpness': sharpness, 'sharpness_ratio': sharpness / max(float(variances(real.pixels).mean()), 1e-12)}


def variances(pixels):
    """float64 [n]: variance of the Laplacian of each image; pixels uint8 [n, height, width, channels]."""
    found = []
    for start in range(0, len(pixels), 1000):  # float64 of all of them would be large
        grey = pixels[start:start + 1000].mean(axis=3, dtype=np.float64) / 255
        middle = grey[:, 1:-1, 1:-1]
        laplacian = grey[:, :-2, 1:-1] + grey[:, 2:, 1:-1] + grey[:, 1:-1, :-2] + grey[:, 1:-1, 2:] - 4 * middle
        found.append(laplacian.var(axis=(1, 2)))
    return np.concatenate(found)
