"""Command-line flags made from the settings dataclasses.

Only this module and the commands know absl.
"""
import dataclasses
import difflib
import os
import re
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple, Type, TypeVar

import numpy as np
from absl import flags

from dcgan_tf1.settings import recipes
from dcgan_tf1.settings.fields import Settings, Spec, shown, spec_of
from dcgan_tf1.settings.train import TrainSettings
from dcgan_tf1.util.errors import UserError
from dcgan_tf1.util.files import RUN_CONFIG, RUN_FLAGS

_AnySettings = TypeVar('_AnySettings', bound=Settings)


def define(settings_class: Type[Settings], flag_values: flags.FlagValues = flags.FLAGS) -> None:
    """Defines a flag for every setting of a class."""
    defaults = settings_class()
    for name, spec in _specs(settings_class).items():
        default = getattr(defaults, name)
        if spec.kind == 'choice':
            flags.DEFINE_enum(name, default, spec.choices, spec.help, flag_values=flag_values)
        elif spec.kind == 'list':
            flags.DEFINE_list(name, list(default), spec.help, flag_values=flag_values)
        else:
            _DEFINE[spec.kind](name, default, spec.help, flag_values=flag_values)


_DEFINE: Dict[str, Callable[..., Any]] = {
    'text': flags.DEFINE_string, 'path': flags.DEFINE_string, 'path_or_name': flags.DEFINE_string,
    'boolean': flags.DEFINE_boolean, 'integer': flags.DEFINE_integer, 'number': flags.DEFINE_float}


def _specs(settings_class: Type[Settings]) -> Dict[str, Spec]:
    return {field.name: spec_of(field) for field in dataclasses.fields(settings_class) if spec_of(field)}


def parse(settings_class: Type[_AnySettings], *arguments: str) -> _AnySettings:
    """The settings that a command has with these arguments ('--steps=100', …). Raises UserError."""
    flag_values = flags.FlagValues()
    define(settings_class, flag_values)
    words = parse_into(flag_values, ['command', *arguments])[1:]
    if words:
        raise UserError('%s is not a flag (flags look like --steps=1000)' % words[0])
    return from_flags(settings_class, flag_values)


def parse_into(flag_values: flags.FlagValues, argv: Sequence[str]) -> List[str]:
    """Parses a command line into `flag_values`; returns what is not a flag, after the command.

    Flags of the command line itself win over those in flag files, whatever the order, and they alone become `present`.
    Raises: UserError.
    """
    from_files, direct = expand_flag_files(argv[1:])
    try:
        words = flag_values([argv[0], *from_files])
        for name in flag_values:
            flag_values[name].present = 0
        recipe = _recipe_of(flag_values)
        words += flag_values([argv[0], *direct])[1:]
    except flags.Error as error:
        raise UserError(str(error).split('\n')[0]) from error
    if recipe and _recipe_of(flag_values) != recipe:
        raise UserError('--recipe=%s does not fit --flagfile, whose flags are for --recipe=%s: remove one of the two'
                        % (_recipe_of(flag_values), recipe))
    return words


def _recipe_of(flag_values: flags.FlagValues) -> Optional[str]:
    """The recipe that was given; None if there was none."""
    is_given = 'recipe' in flag_values and not flag_values['recipe'].using_default_value
    return flag_values['recipe'].value if is_given else None


def from_flags(settings_class: Type[_AnySettings], flag_values: flags.FlagValues) -> _AnySettings:
    """The settings that parsed flags describe. Raises UserError if they are not valid."""
    from_files = [name for name in settings_class.names() if not flag_values[name].present]
    return build(settings_class, _given(settings_class, flag_values), from_files)


def build(settings_class: Type[_AnySettings], given: Dict[str, Any], from_files: Sequence[str] = ()) -> _AnySettings:
    """Settings with these values, and for the rest the values of the recipe named among them, or the defaults.

    Where a setting may be None, that counts as not given: no flag could express it if the recipe has another value.
    `steps` becomes None where `epochs` determines the length of the run.

    Args:
      settings_class: their class.
      given: {name: value}.
      from_files: names of what only a flag file gives. There, `steps` does not count where the user gives `epochs`.
    Raises: UserError if a name or value is not valid.
    """
    specs = _specs(settings_class)
    unknown = sorted(set(given) - set(specs))
    if unknown:
        similar = difflib.get_close_matches(unknown[0], specs, 1)
        raise UserError('there is no setting %s%s: choose among %s' % (
            unknown[0], ' (did you mean %s?)' % similar[0] if similar else '', ', '.join(specs)))
    given = {name: _plain(value) for name, value in given.items() if not (value is None and specs[name].optional)}
    values = {**_recipe_values(given['recipe']), **given} if isinstance(given.get('recipe'), str) else given
    direct = frozenset(given).difference(from_files)
    counts = next((names for names in (direct, given, values) if {'steps', 'epochs'} & set(names)), ())
    if values.get('epochs') and 'steps' not in counts:
        values = {**values, 'steps': None}
    settings = settings_class(given=frozenset(given), given_directly=direct, **values)
    settings.validate()
    return settings


def _plain(value: Any) -> Any:
    """A value that a program gave, with Python's own types in the place of those of NumPy and pathlib."""
    if isinstance(value, (np.generic, np.ndarray)):
        value = value.tolist()
    if type(value) in (list, tuple):
        return tuple(map(_plain, value))
    return os.fspath(value) if isinstance(value, os.PathLike) else value


def _recipe_values(recipe: str) -> Dict[str, Any]:
    flag_values = flags.FlagValues()
    define(TrainSettings, flag_values)
    parse_into(flag_values, ['recipe', '--flagfile=' + recipes.flagfile(recipe)])
    return _given(TrainSettings, flag_values)


def _given(settings_class: Type[Settings], flag_values: flags.FlagValues) -> Dict[str, Any]:
    """{name: value} of the flags that the command line or a flag file set, in the types of the settings."""
    given = {name: flag_values[name].value for name in settings_class.names()
             if not flag_values[name].using_default_value}
    for name, spec in _specs(settings_class).items():
        if spec.kind == 'list' and name in given:
            given[name] = _items(name, given[name], spec)
    return given


def _items(name: str, texts: Sequence[str], spec: Spec) -> Tuple[Any, ...]:
    try:
        return tuple(map(spec.item, texts))
    except ValueError as error:
        raise UserError('--%s=%s %s' % (name, ','.join(texts), spec.requirement)) from error


def to_flags(settings: Settings) -> List[str]:
    """Settings as flags, which give the same settings when they are parsed."""
    return ['--%s=%s' % (name, shown(value)) for name, value in sorted(settings.as_dict().items()) if value is not None]


_BLANKS = ' \t\r\n'  # which do not count at the ends of a line
_MAX_DEPTH = 20  # of flag files that include each other
# How file names that are not UTF-8 become text and bytes again, as Python itself does it.
_ENCODING, _ERRORS = 'utf-8', 'surrogateescape'


def expand_flag_files(arguments: Sequence[str], including: Tuple[str, ...] = ()) -> Tuple[List[str], List[str]]:
    """The arguments in the files that --flagfile names, up to an argument --, and the other arguments.

    The flag file that a training wrote describes the run in its folder, wherever that was moved to: its last flag
    is that --run_dir.

    Args:
      arguments: without the command.
      including: the files that contain them.
    Raises: UserError if a file cannot be read.
    """
    from_files: List[str] = []
    others: List[str] = []
    remaining = iter(arguments)
    for argument in remaining:
        match = re.match(r'--?flagfile(=.*)?$', argument, re.S)
        if argument == '--':
            others += [argument, *remaining]
        elif match:
            path = match.group(1)[1:] if match.group(1) else next(remaining, None)
            if path is None:
                raise UserError('--flagfile names no file: use --flagfile=FILE')
            from_files += _flags_in(os.path.expanduser(path), including) if path else []
        else:
            others.append(argument)
    return from_files, others


def _flags_in(path: str, including: Tuple[str, ...]) -> List[str]:
    if os.path.realpath(path) in including or len(including) == _MAX_DEPTH:
        raise UserError('--flagfile=%s includes itself, or too many others: remove that line from it' % path)
    try:
        with open(path, encoding='utf-8-sig', errors=_ERRORS) as file:
            text = file.read()
    except OSError as error:
        raise UserError('--flagfile=%s cannot be read (%s): name a text file of flags'
                        % (path, error.strerror)) from error
    if '\0' in text:
        raise UserError('--flagfile=%s is not a text file in UTF-8: name another, or save it as that' % path)
    lines = [line.strip(_BLANKS) for line in text.split('\n')]
    inner, own = expand_flag_files([line for line in lines if line and not line.startswith(('#', '//'))],
                                   (*including, os.path.realpath(path)))
    flags = [*inner, *own]
    folder = os.path.dirname(path) or os.curdir
    is_of_a_run = os.path.basename(path) == RUN_FLAGS and os.path.exists(os.path.join(folder, RUN_CONFIG))
    return [*flags, '--run_dir=' + folder] if is_of_a_run else flags


def flag_file(flags: Sequence[str]) -> bytes:
    """The content of a flag file with these flags. Raises UserError for a flag that a line cannot hold."""
    for flag in flags:
        if flag != flag.strip(_BLANKS) or set(flag) & set('\r\n'):
            raise UserError('%s has a line break, or a space at its end, which a flag file cannot hold: name a file or '
                            'folder without' % flag)
    return ''.join(flag + '\n' for flag in flags).encode(_ENCODING, _ERRORS)
