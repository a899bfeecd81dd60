"""What the program says while it works: the logger `dcgan_tf1`.

Messages of the level INFO and above go to the terminal; all messages of a training go to its train.log.
"""
import contextlib
import logging
import threading
import time
from typing import Any, Iterator, List, Optional, TextIO

from dcgan_tf1.util import terminal
from dcgan_tf1.util.errors import add_filename

log = logging.getLogger('dcgan_tf1')


def _text(record: logging.LogRecord) -> str:
    return ' '.join(record.getMessage().splitlines())  # a file name may contain line breaks


@contextlib.contextmanager
def only_warnings(active: bool) -> Iterator[None]:
    """A context in which only warnings are shown, if it is `active`: where another process says the rest."""
    previous = log.level
    if active:
        log.setLevel(max(previous, logging.WARNING))
    try:
        yield
    finally:
        if active:
            log.setLevel(previous)


class _Terminal(logging.Handler):
    """Shows messages above the progress bars."""

    def emit(self, record: logging.LogRecord) -> None:
        """Shows a message."""
        terminal.say(_text(record))


class LogFile(logging.Handler):
    """Writes the messages of this thread to a file, also those from before the file is opened.

    Messages are lost where the file is never opened. Errors of writing are raised where the message is logged. It is a
    context manager.
    """

    def __init__(self) -> None:
        super().__init__()
        self._thread = threading.get_ident()
        self._waiting: List[str] = []
        self._file: Optional[TextIO] = None

    def __enter__(self) -> 'LogFile':
        log.addHandler(self)
        return self

    def __exit__(self, *_: Any) -> None:
        log.removeHandler(self)
        if self._file:
            with contextlib.suppress(OSError):  # was raised when the line was written
                self._file.close()

    def open(self, path: str) -> None:
        """Opens the file for appending, and writes what was logged before. Raises OSError."""
        self._file = open(path, 'a', encoding='utf-8', errors='backslashreplace')
        for line in self._waiting:
            self._write(line)

    def emit(self, record: logging.LogRecord) -> None:
        """Writes a message, unless it is of another thread. Raises OSError."""
        if record.thread == self._thread:
            line = time.strftime('%Y-%m-%d %H:%M:%S ') + _text(record) + '\n'
            if self._file:
                self._write(line)
            else:
                self._waiting.append(line)

    def _write(self, line: str) -> None:
        assert self._file
        with add_filename(self._file.name):
            self._file.write(line)
            self._file.flush()


if not log.handlers:  # the first import in this process
    log.setLevel(logging.DEBUG)
    log.propagate = False  # absl and notebooks have handlers of their own
    log.addHandler(_Terminal(logging.INFO))
