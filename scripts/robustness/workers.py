"""Kills, freezes and stops workers of a training with several, and checks that nothing hangs and nothing is lost.

  python -m scripts.robustness.workers

A recipe is trained without a disturbance by three workers on this machine. Then the same command is run again and
again. Each time, one worker is ended by `kill -9`: at a random moment between the meeting of the workers and the first
step, or at a random step. (Before they have met, they wait for a worker that is missing: it may still be started.)
Twice one is frozen by SIGSTOP instead, twice one receives SIGTERM, and twice all do, as from a scheduler. All processes
must have ended within 40 seconds, with one line that names the worker and the status for a restart (after SIGTERM:
saved, with the status of a signal). Once all are stopped and continued, as by Ctrl-Z and `fg`: they must go on, until
one receives SIGTERM. In the end the run must equal the undisturbed one bit for bit.

Stores measurements in measurements.json in --output and does not repeat what is there. Writes README.md, with a table
for each version of TensorFlow. Exits with status 1 if anything went wrong. Needs Linux.
"""
import dataclasses
import os
import platform
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from typing import Any, Dict, List, Tuple

import tensorflow.compat.v1 as tf

from dcgan_tf1.settings import cli, fields
from dcgan_tf1.train.workers.peers import LOST_STATUS, SILENCE_SECONDS
from dcgan_tf1.util import pages
from scripts.lib.arguments import output_folder
from scripts.lib.measurements import Measurements, write_page
from scripts.lib.paths import ROOT
from scripts.lib.workers import environments
from scripts.robustness.comparison import content, differences, partial_files
from scripts.robustness.training_process import TrainingProcess

_RECIPE = 'machinecurve'
_FLAGS = ('--dataset=mnist_10k', '--batch_size=9', '--sample_size=4', '--log_every=1', '--sample_every=3',
          '--checkpoint_every=4', '--keep_checkpoints=2', '--seed=0')
_WORKERS = 3
_MAX_SECONDS = 40  # until all processes have ended
_PAUSE_SECONDS = SILENCE_SECONDS + 5
_KILL, _FREEZE, _STOP, _STOP_ALL, _PAUSE = 'kill -9', 'SIGSTOP', 'SIGTERM', 'SIGTERM for all', 'SIGTERM after a pause'
_SIGNALS = {_KILL: signal.SIGKILL, _FREEZE: signal.SIGSTOP, _STOP: signal.SIGTERM, _STOP_ALL: signal.SIGTERM,
            _PAUSE: signal.SIGTERM}
_OTHERS = (_FREEZE, _FREEZE, _STOP, _STOP, _STOP_ALL, _STOP_ALL, _PAUSE)  # than kills
_AT_START, _IN_TRAINING = 'at the start', 'in the training'

_INTRODUCTION = '''# Workers that are killed, frozen or stopped

Does a training with several workers hang or lose anything when one of them goes?

Measured by `python -m scripts.robustness.workers`: `%s` with %d workers on one machine. The
same command was run again and again. Each time, a signal hit one worker, or all, at a random moment. *Seconds* is the
time until all processes had ended. After `kill -9` and SIGSTOP they end with status %d, on which schedulers restart,
and one line that names the worker; after SIGTERM with 143, after the run was saved. *After a pause*: all were stopped
for %g seconds and continued, and trained two more steps before the signal. In the end the run was compared with an
undisturbed one: all variables, losses and pictures.
'''


@dataclasses.dataclass(frozen=True)
class WorkersArguments(fields.Settings):
    """Arguments of this script."""

    kills: int = fields.integer(18, 3, 'how often a worker is killed')
    steps: int = fields.integer(60, 12, 'steps of the training')
    seed: int = fields.integer(0, 0, 'random seed for the times of the kills')
    output: str = output_folder('robustness', 'workers')

    RULES = (fields.Rule(lambda arguments: arguments.steps >= arguments.kills + len(_OTHERS) + 3,
                         '--steps must be at least --kills + %d' % (len(_OTHERS) + 3)),)


class WorkersProcess(TrainingProcess):
    """The processes of several workers."""

    def __init__(self, parent: str, name: str, *flags: str):
        """Does not start anything. See `TrainingProcess`."""
        super().__init__(parent, name, _RECIPE, *_FLAGS, *flags)
        self.workers: List[subprocess.Popen] = []

    def start(self) -> None:
        """Runs the command in every worker."""
        with open(self._output_path, 'w', encoding='utf-8') as file:
            self.workers = [subprocess.Popen(self._command, cwd=ROOT, stdout=file, stderr=file, env=environment)
                            for environment in environments(_WORKERS)]
        self._process = self.workers[0]

    def have_met(self) -> bool:
        """Whether the workers have met."""
        return ' training on ' in self.output()

    def pause(self, seconds: float) -> None:
        """Stops all workers for so long, and waits until they have trained two more steps."""
        for number in (signal.SIGSTOP, signal.SIGCONT):
            for worker in self.workers:
                worker.send_signal(number)
            time.sleep(seconds if number == signal.SIGSTOP else 0)
        self.wait_for_step(self.step() + 2)

    def has_ended(self) -> bool:
        """Whether all workers have ended."""
        return all(worker.poll() is not None for worker in self.workers)

    def end(self, *signals: int) -> Tuple[int, float]:
        """As of a `TrainingProcess`. Signals go to worker 0, and the status is the highest."""
        status, seconds = super().end(*signals)
        return max(status, *(worker.wait() for worker in self.workers)), seconds


def _disturb(training: WorkersProcess, ending: str, moment: str, rank: int, when: float) -> Dict[str, Any]:
    """Runs the command, and sends a signal to one worker.

    Args:
      ending: a key of `_SIGNALS`.
      moment: `_AT_START` or `_IN_TRAINING`.
      rank: of the worker.
      when: seconds after the meeting of the workers, or the step.
    """
    training.start()
    if moment == _AT_START:
        training.wait_for(training.have_met)
        time.sleep(when)
    else:
        training.wait_for_step(int(when))
    if ending == _PAUSE:
        training.pause(_PAUSE_SECONDS)
    hit, started = training.workers[rank], time.perf_counter()
    is_hit = hit.poll() is None
    for worker in training.workers if ending == _STOP_ALL else [hit]:
        worker.send_signal(_SIGNALS[ending])
    is_term = _SIGNALS[ending] == signal.SIGTERM
    to_end = training.workers if is_term else [worker for worker in training.workers if worker is not hit]
    training.wait_for(lambda: all(worker.poll() is not None for worker in to_end))
    seconds = time.perf_counter() - started
    hit.kill()  # it may be frozen
    statuses = sorted({worker.wait() for worker in to_end})
    lines = [line for line in training.output().splitlines() if re.match(r'\[worker \d\] error: ', line)]
    return {'ending': ending, 'moment': moment, 'rank': rank, 'when': when, 'seconds': seconds,
            'status': statuses[0] if len(statuses) == 1 else statuses,
            'lines': lines, 'traceback': 'Traceback' in training.output(), 'hit': is_hit,
            'partial_files': partial_files(training.folder)}


def _plan(arguments: WorkersArguments, start_seconds: float) -> List[Tuple[str, str, int, float]]:
    """(ending, moment, rank, when) of every disturbance; those in the training in the order of their steps."""
    state = random.Random(arguments.seed)
    plan = [(_KILL, _AT_START, number % _WORKERS, state.uniform(0, start_seconds))
            for number in range(arguments.kills // 3)]
    endings = [_KILL] * (arguments.kills - len(plan)) + list(_OTHERS)
    state.shuffle(endings)
    steps = sorted(state.sample(range(1, arguments.steps - 2), len(endings)))
    plan += [(ending, _IN_TRAINING, number % _WORKERS, float(step))
             for number, (ending, step) in enumerate(zip(endings, steps))]
    return plan


def measure(folder: str, arguments: WorkersArguments) -> Dict[str, Any]:
    """Trains without and with disturbances; returns the measurements."""
    flags = ['--steps=%d' % arguments.steps]
    undisturbed = WorkersProcess(folder, 'undisturbed', *flags)
    undisturbed.start()
    undisturbed.wait_for(undisturbed.have_met)
    start = time.perf_counter()
    undisturbed.wait_for_step(1)
    start_seconds = time.perf_counter() - start
    if undisturbed.end()[0]:
        sys.exit('error: the undisturbed training failed: %s' % undisturbed.output())
    training, outcomes = WorkersProcess(folder, 'disturbed', *flags), []
    for ending, moment, rank, when in _plan(arguments, start_seconds):
        print('%s of worker %d %s (%.1f)' % (ending, rank, moment, when), file=sys.stderr, flush=True)
        outcomes.append(_disturb(training, ending, moment, rank, when))
        print('ended after %(seconds).1f s with status %(status)s: %(lines)s' % outcomes[-1], file=sys.stderr)
    training.finish()
    return {'outcomes': outcomes, 'differences': differences(training.folder, content(undisturbed.folder)),
            'start_seconds': start_seconds, 'python': platform.python_version()}


def problems(version: str, values: Dict[str, Any]) -> List[str]:
    """Everything that went wrong, one sentence each."""
    found = ['%s differs from the undisturbed run' % name for name in values['differences']]
    for outcome in values['outcomes']:
        what = '%(ending)s of worker %(rank)d %(moment)s: ' % outcome
        expected = 143 if _SIGNALS[outcome['ending']] == signal.SIGTERM else LOST_STATUS
        if outcome['hit'] and outcome['status'] != expected:
            found.append(what + 'status %s' % outcome['status'])
        if outcome['seconds'] > _MAX_SECONDS:
            found.append(what + 'ended after %.0f s' % outcome['seconds'])
        if outcome['traceback']:
            found.append(what + 'a traceback')
        found += [what + fault for fault in outcome['partial_files']]
    return ['TensorFlow %s: %s' % (version, fault) for fault in found]


def report(measurements: Measurements) -> str:
    """The content of README.md."""
    parts = [_INTRODUCTION % (_RECIPE, _WORKERS, LOST_STATUS, _PAUSE_SECONDS)]
    for (_, version), values in measurements.items('workers', None):
        parts.append('\n## TensorFlow %s, Python %s\n\n' % (version, values['python']))
        rows = []
        for ending in _SIGNALS:
            for moment in (_AT_START, _IN_TRAINING):
                group = [outcome for outcome in values['outcomes']
                         if (outcome['ending'], outcome['moment']) == (ending, moment) and outcome['hit']]
                if group:
                    seconds = sorted(outcome['seconds'] for outcome in group)
                    statuses = ', '.join(sorted({str(outcome['status']) for outcome in group}))
                    rows.append(['`%s`' % ending, moment, len(group), '%.1f' % seconds[len(seconds) // 2],
                                 '%.1f' % seconds[-1], statuses])
        parts.append(pages.markdown_table(
            ['signal', 'when', 'times', 'median seconds', 'most seconds', 'status'], rows))
        found = problems(version, values)
        parts.append('\n' + ('Afterwards the run equaled the undisturbed one bit for bit.\n' if not found
                             else ''.join('- %s\n' % fault for fault in found)))
    return ''.join(parts)


def main(arguments: WorkersArguments) -> int:
    """The script; returns the exit status."""
    os.makedirs(arguments.output, exist_ok=True)
    settings = {name: getattr(arguments, name) for name in ('kills', 'steps', 'seed')}
    measurements = Measurements(arguments.output, settings)
    if not measurements.has('workers', tf.__version__):
        with tempfile.TemporaryDirectory() as folder:
            measurements.add(('workers', tf.__version__), measure(folder, arguments))
    text = report(measurements)
    write_page(arguments.output, text)
    print(text)
    return int(any(problems(str(key[1]), values) for key, values in measurements.items('workers', None)))


if __name__ == '__main__':
    cli.main(main, WorkersArguments)
