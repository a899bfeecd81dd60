"""Times the start of a training: from the command to the first step.

  python -m scripts.benchmarks.startup --data_dir=my/mnist

All flags are passed to `python -m dcgan_tf1.train`. Processes that start a training and processes that only import
TensorFlow run in turns. Prints medians of both, and of their ratios. Writes no files.
"""
import os
import statistics
import subprocess
import sys
import tempfile
import time
from typing import List, Tuple

from scripts.lib.paths import ROOT

ROUNDS = 7
_IMPORT = '''
import os
import tensorflow.compat.v1 as tf
tf.Session  # TensorFlow loads many of its modules when they are first used
os._exit(0)
'''
_START = '''
import os
from dcgan_tf1.train import __main__ as train
from dcgan_tf1.train import shutdown
shutdown.GracefulShutdown.__enter__ = lambda _: os._exit(0)  # which the training loop enters before its first step
train.main()
'''


def main() -> None:
    """The script."""
    rounds = []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as folder:
            rounds.append((_time(_IMPORT), _time(_START, *sys.argv[1:], '--run_dir=' + os.path.join(folder, 'run'))))
    for unit, name in enumerate(('on the clock', 'of processor time')):
        imports, starts = zip(*[(imported[unit], started[unit]) for imported, started in rounds])
        ratios = [started / imported for imported, started in zip(imports, starts)]
        print('seconds %s: from the command to the first step %s; importing TensorFlow alone %s; ratio %s'
              % (name, _summary(starts), _summary(imports), _summary(ratios)))


def _time(program: str, *flags: str) -> Tuple[float, float]:
    """The seconds, and the seconds of processor time, that a program takes."""
    start = time.perf_counter(), sum(os.times()[2:4])
    subprocess.run([sys.executable, '-c', program, *flags], env={**os.environ, 'PYTHONPATH': ROOT}, check=True)
    return time.perf_counter() - start[0], sum(os.times()[2:4]) - start[1]


def _summary(values: List[float]) -> str:
    return '%.2f (%.2f–%.2f)' % (statistics.median(values), min(values), max(values))


if __name__ == '__main__':
    try:
        main()
    except subprocess.CalledProcessError as error:
        sys.exit('error: the training ended with status %d: see its output above' % error.returncode)
    except KeyboardInterrupt:
        sys.exit(130)
