"""Times what passes between the command and the first training step, beyond importing TensorFlow.

  .venv-3.11/bin/python scripts/benchmark_startup.py --data_dir=my/mnist      (further flags go to the training)

Imports, flags, data, graph, variables, grids of real and of untrained images: medians of five processes, in seconds.
"""
import os
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..')
PROCESSES = 5


def worker():
    """One start, in this process: prints the seconds that importing TensorFlow takes, and those to the first step."""
    began = time.perf_counter()
    import tensorflow.compat.v1 as tf
    tf.Session  # noqa: B018 (much of TensorFlow is loaded when it is first asked for)
    imported = time.perf_counter()
    from dcgan_tf1 import loop, train

    def first_step(_):
        print(imported - began, time.perf_counter() - imported, flush=True)
        os._exit(0)
    loop.Interrupt.__enter__ = first_step  # what the loop does right before it
    train.main()


def main():
    times = []
    for _ in range(PROCESSES):
        with tempfile.TemporaryDirectory() as folder:
            told = subprocess.check_output(
                [sys.executable, os.path.abspath(__file__), *sys.argv[1:], '--run_dir=' + os.path.join(folder, 'run')],
                env={**os.environ, 'PYTHONPATH': ROOT, 'STARTUP_WORKER': '1', 'TF_CPP_MIN_LOG_LEVEL': '3'})
        times.append([float(part) for part in told.split()])
    for name, values in zip(('importing TensorFlow', 'from there to the first step'), zip(*times)):
        print('%s: %.2f s (%.2f–%.2f)' % (name, statistics.median(values), min(values), max(values)))


if __name__ == '__main__':
    try:
        worker() if os.environ.get('STARTUP_WORKER') else main()
    except subprocess.CalledProcessError as error:
        sys.exit('error: the training ended with status %d: see above' % error.returncode)
    except KeyboardInterrupt:
        sys.exit(130)
