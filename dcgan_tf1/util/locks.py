"""Locks between processes: files that one process at a time holds."""
import contextlib
import math
import os
import time
from typing import IO, Callable, Iterator

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore


_POLL_SECONDS = 0.01


@contextlib.contextmanager
def hold(path: str, on_taken: Callable[[str], None] = lambda holder: None, seconds: float = math.inf) -> Iterator[None]:
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
