"""Windows of steps, taken in turn by contestants that all wait in processes of their own."""
import collections
import contextlib
import math
import random
import sys

from benchmarking.contestants import task
from benchmarking.processes import Process, Unavailable

# What one contestant did: milliseconds a step, a list by window; or why it is not here (and None elsewhere).
#   steps: a window's; peak, device_peak: bytes; idle: CPU seconds a second while others had their turn.
Result = collections.namedtuple(
    'Result', 'schedule name precision unavailable milliseconds steps peak device_peak idle losses framework device '
    'details')


def say(text):
    print(text, file=sys.stderr, flush=True)


class Runner:
    """A contestant in a race."""

    def __init__(self, schedule, contestant):
        self.schedule, self.contestant = schedule, contestant
        self.unavailable = None
        self._process = self._last = None
        self._milliseconds, self._steps, self._idle = [], 0, [0., 0.]

    def attempt(self, function, *arguments):
        """Calls the function, and ends this contestant's race where it can't be done."""
        try:
            return function(*arguments)
        except Unavailable as error:
            self.unavailable = str(error)
            self.close()
            say('  not here: %s' % error)
            return None

    def start(self, recipe, changes, expected):
        """Builds it and returns its numbers of parameters; those of the others are `expected`."""
        say('  starting %s, %s, %s' % (self.contestant.name, self.contestant.precision, self.schedule))
        self._process = Process(task(recipe, self.schedule, self.contestant, **changes))
        parameters = self._process.built['parameters']
        if expected and parameters and parameters != expected:
            raise Unavailable('its networks have %s parameters, the others\' %s' % (parameters, expected))
        return parameters

    def warm_up(self, steps, seconds):
        """Not counted: in it, compilers compile, and memory is taken. Sets the length of a window."""
        self._process.train(max(2, steps))
        self._last = self._process.train(steps)
        self._steps = max(steps, math.ceil(seconds * steps / self._last['seconds']))

    def window(self):
        before, self._last = self._last, self._process.train(self._steps)
        for clock in range(2):
            self._idle[clock] += self._last['began'][clock] - before['ended'][clock]
        self._milliseconds.append(self._last['milliseconds'])

    def close(self):
        if self._process:
            self._process.close()

    def result(self):
        who = (self.schedule, self.contestant.name, self.contestant.precision, self.unavailable)
        if self.unavailable is not None:
            return Result(*who, *[None] * (len(Result._fields) - len(who)))
        built = self._process.built
        return Result(*who, self._milliseconds, self._steps, self._last['peak'], self._last['device_peak'],
                      self._idle[0] / self._idle[1], self._last['losses'], built['framework'], built['device'],
                      built['details'])


def race(recipe, contestants, windows, steps, seconds, **changes):
    """A `Result` for each pair (schedule, contestant).

    Args:
      windows: counted windows of each.
      steps, seconds: a window is at least that many steps, and at least about that long.
      changes: of the task, see `contestants.task`.
    """
    runners = [Runner(*pair) for pair in contestants]
    order, expected = random.Random(0), None
    with contextlib.ExitStack() as stack:
        for runner in runners:
            stack.callback(runner.close)
            expected = runner.attempt(runner.start, recipe, changes, expected) or expected
            if runner.unavailable is None:
                runner.attempt(runner.warm_up, steps, seconds)
        for window in range(windows):
            running = [runner for runner in runners if runner.unavailable is None]
            say('  window %d of %d (%d running)' % (window + 1, windows, len(running)))
            order.shuffle(running)  # none is always after the same other
            for runner in running:
                runner.attempt(runner.window)
        return [runner.result() for runner in runners]


