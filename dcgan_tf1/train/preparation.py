"""The settings of a training, completed and compared with those of the run that it resumes."""
import math
import os
from typing import Any, Dict, List

from dcgan_tf1.model import networks
from dcgan_tf1.model.inputs import batch_plan
from dcgan_tf1.runs.saved_settings import MEASURED, differences, run_dir
from dcgan_tf1.settings.train import TrainSettings

# Settings that may differ between the workers of a run.
_OF_A_WORKER = {'data_dir', 'run_dir', 'run_name', 'cache_dir', 'network', 'init_checkpoint', 'checkpoint_names'}


# Settings that may differ when a run is resumed, because no variable, grid or score depends on them: the length of the
# run, the place of its files, and when files are written. (Grids of another size would not fit into the animation.)
_MUTABLE_ON_RESUME = {'steps', 'epochs', 'data_dir', 'pack_dir', 'run_dir', 'run_name', 'cache_dir', 'follow_links',
                      'skip_unreadable', 'keep_checkpoints', 'log_every', 'sample_every', 'checkpoint_every',
                      'evaluate_every'}


# They may differ as long as the run has no evaluations. Later, its scores could not be compared.
_OF_EVALUATIONS = {'best_by', 'evaluation_images', 'classifier_steps'}


def resolve(settings: TrainSettings, num_examples: int) -> TrainSettings:
    """Settings with the run folder filled in, and the number of steps where only the epochs were given.

    Args:
      num_examples: size of the training set.
    """
    steps = settings.steps
    if steps is None:
        steps = math.ceil(batch_plan(settings, num_examples).steps_in(settings.epochs) / settings.d_steps_per_g_step)
    network = settings.network
    if network.endswith('.py'):
        network = os.path.abspath(network)
    return settings.replace(steps=steps, epochs=0., run_dir=run_dir(settings), network=network)


def for_resume(settings: TrainSettings, run: TrainSettings) -> TrainSettings:
    """Settings with the run's values of what is 'auto', which the user leaves to the run."""
    return settings.replace(**{name: getattr(run, name) for name in MEASURED if getattr(settings, name) == 'auto'})


def changes(settings: TrainSettings, run: TrainSettings) -> List[str]:
    """Describes each setting that differs from the run's and may not: '--seed is 0 there, not 1'."""
    names = set(TrainSettings.names()) - _MUTABLE_ON_RESUME
    if not run.evaluate_every:
        names -= _OF_EVALUATIONS
    if not any(map(networks.is_built_in, (settings.network, run.network))):
        names.remove('network')  # which is identified by its content instead: it may have been moved
    return differences(settings.with_absolute_paths(), run.with_absolute_paths(), names)


def of_all_workers(settings: TrainSettings) -> Dict[str, Any]:
    """{name: value} of the settings that all workers of a run must have."""
    return {'--' + name: value for name, value in settings.as_dict().items() if name not in _OF_A_WORKER}
