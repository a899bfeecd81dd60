"""Writes files and folders, of which readers never see a part, and locks between processes."""
import contextlib
import errno
import math
import os
import re
import shutil
import time
import uuid
from typing import IO, Callable, Collection, Iterator, Sequence, Union

from dcgan_tf1.util.errors import UserError, short_reason

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore

_POLL_SECONDS = 0.01  # between attempts to get a lock
_TEMPORARY = re.compile(r'\.dcgan_tf1-[0-9a-f]{8}\.partial$')  # a name that no other program gives
_ABANDONED_SECONDS = 3600  # no process needs that long from one write to the next
# By these two, a folder is recognized as that of a run.
RUN_CONFIG, RUN_FLAGS = 'config.json', 'train.flags'
RUN_SAMPLES = 'samples'  # its folder of grids


def write_atomically(path: str, content: Union[bytes, memoryview]) -> None:
    """Writes a temporary file, then renames it: readers see the old content or the new, never a part.

    A link is followed. What is not a file, such as a pipe or /dev/null, is written directly.
    Raises: OSError that names the file.
    """
    target = os.path.realpath(path) if os.path.islink(path) else path
    try:
        if is_device(path):
            with open(path, 'ab') as file:
                file.write(content)
            return
        with replacement(target) as partial, open(partial, 'wb') as file:
            file.write(content)
    except OSError as error:
        raise OSError(error.errno, error.strerror, path) from error


@contextlib.contextmanager
def replacement(path: str) -> Iterator[str]:
    """Yields the path of a temporary file, which takes the place of a file when the block ends without an error.

    Its content is on the disk before that. So there is the old one or the new one even after a power cut.
    """
    partial = _temporary_path(path)
    try:
        yield partial
        _sync(partial)
        os.replace(partial, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.remove(partial)
        raise


def sync(paths: Sequence[str]) -> None:
    """Waits until files of one folder, and their names, are on the disk. Raises OSError."""
    for path in paths:
        _sync(path)
    with contextlib.suppress(OSError):  # not every system can do this
        descriptor = os.open(os.path.dirname(paths[0]), os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _sync(path: str) -> None:
    with open(path, 'rb+') as file:
        os.fsync(file.fileno())


def _temporary_path(path: str) -> str:
    """A new name beside a file or folder, so that no two writers share one."""
    return '%s.dcgan_tf1-%s.partial' % (path.rstrip('/' + os.sep), uuid.uuid4().hex[:8])


def is_temporary(name: str) -> bool:
    """Whether a file or folder of this name is one that a process has not finished."""
    return bool(_TEMPORARY.search(name))


def remove_abandoned(folder: str, seconds: float = _ABANDONED_SECONDS) -> None:
    """Deletes the temporary files and folders that killed processes left in a folder.

    Args:
      folder: the folder, which need not exist.
      seconds: for how long they must not have changed. 0 is right where no other process can be writing.
    """
    with contextlib.suppress(OSError):  # they only take space
        for name in filter(is_temporary, os.listdir(folder)):
            path = os.path.join(folder, name)
            if time.time() - os.lstat(path).st_mtime >= seconds:
                if os.path.isdir(path) and not os.path.islink(path):
                    shutil.rmtree(path)
                else:
                    os.remove(path)


def is_device(path: str) -> bool:
    """Whether a path stands for a pipe, a terminal or another device, not for a file that can be replaced."""
    is_other = os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path)
    # Links to what is being written, which may be a file.
    return is_other or path in ('/dev/stdout', '/dev/stderr') or path.startswith(('/dev/fd/', '/proc/self/fd/'))


def is_run_folder(names: Collection[str]) -> bool:
    """Whether a folder that contains files of these names is that of a run."""
    return RUN_CONFIG in names and RUN_FLAGS in names


def prepare_output(path: str, is_folder: bool = False) -> None:
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
        parent = os.path.dirname(os.path.abspath(path))
        os.makedirs(parent, exist_ok=True)
        remove_abandoned(parent)
        if os.path.exists(path) and not os.access(path, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        if not is_device(path):
            partial = _temporary_path(path)
            with open(partial, 'wb'):
                pass
            os.remove(partial)
    except OSError as error:
        raise UserError('--output=%s cannot be written (%s: %s): make that writable, or name another place'
                        % (path, error.filename, error.strerror)) from error


def check_can_create(path: str) -> None:
    """Raises OSError if a folder, which may exist, or files in it could not be created."""
    existing = os.path.abspath(path)
    while not os.path.lexists(existing):
        existing = os.path.dirname(existing)
    code = 0 if os.access(existing, os.W_OK | os.X_OK) else errno.EACCES
    code = code if os.path.isdir(existing) else errno.ENOTDIR
    if code:
        raise OSError(code, os.strerror(code), existing)


@contextlib.contextmanager
def new_folder(path: str) -> Iterator[str]:
    """A folder to fill, which appears under its name when it is complete.

    Args:
      path: the folder, which does not exist or is empty (see `prepare_output`).
    Yields: its temporary path.
    Raises: UserError if it cannot be written.
    """
    import tensorflow.compat.v1 as tf  # takes seconds, and others need this module without it
    partial = _temporary_path(path)
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


@contextlib.contextmanager
def hold_lock(path: str, on_taken: Callable[[str], None] = lambda holder: None,
              seconds: float = math.inf) -> Iterator[None]:
    """Holds a lock, until the block is left or this process ends. Does nothing where locks are not supported.

    Args:
      path: the file of the lock, which contains the process ID of its holder.
      on_taken: called with that ID if another process holds the lock. If it returns, this process waits.
      seconds: how long it waits at most.
    Raises: BlockingIOError if another process still holds the lock then.
    """
    with open(path, 'a+', encoding='utf-8') as file:
        try:
            if fcntl:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            on_taken(file.read().strip())
            _wait(file, seconds)
        except OSError:
            pass  # the file system does not support locks
        file.truncate(0)
        file.write('%d\n' % os.getpid())
        file.flush()
        yield


def _wait(file: IO[str], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise
            time.sleep(_POLL_SECONDS)
