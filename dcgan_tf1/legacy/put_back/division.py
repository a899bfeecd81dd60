"""The division of Python 2, which gives integers for integers.

Imports nothing of this package: `--migrate` copies what a script uses.
"""
from typing import Any

import numpy as np


def divide(a: Any, b: Any) -> Any:
    """a / b as in Python 2: integers are divided without remainder."""
    return a // b if is_integer(a) and is_integer(b) else a / b


def divide_in_place(a: Any, b: Any) -> Any:
    """The value of a after a /= b as in Python 2. Arrays are changed in place."""
    if is_integer(a) and is_integer(b):
        a //= b
    else:
        a /= b
    return a


def is_integer(value: Any) -> bool:
    """Whether a number, an array, a tensor or a size in a shape is an integer."""
    if isinstance(value, (int, np.integer)) or type(value).__name__ == 'Dimension':
        return True
    dtype = getattr(value, 'dtype', None)  # of NumPy, or of TensorFlow
    return bool(dtype.is_integer) if hasattr(dtype, 'is_integer') else (
        dtype is not None and np.issubdtype(dtype, np.integer))
