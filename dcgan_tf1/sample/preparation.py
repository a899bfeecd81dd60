"""The settings of commands that use a trained generator, completed with those of its run."""
from typing import Any, Dict, Iterable, TypeVar

from dcgan_tf1.model import networks
from dcgan_tf1.runs.checkpoints import loading
from dcgan_tf1.runs.checkpoints.saving import named_checkpoint
from dcgan_tf1.runs.folder import RunFolder
from dcgan_tf1.runs.saved_settings import check_network, differences, read
from dcgan_tf1.sample.settings import GeneratorSettings
from dcgan_tf1.settings.fields import Role
from dcgan_tf1.settings.train import TrainSettings
from dcgan_tf1.util.errors import UserError

_Train = TypeVar('_Train', bound=TrainSettings)


_Generator = TypeVar('_Generator', bound=GeneratorSettings)


def with_run_values(settings: _Train, run: TrainSettings, names: Iterable[str]) -> _Train:
    """Settings of a command with the run's values of some settings.

    Raises: UserError if the user gave other values for these.
    """
    names = list(names)
    measured = settings.names(Role.MEASURED)
    given = {name for name in settings.given if not (name in measured and getattr(settings, name) == 'auto')}
    different = differences(settings, run, given & set(names))
    if different:
        raise UserError('--run_dir=%s is a run with other settings: %s. Remove these flags; the run determines them'
                        % (settings.run_dir, '; '.join(different)))
    values: Dict[str, Any] = {name: getattr(run, name) for name in names}
    return settings.replace(**values)


def for_run(settings: _Generator) -> _Generator:
    """Settings of a command that generates images, with what the run of --run_dir determines.

    By default they select the run's last checkpoint, its own batch-norm mode and number of standing batches.
    Raises: UserError if there is no such run or checkpoint, or the user gave settings that contradict the run.
    """
    folder = RunFolder(settings.run_dir)
    run = read(folder)
    # A file with a network may have been moved: it is checked by its content.
    is_moved = 'network' in settings.given and not networks.is_built_in(run.network)
    settings = with_run_values(settings, run, [*settings.names(Role.OF_THE_GENERATOR), *['network'] * (not is_moved)])
    check_network(settings.network, folder)
    return settings.replace(checkpoint=named_checkpoint(folder, settings.checkpoint),
                            checkpoint_names=settings.checkpoint_names if settings.checkpoint else None,
                            bn_mode=settings.bn_mode or run.bn_mode, standing_batches=(
                                settings if 'standing_batches' in settings.given else run).standing_batches)


def for_generator(settings: _Generator) -> _Generator:
    """Settings of a command that generates images, with what --run_dir or --checkpoint determines.

    Raises: UserError as `for_run` and `loading.find` do.
    """
    if settings.run_dir:
        return for_run(settings)
    return settings.replace(checkpoint=loading.find(settings.checkpoint)) if settings.checkpoint else settings
