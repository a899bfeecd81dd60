"""User-facing errors: one line that names the offending flag, file or value and says how to fix it."""
import contextlib
import re
from typing import Iterator


class UserError(Exception):
    """An error that the user can fix. Commands print only its message, and exit with its status."""

    status = 1


@contextlib.contextmanager
def add_filename(path: str) -> Iterator[None]:
    """Adds `path` to any OSError raised in this block that carries no filename.

    Errors of writing and flushing an open file, such as "No space left on device", carry none.
    """
    try:
        yield
    except OSError as error:
        if error.filename:
            raise
        raise OSError(error.errno, error.strerror, path) from error


def short_reason(error: Exception) -> str:
    """The informative line of a TensorFlow error: in 1.15 the first, in TensorFlow 2 the one after the op. With several
    workers, it is the one after the name of the worker."""
    message = (getattr(error, 'message', None) or str(error)).strip()
    match = re.search(r"^(?:Node: '.*'|From /job:.*:)\n(?!Detected at node|From /job:)(.*)", message, re.M)
    first_line = message.split('\n')[0] or type(error).__name__
    return (match.group(1) if match else first_line).split(' [[')[0]
