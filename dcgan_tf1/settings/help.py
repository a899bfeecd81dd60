"""The text of --help: the command's own flags first, then the others in groups."""
import dataclasses
import shutil
import textwrap
from typing import List, Type

from dcgan_tf1.settings.fields import Settings, shown, spec_of

_PLACEHOLDERS = {'text': 'TEXT', 'path': 'PATH', 'path_or_name': 'NAME', 'choice': 'NAME', 'integer': 'N',
                 'number': 'X', 'list': 'X,Y,…'}
_END = 'Everywhere: --flagfile=FILE reads flags from a file, one per line; --version; --help.'
_MAX_WIDTH = 100


def text(settings_class: Type[Settings], description: str) -> str:
    """What --help prints.

    Args:
      settings_class: the settings of the command.
      description: of the command, several lines.
    """
    lines = [description.strip()]
    for title, names in settings_class.help_groups():
        lines += ['', title + ':']
        for name in names:
            lines += _flag(settings_class, name)
    lines += ['', textwrap.fill(settings_class.HELP_END, _width())] if settings_class.HELP_END else []
    return '\n'.join([*lines, '', _END])


def _width() -> int:
    return min(_MAX_WIDTH, shutil.get_terminal_size().columns)


def form(field: dataclasses.Field) -> str:
    """How the flag of a setting is written, such as '--steps=N'."""
    kind = spec_of(field).kind
    return f'--{field.name}, --no{field.name}' if kind == 'boolean' else '--%s=%s' % (field.name, _PLACEHOLDERS[kind])


def default(field: dataclasses.Field) -> str:
    """The default of a setting, as one writes it in a flag; '' where it has none."""
    return '' if field.default in (None, (), '') else shown(field.default)


def details(field: dataclasses.Field) -> str:
    """What a setting means, with its choices."""
    spec = spec_of(field)
    return spec.help + ('. One of ' + ', '.join(spec.choices) if spec.choices else '')


def _flag(settings_class: Type[Settings], name: str) -> List[str]:
    field = next(field for field in dataclasses.fields(settings_class) if field.name == name)
    head = form(field) + (' (default: %s)' % default(field) if default(field) else '')
    return ['  ' + head, *textwrap.wrap(details(field), _width(), initial_indent=' ' * 6, subsequent_indent=' ' * 6)]
