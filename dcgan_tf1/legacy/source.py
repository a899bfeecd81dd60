"""The source code of a script or of a notebook, in parts."""
import importlib.util
import io
import json
import linecache
import os
import re
import tokenize
from typing import List, NamedTuple

from dcgan_tf1.util.errors import UserError

_PYTHON_MAGIC = ('time', 'timeit', 'capture', 'prun')  # names of cell magic that runs the rest of the cell


class Part(NamedTuple):
    """Code that is executed at once: a whole script, or a cell of a notebook."""

    text: str
    path: str  # for tracebacks


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
    parts = [Part(_without_magic(text), '%s[cell %d]' % (path, number)) for number, text in cells]
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
    match = re.match(r'\s*%%(\w+).*', text)
    if match is None:
        return text
    return text[match.end():] if match.group(1) in _PYTHON_MAGIC else ''


def _without_magic(text: str) -> str:
    """Replaces the lines that only IPython understands, such as `%matplotlib inline`, `!ls` and `name?`."""
    lines: List[str] = []
    for line in text.splitlines():
        match = re.match(r'(\s*)([%!].*|\?\??[\w.]+|[\w.]+\?\??)\s*$', line)
        lines.append(match.group(1) + 'pass' if match and not _is_open('\n'.join(lines)) else line)
    return '\n'.join(lines) + '\n'


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
