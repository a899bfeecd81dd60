"""Trains runs in processes of their own, as `python -m dcgan_tf1.train` does."""
import os
import re
import signal
import subprocess
import sys
from typing import Callable, Dict, List

from dcgan_tf1.runs.checkpoints.saving import last_checkpoint, step_of
from dcgan_tf1.runs.folder import RunFolder, seconds_of_steps
from dcgan_tf1.settings.fields import Settings
from scripts.lib.arguments import ExperimentArguments
from scripts.lib.paths import ROOT

MNIST_RECIPES = ('graph_mode_dense', 'machinecurve', 'sparse_softmax', 'graph_mode', 'paperspace')
IMAGE_FOLDER_RECIPES = ('learnopencv_tf', 'learnopencv_torch', 'paper')


def dataset_flags(arguments: ExperimentArguments) -> List[str]:
    """Training flags for a script's own --dataset, --data_dir, --precision and --batch_size."""
    return flags_of(arguments, 'dataset', 'precision', 'data_dir', 'batch_size')


def flags_of(arguments: Settings, *names: str) -> List[str]:
    """Those of a script's own arguments that have a value, as flags for a command in any folder."""
    values = arguments.with_absolute_paths().as_dict()
    return ['--%s=%s' % (name, values[name]) for name in names if values[name] is not None]


def training_flags(recipe: str, run_dir: str, *flags: str) -> List[str]:
    """All flags of a training: the recipe, one checkpoint, no sample grids, and `flags`, which win."""
    return ['--recipe=' + recipe, '--run_dir=' + os.path.abspath(run_dir), '--keep_checkpoints=1',
            '--sample_every=1000000', *flags]


def train(recipe: str, run_dir: str, *flags: str, on_step: Callable[[int], None] = lambda step: None) -> None:
    """Trains a run in a new process, or resumes it.

    Ctrl-C and SIGTERM are forwarded to the training, which saves a checkpoint; the script then exits with
    status 130 or 143. Running the same command again resumes the training.

    Args:
      recipe: name of the recipe.
      run_dir: the run folder.
      flags: further flags of `python -m dcgan_tf1.train`.
      on_step: called with every step that the training logs.
    Raises:
      SystemExit: if the training failed or was interrupted.
    """
    command = [sys.executable, '-m', 'dcgan_tf1.train', *training_flags(recipe, run_dir, *flags)]
    last_line, process, signals = '', None, []

    def forward(number, _):
        signals.append(number)
        if process:
            process.send_signal(number)
    handlers = {number: signal.signal(number, forward) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        # In its own session: otherwise the terminal would also send Ctrl-C to the training, and the second
        # signal ends it without saving.
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              universal_newlines=True, start_new_session=True) as process:
            if signals:  # received before the process existed
                process.send_signal(signals[-1])
            for line in process.stdout:
                last_line = line.strip() or last_line
                step = re.match(r'step (\d+)/', line)
                if step:
                    on_step(int(step.group(1)))
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    if signals:
        sys.exit(128 + signals[0])
    if process.returncode:
        sys.exit('error: %s: %s' % (run_dir, last_line))


def speed(run_dir: str, first: int = 0) -> Dict[str, float]:
    """Steps, seconds and images/s of the training steps of a run, from its log, without what happens between steps.

    Args:
      run_dir: the run folder.
      first: index of the first logged record that counts.
    """
    run = RunFolder(run_dir)
    batch_size = run.read_config()['flags']['batch_size']
    records = run.read_metrics()
    steps = [record['step'] - before for record, before in zip(records, [0, *(record['step'] for record in records)])]
    seconds = sum(seconds_of_steps(records, batch_size)[first:])
    trained = sum(steps[first:])
    return {'steps': trained, 'seconds': seconds, 'images_per_second': trained * batch_size / seconds}


def check_step(run_dir: str, step: int) -> None:
    """Exits unless the newest checkpoint is of this step. A longer run cannot be measured there."""
    last_step = step_of(last_checkpoint(RunFolder(run_dir)))
    if last_step != step:
        sys.exit('error: %s is at step %d, not at step %d: name another folder with --runs, or delete this '
                 'one' % (run_dir, last_step, step))
