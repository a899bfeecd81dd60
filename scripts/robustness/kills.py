"""Kills and interrupts a training again and again."""
import os
import random
import re
import signal
import sys
import time
from typing import Any, Dict

from dcgan_tf1.settings.fields import Settings
from scripts.robustness.baseline import Baseline
from scripts.robustness.comparison import differences, partial_files
from scripts.robustness.training_process import ELSEWHERE, MOMENTS, TrainingProcess

# {name: signals that are sent one after the other, and the exit status of the training as a shell reports it}
SIGNALS = {'SIGTERM': ([signal.SIGTERM], 143), 'Ctrl-C': ([signal.SIGINT], 130),
           'Ctrl-C twice': ([signal.SIGINT] * 2, 130)}
_KILL = 'kill -9'


def inject_kills(training: TrainingProcess, baseline: Baseline, arguments: Settings) -> Dict[str, Any]:
    """Runs the command of a training again and again until it finishes; ends it early at random steps.

    `kill -9` hits in turn any moment, the writing of a checkpoint, and the writing of a picture. Each of
    `SIGNALS` is sent once.

    Args:
      training: not started yet.
      baseline: the same training without a disturbance.
      arguments: with --kills, --steps and --seed.
    Returns: measurements for the report.
    """
    random_state = random.Random(arguments.seed)
    steps = sorted(random_state.sample(range(1, arguments.steps - 2), arguments.kills + len(SIGNALS)))
    endings = [_KILL] * arguments.kills + list(SIGNALS)
    random_state.shuffle(endings)
    results = {'kills': dict.fromkeys(MOMENTS, 0), 'partial_lines': 0, 'partial_files': [], 'signals': {}}
    for number, (step, ending) in enumerate(zip(steps, endings)):
        moment = MOMENTS[number % len(MOMENTS)]
        print('%s: %s at step %d' % (training.folder.path, ending, step), file=sys.stderr)
        training.start()
        training.wait_for_step(step)
        if ending == _KILL:
            if moment == ELSEWHERE:
                time.sleep(random_state.uniform(0, 3 * baseline.seconds_per_step))
            else:
                training.wait_for(lambda moment=moment: training.moment() == moment)
            _kill(training, results)
        else:
            results['signals'][ending] = _interrupt(training, ending)
        results['partial_files'] += partial_files(training.folder)
    training.finish()
    leftovers = [name for name in os.listdir(training.folder.checkpoints) if 'temp' in name or '.tmp' in name]
    return {**results, 'leftovers': leftovers, 'differences': differences(training.folder, baseline.content)}


def _kill(training, results):
    """Kills a training, and counts what it was doing."""
    status, _ = training.end(signal.SIGKILL)
    if status == 128 + signal.SIGKILL:  # otherwise it had already finished
        results['kills'][training.moment()] += 1
    with open(training.folder.metrics, encoding='utf-8') as file:
        results['partial_lines'] += not file.read().endswith('\n')


def _interrupt(training, name):
    status, seconds = training.end(*SIGNALS[name][0])
    output = training.output()
    saved = re.search(r'stopped and saved at step \d+', output)
    return {'status': status, 'seconds': seconds, 'saved': bool(saved), 'traceback': 'Traceback' in output}
