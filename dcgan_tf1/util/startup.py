"""What must happen in a process before it imports TensorFlow. `dcgan_tf1/__init__.py` does it."""
import contextlib
import gc
import glob
import importlib.abc
import importlib.machinery
import importlib.util
import os
import re
import sys
import tempfile
from typing import Any, Iterator

# How the lines of TensorFlow's C++ code begin, as in "I0000 00:00:1795592085.441347 8634 port.cc:153] …".
_NOTICE = re.compile(rb'[IWE]\d{4} \d|WARNING: All log messages before absl|To enable the following instructions')
_MODULE = 'module://'  # how MPLBACKEND names a backend that is a module of its own


def prepare() -> None:
    """Prepares the process. Doing it again changes nothing."""
    _open_missing_streams()
    os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '2' if glob.glob('/dev/nvidia*') else '3')
    if 'tensorflow' not in sys.modules and not any(isinstance(finder, _ImportOfTensorFlow) for finder in sys.meta_path):
        sys.meta_path.insert(0, _ImportOfTensorFlow())
    _forget_unusable_backend()


def _open_missing_streams() -> None:
    """Opens the null device where the process was started without standard input, output or error.

    Otherwise the next file that is opened becomes standard error, for example, and TensorFlow writes its messages into
    that file.
    """
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            # Takes the lowest descriptor that is free, which is this one.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)


class _ImportOfTensorFlow(importlib.abc.MetaPathFinder):
    """Imports TensorFlow quietly, and in half of the time: without Keras, and without searching for garbage.

    TensorFlow 2 ignores TF_CPP_MIN_LOG_LEVEL during the import. Errors are hidden only where there is no GPU, which is
    what they are about.
    """

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> Any:
        """Finds TensorFlow, once, as without this class."""
        if fullname != 'tensorflow':
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec and spec.loader:
            execute = spec.loader.exec_module

            def import_it(module: Any) -> None:
                with contextlib.ExitStack() as stack:
                    stack.enter_context(_without_garbage_collection())
                    stack.enter_context(_without_keras())
                    if os.environ.get('TF_CPP_MIN_LOG_LEVEL') in ('2', '3'):
                        stack.enter_context(_without_notices())
                    execute(module)
            spec.loader.exec_module = import_it  # type: ignore[method-assign]
        return spec


@contextlib.contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Python does not search for garbage in this block. Nor does it later search what was created in it."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        if was_enabled:
            gc.enable()


@contextlib.contextmanager
def _without_keras() -> Iterator[None]:
    """Keeps TensorFlow from importing Keras in this block. It does so later, when Keras is first used."""
    finder = _NoKeras()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


class _NoKeras(importlib.abc.MetaPathFinder):
    """Finds Keras, so that TensorFlow learns where it is, but cannot import it.

    This is for Keras 3, and for Keras 2 beside it (tf_keras). Older TensorFlows, with Keras 2 alone, import it at once.
    """

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> Any:
        """The specification of Keras; None for other modules."""
        if fullname not in ('keras', 'tf_keras'):
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname)
        if spec and spec.loader and spec.origin:
            is_old = fullname == 'keras' and not os.path.isdir(os.path.join(os.path.dirname(spec.origin), '_tf_keras'))
            if not is_old:
                spec.loader.exec_module = self._refuse  # type: ignore[method-assign]
        return spec

    @staticmethod
    def _refuse(module: Any) -> None:
        raise ImportError('%s is imported when it is first used' % module.__name__)


@contextlib.contextmanager
def _without_notices() -> Iterator[None]:
    """Holds back what is written to standard error, then writes it without notices; after an error, all of it."""
    with contextlib.ExitStack() as stack:
        try:
            held = stack.enter_context(tempfile.TemporaryFile())
        except OSError:  # a full disk, or only folders that are not writable: then the notices are shown
            yield
            return
        terminal = os.dup(2)
        stack.callback(os.close, terminal)
        stack.callback(os.dup2, terminal, 2)
        os.dup2(held.fileno(), 2)
        notice = _NOTICE
        try:
            yield
        except BaseException:
            notice = re.compile(b'(?!)')  # matches nothing
            raise
        finally:
            held.seek(0)
            lines = [line for line in held if not notice.match(line)]
            with contextlib.suppress(OSError):
                os.write(terminal, b''.join(lines))


def _forget_unusable_backend() -> None:
    """Removes MPLBACKEND if it names no backend that is installed, because Keras imports Matplotlib, which would fail.

    A program that a notebook starts inherits a value that may name a module of the notebook's environment.
    """
    backend = os.environ.get('MPLBACKEND')
    if backend and 'matplotlib' not in sys.modules:
        del os.environ['MPLBACKEND']
        with contextlib.suppress(ImportError, ValueError):
            if backend.startswith(_MODULE) and not importlib.util.find_spec(backend[len(_MODULE):]):
                return
            import matplotlib
            matplotlib.rcParams['backend'] = backend  # raises ValueError for a name that Matplotlib does not know
            os.environ['MPLBACKEND'] = backend
