"""Describes to a worker process what to train."""
from typing import Any, Dict

from dcgan_tf1.settings import cli_flags
from dcgan_tf1.settings.train import TrainSettings
from scripts.benchmarks.training.catalog import Implementation
from scripts.benchmarks.training.implementations import Hyperparameters


def recipe_hyperparameters(recipe: str, **changes: Any) -> Hyperparameters:
    """The hyperparameters of a recipe.

    Args:
      recipe: its name.
      changes: other values for `batch_size` or `image_size` (pixels); None keeps the recipe's.
    """
    settings = cli_flags.parse(TrainSettings, '--recipe=' + recipe)
    assert settings.learning_rate_generator == settings.learning_rate_discriminator
    size = changes.get('image_size') or settings.image_size
    return Hyperparameters(
        changes.get('batch_size') or settings.batch_size, settings.noise_dim, settings.noise_distribution,
        settings.learning_rate_generator, settings.beta1, settings.beta2, settings.epsilon,
        (size, size, settings.channels))


def make_task(recipe: str, schedule: str, implementation: Implementation, **changes: Any) -> Dict[str, Any]:
    """A description of a training that can be sent as JSON.

    Args:
      recipe: its name.
      schedule: order of the updates.
      implementation: what trains.
      changes: `batch_size`, `image_size` (pixels), `num_images` (images in memory; by default the 1,797 digits of
        scikit-learn), `data_dir` (a folder of image files to train on instead).
    """
    return {
        'recipe': recipe, 'schedule': schedule, 'precision': implementation.precision,
        'module': implementation.module, 'options': implementation.options,
        'hyperparameters': recipe_hyperparameters(recipe, **changes)._asdict(),
        'num_images': changes.get('num_images'), 'data_dir': changes.get('data_dir')}
