"""Measurements that a script stores after each training, so that an interrupted script can continue."""
import copy
import json
import os
import sys
from typing import Any, Dict, List, Optional, Tuple, Union

from dcgan_tf1.util.errors import UserError
from dcgan_tf1.util.files import write_atomically

Key = Union[str, int]


def read_json(path: str, *default: Any) -> Any:
    """Reads a JSON file; returns the default, if one is given, if there is none. Raises UserError if it is damaged."""
    if default and not os.path.exists(path):
        return default[0]
    try:
        with open(path, encoding='utf-8') as file:
            return json.load(file)
    except ValueError as error:
        raise UserError('%s cannot be read (%s): fix or delete it' % (path, error)) from error


def write_json(path: str, content: Any, sort_keys: bool = False) -> None:
    """Writes a JSON file."""
    write_atomically(path, (json.dumps(content, indent=1, sort_keys=sort_keys) + '\n').encode())


def write_page(folder: str, text: str) -> None:
    """Writes the page of results, README.md."""
    write_atomically(os.path.join(folder, 'README.md'), text.encode())


class Measurements:
    """The file measurements.json: the script's settings, and values under keys of several parts."""

    def __init__(self, folder: str, settings: Dict[str, Any], **other: Any):
        """Reads the file if it exists.

        Args:
          folder: the results folder.
          settings: everything that must be equal for two measurements to belong together.
          other: further content of a new file.
        Raises:
          SystemExit: if the file was measured with other settings.
        """
        self._path = os.path.join(folder, 'measurements.json')
        self.content = {'settings': settings, **other, 'measured': {}}
        self.content = read_json(self._path, self.content)
        if self.content['settings'] != settings:
            sys.exit('error: %s was measured with %s, not with %s: use the same settings, or another '
                     '--output' % (self._path, self.content['settings'], settings))

    def has(self, *key: Key) -> bool:
        """Whether something is stored under this key."""
        return _join(key) in self.content['measured']

    def add(self, key: Tuple[Key, ...], values: Any, **other: Any) -> None:
        """Stores values (anything that JSON can hold) and writes the file.

        `other` updates the file's other content.
        """
        self.content['measured'][_join(key)] = values
        self.content.update(other)
        write_json(self._path, self.content, sort_keys=True)

    def with_values(self, values: Dict[Tuple[Key, ...], Any]) -> 'Measurements':
        """A copy with further values, {key: values}. Nothing is stored."""
        extended = copy.copy(self)
        extended.content = {**self.content, 'measured': {
            **self.content['measured'], **{_join(key): value for key, value in values.items()}}}
        return extended

    def values(self, *key: Optional[Key]) -> List[Any]:
        """The values of all matching keys, sorted by key. None matches any part."""
        return [values for _, values in self.items(*key)]

    def items(self, *key: Optional[Key]) -> List[Tuple[List[Key], Any]]:
        """Pairs (parts of the key, values) of all matching keys, sorted by key.

        Parts of digits become integers.
        """
        items = []
        for text, values in self.content['measured'].items():
            parts = text.split()
            if len(parts) == len(key) and all(
                    expected is None or str(expected) == part for expected, part in zip(key, parts)):
                items.append(([int(part) if part.isdigit() else part for part in parts], values))
        return sorted(items, key=lambda item: item[0])


def _join(key):
    return ' '.join(map(str, key))
