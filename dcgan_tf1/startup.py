"""What must happen in a process before it imports TensorFlow. `dcgan_tf1/__init__.py` does it."""
import contextlib
import glob
import importlib.util
import os
import sys

_MODULE = 'module://'  # how MPLBACKEND names a backend that is a module of its own


def prepare() -> None:
    """Prepares the process. Doing it again changes nothing."""
    _open_missing_streams()
    _silence_tensorflow()
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


def _silence_tensorflow() -> None:
    """Hides TensorFlow's notices about the machine, and where there is no GPU also its error that there is none."""
    os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '2' if glob.glob('/dev/nvidia*') else '3')


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
