"""Stops a training cleanly when the user or the system asks for it."""
import contextlib
import os
import signal
import threading
from typing import Any, Optional

_HANG_UP = getattr(signal, 'SIGHUP', None)  # of a terminal that was closed; not on Windows


class GracefulShutdown:
    """A context manager that records Ctrl-C, SIGTERM and SIGHUP, so that the training can stop between two steps.

    A second Ctrl-C or SIGTERM ends the process at once. A second SIGHUP does not, because a terminal that closes sends
    it several times. Under nohup, SIGHUP is ignored. In a thread other than the main one, signals are not recorded,
    because Python delivers them to the main thread alone.

    Attributes:
        signal: number of the signal that was received, or None.
    """

    def __enter__(self) -> 'GracefulShutdown':
        self.signal: Optional[int] = None
        numbers = []
        if threading.current_thread() is threading.main_thread():
            numbers = [signal.SIGINT, signal.SIGTERM]
            if _HANG_UP and signal.getsignal(_HANG_UP) != signal.SIG_IGN:
                numbers.append(_HANG_UP)
        self._previous_handlers = {number: signal.signal(number, self._record) for number in numbers}
        return self

    def _record(self, number: int, _: Any) -> None:
        self.signal = number
        if number != _HANG_UP:
            signal.signal(number, signal.SIG_DFL)
        with contextlib.suppress(OSError):  # os.write, because the signal may have interrupted a print
            os.write(2, b'\nStopping after this step. '
                        b'Press Ctrl-C again to quit immediately without saving.\n')

    def __exit__(self, *_: Any) -> None:
        for number, handler in self._previous_handlers.items():
            signal.signal(number, handler)
