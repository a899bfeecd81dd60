"""Runs implementations in turns. All of them wait in processes of their own; only one computes at a time."""
import contextlib
import math
import random
import sys
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

from scripts.benchmarks.training.catalog import Implementation
from scripts.benchmarks.training.processes import Process, Unavailable
from scripts.benchmarks.training.tasks import make_task


class Result(NamedTuple):
    """The measurements of one implementation. If it is not available, all fields after `unavailable` are None."""
    schedule: str
    name: str  # of the implementation
    precision: str
    unavailable: Optional[str] = None  # why it could not run, or None
    milliseconds: Optional[List[float]] = None  # per step, one value per window
    steps: Optional[int] = None  # per window
    peak: Optional[int] = None  # peak bytes of memory of the process
    device_peak: Optional[int] = None  # peak bytes on a GPU, None without one
    idle: Optional[float] = None  # CPU seconds per second while other implementations had their turn
    losses: Optional[List[float]] = None  # the last ones: discriminator, generator; None for the bound
    framework: Optional[str] = None  # name and version
    device: Optional[str] = None
    details: Optional[Dict[str, Any]] = None


def log(text: str) -> None:
    """Reports progress on standard error."""
    print(text, file=sys.stderr, flush=True)


class _Participant:
    """An implementation with its process and its measurements so far."""

    def __init__(self, schedule, implementation):
        self.unavailable = None
        self._schedule, self._implementation = schedule, implementation
        self._process = self._last = None
        self._milliseconds, self._steps = [], 0
        self._idle_cpu = self._idle_seconds = 0.

    def attempt(self, function, *arguments):
        """Calls a function. If it raises Unavailable, this implementation takes no further part."""
        try:
            return function(*arguments)
        except Unavailable as error:
            self.unavailable = str(error)
            self.close()
            log('  not available: %s' % error)
            return None

    def start(self, recipe, batch_size, expected_parameters):
        """Starts the process and returns its numbers of parameters, which must equal those of the others."""
        implementation = self._implementation
        log('  starting %s, %s, %s' % (implementation.name, implementation.precision, self._schedule))
        self._process = Process(make_task(recipe, self._schedule, implementation, batch_size))
        parameters = self._process.description['parameters']
        if expected_parameters and parameters and parameters != expected_parameters:
            raise Unavailable('its networks have %s parameters, those of the others have %s'
                              % (parameters, expected_parameters))
        return parameters

    def warm_up(self, min_steps, min_seconds):
        """Trains unmeasured, while compilers compile and memory is allocated. Sets the length of a window."""
        self._process.train(max(2, min_steps))
        self._last = self._process.train(min_steps)
        self._steps = max(min_steps, math.ceil(min_seconds * min_steps / self._last['seconds']))

    def measure_window(self):
        """Trains one window, after an unmeasured step.

        The first step after a process has waited takes 1.2 to 1.3 times as long as the next ones, and most for the
        process that was started first.
        """
        (cpu, clock), first = self._last['end'], self._process.train(1)
        self._idle_cpu += first['start'][0] - cpu
        self._idle_seconds += first['start'][1] - clock
        self._last = self._process.train(self._steps)
        self._milliseconds.append(self._last['milliseconds'])

    def close(self):
        if self._process:
            self._process.close()

    def result(self):
        identity = (self._schedule, self._implementation.name, self._implementation.precision, self.unavailable)
        if self.unavailable is not None:
            return Result(*identity)
        description = self._process.description
        return Result(*identity, self._milliseconds, self._steps, self._last['peak'], self._last['device_peak'],
                      self._idle_cpu / self._idle_seconds, self._last['losses'], description['framework'],
                      description['device'], description['details'])


def run_interleaved(recipe: str, entries: Sequence[Tuple[str, Implementation]], windows: int, min_steps: int,
                    min_seconds: float, batch_size: Optional[int] = None) -> List[Result]:
    """Measures implementations in turns, so that a slow phase of the machine slows all of them.

    Args:
      recipe: its name.
      entries: pairs (schedule, implementation), see `catalog.entries`.
      windows: measured windows of each implementation.
      min_steps: minimum steps per window.
      min_seconds: approximate minimum length of a window.
      batch_size: default: the recipe's.
    Returns: a `Result` for each entry.
    """
    participants = [_Participant(*entry) for entry in entries]
    # On some virtual machines, the process that starts first is slower at times, probably because it gets memory that
    # other programs have left. This one is not measured, and keeps that memory.
    first = _Participant(*entries[0])
    order, parameters = random.Random(0), None
    with contextlib.ExitStack() as stack:
        for participant in [first, *participants]:
            stack.callback(participant.close)
            parameters = participant.attempt(participant.start, recipe, batch_size, parameters) or parameters
            if participant.unavailable is None:
                participant.attempt(participant.warm_up, min_steps, min_seconds)
        for window in range(windows):
            running = [participant for participant in participants if participant.unavailable is None]
            log('  window %d of %d (%d running)' % (window + 1, windows, len(running)))
            order.shuffle(running)  # no implementation always follows the same other one
            for participant in running:
                participant.attempt(participant.measure_window)
        return [participant.result() for participant in participants]
