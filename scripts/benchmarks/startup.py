"""Times the start of a training: from the command to the first step.

  python -m scripts.benchmarks.startup --data_dir=my/mnist

All flags are passed to `python -m dcgan_tf1.train`. Prints medians of five processes, in seconds: for the
import of TensorFlow, and from there to the first step (imports, flags, data, graph, variables, grids of real
and of untrained images). Writes no files.
"""
import os
import statistics
import subprocess
import sys
import tempfile
import time
from typing import List

from scripts.lib.paths import ROOT

PROCESSES = 5
_IS_WORKER = 'DCGAN_TF1_STARTUP_WORKER'


def run_worker() -> None:
    """Starts a training in this process. Prints the seconds of importing TensorFlow and of the rest."""
    start = time.perf_counter()
    import tensorflow.compat.v1 as tf
    tf.Session  # noqa: B018 (TensorFlow loads many of its modules when they are first used)
    imported = time.perf_counter()
    from dcgan_tf1.train import __main__ as train
    from dcgan_tf1.train import loop

    def stop_before_first_step(_):
        print(imported - start, time.perf_counter() - imported, flush=True)
        os._exit(0)
    # The training loop enters this context right before the first step.
    loop.GracefulShutdown.__enter__ = stop_before_first_step
    train.main()


def main() -> None:
    """The script."""
    times = [_time_a_start() for _ in range(PROCESSES)]
    for name, values in zip(('importing TensorFlow', 'from there to the first step'), zip(*times)):
        print('%s: %.2f s (%.2f–%.2f)' % (name, statistics.median(values), min(values), max(values)))


def _time_a_start() -> List[float]:
    with tempfile.TemporaryDirectory() as folder:
        output = subprocess.check_output(
            [sys.executable, '-m', 'scripts.benchmarks.startup', *sys.argv[1:],
             '--run_dir=' + os.path.join(folder, 'run')],
            env={**os.environ, 'PYTHONPATH': ROOT, _IS_WORKER: '1', 'TF_CPP_MIN_LOG_LEVEL': '3'})
    return [float(text) for text in output.split()]


if __name__ == '__main__':
    try:
        if os.environ.get(_IS_WORKER):
            run_worker()
        else:
            main()
    except subprocess.CalledProcessError as error:
        sys.exit('error: the training ended with status %d: see its output above' % error.returncode)
    except KeyboardInterrupt:
        sys.exit(130)
