"""What was put back for a script, and where the script uses it."""
import importlib
import os
import sys
from typing import Any, Dict, List, NamedTuple, Optional

# What tf.keras and tf.layers need without this package, on TensorFlow 2.16 and later.
TF_KERAS = 'pip install tf_keras, and set the environment variable TF_USE_LEGACY_KERAS=1 before TensorFlow is imported'
LAYERS = TF_KERAS + '; or use the layers of dcgan_tf1.layers'
_MAX_PLACES = 4  # places listed for each entry
_LEGACY = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_INTERNAL = (_LEGACY + os.sep, '<frozen importlib', os.path.dirname(importlib.__file__) + os.sep)
# Modules that are not the script's, even if its folder contains them, as a home folder may contain Python itself.
_NOT_OF_SCRIPT = (os.path.dirname(_LEGACY) + os.sep,
                  *(os.path.join(os.path.dirname(path), '') for path in (os.__file__, os.path.realpath(os.__file__))))


class CannotPutBack(Exception):
    """Something that a script needs, and that is neither installed nor put back. The message says what it is."""


class MissingName(CannotPutBack, AttributeError):
    """The same, as the AttributeError that scripts catch."""


class MissingModule(CannotPutBack, ImportError):
    """The same, as the ImportError that scripts catch."""


class Entry(NamedTuple):
    """One thing that was put back."""

    name: str
    instead: str  # what to write instead
    places: List[str]  # 'file.py:12'


class Record:
    """The list of everything that was put back for the script of a folder, which may add others to `sys.path`."""

    def __init__(self, folder: str) -> None:
        self._folder = os.path.join(os.path.abspath(folder), '')
        self._search_path = frozenset(sys.path)  # what the script adds to it are folders of its own
        self._entries: Dict[str, Entry] = {}

    def add(self, name: str, instead: str, per_file: bool = False, through_libraries: bool = False) -> None:
        """Notes that the script uses `name`, in a line or, with `per_file`, anywhere in a file.

        Uses by other libraries are not noted: the user cannot change them. With `through_libraries`, the line of the
        script that called the library is.
        """
        place = self.place(through_libraries)
        if place is None:
            return
        if per_file:
            place = place.rsplit(':', 1)[0]
        places = self._entries.setdefault(name, Entry(name, instead, [])).places
        if place not in places:
            places.append(place)

    def place(self, through_libraries: bool = False) -> Optional[str]:
        """'file.py:12', the line of the script that called this package or imports; None if a library did."""
        frame = sys._getframe(1)
        while frame is not None:
            path = frame.f_code.co_filename
            if self.is_of_script(path):
                return '%s:%d' % (os.path.relpath(os.path.normpath(path), self._folder), frame.f_lineno)
            if not through_libraries and not path.startswith(_INTERNAL):
                return None
            frame = frame.f_back
        return None

    def is_of_script(self, path: str) -> bool:
        """Whether a source file is one of the script's, and not of a library or of this package."""
        path = os.path.normpath(path)
        folders = (self._folder, *(os.path.join(os.path.abspath(added), '') for added in sys.path
                                   if isinstance(added, str) and added and added not in self._search_path))
        return (path.startswith(folders) and 'site-packages' not in path and 'dist-packages' not in path
                and not path.startswith(_NOT_OF_SCRIPT))

    def entries(self) -> List[Entry]:
        """Everything that was put back, by name."""
        return [self._entries[name] for name in sorted(self._entries)]

    def text(self) -> str:
        """The list for the user; empty if nothing was put back."""
        if not self._entries:
            return ''
        lines = ['Put back, and what to write instead:']
        for entry in self.entries():
            more = len(entry.places) - _MAX_PLACES
            places = ', '.join(entry.places[:_MAX_PLACES]) + (' and %d more' % more if more > 0 else '')
            lines += ['  %s  (%s)' % (entry.name, places), '      %s' % entry.instead]
        if any('tf.layers.' in entry.instead for entry in self.entries()):
            lines.append('  For tf.layers on TensorFlow 2.16 and later: ' + LAYERS)
        return '\n'.join(lines)

    def as_json(self) -> List[Dict[str, Any]]:
        """The list as JSON objects."""
        return [dict(entry._asdict()) for entry in self.entries()]
