"""Stops a training cleanly when the user or the system asks for it."""
import contextlib
import os
import signal
import threading
from typing import Any, Optional


class GracefulShutdown:
    """A context manager that records Ctrl-C and SIGTERM, so that the training can stop between two steps.

    A second signal ends the process at once. In a thread other than the main one, signals are not recorded,
    because Python delivers them to the main thread alone.

    Attributes:
        signal: number of the signal that was received, or None.
    """

    def __enter__(self) -> 'GracefulShutdown':
        self.signal: Optional[int] = None
        is_main = threading.current_thread() is threading.main_thread()
        self._previous_handlers = {number: signal.signal(number, self._record)
                                   for number in (signal.SIGINT, signal.SIGTERM) if is_main}
        return self

    def _record(self, number: int, _: Any) -> None:
        self.signal = number
        signal.signal(number, signal.SIG_DFL)
        with contextlib.suppress(OSError):  # os.write, because the signal may have interrupted a print
            os.write(2, b'\nStopping after this step. '
                        b'Press Ctrl-C again to quit immediately without saving.\n')

    def __exit__(self, *_: Any) -> None:
        for number, handler in self._previous_handlers.items():
            signal.signal(number, handler)
