"""What was measured about this machine, in a file of the user, so that it is measured once."""
import contextlib
import json
import math
import os
from typing import Any, Dict, Mapping, Optional

from dcgan_tf1.util import files
from dcgan_tf1.util.files import write_atomically

_LOCK_SECONDS = 1.  # to wait for another process, which holds the lock for some milliseconds


def default_path() -> Optional[str]:
    """The file in the user's cache folder ($XDG_CACHE_HOME or ~/.cache); None if the user has no home folder."""
    folder = os.environ.get('XDG_CACHE_HOME', '')
    if not os.path.isabs(folder):  # as that specification demands
        folder = os.path.join(os.path.expanduser('~'), '.cache')
    return os.path.join(folder, 'dcgan_tf1', 'timings.json') if os.path.isabs(folder) else None


class TimingsCache:
    """Named numbers that hold for one machine. Where the file cannot be read or written, this object keeps them."""

    def __init__(self, machine: str, path: Optional[str]) -> None:
        """Reads and creates no file yet.

        Args:
            machine: all that the numbers depend on, such as the processor and the version of TensorFlow.
            path: the file, or None for none.
        """
        self._machine, self._path = machine, path
        self._added: Dict[str, float] = {}

    def read(self) -> Dict[str, float]:
        """{name: number} of this machine."""
        return {**_numbers(self._content().get(self._machine)), **self._added}

    def add(self, values: Mapping[str, float]) -> Dict[str, float]:
        """Adds numbers. Those that another process added in the meantime stay, so that all processes agree.

        Returns: the numbers that hold for these names.
        """
        numbers = dict(values)
        if self._path and values:
            with contextlib.suppress(OSError):
                os.makedirs(os.path.dirname(self._path), exist_ok=True)
                with files.hold_lock(self._path + '.lock', seconds=_LOCK_SECONDS):
                    content = self._content()
                    numbers.update(_numbers(content.get(self._machine)))
                    content[self._machine] = numbers
                    write_atomically(self._path, (json.dumps(content, indent=1, sort_keys=True) + '\n').encode())
        added = {name: numbers[name] for name in values}
        self._added.update(added)
        return added

    def _content(self) -> Dict[str, Any]:
        try:
            with open(self._path, encoding='utf-8') as file:
                content = json.load(file)
        except (OSError, ValueError, TypeError, RecursionError):
            return {}  # there is no file, or it is damaged: it will be written again
        return content if isinstance(content, dict) else {}


def _numbers(values: Any) -> Dict[str, float]:
    """The entries of a dict that are positive finite numbers; {} for what is no dict."""
    return {name: value for name, value in values.items()
            if type(value) in (int, float) and 0 < value < math.inf} if isinstance(values, dict) else {}
