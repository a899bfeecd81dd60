"""Describes to a worker process what to train."""
from typing import Any, Dict, Optional

from dcgan_tf1.settings import cli_flags
from dcgan_tf1.settings.train import TrainSettings
from scripts.benchmarks.training.catalog import Implementation
from scripts.benchmarks.training.implementations import Hyperparameters


def recipe_hyperparameters(recipe: str, batch_size: Optional[int] = None) -> Hyperparameters:
    """The hyperparameters of a recipe, with another batch size if one is given."""
    settings = cli_flags.parse(TrainSettings, '--recipe=' + recipe)
    assert settings.learning_rate_generator == settings.learning_rate_discriminator
    return Hyperparameters(
        batch_size or settings.batch_size, settings.noise_dim, settings.noise_distribution,
        settings.learning_rate_generator, settings.beta1, settings.beta2, settings.epsilon,
        (settings.image_size, settings.image_size, settings.channels))


def make_task(recipe: str, schedule: str, implementation: Implementation,
              batch_size: Optional[int] = None) -> Dict[str, Any]:
    """A description of a training that can be sent as JSON.

    Args:
      recipe: its name.
      schedule: order of the updates.
      implementation: what trains.
      batch_size: default: the recipe's.
    """
    return {
        'recipe': recipe, 'schedule': schedule, 'precision': implementation.precision,
        'module': implementation.module, 'options': implementation.options,
        'hyperparameters': recipe_hyperparameters(recipe, batch_size)._asdict()}
