"""The source code of a script or of a notebook, in parts."""
import __future__

import importlib.util
import io
import json
import linecache
import os
import re
import tokenize
from typing import Any, Callable, FrozenSet, List, NamedTuple, Set, Tuple, Union

from dcgan_tf1.util.errors import UserError

_PYTHON_MAGIC = ('time', 'timeit', 'capture', 'prun')  # names of cell magic that runs the rest of the cell
_PYLAB = 'from matplotlib.pylab import *; import numpy as np, matplotlib.pyplot as plt'
# Lines that only IPython understands: (pattern, the same in Python). \\1 is the indentation.
_LINES: List[Tuple[Any, Union[str, Callable[[Any], str]]]] = [
    (re.compile(r'(\s*)%time\s+(\S.*)$'), r'\1\2'),
    (re.compile(r'(\s*)%pylab\b.*$'), r'\1' + _PYLAB),
    (re.compile(r'(\s*)([\w.]+)\s*=\s*!(.*)$'),
     lambda found: '%s%s = __import__("subprocess").getoutput(%r).splitlines()' % found.groups()),
    (re.compile(r'(\s*)([%!].*|\?\??[\w.]+|[\w.]+\?\??)\s*$'), r'\1pass'),
]
_FUTURE = re.compile(r'from\s+__future__\s+import\s+\(?([\w\s,]+)\)?\s*(?:#.*)?$')


class Part(NamedTuple):
    """Code that is executed at once: a whole script, or a cell of a notebook."""

    text: str
    path: str  # for tracebacks
    futures: FrozenSet[str] = frozenset()  # names that earlier cells, or any line of this one, import from __future__


class _IPython:
    """What `get_ipython()` returns: its commands are left out."""

    def __getattr__(self, name: str) -> Any:
        return lambda *args, **keywords: None


NAMES_IN_NOTEBOOKS = {'display': print, 'get_ipython': _IPython}


def read(path: str) -> List[Part]:
    """The parts of a script. Raises UserError if the file cannot be read."""
    try:
        with open(path, 'rb') as file:
            content = file.read()
        if not path.endswith('.ipynb'):
            return [Part(importlib.util.decode_source(content), path)]
        cells = _code_cells(json.loads(content.decode('utf-8')))
    except (OSError, ValueError, KeyError, SyntaxError) as error:
        raise UserError('%s cannot be read (%s): name a Python script or a notebook'
                        % (path, getattr(error, 'strerror', None) or error)) from error
    parts: List[Part] = []
    for number, text in cells:
        text, futures = _without_magic(text)
        parts.append(Part(text, '%s[cell %d]' % (path, number), futures.union(*[part.futures for part in parts])))
    for part in parts:  # so that tracebacks can show the lines
        linecache.cache[part.path] = (len(part.text), None, part.text.splitlines(True), part.path)
    return parts


def _code_cells(notebook: dict) -> List:
    """(number, text) of the code cells."""
    cells = notebook.get('cells') or [cell for sheet in notebook['worksheets'] for cell in sheet['cells']]
    texts = [(number, _without_cell_magic(''.join(cell.get('source', cell.get('input', '')))))
             for number, cell in enumerate(cells, 1) if cell['cell_type'] == 'code']
    return [(number, text) for number, text in texts if text.strip()]


def _without_cell_magic(text: str) -> str:
    """The Python code of a cell: nothing if its first line says that the rest is for another program."""
    match = re.match(r'\s*%%(\w+)(.*)', text)
    if match is None:
        return text
    content = text[match.end():]
    if match.group(1) in ('writefile', 'file'):
        words = match.group(2).split()
        return '__import__("io").open(%r, %r, encoding="utf-8").write(%r)' % (
            words[-1], 'a' if '-a' in words else 'w', content[1:] + '\n') if words else ''
    return content if match.group(1) in _PYTHON_MAGIC else ''


def _without_magic(text: str) -> Tuple[str, FrozenSet[str]]:
    """Replaces the lines that only IPython understands, such as `%matplotlib inline`, `!ls` and `name?`.

    IPython also takes imports from `__future__` anywhere in a cell: they are replaced, too, and their names returned.
    """
    lines: List[str] = []
    futures: Set[str] = set()
    for line in text.splitlines():
        future = _FUTURE.match(line)
        names = set(re.findall(r'\w+', future.group(1))) if future else set()
        pattern, new = next(((pattern, new) for pattern, new in _LINES if pattern.match(line)), (None, ''))
        if (pattern or names) and not _is_open('\n'.join(lines)):
            if names and names <= {*__future__.all_feature_names}:
                futures |= names
                line = 'pass'
            elif pattern:
                line = pattern.sub(new, line)
        lines.append(line)
    return '\n'.join(lines) + '\n', frozenset(futures)


def _is_open(text: str) -> bool:
    """Whether the next line continues a statement or a string: a % there is an operator, or a character."""
    try:
        list(tokenize.generate_tokens(io.StringIO(text + '\n').readline))
    except tokenize.TokenError:
        return True
    except SyntaxError:
        pass
    return text.endswith('\\')


def folder(path: str) -> str:
    """The folder whose modules the script can import."""
    return os.path.dirname(os.path.realpath(path))
