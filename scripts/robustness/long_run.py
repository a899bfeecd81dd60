"""Memory and disk use of a long training."""
import os
import re
import sys
import time
from typing import Dict, List

from dcgan_tf1.settings.fields import Settings
from scripts.robustness.baseline import FAULT_RECIPE, RECIPES
from scripts.robustness.training_process import TrainingProcess

BATCH_SIZE = 8
_LOGGED_STEPS = 200  # measurements during a run
_POLL_SECONDS = 0.02


def measure_long_run(folder: str, arguments: Settings) -> Dict[str, List[int]]:
    """Trains --long_steps steps.

    Returns: {'step': [...], 'memory': [...], 'disk': [...]}, the resident memory of the process and the size of
      the run folder in bytes at these steps.
    """
    training = TrainingProcess(
        folder, 'long', FAULT_RECIPE, *RECIPES[FAULT_RECIPE], '--batch_size=%d' % BATCH_SIZE,
        '--log_every=%d' % max(1, arguments.long_steps // _LOGGED_STEPS), '--steps=%d' % arguments.long_steps)
    results = {'step': [], 'memory': [], 'disk': []}
    training.start()
    while True:
        last = results['step'][-1] if results['step'] else 0
        training.wait_for_step(last + 1)
        memory = _resident_memory(training.pid)
        if training.has_ended() or memory is None:
            break
        results['step'].append(training.step())
        results['memory'].append(memory)
        results['disk'].append(_folder_size(training.folder.path))
        time.sleep(_POLL_SECONDS)
    if training.end()[0]:
        sys.exit('error: the training in %s failed: %s' % (training.folder.path, training.output()))
    return results


def _resident_memory(pid):
    """Bytes, or None if the process has ended."""
    try:
        with open('/proc/%d/status' % pid) as file:
            match = re.search(r'VmRSS:\s*(\d+) kB', file.read())
    except FileNotFoundError:
        return None
    return int(match.group(1)) * 1024 if match else None


def _folder_size(folder):
    paths = [os.path.join(path, name) for path, _, names in os.walk(folder) for name in names]
    return sum(os.path.getsize(path) for path in paths if os.path.exists(path))
