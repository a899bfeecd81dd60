"""`tf.contrib.training.HParams`: named values that a command line can change. Written from its documentation."""
import json
import re
from typing import Any, Dict

_ASSIGNMENT = re.compile(r'\s*(\w+)\s*=\s*(\[[^\]]*\]|[^,\[\]]*)\s*(?:,|$)')


class HParams:
    """Hyperparameters, as attributes."""

    def __init__(self, hparam_def: Any = None, model_structure: Any = None, **values: Any) -> None:
        if hparam_def is not None:
            raise NotImplementedError('HParams(hparam_def=…) is not put back')
        self._names: Dict[str, bool] = {}  # {name: whether it is a list}
        self._model_structure = model_structure
        for name, value in values.items():
            self.add_hparam(name, value)

    def add_hparam(self, name: str, value: Any) -> None:
        """Adds a hyperparameter."""
        if getattr(self, name, None) is not None:
            raise ValueError('Hyperparameter name is reserved: %s' % name)
        self._names[name] = isinstance(value, (list, tuple))
        if self._names[name] and not value:
            raise ValueError('Multi-valued hyperparameters cannot be empty: %s' % name)
        setattr(self, name, list(value) if self._names[name] else value)

    def set_hparam(self, name: str, value: Any) -> None:
        """Changes a hyperparameter. Its type stays."""
        if isinstance(value, (list, tuple)) != self._names[name]:
            raise ValueError('The hyperparameter %s is %s list' % (name, 'a' if self._names[name] else 'no'))
        old = getattr(self, name)
        setattr(self, name, [_converted(name, part, old[0]) for part in value] if self._names[name]
                else _converted(name, value, old))

    def del_hparam(self, name: str) -> None:
        """Removes a hyperparameter."""
        delattr(self, name)
        del self._names[name]

    def parse(self, values: str) -> 'HParams':
        """Changes what a string names: 'rate=0.1,sizes=[3, 5]'."""
        position = 0
        while position < len(values):
            match = _ASSIGNMENT.match(values, position)
            if match is None:
                raise ValueError('Malformed hyperparameter value: %s' % values[position:])
            name, text = match.groups()
            if name not in self._names:
                raise ValueError('Unknown hyperparameter: %s' % name)
            old = getattr(self, name)
            if self._names[name]:
                setattr(self, name, [_parsed(name, part, old[0]) for part in text.strip('[] ').split(',')])
            else:
                setattr(self, name, _parsed(name, text, old))
            position = match.end()
        return self

    def override_from_dict(self, values_dict: Dict[str, Any]) -> 'HParams':
        """Changes several hyperparameters."""
        for name, value in values_dict.items():
            self.set_hparam(name, value)
        return self

    def parse_json(self, values_json: str) -> 'HParams':
        """Changes what a JSON object names."""
        return self.override_from_dict(json.loads(values_json))

    def values(self) -> Dict[str, Any]:
        """All hyperparameters."""
        return {name: getattr(self, name) for name in self._names}

    def get(self, key: str, default: Any = None) -> Any:
        """A hyperparameter, or the default if there is none of this name."""
        return getattr(self, key) if key in self._names else default

    def to_json(self, indent: Any = None, separators: Any = None, sort_keys: bool = False) -> str:
        """All hyperparameters, as JSON."""
        return json.dumps(self.values(), indent=indent, separators=separators, sort_keys=sort_keys)

    def __contains__(self, key: str) -> bool:
        return key in self._names

    def __repr__(self) -> str:
        return 'HParams(%s)' % sorted(self.values().items())


def _converted(name: str, value: Any, old: Any) -> Any:
    if old is None or value is None or type(value) is type(old):
        return value
    if isinstance(old, float) and type(value) is int:
        return float(value)
    raise ValueError('Could not cast hyperparameter %r of type %s from value %r' % (name, type(old).__name__, value))


def _parsed(name: str, text: str, old: Any) -> Any:
    text = text.strip()
    try:
        if isinstance(old, bool):
            return bool(int({'true': '1', 'True': '1', 'false': '0', 'False': '0'}.get(text, text)))
        return text if old is None else type(old)(text)
    except ValueError as error:
        raise ValueError('Could not parse hyperparameter %r of type %s with value: %s'
                         % (name, type(old).__name__, text)) from error
