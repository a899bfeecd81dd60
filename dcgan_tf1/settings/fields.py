"""What settings dataclasses are made of: fields with a default, a help text and a check, and rules between fields.

`settings.py` declares settings with these functions, and `cli_flags.py` makes a command-line flag of each field.
"""
import dataclasses
import enum
import math
import os
import re
from typing import (
    Any,
    Callable,
    ClassVar,
    Dict,
    FrozenSet,
    Iterable,
    List,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
    TypeVar,
)

import numpy as np

from dcgan_tf1.util.errors import UserError

_URL = re.compile(r'[A-Za-z][A-Za-z0-9+.-]*://')
MAX_INT32 = 2 ** 31 - 1


class Role(enum.Enum):
    """What a setting means beside its value. Each is declared with the setting; `Settings.names(role)` lists them."""

    CHANGES_ON_RESUME = 'may differ when a run is resumed: no variable, grid or score depends on it'
    OF_EVALUATIONS = 'may differ when a run is resumed, as long as the run has no scores, which could not be compared'
    OF_A_WORKER = 'may differ between the workers of a run'
    MEASURED = "where its value is 'auto', a run measures, and records what it chose"
    OF_THE_GENERATOR = 'the run determines it wherever its generator is used'
    OF_THE_DATA = 'the run determines it wherever its images are used'
    OF_THE_FILES = 'which files of the dataset are read; by default as for the training'


class Spec(NamedTuple):
    """What a setting accepts. It is stored in the metadata of the dataclass field."""

    kind: str  # text, path, path_or_name, choice, boolean, integer, number or list
    help: str
    accepts: Callable[[Any], bool]  # whether a value, already of the right type, is valid
    requirement: str  # the end of the sentence '--flag=value …' where it is not
    optional: bool  # whether None is a value
    required: bool  # whether the user must give it
    choices: Optional[Tuple[str, ...]] = None
    roles: FrozenSet[Role] = frozenset()
    item: Optional[Callable[[str], Any]] = None  # of a list: makes a value of its text, or raises ValueError

    def is_valid(self, value: Any) -> bool:
        """Whether a value of the right type, or None, is valid."""
        return self.optional if value is None else self.accepts(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


_TYPE_CHECKS = {
    'text': lambda value: isinstance(value, str),
    'path': lambda value: isinstance(value, str),
    'path_or_name': lambda value: isinstance(value, str),
    'choice': lambda value: isinstance(value, str),
    'boolean': lambda value: isinstance(value, bool),
    'integer': lambda value: isinstance(value, int) and not isinstance(value, bool),
    'number': _is_number,
    'list': lambda value: isinstance(value, tuple),
}
_TYPE_NAMES = {'text': 'text', 'path': 'a path', 'path_or_name': 'a path', 'choice': 'text', 'boolean': 'true or false',
               'integer': 'a whole number', 'number': 'a number', 'list': 'a tuple'}


def spec_of(field: dataclasses.Field) -> Optional[Spec]:
    """The `Spec` of a field; None for a field that is not a setting."""
    return field.metadata.get('spec')


def _field(default: Any, kind: str, help: str, accepts: Callable[[Any], bool] = lambda value: True,
           requirement: str = '', choices: Optional[Sequence[str]] = None, required: bool = False,
           optional: Optional[bool] = None, roles: Sequence[Role] = (),
           item: Optional[Callable[[str], Any]] = None) -> Any:
    optional = default is None if optional is None else optional
    spec = Spec(kind, help, accepts, requirement, optional, required, tuple(choices) if choices else None,
                frozenset(roles), item)
    return dataclasses.field(default=default, metadata={'spec': spec})


def text(default: Optional[str], help: str, accepts: Callable[[str], bool] = lambda value: True,
         requirement: str = '', roles: Sequence[Role] = ()) -> Any:
    """A setting that is a string."""
    return _field(default, 'text', help, accepts, requirement, roles=roles)


def path(default: Optional[str], help: str, accepts: Callable[[str], bool] = lambda value: True,
         requirement: str = 'must not be empty', required: bool = False, or_name: bool = False,
         roles: Sequence[Role] = ()) -> Any:
    """A setting that is the path of a file or folder. A leading ~ or ~USER becomes that home folder, as in a shell.

    `or_name`: whether it may also be a name, such as that of a module, which means the same in every folder.
    """
    return _field(default, 'path_or_name' if or_name else 'path', help,
                  lambda value: bool(value.strip()) and '\0' not in value and accepts(value), requirement,
                  required=required, roles=roles)


def choice(default: Optional[str], choices: Iterable[str], help: str, roles: Sequence[Role] = ()) -> Any:
    """A setting that is one of some names."""
    names = sorted(choices)
    return _field(default, 'choice', help, lambda value: value in names, 'must be one of ' + ', '.join(names), names,
                  roles=roles)


def boolean(default: bool, help: str, roles: Sequence[Role] = ()) -> Any:
    """A setting that is true or false."""
    return _field(default, 'boolean', help, requirement='must be true or false', roles=roles)


def integer(default: Optional[int], lowest: int, help: str, highest: int = MAX_INT32,
            optional: Optional[bool] = None, roles: Sequence[Role] = ()) -> Any:
    """A setting that is a whole number between two bounds, both included."""
    return _field(default, 'integer', help, lambda value: lowest <= value <= highest,
                  'must be a whole number from %d to %d' % (lowest, highest), optional=optional, roles=roles)


def one_of_integers(default: int, allowed: Sequence[int], help: str, roles: Sequence[Role] = ()) -> Any:
    """A setting that is one of a few whole numbers."""
    return _field(default, 'integer', help, lambda value: value in allowed,
                  'must be ' + ' or '.join(map(str, allowed)), roles=roles)


def number(default: Optional[float], accepts: Callable[[float], bool], requirement: str, help: str,
           roles: Sequence[Role] = ()) -> Any:
    """A setting that is a finite number."""
    return _field(default, 'number', help, lambda value: _fits_float32(value, accepts), requirement, roles=roles)


def numbers(accepts: Callable[[float], bool], requirement: str, help: str) -> Any:
    """A setting that is a tuple of distinct finite numbers, by default empty."""
    return items((), float, lambda values: all(_is_number(value) and _fits_float32(value, accepts) for value in values),
                 requirement, help)


def items(default: Sequence[Any], item: Callable[[str], Any], accepts: Callable[[Tuple[Any, ...]], bool],
          requirement: str, help: str) -> Any:
    """A setting that is a tuple of distinct values, separated by commas on the command line.

    `item` makes a value of its text, or raises ValueError. `accepts` is called with the tuple.
    """
    return _field(tuple(default), 'list', help, lambda values: accepts(values) and len(set(values)) == len(values),
                  requirement, item=item)


def _fits_float32(value: float, accepts: Callable[[float], bool]) -> bool:
    """Whether a value is accepted both as it is and as float32, the type that graphs compute in."""
    with np.errstate(over='ignore'):
        try:
            rounded = float(np.float32(value))
        except OverflowError:
            return False
    return math.isfinite(rounded) and accepts(value) and accepts(rounded)


class Rule(NamedTuple):
    """A condition on several settings."""

    holds: Callable[[Any], bool]  # takes the settings
    message: str


def at_least_one_of(*names: str) -> Rule:
    """At least one of these settings must be given."""
    return Rule(lambda settings: any(getattr(settings, name) for name in names),
                'give one of --' + ', --'.join(names))


def allowed_only_if(names: Sequence[str], condition: Callable[[Any], bool], message: str) -> Tuple[Rule, ...]:
    """Each of these settings may be given only where the settings meet a condition."""
    def rule(name: str) -> Rule:
        return Rule(lambda settings: name not in settings.given or condition(settings), '--%s %s' % (name, message))
    return tuple(map(rule, names))


_Settings = TypeVar('_Settings', bound='Settings')


@dataclasses.dataclass(frozen=True)
class Settings:
    """What all settings have in common."""

    given: FrozenSet[str] = dataclasses.field(default=frozenset(), compare=False, repr=False)  # set by the user
    given_directly: FrozenSet[str] = dataclasses.field(  # not only in a flag file
        default=frozenset(), compare=False, repr=False)
    RULES: ClassVar[Tuple[Rule, ...]] = ()
    HELP_END: ClassVar[str] = ''  # a last paragraph of --help

    def __post_init__(self) -> None:
        for name, value in self._paths('path', 'path_or_name').items():
            object.__setattr__(self, name, os.path.expanduser(value))  # the way to set a field of a frozen dataclass

    def _paths(self, *kinds: str) -> Dict[str, str]:
        """{name: value} of the settings of these kinds that differ from their defaults."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)
                  if spec_of(field) and spec_of(field).kind in kinds and getattr(self, field.name) != field.default}
        return {name: value for name, value in values.items() if isinstance(value, str)}

    def with_absolute_paths(self: _Settings) -> _Settings:
        """A copy that means the same files in every working directory, except for the defaults."""
        return self.replace(**{name: os.path.abspath(value) for name, value in self._paths('path').items()})

    @classmethod
    def names(cls, role: Optional[Role] = None) -> List[str]:
        """Names of the settings, or of those with a role, in the order of their declaration."""
        specs = {field.name: spec_of(field) for field in dataclasses.fields(cls)}
        return [name for name, spec in specs.items() if spec and (role is None or role in spec.roles)]

    @classmethod
    def help_groups(cls) -> List[Tuple[str, List[str]]]:
        """(title, names of settings) of each group in --help."""
        return [('Flags', cls.names())]

    def as_dict(self) -> Dict[str, Any]:
        """{name: value} of all settings."""
        return {name: getattr(self, name) for name in self.names()}

    def replace(self: _Settings, **changes: Any) -> _Settings:
        """A copy with other values for some settings. They are not validated."""
        return dataclasses.replace(self, **changes)

    def validate(self) -> None:
        """Checks every value and every rule. Raises UserError for the first that fails."""
        for field in dataclasses.fields(self):
            spec, value = spec_of(field), getattr(self, field.name)
            if spec and value is None and spec.required:
                raise UserError('--%s is missing: %s' % (field.name, spec.help))
            if spec and value is not None and not _TYPE_CHECKS[spec.kind](value):
                raise UserError('--%s=%s must be %s, not of the type %s' % (
                    field.name, shown(value), _TYPE_NAMES[spec.kind], type(value).__name__))
            if spec and spec.kind in ('path', 'path_or_name') and _URL.match(value or ''):
                raise UserError('--%s=%s is a URL: name a path on this machine' % (field.name, value))
            if spec and not spec.is_valid(value):
                raise UserError('--%s=%s %s' % (field.name, shown(value), spec.requirement))
        for rule in self.RULES:
            if not rule.holds(self):
                raise UserError(rule.message)


def shown(value: Any) -> str:
    """A value as on the command line."""
    if isinstance(value, bool):
        return str(value).lower()
    return ','.join(map(str, value)) if isinstance(value, tuple) else str(value)
