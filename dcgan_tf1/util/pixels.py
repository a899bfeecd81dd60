"""The two scales of pixel values: 0 to 255 in files, −1 to 1 in networks."""
from typing import Any

import numpy as np


def to_float(pixels: Any) -> Any:
    """Scales pixels from [0, 255] to [−1, 1].

    Args:
      pixels: float32 tensor or array of any shape, with values in [0, 255].
    Returns: the same type and shape, with values in [−1, 1].
    """
    return (pixels - 127.5) / 127.5


def to_uint8(images: Any) -> np.ndarray:
    """Scales images from [−1, 1] to [0, 255]: the inverse of `to_float`, rounded to integers.

    Args:
      images: float array of any shape. Values outside of [−1, 1] are clipped, and NaN becomes middle gray.
    Returns: uint8 array of the same shape.
    """
    values = np.where(np.isnan(images), 0, images)  # a cast of NaN would give a warning and any value
    return np.clip(np.rint((values + 1) * 127.5), 0, 255).astype(np.uint8)
