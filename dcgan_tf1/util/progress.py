"""Shows that long work goes on: a bar on a terminal, elsewhere a line now and then. Both go to standard error."""
import time
from typing import Any, Callable, Generator, Iterable, TypeVar

import tqdm

from dcgan_tf1.util import terminal

# Seconds until the first line, and between lines, where there is no terminal.
FIRST_LINE, NEXT_LINES = 5., 30.

_Item = TypeVar('_Item')


def say(text: str) -> None:
    """Prints a line, above the bars if there are any. Work goes on if nobody can read it."""
    tqdm.tqdm.write(text, file=terminal.standard_error())


def bar(**options: Any) -> tqdm.tqdm:
    """A progress bar with these options of tqdm. It shows nothing without a terminal."""
    stream = terminal.standard_error()
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
