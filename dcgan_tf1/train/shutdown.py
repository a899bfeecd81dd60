"""Signals that stop a training. Imports no TensorFlow, so that a program can prepare for them at once."""
import contextlib
import os
import signal
import threading
from typing import Any, Optional

# A terminal that closes sends the first, and schedulers send the others when the time is almost up (SIGXCPU: once per
# second). None of them is on Windows.
REPEATED = tuple(getattr(signal, name) for name in ('SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGXCPU')
                 if hasattr(signal, name))
_OF_SCHEDULERS = REPEATED[1:]


def as_sigterm(number: int) -> int:
    """The number of a signal; that of SIGTERM for those of schedulers."""
    return signal.SIGTERM if number in _OF_SCHEDULERS else number


def treat_as_sigterm() -> None:
    """Makes this process end as after SIGTERM when a scheduler's signal comes before the training begins.

    Otherwise a shell would report SIGUSR1 as status 138, which means that another worker was lost.
    """
    for number in _OF_SCHEDULERS:
        if signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, _send_sigterm)


def _send_sigterm(_: int, __: Any) -> None:
    if not GracefulShutdown.has_stopped:
        os.kill(os.getpid(), signal.SIGTERM)


class GracefulShutdown:
    """A context manager that records Ctrl-C, SIGTERM and the `REPEATED` signals, so that the training can stop between
    two steps.

    A second Ctrl-C or SIGTERM ends the process at once. The others do not, because they come several times; they are
    left alone where something else handles or ignores them, as under nohup. In a thread other than the main one,
    signals are not recorded, because Python delivers them to the main thread alone.

    Attributes:
        signal: number of the signal that came first, or None. Those of schedulers count as SIGTERM.
        has_stopped: whether a signal has stopped a training of this process. Then it ends soon by itself, but a worker
            must not end before another has saved.
    """

    has_stopped = False

    def __enter__(self) -> 'GracefulShutdown':
        self.signal: Optional[int] = None
        numbers = []
        if threading.current_thread() is threading.main_thread():
            numbers = [signal.SIGINT, signal.SIGTERM, *(
                number for number in REPEATED if signal.getsignal(number) in (signal.SIG_DFL, _send_sigterm))]
        self._previous_handlers = {number: signal.signal(number, self._record) for number in numbers}
        return self

    def _record(self, number: int, _: Any) -> None:
        self.signal = self.signal or as_sigterm(number)
        if number not in REPEATED:
            signal.signal(number, signal.SIG_DFL)
        with contextlib.suppress(OSError):  # os.write, because the signal may have interrupted a print
            os.write(2, b'\nStopping after this step. '
                        b'Press Ctrl-C again to quit immediately without saving.\n')

    def __exit__(self, *_: Any) -> None:
        GracefulShutdown.has_stopped = self.signal is not None
        for number, handler in self._previous_handlers.items():
            if handler is not None:  # it was not installed from Python, which cannot restore it
                signal.signal(number, handler)
