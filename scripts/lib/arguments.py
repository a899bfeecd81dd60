"""The arguments of scripts: settings like those of the package's commands, with some more kinds of fields."""
import dataclasses
import os
from typing import Any, Iterable, NamedTuple, Optional, Sequence

from dcgan_tf1.settings.fields import Settings, choice, integer, items, path, shown
from dcgan_tf1.settings.train import PRECISIONS, module_names
from scripts.lib.paths import results_folder


def existing_folder(default: Optional[str], help: str, required: bool = False) -> Any:
    """A setting that is an existing folder."""
    return path(default, help, lambda value: os.path.isdir(value), 'is not a folder: name an existing folder', required)


def output_folder(*names: str) -> Any:
    """The setting --output, by default a folder in results/."""
    return path(results_folder(*names), 'folder for the results')


def names(default: Sequence[str], choices: Iterable[str], help: str) -> Any:
    """A setting that is some of these names. It may be empty if it is so by default."""
    return items(default, str, lambda values: set(values) <= set(choices) and bool(values or not default),
                 'must be of ' + ', '.join(choices), help)


def integers(default: Sequence[int], lowest: int, help: str) -> Any:
    """A setting that is one or more whole numbers."""
    return items(default, int, lambda values: bool(values) and min(values) >= lowest,
                 'must be whole numbers, each %d or more' % lowest, help)


class Length(NamedTuple):
    """Of one training."""

    name: str
    steps: int

    def __str__(self) -> str:
        return '%s=%d' % self


def lengths(default: Sequence[Length], choices: Iterable[str], help: str) -> Any:
    """A setting that is some trainings with their numbers of steps."""
    def length(text: str) -> Length:
        name, steps = text.split('=')
        return Length(name, int(steps))
    return items(default, length, lambda values: all(name in choices and steps > 0 for name, steps in values),
                 'must look like graph_mode=3000,sparse_softmax=1000, with names of ' + ', '.join(choices), help)


@dataclasses.dataclass(frozen=True)
class ExperimentArguments(Settings):
    """Arguments of the experiments that train runs and score their images."""

    data_dir: Optional[str] = existing_folder(None, 'folder of the dataset')
    dataset: str = choice('mnist', module_names('data'), 'dataset of the trainings')
    precision: str = choice('float32', PRECISIONS, 'of the trainings')
    batch_size: Optional[int] = integer(None, 2, 'default: that of each recipe')
    classifier_steps: int = integer(2345, 1, 'steps of the classifier that scores')


def command_line(module: str, arguments: Settings) -> str:
    """The command that runs a script with these arguments, to be shown in its results.

    Leaves out those that have their default value, and --runs and --output, which do not change the results. Replaces
    the path of the dataset, which differs between machines.
    """
    defaults = type(arguments)()
    changed = {name: value for name, value in arguments.as_dict().items()
               if value != getattr(defaults, name) and name not in ('runs', 'output')}
    if 'data_dir' in changed:
        changed['data_dir'] = 'my/' + changed.get('dataset', defaults.dataset)
    return ' '.join(['python -m ' + module, *('--%s=%s' % (name, shown(value)) for name, value in changed.items())])
