"""Functions that NumPy, Matplotlib, TensorFlow and Python have removed.

Imports nothing of this package: `--migrate` copies what a script uses.
"""
import collections
import inspect
from typing import Any

import numpy as np


def asscalar(a: Any) -> Any:
    """`np.asscalar`: the only element of an array, as a number of Python."""
    return a.item()


def asfarray(a: Any, dtype: Any = float) -> np.ndarray:
    """`np.asfarray`: an array of a floating-point type."""
    return np.asarray(a, dtype=dtype if np.issubdtype(dtype, np.inexact) else float)


def hold(*args: Any) -> None:
    """`plt.hold`: every plot is held."""


def getargspec(func: Any) -> Any:
    """`inspect.getargspec`: (args, varargs, keywords, defaults)."""
    spec = inspect.getfullargspec(func)
    ArgSpec: Any = collections.namedtuple('ArgSpec', 'args varargs keywords defaults')
    return ArgSpec(spec.args, spec.varargs, spec.varkw, spec.defaults)


def batch_and_drop_remainder(batch_size: int) -> Any:
    """`tf.contrib.data.batch_and_drop_remainder`: for `Dataset.apply`."""
    return lambda dataset: dataset.batch(batch_size, drop_remainder=True)
