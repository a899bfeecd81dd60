"""Files that only save time. If they are damaged, their content is computed again."""
import os

import numpy as np
from hypothesis import strategies as st

from dcgan_tf1 import data
from dcgan_tf1.evaluate.classifier import Classifier
from dcgan_tf1.sample.statistics_cache import StatisticsCache
from scripts.lib.messages import collected
from scripts.robustness.fuzzing.strategies import altered_json, arrays, damaged, npz
from scripts.robustness.fuzzing.target import REJECTED, Target, outcome


class CachedStatistics(Target):
    """Standing statistics beside a checkpoint."""

    def __init__(self, folder: str):
        super().__init__(folder)
        self.write(b'index', 'model.index')
        self._values = {'a/moving_mean': np.float32([.5, -.5]), 'a/moving_variance': np.float32([1, 2])}
        self._cache = StatisticsCache(self.path('model'), 9, 8)
        self._cache.write(self._values)
        with open(self._cache.path, 'rb') as file:
            valid = file.read()
        fingerprint = np.load(self._cache.path)['checkpoint']
        wrong_means = st.sampled_from([
            np.float32([1, 2, 3]), np.float64([1, 2]), np.float32([[1, 2]]), np.float32([1, np.nan]),
            np.array([None, 1]), np.float32(3), np.array(['a', 'b']), np.complex64([1, 2])])
        forged = wrong_means.map(lambda means: npz(**{
            **self._values, 'checkpoint': fingerprint, 'a/moving_mean': means}))
        self.inputs = st.one_of(damaged([valid]), damaged([valid]), forged, arrays((2,)))

    def read(self, drawn: bytes) -> bool:
        self.write(drawn, os.path.basename(self._cache.path))
        cached = self._cache.read({name: value.shape for name, value in self._values.items()})
        if cached is None:
            return False
        for name, value in self._values.items():
            np.testing.assert_array_equal(cached[name], value)
            assert cached[name].dtype == np.float32
        return True


class CachedClassifier(Target):
    """The classifier in --cache_dir: used, trained again, or rejected."""
    share = .03  # each input needs a network

    def __init__(self, folder: str):
        super().__init__(folder)
        random_state = np.random.RandomState(0)
        images = data.Images(random_state.randint(0, 256, (16, 8, 8, 1)).astype(np.uint8), 'a test')
        self._labeled = data.LabeledImages(images, (np.arange(16) % 2).astype(np.uint8))
        classifier = self._load()
        classifier.close()
        self._run = classifier.folder
        self.inputs = altered_json(self._run.read_config())

    def _load(self):
        return Classifier(self._labeled, self._labeled, self.folder, 1)

    def read(self, drawn: bytes) -> bool:
        with open(self._run.config, 'wb') as file:
            file.write(drawn)
        with collected() as messages:
            classifier = outcome(self._load, self._run.config)
        if classifier is REJECTED:
            return False
        classifier.close()
        assert isinstance(classifier.accuracy, float) and 0 <= classifier.accuracy <= 1
        return not messages  # it was not trained again
