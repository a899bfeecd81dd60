"""What fuzz targets have in common."""
import contextlib
import io
import os
import warnings
from typing import Any, Callable

from hypothesis import strategies as st

from dcgan_tf1.settings.cli import exit_status

REJECTED = None


def outcome(read: Callable[[], Any], *names: str) -> Any:
    """Calls a reader as the commands do. Returns its result, or REJECTED if it ended in an error for the user.

    Raises: AssertionError if the error is not one line that contains one of `names`, and what else `read` raises.
    """
    results, errors = [], io.StringIO()
    with contextlib.redirect_stderr(errors), warnings.catch_warnings():
        warnings.simplefilter('ignore')
        status = exit_status(lambda: results.append(read()) or 0)
    if not status:
        return results[0]
    message = errors.getvalue().rstrip('\n').split('error: ', 1)[-1]
    assert status == 1 and '\n' not in message, message
    assert any(' '.join(name.splitlines()) in message for name in names), message
    return REJECTED


class Target:
    """A reader of files.

    Attributes:
      inputs: the strategy that draws inputs for `read`.
      share: what share of the inputs of a fast target this one gets.
    """
    inputs: st.SearchStrategy
    share = 1.

    def __init__(self, folder: str):
        """`folder`: an empty folder for files."""
        self.folder = folder

    def read(self, drawn: Any) -> bool:
        """Writes what was drawn to files and reads them as the program does.

        Returns: whether they were accepted.
        Raises: AssertionError if the error or the result is wrong.
        """
        raise NotImplementedError

    def path(self, *names: str) -> str:
        """A path below the folder."""
        return os.path.join(self.folder, *names)

    def write(self, content: bytes, *names: str) -> str:
        """Writes a file below the folder; returns its path."""
        path = self.path(*names)
        with open(path, 'wb') as file:
            file.write(content)
        return path
