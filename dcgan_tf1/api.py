"""The Python API, for notebooks and scripts: train, open a generator, generate images, score them.

  from dcgan_tf1 import api

  run = api.train(dataset='mnist_10k', steps=300, run_dir='runs/notebook')
  with api.open_run(run.path) as generator:
      z = generator.latent_vectors(16)
      images = generator.images(z, bn_mode='standing')
  scores = api.score(images, dataset='mnist_10k')

Settings are keyword arguments with the names and defaults of the command-line flags. Everything runs in graphs and
Sessions of its own, so it works in threads, several times in one process, and next to eager TensorFlow 2 code.
"""
from typing import Any, Dict, Union

import numpy as np

from dcgan_tf1.evaluate import arrays
from dcgan_tf1.evaluate.evaluator import Evaluator
from dcgan_tf1.evaluate.settings import EvaluateSettings
from dcgan_tf1.runs import saved_settings
from dcgan_tf1.runs.folder import RunFolder
from dcgan_tf1.sample.sampler import Generator, open_generator
from dcgan_tf1.sample.settings import GeneratorSettings
from dcgan_tf1.settings import cli_flags
from dcgan_tf1.settings.train import TrainSettings
from dcgan_tf1.train import training
from dcgan_tf1.util.errors import UserError

__all__ = ['Generator', 'UserError', 'open_checkpoint', 'open_run', 'score', 'train']


def train(recipe: str = 'sparse_softmax', **settings: Any) -> RunFolder:
    """Trains a recipe, or resumes the run in its folder.

    Args:
      recipe: name of a recipe, such as 'sparse_softmax'.
      settings: any `TrainSettings` by name, as in steps=1000, dataset='mnist'.
    Returns: the run folder; `.path` is its path and `.read_metrics()` its logged losses.
    Raises: UserError for an invalid setting; KeyboardInterrupt if the training was interrupted (it is saved then).
    """
    train_settings = cli_flags.build(TrainSettings, {'recipe': recipe, **settings})
    if training.train(train_settings):
        raise KeyboardInterrupt
    return RunFolder(saved_settings.run_dir(train_settings))


def open_run(run_dir: str, checkpoint: Union[int, str, None] = None) -> Generator:
    """Opens the generator of a run.

    Args:
      run_dir: the run folder.
      checkpoint: a step of the run, 'best', or a path; default: the last checkpoint.
    Raises: UserError.
    """
    options: Dict[str, Any] = {'run_dir': run_dir}
    if checkpoint is not None:
        options['checkpoint'] = str(checkpoint)
    return open_generator(cli_flags.build(GeneratorSettings, options))


def open_checkpoint(checkpoint: str, recipe: str = 'sparse_softmax', **settings: Any) -> Generator:
    """Opens a generator in a checkpoint of any script that named its variables as `tf.layers` does.

    Args:
      checkpoint: its path, one of its files, or the folder that contains it.
      recipe: the recipe whose network the checkpoint holds.
      settings: what differs from the recipe, such as noise_dim=64, and checkpoint_names for other variable names.
    Raises: UserError if the checkpoint does not fit.
    """
    return open_generator(cli_flags.build(GeneratorSettings, {'recipe': recipe, 'checkpoint': checkpoint, **settings}))


def score(images: np.ndarray, dataset: str = 'mnist', **settings: Any) -> Dict[str, Any]:
    """Scores images against a dataset, as the `evaluate` command does.

    Args:
      images: [n, height, width, channels], of the dataset's size: bytes, or other numbers, whose range is guessed and
        printed (`pixel_range` names it).
      dataset: name of a dataset.
      settings: any `EvaluateSettings` by name, such as data_dir.
    Returns: {name of the score: number, or a list of numbers for the histogram of classes}.
    Raises: UserError.
    """
    evaluate_settings = cli_flags.build(EvaluateSettings, {'dataset': dataset, 'images': '(array)', **settings})
    images = arrays.to_uint8(np.asarray(images), evaluate_settings.pixel_range, 'images')
    evaluator = Evaluator(evaluate_settings, images.shape[1:])
    try:
        return {name: result.value for name, result in evaluator.scores(images).items()}
    finally:
        evaluator.close()
