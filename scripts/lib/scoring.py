"""Samples the generators of runs and scores their images."""
import os
from typing import Any, Dict

import numpy as np

from dcgan_tf1.evaluate.evaluator import Evaluator
from dcgan_tf1.evaluate.settings import EvaluateSettings
from dcgan_tf1.sample import sampler
from dcgan_tf1.sample.preparation import for_run
from dcgan_tf1.settings import cli_flags
from scripts.lib import trainings
from scripts.lib.arguments import ExperimentArguments


def open_generator(run_dir: str, arguments: ExperimentArguments) -> sampler.Generator:
    """The generator of a run's last checkpoint, a context manager."""
    return sampler.Generator(for_run(_evaluation_settings(arguments, '--run_dir=' + run_dir)))


class Scorer:
    """Scores images against a dataset.

    Loads the dataset and trains the classifier when they are first needed.
    """

    def __init__(self, arguments: ExperimentArguments, *flags: str):
        """Nothing is loaded yet.

        Args:
          arguments: has --classifier_steps, --runs, and what `trainings.dataset_flags` takes.
          flags: further flags of `python -m dcgan_tf1.evaluate` that choose the images.
        """
        self._arguments, self._flags = arguments, flags
        self._cached = None

    @property
    def _evaluator(self):
        if not self._cached:
            flags = ('--images=none', *trainings.dataset_flags(self._arguments), *self._flags)
            self._cached = Evaluator(_evaluation_settings(self._arguments, *flags))
        return self._cached

    def scores(self, images: np.ndarray) -> Dict[str, Any]:
        """{score: value} of uint8 [n, height, width, channels]."""
        return {name: score.value for name, score in self._evaluator.scores(images).items()}

    def real(self, num_images: int) -> Dict[str, Any]:
        """A description of the dataset and the classifier, with the scores of as many real test images."""
        return {**self._evaluator.about, 'scores': {
            name: score.value for name, score in self._evaluator.references(num_images).items()}}


def _evaluation_settings(arguments, *flags):
    return cli_flags.parse(
        EvaluateSettings, '--classifier_steps=%d' % arguments.classifier_steps,
        '--cache_dir=' + os.path.join(arguments.runs, 'classifiers'), *flags)
