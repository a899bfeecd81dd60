"""The two scales of pixel values."""
import warnings

import numpy as np
import pytest

from dcgan_tf1.util import pixels

pytestmark = pytest.mark.any_tensorflow


def test_every_level_survives_both_conversions():
    levels = np.arange(256, dtype=np.uint8)
    np.testing.assert_array_equal(pixels.to_uint8(pixels.to_float(levels.astype(np.float32))), levels)


def test_values_of_a_diverged_network():
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        result = pixels.to_uint8(np.float32([np.nan, np.inf, -np.inf, 2, -2]))
    np.testing.assert_array_equal(result, [128, 255, 0, 255, 0])
