"""What --output names: checked before the work, so that no result of long work is lost."""
import contextlib
import errno
import os
import shutil
from typing import Iterator

import tensorflow.compat.v1 as tf

from dcgan_tf1.util.errors import UserError, short_reason
from dcgan_tf1.util.files import is_device


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
    try:
        os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
        if os.path.exists(path) and not os.access(path, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        partial = path.rstrip('/' + os.sep) + '.partial'
        if not is_device(path) and not os.path.lexists(partial):
            with open(partial, 'wb'):
                pass
            os.remove(partial)
    except OSError as error:
        raise UserError('--output=%s cannot be written (%s: %s): make that writable, or name another place'
                        % (path, error.filename, error.strerror)) from error


@contextlib.contextmanager
def new_folder(path: str) -> Iterator[str]:
    """A folder to fill, which appears under its name when it is complete.

    Args:
      path: the folder, which does not exist or is empty (see `prepare`).
    Yields: its temporary path. What an earlier process left there is deleted.
    Raises: UserError if it cannot be written.
    """
    partial = path.rstrip('/' + os.sep) + '.partial'
    shutil.rmtree(partial, ignore_errors=True)
    try:
        os.makedirs(partial)
        yield partial
        if os.path.isdir(path):
            os.rmdir(path)
        os.replace(partial, path)
    except (OSError, tf.errors.OpError) as error:
        raise UserError('--output=%s cannot be written (%s): free some space, or name a folder that is writable'
                        % (path, getattr(error, 'strerror', None) or short_reason(error))) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
