"""Kills, interrupts and starves trainings, and checks that each run ends as if nothing had happened.

  python -m scripts.robustness

Needs no data: two recipes train on the MNIST digits of the package, one on a folder of generated pictures. Each recipe
is first trained without a disturbance. Then the same command is run again and again, and ended each time by
`kill -9`: in turn at any moment, while it writes a checkpoint, and while it writes a picture. It is also
ended once each by SIGTERM, by Ctrl-C and by two Ctrl-C. After each of these, every file in the run folder
must be readable, and in the end the run must equal the undisturbed one bit for bit. The same is checked for a
full disk, a read-only folder, and a folder that is deleted during the training (on Linux, if `unshare` allows
mounting small disks). Finally, memory and disk use of a long training are recorded.

Stores measurements in measurements.json in --output and does not repeat what is there. Writes README.md and
memory.png. Exits with status 1 if anything was lost.
"""
import argparse
import os
import platform
import sys
import tempfile
from typing import Optional, Sequence

import tensorflow.compat.v1 as tf

from dcgan_tf1.settings.cli import exit_status
from dcgan_tf1.util.files import write_atomically
from scripts.lib.arguments import at_least, list_of, one_of, path
from scripts.lib.measurements import Measurements
from scripts.lib.paths import results_folder
from scripts.robustness import faults, report
from scripts.robustness.baseline import FAULT_RECIPE, RECIPES, train_baseline
from scripts.robustness.kills import SIGNALS, inject_kills
from scripts.robustness.long_run import measure_long_run
from scripts.robustness.training_process import TrainingProcess

_SPARE_STEPS = 5 + len(SIGNALS)  # of a run, beyond its kills


def parse(arguments: Optional[Sequence[str]]) -> argparse.Namespace:
    """Parses the command line."""
    parser = argparse.ArgumentParser(prog='python -m scripts.robustness', description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--recipes', type=list_of(one_of(RECIPES)), default=','.join(RECIPES),
                        help='comma-separated (default: %(default)s)')
    parser.add_argument('--kills', type=at_least(1), default=18,
                        help='how often each recipe is killed (default: %(default)s)')
    parser.add_argument('--steps', type=at_least(9), default=120,
                        help='steps of the trainings that are killed (default: %(default)s)')
    parser.add_argument('--long_steps', type=at_least(20), default=20000,
                        help='steps of the long training (default: %(default)s)')
    parser.add_argument('--seed', type=at_least(0), default=0,
                        help='random seed for the times of the kills (default: %(default)s)')
    parser.add_argument('--output', type=path, default=results_folder('robustness'),
                        help='folder for the results')
    parsed = parser.parse_args(arguments)
    if parsed.steps < parsed.kills + _SPARE_STEPS:
        parser.error('--kills and --steps: %d kills need at least %d steps, not %d'
                     % (parsed.kills, parsed.kills + _SPARE_STEPS, parsed.steps))
    return parsed


def _measure_missing(measurements: Measurements, arguments: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for recipe in arguments.recipes:
            if not measurements.has('kills', recipe):
                baseline = train_baseline(recipe, folder, arguments)
                training = TrainingProcess(folder, recipe + '-killed', recipe, *baseline.flags)
                measurements.add(('kills', recipe), inject_kills(training, baseline, arguments))
        if faults.can_mount() and not measurements.has('faults', FAULT_RECIPE):
            measurements.add(('faults', FAULT_RECIPE),
                             faults.inject_faults(os.path.join(folder, 'faults'), arguments))
        if not measurements.has('long', FAULT_RECIPE):
            measurements.add(('long', FAULT_RECIPE), measure_long_run(folder, arguments))


def _write_report(measurements: Measurements, arguments: argparse.Namespace) -> None:
    text = report.readme(measurements, arguments.long_steps)
    write_atomically(os.path.join(arguments.output, 'README.md'), text.encode())
    for _, values in measurements.items('long', None):
        write_atomically(os.path.join(arguments.output, 'memory.png'), report.draw_long_run(values))
    print(text)


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """The script; returns the exit status."""
    parsed = parse(arguments)
    tf.logging.set_verbosity(tf.logging.ERROR)
    os.makedirs(parsed.output, exist_ok=True)
    settings = {name: getattr(parsed, name) for name in ('recipes', 'kills', 'steps', 'long_steps', 'seed')}
    measurements = Measurements(parsed.output, settings, versions={
        'tensorflow': tf.__version__, 'python': platform.python_version()})
    try:
        _measure_missing(measurements, parsed)
    finally:  # an interrupted script reports what it has
        _write_report(measurements, parsed)
    return int(bool(report.problems(measurements)))


if __name__ == '__main__':
    faults.restart_with_mounts('scripts.robustness')
    sys.exit(exit_status(main))
