"""Gives damaged, absurd and malicious files to every reader and counts what happens.

  python -m scripts.robustness.fuzz --inputs=1000

Each of the targets in scripts/robustness/fuzzing runs in a process of its own with limited memory. Prints the
smallest input with which a reader fails, and exits with status 1 if one does. Writes a table to README.md in
--output, which keeps the tables of other versions of TensorFlow. Needs Linux.
"""
import dataclasses
import multiprocessing
import os
import resource
import signal
import sys
import tempfile
import time
import traceback
from typing import Any, Dict, List

import hypothesis
import numpy
import PIL
import tensorflow.compat.v1 as tf

from dcgan_tf1.settings import cli, fields
from dcgan_tf1.util import pages
from dcgan_tf1.util.files import write_atomically
from scripts.lib.arguments import output_folder
from scripts.robustness.fuzzing import TARGETS

_MAX_MEMORY = 2 ** 31  # bytes that a target may allocate beyond the imported modules
_MAX_SECONDS = 60  # for one input

# Keys of a row, and the headings of their columns.
_COLUMNS = {'rejected': 'rejected with an error', 'accepted': 'accepted as valid',
            'failed': 'other exceptions or wrong data', 'crashes': 'crashes',
            'mebibytes': 'peak memory beyond the modules, MiB', 'seconds': 'seconds'}
_INTRODUCTION = '''# Damaged, absurd and malicious files

Does any file make the program crash, hang, use much memory, or read wrong data?

Measured by `python -m scripts.robustness.fuzz`. Hypothesis draws files: valid ones with spans that are cut,
flipped, zeroed, repeated or overwritten, and files whose headers claim anything. The program's own readers
read them, in processes that may use 2 GiB. A reader must either reject a file with a one-line error that
names the file or the flag, or return what the file says. Where a format has checksums (IDX through its
published md5, PNG, .npz, checkpoints), that is the data of the undamaged file. JPEG, GIF, BMP and .npy have
no checksums.
'''


@dataclasses.dataclass(frozen=True)
class FuzzArguments(fields.Settings):
    """Arguments of this script."""

    inputs: int = fields.integer(1000, 1, 'number of inputs of a fast target; slow ones get fewer')
    seed: int = fields.integer(0, 0, 'random seed')
    output: str = output_folder('robustness', 'fuzz')


def _limit_memory():
    with open('/proc/self/status') as file:
        kibibytes = next(int(line.split()[1]) for line in file if line.startswith('VmData'))
    resource.setrlimit(resource.RLIMIT_DATA, (1024 * kibibytes + _MAX_MEMORY,) * 2)


def _peak_kibibytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def run_target(name: str, inputs: int, seed: int, folder: str, connection: Any) -> None:
    """Runs a target in this process and sends the counts through `connection`."""
    tf.logging.set_verbosity(tf.logging.ERROR)
    target = TARGETS[name](folder)
    counts = {'rejected': 0, 'accepted': 0, 'failed': 0}
    peak_before = _peak_kibibytes()
    _limit_memory()

    @hypothesis.seed(seed)
    @hypothesis.settings(max_examples=max(1, int(inputs * target.share)), database=None, deadline=None,
                         suppress_health_check=list(hypothesis.HealthCheck))
    @hypothesis.given(target.inputs)
    def read(drawn):
        signal.alarm(_MAX_SECONDS)  # ends the process
        counts['accepted' if target.read(drawn) else 'rejected'] += 1
        signal.alarm(0)
    try:
        read()
    except Exception:
        traceback.print_exc()
        counts['failed'] = 1
    counts['mebibytes'] = (_peak_kibibytes() - peak_before) // 1024
    connection.send(counts)


def run_in_process(name: str, arguments: FuzzArguments) -> Dict[str, Any]:
    """Runs a target in a process of its own. Returns a row of the table, {column: value}."""
    start = time.perf_counter()
    row = {'target': name, **dict.fromkeys(_COLUMNS, 0)}
    receiver, sender = multiprocessing.Pipe(duplex=False)
    with tempfile.TemporaryDirectory() as folder:
        process = multiprocessing.get_context('spawn').Process(
            target=run_target, args=(name, arguments.inputs, arguments.seed, folder, sender))
        process.start()
        sender.close()
        try:
            row.update(receiver.recv())
        except EOFError:  # the process died
            row['crashes'] = 1
        process.join()
    row['seconds'] = round(time.perf_counter() - start)
    if row['crashes']:
        print('%s ended with status %d' % (name, process.exitcode), file=sys.stderr)
    print('%(target)s: %(rejected)d rejected, %(accepted)d accepted, %(failed)d failed, %(crashes)d crashed, '
          '%(mebibytes)d MiB, %(seconds)d s' % row, flush=True)
    return row


def section(rows: List[Dict[str, Any]], arguments: FuzzArguments) -> str:
    """The part of the report about this version of TensorFlow."""
    totals = {name: (max if name == 'mebibytes' else sum)(row[name] for row in rows) for name in _COLUMNS}
    cells = [[row['target'], row['rejected'] + row['accepted'], *(row[name] for name in _COLUMNS)]
             for row in [*rows, {'target': '**all**', **totals}]]
    text = '## TensorFlow %s, Python %d.%d\n\n' % (tf.__version__, *sys.version_info[:2])
    text += 'NumPy %s, Pillow %s, hypothesis %s; `--inputs=%d --seed=%d`.\n\n' % (
        numpy.__version__, PIL.__version__, hypothesis.__version__, arguments.inputs, arguments.seed)
    return text + pages.markdown_table(['read', 'inputs', *_COLUMNS.values()], cells)


def _other_sections(report: str, heading: str) -> List[str]:
    """The sections of an existing report with other headings."""
    if not os.path.exists(report):
        return []
    with open(report, encoding='utf-8') as file:
        sections = ['## ' + part.rstrip('\n') + '\n' for part in file.read().split('\n## ')[1:]]
    return [part for part in sections if part.splitlines()[0] != heading]


def main(arguments: FuzzArguments) -> int:
    """The script; returns the exit status."""
    os.environ['TF_CPP_MIN_LOG_LEVEL'] = '3'  # for the processes
    rows = [run_in_process(name, arguments) for name in TARGETS]
    new = section(rows, arguments)
    os.makedirs(arguments.output, exist_ok=True)
    report = os.path.join(arguments.output, 'README.md')
    sections = sorted([*_other_sections(report, new.splitlines()[0]), new], reverse=True)
    write_atomically(report, '\n'.join([_INTRODUCTION, *sections]).encode())
    return int(any(row['failed'] or row['crashes'] for row in rows))


if __name__ == '__main__':
    cli.main(main, FuzzArguments)
