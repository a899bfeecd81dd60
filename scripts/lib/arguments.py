"""Argument types for argparse. Each rejects invalid values with an error that names the argument."""
import argparse
import math
import os
from typing import Any, Callable, Container, Dict, List


def at_least(minimum: float, number_type: type = int) -> Callable[[str], Any]:
    """Returns a type for finite numbers that are not below `minimum`."""
    def number(text):
        value = number_type(text)
        if not minimum <= value < math.inf:
            raise argparse.ArgumentTypeError('%s must be %s or more' % (text, minimum))
        return value
    return number


def list_of(item_type: Callable[[str], Any]) -> Callable[[str], List[Any]]:
    """Returns a type for comma-separated lists."""
    def items(text):
        return [item_type(item.strip()) for item in text.split(',')]
    items.__name__ = 'list'  # argparse shows it in its errors
    return items


def one_of(names: Container[str]) -> Callable[[str], str]:
    """Returns a type for one of these names."""
    def name(text):
        if text not in names:
            raise argparse.ArgumentTypeError('unknown name "%s": choose from %s' % (text, ', '.join(names)))
        return text
    return name


def path(text: str) -> str:
    """A path that need not exist."""
    if not text.strip():
        raise argparse.ArgumentTypeError('the path is empty: name a file or folder')
    return text


def existing_folder(text: str) -> str:
    """The path of an existing folder."""
    if not os.path.isdir(text):
        raise argparse.ArgumentTypeError('%s is not a folder: name an existing folder' % text)
    return text


def steps_by_name(text: str) -> Dict[str, int]:
    """A comma-separated list of NAME=STEPS, such as graph_mode=3000,paper=100, as a dictionary."""
    steps = at_least(1)
    try:
        return {name: steps(value) for name, value in (item.split('=') for item in text.split(',') if item)}
    except ValueError:
        raise argparse.ArgumentTypeError(
            '%s must look like graph_mode=3000,sparse_softmax=1000' % text) from None


def command_line(module: str, parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> str:
    """The command that runs a script with these arguments, to be shown in its results.

    Leaves out arguments that have their default value, and --runs and --output, which do not change the
    results. Replaces the path of the dataset, which differs between machines.
    """
    parts = ['python -m ' + module]
    for action in parser._actions:
        name = action.dest
        if name in ('help', 'runs', 'output'):
            continue
        value = _text(getattr(arguments, name))
        if name == 'data_dir':
            parts.append('--data_dir=my/' + arguments.dataset)
        elif value != _text(action.default):
            parts.append('--%s=%s' % (name, value))
    return ' '.join(parts)


def _text(value):
    if isinstance(value, dict):
        return ','.join('%s=%s' % item for item in value.items())
    return ','.join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
