"""The messages of the package, for programs that check them."""
import contextlib
import logging
from typing import Iterator, List

from dcgan_tf1.util.log import log


@contextlib.contextmanager
def collected() -> Iterator[List[str]]:
    """What the package logs in this block, at the level INFO or above."""
    messages: List[str] = []
    handler = logging.Handler(logging.INFO)
    handler.emit = lambda record: messages.append(record.getMessage())  # type: ignore[method-assign]
    log.addHandler(handler)
    try:
        yield messages
    finally:
        log.removeHandler(handler)
