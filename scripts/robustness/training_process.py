"""A training in a process of its own, which can be watched and ended at chosen moments."""
import os
import re
import subprocess
import sys
import time
from typing import Callable, Tuple

from dcgan_tf1.runs.folder import RunFolder
from scripts.lib.paths import ROOT

# What the process was writing when it was killed. Keys of measurements.json.
ELSEWHERE, CHECKPOINT, PICTURE = MOMENTS = ('elsewhere', 'in a checkpoint', 'in a picture')

_STEP_TIMEOUT = 600  # seconds that a step may take
_POLL_SECONDS = 0.0005
_CONFIRMATION = 'Stopping after this step'  # printed at the first signal


class TrainingProcess:
    """The command of a run. It can be run any number of times, but only once at a time."""

    def __init__(self, parent: str, name: str, recipe: str, *flags: str):
        """Does not start anything.

        Args:
          parent: a folder, which is created; output of the command is kept in it.
          name: of the run folder below `parent`; may have several parts.
          recipe: its name.
          flags: of the training.
        """
        self.folder = RunFolder(os.path.join(parent, name))
        self.pid = 0
        self._command = [sys.executable, '-m', 'dcgan_tf1.train', '--recipe=' + recipe, *flags,
                         '--run_dir=' + self.folder.path]
        self._output_path = os.path.join(parent, name.replace(os.sep, '-') + '.output')
        self._process = None
        os.makedirs(parent, exist_ok=True)

    def start(self) -> None:
        """Runs the command."""
        with open(self._output_path, 'w', encoding='utf-8') as file:
            self._process = subprocess.Popen(self._command, cwd=ROOT, stdout=file, stderr=file)
        self.pid = self._process.pid

    def has_ended(self) -> bool:
        """Whether the command has ended."""
        return self._process.poll() is not None

    def wait_for(self, condition: Callable[[], bool]) -> None:
        """Waits until a condition holds or the command has ended. Exits if that takes too long."""
        deadline = time.time() + _STEP_TIMEOUT
        while not self.has_ended() and not condition():
            if time.time() > deadline:
                self._process.kill()
                sys.exit('error: %s made no progress for %d s; its output is in %s'
                         % (self.folder.path, _STEP_TIMEOUT, self._output_path))
            time.sleep(_POLL_SECONDS)

    def wait_for_step(self, step: int) -> None:
        """Waits until the training logs a step, or the command has ended."""
        self.wait_for(lambda: self.step() >= step)

    def step(self) -> int:
        """The last step that the command has logged, or 0."""
        steps = re.findall(r'^(?:\[worker 0\] )?step (\d+)/', self.output(), re.M)
        return int(steps[-1]) if steps else 0

    def output(self) -> str:
        """What the command has printed."""
        with open(self._output_path, encoding='utf-8') as file:
            return file.read()

    def end(self, *signals: int) -> Tuple[int, float]:
        """Sends signals, each after the training has confirmed the one before, and waits for the end.

        Returns: the exit status, as a shell reports it, and the seconds that the end took.
        """
        start = time.perf_counter()
        for number, signal in enumerate(signals, 1):
            self._process.send_signal(signal)
            if number < len(signals):
                self.wait_for(lambda: _CONFIRMATION in self.output())
                if _CONFIRMATION not in self.output():
                    sys.exit('error: %s did not confirm a signal: %s' % (self.folder.path, self.output()))
        status = self._process.wait()
        return status if status >= 0 else 128 - status, time.perf_counter() - start

    def run(self) -> Tuple[int, str]:
        """Runs the command to its end. Returns the exit status and the error message (see `error`)."""
        self.start()
        status, _ = self.end()
        return status, self.error()

    def error(self) -> str:
        """The line with the error message. If there is not exactly one, or a traceback, the whole output."""
        lines = [line for line in self.output().splitlines() if line.startswith('error: ')]
        return lines[0] if len(lines) == 1 and 'Traceback' not in self.output() else self.output()

    def finish(self) -> None:
        """Runs the command to its end. Exits if it fails."""
        self.start()
        if self.end()[0]:
            sys.exit('error: the training in %s failed: %s' % (self.folder.path, self.output()))

    def moment(self) -> str:
        """What the command is writing, or was writing when it was killed: one of `MOMENTS`."""
        for moment, folder, temporary in ((CHECKPOINT, self.folder.checkpoints, '.tempstate'),
                                          (PICTURE, self.folder.samples, '.partial')):
            if os.path.isdir(folder) and any(temporary in name for name in os.listdir(folder)):
                return moment
        return ELSEWHERE
