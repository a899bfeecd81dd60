"""Writes docs/flags.md, the reference of all flags, from the settings of the commands.

  python -m scripts.flags_page
"""
import dataclasses
import os
from typing import Dict, Set, Tuple, Type

from dcgan_tf1.__main__ import COMMANDS
from dcgan_tf1.evaluate.settings import EvaluateSettings
from dcgan_tf1.explore.settings import ExploreSettings
from dcgan_tf1.export import ExportSettings
from dcgan_tf1.report import ReportSettings
from dcgan_tf1.sample.settings import SampleSettings
from dcgan_tf1.settings import cli, help
from dcgan_tf1.settings.fields import Settings, path
from dcgan_tf1.settings.train import TrainSettings
from dcgan_tf1.util import pages
from dcgan_tf1.util.files import write_atomically

SETTINGS: Dict[str, Type[Settings]] = {
    'train': TrainSettings, 'sample': SampleSettings, 'evaluate': EvaluateSettings, 'export': ExportSettings,
    'report': ReportSettings, 'explore': ExploreSettings}

_INTRODUCTION = '''# All flags

What `--help` of each command prints; `python -m scripts.flags_page` wrote this page from the settings classes. Defaults
are those of the recipe `sparse_softmax`; [each recipe](recipes.md) sets some of them ([flag files](../flags)).
Everywhere, `--flagfile=FILE` reads flags from a file, one per line. [`legacy`](old-scripts.md#flags) has its own flags.
'''


def page() -> str:
    """The content of the page."""
    text = _INTRODUCTION
    listed: Set[Tuple[str, str, str]] = set()  # what a table has already
    for command, settings in SETTINGS.items():
        text += '\n## %s\n\n`python -m dcgan_tf1.%s`: %s.\n' % (command, command, COMMANDS[command])
        fields = {field.name: field for field in dataclasses.fields(settings)}
        for title, names in settings.help_groups():
            keys = {name: (help.form(fields[name]), help.default(fields[name]), help.details(fields[name]))
                    for name in names}
            new = [name for name in names if keys[name] not in listed]
            known = ['`--%s`' % name for name in names if name not in new]
            text += '\n%s:\n\n' % title if new else ''
            if new:
                text += pages.markdown_table(['flag', 'default', 'meaning'], [
                    ['`%s`' % keys[name][0], '`%s`' % keys[name][1] if keys[name][1] else '', keys[name][2]]
                    for name in new])
            if known:
                text += '\n%s, as above: %s.\n' % (title, ', '.join(known))
            listed |= set(keys.values())
    return text


@dataclasses.dataclass(frozen=True)
class FlagsPageArguments(Settings):
    """Arguments of this script."""

    output: str = path(os.path.join('docs', 'flags.md'), 'file to write')


def main(arguments: FlagsPageArguments) -> int:
    """The script; returns the exit status."""
    write_atomically(arguments.output, page().encode())
    print(arguments.output)
    return 0


if __name__ == '__main__':
    cli.main(main, FlagsPageArguments)
