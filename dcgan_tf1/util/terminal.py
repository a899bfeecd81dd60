"""Output to the terminal, which never fails.

A pipe whose reader has ended, a closed window, a full disk behind a redirection, or an encoding that lacks a character
must not end a training before it is saved.
"""
import contextlib
import os
import sys
import time
from typing import Any, Callable, Generator, Iterable, Optional, TextIO, TypeVar

import tqdm


class Unfailing:
    """A text stream. What cannot be written to it is lost, and a character that it cannot encode becomes an escape."""

    def __init__(self, stream: Optional[TextIO]):
        """`stream` is None in a process that was started without that stream."""
        self._stream: Any = stream or open(os.devnull, 'w', encoding='utf-8')

    def write(self, text: str) -> int:
        """Writes text. Every completed line is flushed at once, so that `tail` and `tee` show it."""
        encoding = getattr(self._stream, 'encoding', None) or 'utf-8'
        with contextlib.suppress(OSError, ValueError):  # ValueError: the stream was closed
            self._stream.write(text.encode(encoding, 'backslashreplace').decode(encoding))
            if '\n' in text:
                self._stream.flush()
        return len(text)

    def flush(self) -> None:
        """Flushes, as far as that is possible."""
        with contextlib.suppress(OSError, ValueError):
            self._stream.flush()

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        with contextlib.suppress(OSError, ValueError):
            return bool(self._stream.isatty())
        return False

    def __eq__(self, other: Any) -> bool:  # so that tqdm recognizes the stream of its bars
        return isinstance(other, Unfailing) and self._stream is other._stream

    def __hash__(self) -> int:
        return hash(self._stream)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _unfailing(stream: Any) -> Unfailing:
    return stream if isinstance(stream, Unfailing) else Unfailing(stream)


def standard_error() -> Any:
    """What is standard error now, as an `Unfailing`."""
    return _unfailing(sys.stderr)


def protect() -> None:
    """Makes standard output and standard error of this process unfailing."""
    sys.stdout, sys.stderr = _unfailing(sys.stdout), _unfailing(sys.stderr)  # type: ignore[assignment]


# Seconds until the first line, and between lines, where there is no terminal.
FIRST_LINE, NEXT_LINES = 5., 30.

_Item = TypeVar('_Item')


prefix = ''  # what the lines of this process begin with. A worker says which one it is


def say(text: str) -> None:
    """Prints a line, above the bars if there are any. Work goes on if nobody can read it."""
    # In one piece: other processes may write to the same file.
    tqdm.tqdm.write(prefix + text + '\n', file=standard_error(), end='')


def bar(**options: Any) -> tqdm.tqdm:
    """A progress bar with these options of tqdm. It shows nothing without a terminal."""
    stream = standard_error()
    return tqdm.tqdm(file=stream, dynamic_ncols=True, disable=not stream.isatty(), **options)


def track(items: Iterable[_Item], description: str, total: int,
          size: Callable[[_Item], int] = lambda item: 1) -> Generator[_Item, None, None]:
    """Yields the items, and shows how many of them are done.

    Args:
      items: the parts of the work.
      description: of the work, such as 'generating images'.
      total: the sum of the sizes of all items.
      size: item → how much of the total it is.
    """
    began = time.monotonic()
    done, next_line = 0, began + FIRST_LINE
    with bar(desc=description, total=total, leave=False) as shown:
        for item in items:
            yield item
            done += size(item)
            shown.update(size(item))
            now = time.monotonic()
            if shown.disable and now >= next_line and done < total:
                next_line = now + NEXT_LINES
                say('%s: %d of %d, about %d seconds left'
                    % (description, done, total, round((now - began) / done * (total - done))))
