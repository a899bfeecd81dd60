"""Every call of `Session.run` of a process: counted, and shown to listeners."""
import contextlib
import threading
from typing import Any, Callable, Iterator, List, Optional

from tensorflow.python.client import session as session_module  # the class behind all kinds of sessions


class EnoughRuns(BaseException):
    """Raised in the script after the last run that `--max_runs` allows. `except Exception` does not catch it."""


class Listener:
    """Sees every `Session.run`. All methods are optional."""

    def before_run(self, session: Any, fetches: Any, feed_dict: Any) -> List[Any]:
        """Returns tensors to fetch in the same run."""
        return []

    def after_run(self, session: Any, fetches: Any, feed_dict: Any, extra: List[Any]) -> None:
        """Gets the values of these tensors, after a run that succeeded."""

    def before_close(self, session: Any) -> None:
        """Called while the session still has its variables."""


@contextlib.contextmanager
def listen(listener: Listener, max_runs: Optional[int] = None) -> Iterator['Counter']:
    """Shows every run to a listener while the block runs.

    Args:
        listener: the listener.
        max_runs: raise `EnoughRuns` after this many runs of the main thread.

    Yields:
        The counter of the runs.
    """
    base = session_module.BaseSession
    run, close = base.run, base.close
    counter = Counter(listener, max_runs, run)
    base.run = lambda self, fetches, feed_dict=None, options=None, run_metadata=None: counter.run(
        self, fetches, feed_dict, options, run_metadata)

    def close_session(self: Any) -> Any:
        counter.quietly(lambda: listener.before_close(self))
        return close(self)
    base.close = close_session
    leave = session_module.Session.__exit__

    def exit_session(self: Any, *args: Any) -> Any:
        counter.quietly(lambda: listener.before_close(self))
        return leave(self, *args)
    session_module.Session.__exit__ = exit_session
    try:
        yield counter
    finally:
        base.run, base.close, session_module.Session.__exit__ = run, close, leave


class Counter:
    """Counts runs, and asks the listener around each."""

    def __init__(self, listener: Listener, max_runs: Optional[int], run: Callable[..., Any]) -> None:
        self.count = 0
        self._listener, self._max_runs, self._run = listener, max_runs, run
        self._inside = False  # runs inside of a run, and those of the listener, are not counted

    def quietly(self, call: Callable[[], Any]) -> Any:
        """Calls something, such as a method of the listener, whose own runs are neither counted nor shown."""
        if self._inside:
            return None
        self._inside = True
        try:
            return call()
        finally:
            self._inside = False

    def run(self, session: Any, fetches: Any, feed_dict: Any, options: Any, run_metadata: Any) -> Any:
        """Takes the place of `Session.run`."""
        if self._inside or threading.current_thread() is not threading.main_thread():
            return self._run(session, fetches, feed_dict, options, run_metadata)
        extra = self.quietly(lambda: self._listener.before_run(session, fetches, feed_dict)) or []
        requested = [fetches, extra] if extra else fetches
        result = self.quietly(lambda: self._run(session, requested, feed_dict, options, run_metadata))
        result, values = result if extra else (result, [])
        self.quietly(lambda: self._listener.after_run(session, fetches, feed_dict, values))
        self.count += 1
        if self._max_runs is not None and self.count >= self._max_runs:
            raise EnoughRuns()
        return result
