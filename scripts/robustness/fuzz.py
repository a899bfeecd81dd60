"""Gives every reader of files damaged, absurd and hostile ones, and counts what became of them.

  .venv-3.11/bin/python scripts/fuzz.py --inputs=1000

The targets are those of tests/fuzzing.py, each in a process of its own whose memory is limited. Exits with 1 where a
reader failed: its smallest input is printed then. Adds a table to --output, in place of an earlier one of this
TensorFlow.
"""
import argparse
import multiprocessing
import os
import resource
import signal
import sys
import tempfile
import time
import traceback

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'tests'))

from arguments import any_path, at_least
from dcgan_tf1.errors import exit_status
from dcgan_tf1.run_folder import write
from trainings import ROOT

MEMORY = 2 ** 31  # bytes that a target may take beyond those of the imported program
SECONDS = 60  # for one input


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--inputs', type=at_least(1), default=1000, help='for a quick target; slow ones get a share of '
                        'it')
    parser.add_argument('--seed', type=at_least(0), default=0)
    parser.add_argument('--output', type=any_path, default=os.path.join(ROOT, 'results', 'reliability', 'fuzzing.md'))
    return parser.parse_args(arguments)


def fuzz(name, inputs, seed, folder, told):
    """Runs one target in this process; sends what became of its inputs through `told`, a Connection."""
    import hypothesis
    import tensorflow.compat.v1 as tf
    from fuzzing import TARGETS
    tf.logging.set_verbosity(tf.logging.ERROR)
    target = TARGETS[name](folder)
    count = {'refused': 0, 'accepted': 0, 'failed': 0}
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with open('/proc/self/status') as file:
        taken = next(int(line.split()[1]) for line in file if line.startswith('VmData')) * 1024
    resource.setrlimit(resource.RLIMIT_DATA, (taken + MEMORY,) * 2)

    @hypothesis.seed(seed)
    @hypothesis.settings(max_examples=max(1, int(inputs * target.share)), database=None, deadline=None,
                         suppress_health_check=list(hypothesis.HealthCheck))
    @hypothesis.given(target.inputs)
    def read(drawn):
        signal.alarm(SECONDS)  # ends the process
        count['accepted' if target.read(drawn) else 'refused'] += 1
        signal.alarm(0)
    try:
        read()
    except Exception:
        traceback.print_exc()
        count['failed'] = 1
    count['mebibytes'] = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024
    told.send(count)


def run(name, arguments):
    """What became of a target's inputs, as a row of the table."""
    began = time.perf_counter()
    row = {'target': name, 'refused': 0, 'accepted': 0, 'failed': 0, 'mebibytes': 0, 'crashes': 0}
    receiver, sender = multiprocessing.Pipe(duplex=False)
    with tempfile.TemporaryDirectory() as folder:
        process = multiprocessing.get_context('spawn').Process(
            target=fuzz, args=(name, arguments.inputs, arguments.seed, folder, sender))
        process.start()
        sender.close()
        try:
            row.update(receiver.recv())
        except EOFError:  # it died
            row['crashes'] = 1
        process.join()
    row['seconds'] = round(time.perf_counter() - began)
    if row['crashes']:
        print('%s ended with status %d' % (name, process.exitcode), file=sys.stderr)
    print('%(target)s: %(refused)d refused, %(accepted)d accepted, %(failed)d failed, %(crashes)d crashed, '
          '%(mebibytes)d MiB, %(seconds)d s' % row, flush=True)
    return row


def table(rows, arguments):
    """Markdown."""
    import hypothesis
    import numpy
    import PIL
    import tensorflow.compat.v1 as tf
    columns = ('refused', 'accepted', 'failed', 'crashes', 'mebibytes', 'seconds')
    lines = ['## TensorFlow %s, Python %d.%d' % (tf.__version__, *sys.version_info[:2]), '',
             'NumPy %s, Pillow %s, hypothesis %s; `--inputs=%d --seed=%d`.' % (
                 numpy.__version__, PIL.__version__, hypothesis.__version__, arguments.inputs, arguments.seed), '',
             '| read | inputs | refused by name | accepted as valid | other exceptions or data | crashes | memory '
             'beyond the program\'s, at most (MiB) | seconds |', '| --- |' + ' --- |' * 7]
    for row in [*rows, {'target': '**all**', **{name: (max if name == 'mebibytes' else sum)(
            row[name] for row in rows) for name in columns}}]:
        lines.append('| %s | %d | %s |' % (row['target'], row['refused'] + row['accepted'], ' | '.join(
            str(row[name]) for name in columns)))
    return '\n'.join(lines) + '\n'


INTRODUCTION = '''# Damaged, absurd and hostile files

Made by `scripts/fuzz.py`: hypothesis draws files (whole ones with spans cut, flipped, zeroed, repeated or overwritten,
and such whose headers claim anything), and the program's own readers read them, in processes that may take 2 GiB. Right
is a refusal in one line that names the file or flag, or data that are what the file says; where a format has checksums
(IDX by its md5, PNG, .npz, checkpoints), the very data of the whole file. JPEG, GIF, BMP and .npy have none.

'''


def main(arguments=None):
    arguments = parse(arguments)
    os.environ['TF_CPP_MIN_LOG_LEVEL'] = '3'
    from fuzzing import TARGETS
    rows = [run(name, arguments) for name in TARGETS]
    made = table(rows, arguments)
    heading = made.splitlines()[0]
    others = []
    if os.path.exists(arguments.output):
        with open(arguments.output, encoding='utf-8') as file:
            others = ['## ' + part for part in file.read().split('\n## ')[1:]]
    others = [part.rstrip('\n') + '\n' for part in others if part.splitlines()[0] != heading]
    os.makedirs(os.path.dirname(os.path.abspath(arguments.output)), exist_ok=True)
    write(arguments.output, (INTRODUCTION + '\n'.join(sorted([*others, made], reverse=True))).encode())
    return int(any(row['failed'] or row['crashes'] for row in rows))


if __name__ == '__main__':
    sys.exit(exit_status(main))
