"""What --output names: checked before the work, so that no result of long work is lost."""
import contextlib
import os
import shutil
from typing import Iterator

from dcgan_tf1.errors import UserError
from dcgan_tf1.run_folder import is_device


def prepare(path: str, is_folder: bool = False) -> None:
    """Makes sure that --output can be written, and creates the folders above it.

    Args:
      path: the value of --output.
      is_folder: whether it names a new folder, not a file that may exist already.
    Raises: UserError.
    """
    if is_folder and os.path.lexists(path) and not (os.path.isdir(path) and not os.listdir(path)):
        raise UserError('--output=%s exists already: remove it, or name another folder' % path)
    if not is_folder and (os.path.isdir(path) or path.endswith(('/', os.sep))):
        raise UserError('--output=%s is a folder: name a file in it' % path)
    parent = os.path.dirname(os.path.abspath(path))
    try:
        os.makedirs(parent, exist_ok=True)
    except OSError as error:
        raise UserError('--output=%s: the folder %s cannot be created (%s): name a folder that you can write to'
                        % (path, parent, error.strerror)) from error
    if not os.access(path if os.path.exists(path) else parent, os.W_OK) or not (
            is_device(path) or os.access(parent, os.W_OK | os.X_OK)):
        raise UserError('--output=%s is write-protected: make it writable, or name another' % path)


@contextlib.contextmanager
def new_folder(path: str) -> Iterator[str]:
    """A folder to fill, which appears under its name when it is complete.

    Args:
      path: the folder, which does not exist or is empty (see `prepare`).
    Yields: its temporary path. What an earlier process left there is deleted.
    """
    partial = path.rstrip('/' + os.sep) + '.partial'
    shutil.rmtree(partial, ignore_errors=True)
    try:
        os.makedirs(partial)
        yield partial
        if os.path.isdir(path):
            os.rmdir(path)
        os.replace(partial, path)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
