"""Weights with 16 or 8 bits each, and what that changes."""
from typing import Any, Dict, Mapping, NamedTuple

import numpy as np

from dcgan_tf1.util import pages


class Codes(NamedTuple):
    """Rounded weights: `codes * scales`."""

    codes: np.ndarray  # float16 from -1 to 1, or int8 from -127 to 127
    scales: np.ndarray  # float32, one for each index of the last axis

    def values(self) -> np.ndarray:
        """The rounded weights, float32."""
        return self.codes.astype(np.float32) * self.scales


def encode(values: np.ndarray, bits: int) -> Codes:
    """Rounds weights, float32 with at least one axis, to 16 or 8 bits. What is rounded already stays as it is."""
    scales = np.abs(values).max(axis=tuple(range(values.ndim - 1)))
    scales = np.where(scales > 0, scales, 1).astype(np.float32)
    if bits == 16:
        return Codes((values / scales).astype(np.float16), scales)
    scales /= np.float32(127)
    return Codes(np.rint(values / scales).astype(np.int8), scales)


def rounded(weights: Mapping[str, np.ndarray], bits: int) -> Dict[str, np.ndarray]:
    """{name: value} of variables, in which kernels are rounded: whatever has two or more axes."""
    return {name: encode(value, bits).values() if value.ndim > 1 else value for name, value in weights.items()}


def stored(values: np.ndarray, bits: int = 32) -> Dict[str, Any]:
    """An array as the page contains it. It loses nothing: what is not rounded to this number of bits stays float32."""
    array, description = values.astype(np.float32), {'type': 'float32'}
    if bits < 32 and values.ndim > 1:
        codes = encode(values, bits)
        if (codes.values() == values).all():
            array = codes.codes
            description = {'type': array.dtype.name, 'scales': pages.base64_text(codes.scales.tobytes())}
    return {**description, 'shape': list(values.shape), 'data': pages.base64_text(array.tobytes())}
