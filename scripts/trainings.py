"""What the scripts share that train many runs: one training, settings, and a file of what was measured."""
import argparse
import json
import os
import re
import signal
import subprocess
import sys

from arguments import at_least
from dcgan_tf1.checkpoints import last_checkpoint, step_of
from dcgan_tf1.errors import UserError
from dcgan_tf1.run_folder import RunFolder, write

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def flagfile(recipe):
    return os.path.join(ROOT, 'flags', recipe + '.flags')


def recipes():
    """Names of the recipes that have a flagfile."""
    return sorted(os.path.splitext(name)[0] for name in os.listdir(os.path.join(ROOT, 'flags')))


def ends(text):
    """A type of arguments: 'graph_mode=3000,sparse_softmax=1000' → {'graph_mode': 3000, 'sparse_softmax': 1000}."""
    try:
        return {name: at_least(1)(steps) for name, steps in (part.split('=') for part in text.split(',') if part)}
    except ValueError:
        raise argparse.ArgumentTypeError('%s must be like graph_mode=3000,sparse_softmax=1000' % text) from None


def data_flags(arguments):
    """The flags of a training that a script's own --dataset, --data_dir, --precision and --batch_size ask for."""
    return ['--dataset=' + arguments.dataset, '--precision=' + arguments.precision,
            *(['--data_dir=' + os.path.abspath(arguments.data_dir)] if arguments.data_dir else ()),
            *(['--batch_size=%d' % arguments.batch_size] if arguments.batch_size else ())]


def training_flags(recipe, run_dir, *further):
    """The flags of `python -m dcgan_tf1.train` that a script's training of a recipe has."""
    return ['--flagfile=' + flagfile(recipe), '--run_dir=' + os.path.abspath(run_dir), '--keep_checkpoints=1',
            '--sample_every=1000000', *further]


def train(recipe, run_dir, *further, progress=lambda step: None):
    """Trains a run, or goes on with it. Exits where that fails.

    Args:
      further: flags of `python -m dcgan_tf1.train`.
      progress: called with each step that is logged.
    Ctrl-C and SIGTERM are passed on to the training, which saves, and then end the script, with status 130 or 143. (A
    script that is killed otherwise can't do that: the training ends at the next line that it has no one to tell, and
    the same command goes on from its last checkpoint.)
    """
    command = [sys.executable, '-m', 'dcgan_tf1.train', *training_flags(recipe, run_dir, *further)]
    last, process, stopped = '', None, []

    def pass_on(number, _):
        stopped.append(number)
        if process:
            process.send_signal(number)
    before = {number: signal.signal(number, pass_on) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        # In a session of its own: else a terminal would send Ctrl-C to it as well, and a second signal ends it unsaved.
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              universal_newlines=True, start_new_session=True) as process:
            if stopped:  # before there was whom to tell
                process.send_signal(stopped[-1])
            for line in process.stdout:
                last = line.strip() or last
                step = re.match(r'step (\d+)/', line)
                if step:
                    progress(int(step.group(1)))
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if stopped:
        sys.exit(128 + stopped[0])
    if process.returncode:
        sys.exit('error: %s: %s' % (run_dir, last))


def check_stands_at(run_dir, steps):
    """Exits unless a run's newest checkpoint is of that step: one that went further can't be measured there."""
    step = step_of(last_checkpoint(RunFolder(run_dir)))
    if step != steps:
        sys.exit('error: %s stands at step %d, not at %d: name another folder with --runs, or delete it'
                 % (run_dir, step, steps))


def read_json(path):
    """What a JSON file of ours holds. Raises: UserError."""
    try:
        with open(path, encoding='utf-8') as file:
            return json.load(file)
    except ValueError as error:
        raise UserError('%s cannot be read (%s): mend or delete it' % (path, error)) from error


class Measurements:
    """What was measured, in measurements.json of a folder: figures by keys of several parts, and the settings."""

    def __init__(self, folder, settings, **beside):
        """`beside`: what else the file holds, at first. Exits where the file is of other settings."""
        self._path = os.path.join(folder, 'measurements.json')
        self.content = {'settings': settings, **beside, 'measured': {}}
        if os.path.exists(self._path):
            self.content = read_json(self._path)
            if self.content['settings'] != settings:
                sys.exit('error: %s was measured with %s, not %s: give those, or another --output'
                         % (self._path, self.content['settings'], settings))

    def has(self, *key):
        return _text(key) in self.content['measured']

    def add(self, key, figures, **beside):
        """Adds figures (what JSON can hold) under a key (a tuple), and writes the file."""
        self.content['measured'][_text(key)] = figures
        self.content.update(beside)
        write(self._path, (json.dumps(self.content, indent=1, sort_keys=True) + '\n').encode())

    def of(self, *key):
        """Figures of every key with these parts, a list; None stands for any. In the order of the keys."""
        return [figures for _, figures in self.items(*key)]

    def items(self, *key):
        """(key, a list of texts and numbers; figures) of the same."""
        found = []
        for text, figures in self.content['measured'].items():
            parts = text.split()
            if len(parts) == len(key) and all(part in (None, have) for part, have in zip(map(_part, key), parts)):
                found.append(([int(part) if part.isdigit() else part for part in parts], figures))
        return sorted(found, key=lambda pair: pair[0])


def _part(part):
    return part if part is None else str(part)


def _text(key):
    return ' '.join(map(str, key))
