"""The settings of a run on disk: reads and compares them."""
import hashlib
import os
from typing import Any, Dict, Iterable, List, Optional

from dcgan_tf1.model import networks
from dcgan_tf1.runs.folder import RunFolder, default_run_dir
from dcgan_tf1.settings.train import TrainSettings
from dcgan_tf1.util.errors import UserError


def run_dir(settings: TrainSettings) -> str:
    """The run folder that these settings name, by default after run (or network or recipe), dataset and seed."""
    name = settings.run_name or settings.recipe
    if not settings.run_name and not networks.is_built_in(settings.network):
        name = os.path.splitext(os.path.basename(settings.network))[0]
    return settings.run_dir or default_run_dir(name, settings.dataset, settings.seed)


def network_checksum(network: str) -> Optional[str]:
    """The md5 of the file that --network names, with the line ends of Unix; None for a network of this package.

    Raises: UserError if the file cannot be read.
    """
    path = None if networks.is_built_in(network) else networks.source(network)
    if path is None:
        return None
    try:
        return hashlib.md5(networks.content(path).replace(b'\r\n', b'\n')).hexdigest()
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
    raise UserError('%s is damaged or of another version (%s): restore it, or name another --run_dir'
                    % (path, '; '.join(problems[:3])))


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


def differences(settings: TrainSettings, run: TrainSettings, names: Iterable[str]) -> List[str]:
    return ['--%s is %s there, not %s' % (name, getattr(run, name), getattr(settings, name))
            for name in sorted(names) if getattr(run, name) != getattr(settings, name)]


