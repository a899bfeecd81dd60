"""Runs a TensorFlow 1 script in this process, as `python SCRIPT.py` would, with everything put back."""
import importlib.util
import os
import re
import runpy
import sys
import threading
import traceback
from types import ModuleType
from typing import Any, List, NamedTuple, Optional

from dcgan_tf1.legacy import python2, source
from dcgan_tf1.legacy.put_back import old_names
from dcgan_tf1.legacy.put_back.importer import Importer
from dcgan_tf1.legacy.put_back.record import CannotPutBack, Record
from dcgan_tf1.legacy.session_runs import EnoughRuns
from dcgan_tf1.util.errors import UserError

_METHODS_OF_PYTHON_2 = {'has_key', 'iteritems', 'iterkeys', 'itervalues'}
_PACKAGE = os.path.dirname(os.path.abspath(__file__)) + os.sep
_PIP_NAMES = {'cv2': 'opencv-python-headless', 'skimage': 'scikit-image', 'PIL': 'pillow', 'sklearn': 'scikit-learn',
              'yaml': 'pyyaml', 'Image': 'pillow', 'bs4': 'beautifulsoup4'}


class Outcome(NamedTuple):
    """How a script ended."""

    status: int  # exit status
    message: str  # one line for the user; empty if the script ended by itself


def prepare(words: List[str], is_module: bool, convert: bool) -> Record:
    """Makes this process one in which the script can run.

    Args:
        words: the script and its arguments.
        is_module: whether the script is given as the name of a module.
        convert: whether its modules are Python 2.

    Raises:
        UserError: if a package is missing, or the module.
    """
    from dcgan_tf1.legacy.put_back import tensorflow1
    folder = os.getcwd() if is_module else source.folder(words[0])
    record = Record(folder)
    importer = Importer(record)
    sys.meta_path.insert(0, importer)
    old_names.install(importer, record)
    tensorflow1.install(importer, record)
    if convert:
        python2.install(record)
    sys.argv = words
    sys.path[0] = folder
    if is_module and not _is_importable(words[0]):
        raise UserError('there is no module %s: check its name' % words[0])
    return record


def _is_importable(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):  # of a package that should contain it, or of a name like ..x
        return False


def execute(script: str, is_module: bool, record: Record, convert: bool) -> Outcome:
    """Runs the script, or the module, and reports its errors on stderr, without the frames of this package."""
    try:
        if is_module:
            runpy.run_module(script, run_name='__main__', alter_sys=True)
        else:
            _execute_file(os.path.join(source.folder(script), os.path.basename(script)), convert)
        for thread in threading.enumerate():  # as Python would at its end
            if thread is not threading.current_thread() and not thread.daemon:
                thread.join()
        return Outcome(0, '')
    except EnoughRuns:
        return Outcome(0, '')
    except SystemExit as error:
        if error.code is not None and not isinstance(error.code, int):
            print(error.code, file=sys.stderr)
        return Outcome(error.code if isinstance(error.code, int) else int(error.code is not None), '')
    except KeyboardInterrupt:
        return Outcome(130, '')
    except BaseException as error:
        message = _explain(error, record, convert)
        if message is None:
            _print_traceback(error)
        return Outcome(1, message or '')


def _execute_file(path: str, convert: bool) -> None:
    module = ModuleType('__main__')
    module.__file__ = path
    sys.modules['__main__'] = module
    if path.endswith('.ipynb'):
        vars(module).update(source.NAMES_IN_NOTEBOOKS)
    for part in source.read(path):
        exec(python2.compile_source(part.text, part.path, convert, part.futures), vars(module))


def _explain(error: BaseException, record: Record, convert: bool) -> Optional[str]:
    """One line about an error that is not the script's own fault; None if it is."""
    place = _place(error, record)
    if isinstance(error, UserError):
        return '%s: %s' % (place, error)
    if isinstance(error, CannotPutBack):
        return '%s uses %s' % (place, error)
    if isinstance(error, SyntaxError) and record.is_of_script(str(error.filename)) and not convert:
        return '%s:%s: %s. If the script is Python 2, put --python2 before it' % (
            os.path.basename(str(error.filename)), error.lineno, error.msg)
    name = getattr(error, 'name', None) or ''.join(re.findall(
        r"(?:^name|has no attribute) '(\w+)'(?: is not defined)?", str(error)))  # Python 3.7 to 3.9 have it in the text
    names = _METHODS_OF_PYTHON_2 if isinstance(error, AttributeError) else python2.NAMES
    if isinstance(error, (ModuleNotFoundError, NameError, AttributeError)) and name in names and not convert:
        return '%s uses %s, which only Python 2 has: put --python2 before the script' % (place, name)
    if isinstance(error, TypeError) and 'only 0-dimensional arrays can be converted' in str(error):
        return ("%s takes an array with one element for a number, which NumPy has refused since version 2.4: write "
                "x.item(), or pip install 'numpy<2.4'" % place)
    if isinstance(error, ModuleNotFoundError) and error.name:
        top = error.name.split('.')[0]
        return '%s needs the module %s: pip install %s, or, if it is part of the script, complete its folder' % (
            place, error.name, _PIP_NAMES.get(top, top))
    return None


def _place(error: BaseException, record: Record) -> str:
    """'file.py:12', the innermost line of the script that led to the error."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if record.is_of_script(frame.filename):
            return '%s:%d' % (os.path.basename(frame.filename), frame.lineno or 0)
    return 'the script'


def _print_traceback(error: BaseException) -> None:
    lines: Any = traceback.TracebackException.from_exception(error)
    current = lines
    while current is not None:
        current.stack = traceback.StackSummary.from_list(
            [frame for frame in current.stack if not frame.filename.startswith((_PACKAGE, '<frozen'))])
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    print(''.join(lines.format()), end='', file=sys.stderr)
