"""Locks between processes: files that one process at a time holds."""
import contextlib
import os
from typing import Callable, Iterator

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore


@contextlib.contextmanager
def hold(path: str, on_taken: Callable[[str], None]) -> Iterator[None]:
    """Holds a lock, until the block is left or this process ends. Does nothing where locks are not supported.

    Args:
      path: the file of the lock, which contains the process ID of its holder.
      on_taken: called with that ID if another process holds the lock. If it returns, this process waits.
    """
    with open(path, 'a+', encoding='utf-8') as file:
        try:
            if fcntl:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            on_taken(file.read().strip())
            fcntl.flock(file, fcntl.LOCK_EX)
        except OSError:
            pass  # the file system does not support locks
        file.truncate(0)
        file.write('%d\n' % os.getpid())
        file.flush()
        yield
