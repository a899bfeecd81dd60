"""The files of a combination, among files of others, and the commands that use them."""
import glob
import itertools
import json
import os
import shutil
import subprocess
import sys
import time
import uuid
from typing import Any, Dict, Iterable, List, Sequence

import numpy as np
import tensorflow.compat.v1 as tf

from dcgan_tf1.runs.folder import RunFolder
from dcgan_tf1.util import grids, pixels
from scripts.lib.paths import ROOT
from scripts.robustness.seams import combinations

STEPS = 5  # of a training
_SECONDS = 600  # that a command may take
# What users and their programs put into the folders of this one.
_FOREIGN = {
    'run': ['notes.txt', 'config.json.bak', 'lock.old', 'samples/step_000002 (1).png', 'samples/mine.png',
            'checkpoints/notes.txt', 'checkpoints/old/notes.txt', 'best/notes.txt', *(
                folder + name + suffix for folder in ('checkpoints/', 'checkpoints/old/', 'best/')
                for name in ('model-good', 'model-2 (1)', 'model-good-3', 'mine-1', 'model-2.bak')
                for suffix in ('.index', '.data-00000-of-00001'))],
    'cache': ['notes.txt', 'mine/checkpoints/model-3.index'], 'pack': ['notes.txt'],
    'data': ['notes.txt', 'mine/notes.txt', '.hidden.png', 'model-2.data-00000-of-00001']}


class Command:
    """A command of the program, started in a process of its own."""

    def __init__(self, output_path: str, words: Sequence[str]):
        """Starts `python -m dcgan_tf1 WORDS`, or another module that the first word names in full."""
        module = ['-m', words[0]] if '.' in words[0] else ['-m', 'dcgan_tf1.' + words[0]]
        self._words, self._path = words, output_path
        with open(output_path, 'w', encoding='utf-8') as file:
            self._process = subprocess.Popen([sys.executable, *module, *words[1:]], cwd=ROOT, stdout=file, stderr=file)

    def output(self) -> str:
        """What the command has printed."""
        with open(self._path, encoding='utf-8') as file:
            return file.read()

    def end(self, signal: int, step: int) -> None:
        """Sends a signal as soon as a training has logged a step, unless it has ended."""
        while self._process.poll() is None and 'step %d/' % step not in self.output():
            time.sleep(0.01)
        self._process.send_signal(signal)

    def finish(self, statuses: Iterable[int] = (0,)) -> str:
        """Waits for the end, and checks the exit status and the output, which is returned."""
        try:
            status = self._process.wait(_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise AssertionError('%s has not ended after %d seconds: %s' % (
                self._words[0], _SECONDS, self.output().strip()[-600:])) from None
        output = self.output()
        errors = [line for line in output.splitlines() if line.startswith('error: ')]
        about = '%s ended with status %d: %s' % (self._words[0], status, '; '.join(errors) or output.strip()[-600:])
        assert status in statuses and 'Traceback' not in output, about
        assert len(errors) == (status == 1), about
        return errors[0] if errors else output


class Scene:
    """A combination with its files, in a folder of its own.

    Attributes:
      drawn: the combination.
      flags: those of its training, without --run_dir and --steps.
      run: the `RunFolder` that is interrupted and looked at.
      checkpoint: its last checkpoint.
      foreign: {path: content} of the files of others.
    """

    def __init__(self, drawn: combinations.Combination, folder: str):
        """Writes the data and the network into a new folder."""
        self._outer = folder
        if drawn['folder'] == combinations.RAM_DISK and os.access(combinations.RAM_DISK, os.W_OK):
            self._outer = folder = os.path.join(combinations.RAM_DISK, 'dcgan_tf1-%s' % uuid.uuid4())
        elif drawn['folder'] != 'run':
            folder = os.path.join(folder, drawn['folder'])
        self.drawn, self._folder, self._numbers = drawn, folder, itertools.count()
        self.run, self.foreign = RunFolder(self.path('run')), {}
        self.checkpoint = '%s-%d' % (self.run.checkpoint_prefix, STEPS)
        self.network = self.path('network.py') if drawn['network'] in combinations.OWN else drawn['network']
        self.flags = [*combinations.flags(drawn), '--network=' + self.network, '--cache_dir=' + self.path('cache')]
        os.makedirs(folder)
        if drawn['network'] in combinations.OWN:
            with open(self.network, 'w', encoding='utf-8') as file:
                file.write(combinations.own_network(drawn))
        if drawn['data'] != 'mnist_10k':
            self.flags.append('--data_dir=' + self.path('data'))
            self._write_data()
        if drawn['data'].endswith('packed'):
            self.flags.append('--pack_dir=' + self.path('pack'))
        np.save(self.path('noise.npy'), np.random.RandomState(1).uniform(-1, 1, (5, 8)).astype(np.float32))

    def path(self, *names: str) -> str:
        """A path in the folder."""
        return os.path.join(self._folder, *names)

    def _write_data(self) -> None:
        os.makedirs(self.path('data', 'a'))
        pictures = [grids.png(picture) for picture in np.random.RandomState(0).randint(0, 256, (20, 28, 28), np.uint8)]
        if self.drawn['data'].startswith('tfrecords'):
            for shard in range(2):
                path = self.path('data', 'pictures.tfrecord-0000%d-of-00002' % shard)
                with tf.python_io.TFRecordWriter(path) as writer:
                    for picture in pictures[shard::2]:
                        writer.write(tf.train.Example(features=tf.train.Features(feature={
                            'image/encoded': tf.train.Feature(bytes_list=tf.train.BytesList(value=[picture])),
                        })).SerializeToString())
        else:
            for number, picture in enumerate(pictures):
                with open(self.path('data', 'a' * (number % 2), '%02d.png' % number), 'wb') as file:
                    file.write(picture)

    def strew(self, *folders: str) -> None:
        """Adds files of others to folders. Those that look like checkpoints are copies of one, if there is one."""
        for folder in folders:
            for name in _FOREIGN[folder]:
                path = self.path(folder, name)
                os.makedirs(os.path.dirname(path), exist_ok=True)
                source = self.run.checkpoint_prefix + '-2' + name[name.rfind('.'):]
                content = name.encode()
                if folder == 'run' and os.path.exists(source):
                    with open(source, 'rb') as file:
                        content = file.read()
                with open(path, 'wb') as file:
                    file.write(content)
                self.foreign[path] = content

    def start(self, *words: str) -> Command:
        """Starts a command."""
        return Command(self.path('output-%d.txt' % next(self._numbers)), words)

    def call(self, *words: str) -> str:
        """Runs a command, which must succeed. Returns its output."""
        return self.start(*words).finish()

    def training(self, name: str, *more: str) -> List[str]:
        """The words of the command that trains a run, or resumes it."""
        return ['train', *self.flags, '--run_dir=' + self.path(name), '--steps=%d' % STEPS, *more]

    def generator(self) -> List[str]:
        """The flags of the commands that name the generator of the run, or of its last checkpoint."""
        if self.drawn['opened_as'] == 'run':
            return ['--run_dir=' + self.run.path]
        return [*self.flags, '--checkpoint=' + self.checkpoint]

    def modes(self) -> List[str]:
        """The kinds of batch-norm statistics that the generator has."""
        return ['batch', 'moving', 'standing'][:2 if self.drawn['extra_update_op'] == 'Generator' else 3]

    def sampling(self, mode: str, name: str, *more: str) -> List[str]:
        """The words of the command that generates the images of the latent vectors in noise.npy."""
        return ['sample', *self.generator(), '--noise=' + self.path('noise.npy'), '--bn_mode=' + mode,
                '--standing_batches=3', '--output=' + self.path(name + '.npy'), *more]

    def sampled(self, name: str) -> np.ndarray:
        """The images that `sampling` wrote, uint8 [5, 28, 28, 1]."""
        return pixels.to_uint8(np.load(self.path(name + '.npy')))

    def probe(self, **request: Any) -> None:
        """Generates images by the Python API and by SavedModels; see `probe`."""
        self.call('scripts.robustness.seams.probe', json.dumps(
            {'output': self.path('probe.npz'), 'noise': self.path('noise.npy'), 'modes': self.modes(), **request}))

    def probed(self) -> Dict[str, np.ndarray]:
        """{name: images} that `probe` generated."""
        with np.load(self.path('probe.npz')) as arrays:
            return {name: arrays[name].astype(int) for name in arrays.files}

    def cached_statistics(self) -> List[str]:
        """Paths of the cached standing statistics of the run."""
        return glob.glob(glob.escape(self.checkpoint) + '.standing-*')

    def forget_statistics(self) -> None:
        """Deletes the cached standing statistics of the run."""
        for path in self.cached_statistics():
            os.remove(path)

    def remove(self, is_kept: bool) -> None:
        """Deletes the folder, unless it is to be kept and is not on a RAM disk."""
        if not is_kept or self._outer.startswith(combinations.RAM_DISK):
            shutil.rmtree(self._outer)
