"""Signals that end a training."""
import contextlib
import os
import signal


class GracefulShutdown:
    """Notes Ctrl-C and SIGTERM, to be acted on between steps; a second one ends the process at once."""

    def __enter__(self):
        self.signal = None  # its number, once there was one
        self._before = {number: signal.signal(number, self._note)
                        for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def _note(self, number, _):
        self.signal = number
        signal.signal(number, signal.SIG_DFL)
        with contextlib.suppress(OSError):  # not by print, which may be what was interrupted
            os.write(2, b'\nstopping after this step; the same again ends it at once, unsaved\n')

    def __exit__(self, *_):
        for number, handler in self._before.items():
            signal.signal(number, handler)
