"""Names that tf_slim uses and that have moved inside TensorFlow.

Imports nothing of this package: `--migrate` copies what a script uses.
"""
import importlib
import importlib.util
import sys
from typing import Any

import tensorflow.compat.v1 as tf

# {module: {name: name in tf}}
MOVED = {
    'tensorflow.python.framework.ops': {'Tensor': 'Tensor', 'IndexedSlices': 'IndexedSlices'},
    'tensorflow.python.ops.array_ops': {'stack': 'stack', 'unstack': 'unstack', 'concat': 'concat'},
    'tensorflow.python.ops.control_flow_ops': {'Assert': 'Assert', 'case': 'case', 'cond': 'cond',
                                               'while_loop': 'while_loop'},
    'tensorflow.python.ops.variable_scope': {'variable': 'Variable'},
}


def import_tf_slim() -> Any:
    """tf_slim (pip install tf_slim), after the names are back where it looks for them."""
    for path, names in MOVED.items():
        module = importlib.import_module(path)
        for name, new in names.items():
            if not hasattr(module, name):
                setattr(module, name, getattr(tf, new))
    if importlib.util.find_spec('tf_keras') is not None:
        sys.modules.setdefault('tf_keras.legacy_tf_layers.normalization', importlib.import_module(
            'tf_keras.src.legacy_tf_layers.normalization'))
    return importlib.import_module('tf_slim')
