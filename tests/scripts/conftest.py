"""Benchmarks and experiments are tested on TensorFlow 2 alone, which their published results were measured with."""
import os

import pytest
from helpers import TENSORFLOW

ALSO_ON_TENSORFLOW_1 = ('test_fingerprints.py', 'test_fuzz.py', 'test_robustness.py', 'test_workers_scripts.py')


def pytest_collection_modifyitems(items):
    if TENSORFLOW >= (2,):
        return
    for item in items:
        folder, name = os.path.split(str(item.fspath))
        if folder == os.path.dirname(__file__) and name not in ALSO_ON_TENSORFLOW_1 and item.get_closest_marker('slow'):
            item.add_marker(pytest.mark.skip(reason='slow tests of benchmarks and experiments need TensorFlow 2'))
