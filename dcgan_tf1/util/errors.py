"""User-facing errors: one line that names the offending flag, file or value and says how to fix it."""
import contextlib
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
