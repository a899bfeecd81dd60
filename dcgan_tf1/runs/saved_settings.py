"""The settings of a run on disk: reads them, compares them, and applies them to other commands."""
import hashlib
import math
import os
from typing import Any, Dict, Iterable, List, Optional, TypeVar

from dcgan_tf1.model import networks
from dcgan_tf1.model.batches import BatchPlan
from dcgan_tf1.runs.checkpoints import loading as given_checkpoints
from dcgan_tf1.runs.checkpoints.saving import named_checkpoint
from dcgan_tf1.runs.folder import RunFolder, default_run_dir
from dcgan_tf1.sample.settings import EvaluateSettings, GeneratorSettings
from dcgan_tf1.settings.train import TrainSettings
from dcgan_tf1.util.errors import UserError

# Settings that may differ between the workers of a run.
_OF_A_WORKER = {'data_dir', 'run_dir', 'run_name', 'cache_dir', 'network', 'init_checkpoint', 'checkpoint_names'}
# Settings that may differ when a run is resumed, because no variable, grid or score depends on them: the length of the
# run, the place of its files, and when files are written. (Grids of another size would not fit into the animation.)
_MUTABLE_ON_RESUME = {'steps', 'epochs', 'data_dir', 'pack_dir', 'run_dir', 'run_name', 'cache_dir', 'follow_links',
                      'skip_unreadable', 'keep_checkpoints', 'log_every', 'sample_every', 'checkpoint_every',
                      'evaluate_every'}
# They may differ as long as the run has no evaluations. Later, its scores could not be compared.
_OF_EVALUATIONS = {'best_by', 'evaluation_images', 'classifier_steps'}
_OF_THE_GENERATOR = ('recipe', 'noise_dim', 'noise_distribution', 'image_size', 'channels', 'batch_size',
                     'precision', 'kernels')
_OF_THE_DATA = ('dataset', 'center_crop', 'antialias', 'fast_jpeg')
# Which files of the dataset are read. A file may have become unreadable after the training.
_OF_THE_FILES = ('skip_unreadable', 'follow_links')

# Where their value is 'auto', the run decides: it has recorded what it measured.
_MEASURED = ('kernels', 'precision')

_Train = TypeVar('_Train', bound=TrainSettings)
_Generator = TypeVar('_Generator', bound=GeneratorSettings)


def run_dir(settings: TrainSettings) -> str:
    """The run folder that these settings name, by default after run (or network or recipe), dataset and seed."""
    name = settings.run_name or settings.recipe
    if not settings.run_name and not networks.is_built_in(settings.network):
        name = os.path.splitext(os.path.basename(settings.network))[0]
    return settings.run_dir or default_run_dir(name, settings.dataset, settings.seed)


def batch_plan(settings: TrainSettings, num_examples: int) -> BatchPlan:
    """How the images of the training set are assigned to batches."""
    return BatchPlan(settings.shuffle, num_examples, settings.batch_size, settings.seed)


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


def network_checksum(network: str) -> Optional[str]:
    """The md5 of the file that --network names; None for a network of this package.

    Raises: UserError if the file cannot be read.
    """
    path = None if networks.is_built_in(network) else networks.source(network)
    if path is None:
        return None
    try:
        with open(path, 'rb') as file:
            return hashlib.md5(file.read()).hexdigest()
    except OSError as error:
        raise UserError('--network=%s cannot be read (%s): name a Python file' % (network, error.strerror)) from error


def read(folder: RunFolder) -> TrainSettings:
    """The settings of a run, from its config.json.

    Raises: UserError if the folder holds no run, or its settings are damaged.
    """
    config = folder.read_config()
    if not config:
        raise UserError('%s holds no run (%s does not exist): name the folder of a run' % (folder.path, folder.config))
    return from_config(config, folder.config)


def from_config(config: Dict[str, Any], path: str) -> TrainSettings:
    """The settings in the content of a config.json.

    Args:
      config: the content.
      path: of the file, for error messages.
    Raises: UserError if they are damaged.
    """
    values: Dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value
                              for name, value in config['flags'].items()}
    names = TrainSettings.names()
    problems = ['%s is missing' % name for name in names if name not in values]
    problems += ['%s is unknown to this version' % name for name in sorted(set(values) - set(names))]
    if not problems:
        settings = TrainSettings(**values)
        try:
            settings.validate()
            return settings
        except UserError as error:
            problems = [str(error)]
    raise UserError('%s is damaged or of a newer version (%s): restore it, or name another --run_dir'
                    % (path, '; '.join(problems[:3])))


def for_resume(settings: TrainSettings, run: TrainSettings) -> TrainSettings:
    """Settings with the run's values of what is 'auto', which the user leaves to the run."""
    return settings.replace(**{name: getattr(run, name) for name in _MEASURED if getattr(settings, name) == 'auto'})


def changes(settings: TrainSettings, run: TrainSettings) -> List[str]:
    """Describes each setting that differs from the run's and may not: '--seed is 0 there, not 1'."""
    names = set(TrainSettings.names()) - _MUTABLE_ON_RESUME
    if not run.evaluate_every:
        names -= _OF_EVALUATIONS
    if not any(map(networks.is_built_in, (settings.network, run.network))):
        names.remove('network')  # which is identified by its content instead: it may have been moved
    return _differences(settings.with_absolute_paths(), run.with_absolute_paths(), names)


def of_all_workers(settings: TrainSettings) -> Dict[str, Any]:
    """{name: value} of the settings that all workers of a run must have."""
    return {'--' + name: value for name, value in settings.as_dict().items() if name not in _OF_A_WORKER}


def check_network(network: str, folder: RunFolder) -> None:
    """Raises UserError if a network is not built in, and its file is not the one that the run was trained with."""
    config = folder.read_config() or {}
    if network_checksum(network) != config.get('network_checksum'):
        raise UserError('--network=%s is not as it was when the run in %s was trained: restore the file, name it with '
                        '--network if it was moved, or name a new --run_dir' % (network, folder.path))


def check_data_dir(folder: RunFolder, settings: TrainSettings, run: TrainSettings) -> None:
    """Checks that the images of a run are where they were for the training, if they are to be read from there.

    Args:
      folder: the run.
      settings: those of the command.
      run: those of the run, as `read` returns them.
    Raises: UserError if that folder does not exist.
    """
    recorded = run.data_dir
    if recorded and settings.data_dir == recorded and not os.path.exists(recorded):
        raise UserError('%s names %s as the folder of the images, which does not exist here: give their folder with '
                        '--data_dir' % (folder.config, recorded))


def _differences(settings: TrainSettings, run: TrainSettings, names: Iterable[str]) -> List[str]:
    return ['--%s is %s there, not %s' % (name, getattr(run, name), getattr(settings, name))
            for name in sorted(names) if getattr(run, name) != getattr(settings, name)]


def with_run_values(settings: _Train, run: TrainSettings, names: Iterable[str]) -> _Train:
    """Settings of a command with the run's values of some settings.

    Raises: UserError if the user gave other values for these.
    """
    names = list(names)
    given = {name for name in settings.given if not (name in _MEASURED and getattr(settings, name) == 'auto')}
    different = _differences(settings, run, given & set(names))
    if different:
        raise UserError('--run_dir=%s is a run with other settings: %s. Remove these flags; the run determines them'
                        % (settings.run_dir, '; '.join(different)))
    values: Dict[str, Any] = {name: getattr(run, name) for name in names}
    return settings.replace(**values)


def for_run(settings: _Generator) -> _Generator:
    """Settings of a command that generates images, with what the run of --run_dir determines.

    By default they select the run's last checkpoint and its own batch-norm mode.
    Raises: UserError if there is no such run or checkpoint, or the user gave settings that contradict the run.
    """
    folder = RunFolder(settings.run_dir)
    run = read(folder)
    # A file with a network may have been moved: it is checked by its content.
    is_moved = 'network' in settings.given and not networks.is_built_in(run.network)
    settings = with_run_values(settings, run, (*_OF_THE_GENERATOR, *([] if is_moved else ['network'])))
    check_network(settings.network, folder)
    return settings.replace(checkpoint=named_checkpoint(folder, settings.checkpoint),
                            checkpoint_names=settings.checkpoint_names if settings.checkpoint else None,
                            bn_mode=settings.bn_mode or run.bn_mode)


def for_generator(settings: _Generator) -> _Generator:
    """Settings of a command that generates images, with what --run_dir or --checkpoint determines.

    Raises: UserError as `for_run` and `given_checkpoints.find` do.
    """
    if settings.run_dir:
        return for_run(settings)
    return settings.replace(checkpoint=given_checkpoints.find(settings.checkpoint)) if settings.checkpoint else settings


def for_run_and_data(settings: EvaluateSettings) -> EvaluateSettings:
    """Settings of an evaluation: those of `for_run`, and the dataset that the run was trained on.

    --data_dir says where the data lie, --skip_unreadable and --follow_links which of their files are read; by default
    as for the training.
    """
    settings = for_run(settings)
    folder = RunFolder(settings.run_dir)
    run = read(folder)
    names = [*_OF_THE_DATA, *(name for name in _OF_THE_FILES if name not in settings.given)]
    settings = with_run_values(settings.replace(data_dir=settings.data_dir or run.data_dir), run, names)
    check_data_dir(folder, settings, run)
    return settings


def for_evaluation_during_training(settings: TrainSettings) -> EvaluateSettings:
    """The settings with which the `evaluate` command scores a run of these settings, except for the checkpoint."""
    values = {name: getattr(settings, name) for name in (
        *_OF_THE_GENERATOR, *_OF_THE_DATA, *_OF_THE_FILES, 'network', 'run_dir', 'data_dir', 'bn_mode', 'cache_dir',
        'classifier_steps')}
    return EvaluateSettings(num_images=settings.evaluation_images, **values)
