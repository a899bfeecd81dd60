"""The two scales of pixels: bytes from 0 to 255 in files, floats from -1 to 1 in networks."""
import numpy as np


def to_float(pixels):
    """Maps float32 pixels in [0, 255], a tensor or an array, to [-1, 1]."""
    return (pixels - 127.5) / 127.5


def to_uint8(images) -> np.ndarray:
    """Maps floats in [-1, 1] to uint8 in [0, 255], rounded; values outside are clipped."""
    return np.clip(np.rint((np.asarray(images) + 1) * 127.5), 0, 255).astype(np.uint8)
