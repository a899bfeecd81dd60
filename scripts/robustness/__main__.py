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
import dataclasses
import os
import platform
import tempfile
from typing import Tuple

import tensorflow.compat.v1 as tf

from dcgan_tf1.settings import cli, fields
from dcgan_tf1.util.files import write_atomically
from scripts.lib.arguments import names, output_folder
from scripts.lib.measurements import Measurements, write_page
from scripts.robustness import faults, report
from scripts.robustness.baseline import FAULT_RECIPE, RECIPES, train_baseline
from scripts.robustness.kills import SIGNALS, inject_kills
from scripts.robustness.long_run import measure_long_run
from scripts.robustness.training_process import TrainingProcess

_SPARE_STEPS = 5 + len(SIGNALS)  # of a run, beyond its kills


@dataclasses.dataclass(frozen=True)
class RobustnessArguments(fields.Settings):
    """Arguments of this script."""

    recipes: Tuple[str, ...] = names(tuple(RECIPES), RECIPES, 'recipes to train')
    kills: int = fields.integer(18, 1, 'how often each recipe is killed')
    steps: int = fields.integer(120, 9, 'steps of the trainings that are killed')
    long_steps: int = fields.integer(20000, 20, 'steps of the long training')
    seed: int = fields.integer(0, 0, 'random seed for the times of the kills')
    output: str = output_folder('robustness')

    RULES = (fields.Rule(lambda arguments: arguments.steps >= arguments.kills + _SPARE_STEPS,
                         '--steps must be at least --kills + %d' % _SPARE_STEPS),)


def _measure_missing(measurements: Measurements, arguments: RobustnessArguments) -> None:
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


def _write_report(measurements: Measurements, arguments: RobustnessArguments) -> None:
    text = report.readme(measurements, arguments.long_steps)
    write_page(arguments.output, text)
    for _, values in measurements.items('long', None):
        write_atomically(os.path.join(arguments.output, 'memory.png'), report.draw_long_run(values))
    print(text)


def main(arguments: RobustnessArguments) -> int:
    """The script; returns the exit status."""
    os.makedirs(arguments.output, exist_ok=True)
    settings = {'recipes': list(arguments.recipes),
                **{name: getattr(arguments, name) for name in ('kills', 'steps', 'long_steps', 'seed')}}
    measurements = Measurements(arguments.output, settings, versions={
        'tensorflow': tf.__version__, 'python': platform.python_version()})
    try:
        _measure_missing(measurements, arguments)
    finally:  # an interrupted script reports what it has
        _write_report(measurements, arguments)
    return int(bool(report.problems(measurements)))


if __name__ == '__main__':
    faults.restart_with_mounts('scripts.robustness')
    cli.main(main, RobustnessArguments)
