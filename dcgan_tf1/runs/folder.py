"""The files of a run: the only module that builds paths inside run folders and beside checkpoints.

A checkpoint is a set of files with a common prefix. Functions here and in `checkpoints` take and return that
prefix as its path: `runs/my_run/checkpoints/model-1000` stands for `model-1000.index`,
`model-1000.data-00000-of-00001` and, once they were computed, standing statistics.
"""
import contextlib
import glob
import json
import os
import platform
import re
import time
from typing import Any, Dict, Iterator, List, Optional, Sequence

from dcgan_tf1.util import files
from dcgan_tf1.util.errors import UserError
from dcgan_tf1.util.files import RUN_CONFIG, RUN_FLAGS, RUN_SAMPLES, write_atomically

# Errors that reading a damaged JSON file can raise.
_JSON_ERRORS = (OSError, ValueError, RecursionError)


def default_run_dir(name: str, dataset: str, seed: int) -> str:
    """The run folder of a training without --run_dir: runs/NAME-DATASET-SEED."""
    return os.path.join('runs', '%s-%s-%d' % (name, dataset, seed))


def is_run_checkpoint(name: Optional[str]) -> bool:
    """Whether --checkpoint=NAME has a meaning only for a run: a step, or `best`."""
    return name is not None and (name == 'best' or name.isdigit())


_CHECKPOINT_FILE = re.compile(
    r'(model-[0-9]+)\.(?:index|data-[0-9]+-of-[0-9]+|standing-[0-9]+x[0-9]+\.npz|scores\.json)')


def checkpoint_of(path: str) -> Optional[str]:
    """The checkpoint of a run that a file belongs to; None for others, such as copies that the user made."""
    match = _CHECKPOINT_FILE.fullmatch(os.path.basename(path))
    return os.path.join(os.path.dirname(path), match.group(1)) if match else None


class RunFolder:
    """The folder with everything that a run writes. Each attribute is the path of a file or folder in it.

    Attributes:
      path: the run folder.
      config: settings, versions and dataset of the run (JSON).
      flags: the settings as a flagfile.
      metrics: one JSON object per logged step.
      log: the messages of the training.
      scores: a JSON list of evaluations.
      losses: plot of both losses.
      samples: folder of image grids.
      animation: all grids of generated images as an animation.
      reals: grid of real images.
      checkpoints: folder of checkpoints.
      checkpoint_prefix: path of a checkpoint without its '-STEP'.
      checkpoint_state: TensorFlow's list of the checkpoints.
      best: folder with a copy of the best checkpoint.
      lock: locked while a process trains this run; contains its process ID.
    """

    def __init__(self, path: str):
        """The folder need not exist."""
        self.path = path
        self.config = os.path.join(path, RUN_CONFIG)
        self.flags = os.path.join(path, RUN_FLAGS)
        self.metrics = os.path.join(path, 'metrics.jsonl')
        self.log = os.path.join(path, 'train.log')
        self.scores = os.path.join(path, 'scores.json')
        self.losses = os.path.join(path, 'losses.png')
        self.samples = os.path.join(path, RUN_SAMPLES)
        self.animation = os.path.join(self.samples, 'training.gif')
        self.reals = os.path.join(self.samples, 'reals.png')
        self.checkpoints = os.path.join(path, 'checkpoints')
        self.checkpoint_prefix = os.path.join(self.checkpoints, 'model')
        self.checkpoint_state = os.path.join(self.checkpoints, 'checkpoint')
        self.best = os.path.join(path, 'best')
        self.lock = os.path.join(path, 'lock')

    def new_events_path(self) -> str:
        """Path of a new event file, with the kind of name by which TensorBoard recognizes them.

        It lies in the run folder itself, because TensorBoard names a run after the folder of its event files. There,
        TensorBoard reads them in the order of their names, so it is the last, whatever the clocks of machines say.
        """
        prefix = os.path.join(self.path, 'events.out.tfevents.')
        earlier = [re.match(r'[0-9]{10}(?=[.])', path[len(prefix):]) for path in glob.glob(glob.escape(prefix) + '*')]
        seconds = max([int(time.time()), *(int(match.group()) + 1 for match in earlier if match)])
        return '%s%d.%s.%d' % (prefix, seconds, platform.node(), os.getpid())

    def grid(self, step: int) -> str:
        """Path of the grid of images generated after that step."""
        return os.path.join(self.samples, 'step_%06d.png' % step)

    def grids(self) -> List[str]:
        """Paths of the existing grids of generated images, ordered by step."""
        paths = [os.path.join(self.samples, name) for name in os.listdir(self.samples)
                 if re.match(r'step_[0-9]{6,15}\.png$', name)]
        return sorted(paths, key=self.step_of)

    def step_of(self, grid: str) -> int:
        """The step of a path that `grids` returned."""
        return int(os.path.basename(grid)[len('step_'):-len('.png')])

    def animation_is_current(self) -> bool:
        """Whether the animation contains all grids. Writing it is the last thing that a training does."""
        grids = self.grids()
        return not grids or (os.path.exists(self.animation)
                             and os.path.getmtime(self.animation) >= os.path.getmtime(grids[-1]))

    def checkpoint_indexes(self) -> List[str]:
        """Paths of the indexes of the complete checkpoints, in any order."""
        return [path for path in self.checkpoint_parts() if path.endswith('.index')]

    def checkpoint_parts(self) -> List[str]:
        """Paths of all files of all checkpoints, complete or not."""
        return _checkpoint_files(self.checkpoints)

    def unfinished_checkpoint_files(self) -> List[str]:
        """Paths of temporary files, which a killed process or a full disk left behind."""
        return [path for pattern in ('*.tempstate*', 'checkpoint.tmp*', 'checkpoint.dcgan_tf1-*.partial')
                for path in glob.glob(os.path.join(glob.escape(self.checkpoints), pattern))]

    def best_parts(self) -> List[str]:
        """Paths of the files in the folder of the best checkpoint, and of what a killed process left of others."""
        return _checkpoint_files(self.best)

    def best_copy_path(self, path: str) -> str:
        """Path that a file of a checkpoint has when it is copied to the folder of the best checkpoint."""
        return os.path.join(self.best, os.path.basename(path))

    def check_can_create(self) -> None:
        """Raises UserError if `create` is certain to fail. Creates nothing."""
        with self._creating():
            files.check_can_create(self.path)

    def create(self) -> None:
        """Creates the folder and its subfolders. Raises UserError if that is not possible."""
        self.check_can_create()
        with self._creating():
            for folder in (self.path, self.samples, self.checkpoints):
                os.makedirs(folder, exist_ok=True)

    @contextlib.contextmanager
    def _creating(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise UserError('--run_dir=%s cannot be created (%s): name a folder that you can write to'
                            % (self.path, error.strerror)) from error

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps other processes from training this run, until the block is left or this process ends.

        Raises: UserError if another process trains it.
        """
        def on_taken(holder: str) -> None:
            raise UserError('%s is being trained by another process (%s): wait for it to finish, or name '
                            'another --run_dir' % (self.path, holder)) from None
        with files.hold_lock(self.lock, on_taken):
            for folder in (self.path, self.samples, self.checkpoints, self.best):
                files.remove_abandoned(folder)
            yield

    def read_config(self) -> Optional[Dict[str, Any]]:
        """Reads config.json.

        Returns: a dict with at least the dict 'flags', or None if there is no run in this folder.
        Raises: UserError if it is damaged.
        """
        try:
            with open(self.config, encoding='utf-8') as file:
                config = json.load(file)
            if not is_config(config):
                raise ValueError('it contains no settings')
            return config
        except FileNotFoundError:
            return None
        except _JSON_ERRORS as error:
            raise UserError('%s cannot be read (%s): restore it, or name another --run_dir'
                            % (self.config, error)) from error

    def write_config(self, config: Dict[str, Any]) -> None:
        """Writes config.json."""
        write_atomically(self.config, (json.dumps(config, indent=2, sort_keys=True) + '\n').encode())

    def write_flags(self, flagfile: bytes) -> None:
        """Writes the settings, the content of a flagfile."""
        write_atomically(self.flags, flagfile)

    def read_metrics(self) -> List[Dict[str, Any]]:
        """Reads the logged steps from metrics.jsonl. An incomplete last line is ignored.

        Returns: one dict per logged step; [] if there is no such file.
        Raises: UserError if the file is damaged.
        """
        try:
            with open(self.metrics, encoding='utf-8') as file:
                lines = file.readlines()
        except FileNotFoundError:
            return []
        except _JSON_ERRORS as error:
            raise UserError('%s cannot be read (%s): restore or delete it' % (self.metrics, error)) from error
        records = []
        for number, line in enumerate(lines, 1):
            try:
                record = json.loads(line)
            except (ValueError, RecursionError) as error:
                if number < len(lines):
                    raise UserError('%s, line %d, is not JSON: restore the file, or delete that line'
                                    % (self.metrics, number)) from error
                break
            if not is_record(record):
                raise UserError('%s, line %d, is not a logged step: restore the file, or delete that line'
                                % (self.metrics, number))
            records.append(record)
        return records

    def write_metrics(self, records: Sequence[Dict[str, Any]]) -> None:
        """Replaces the logged steps."""
        write_atomically(self.metrics, ''.join(json.dumps(record) + '\n' for record in records).encode())

    def read_scores(self) -> List[Dict[str, Any]]:
        """Reads the evaluations from scores.json.

        Returns: one dict per evaluation; [] if there is no such file.
        Raises: UserError if the file is damaged.
        """
        try:
            with open(self.scores, encoding='utf-8') as file:
                evaluations = json.load(file)
            if not isinstance(evaluations, list) or not all(map(is_evaluation, evaluations)):
                raise ValueError('it contains no evaluations')
            return evaluations
        except FileNotFoundError:
            return []
        except _JSON_ERRORS as error:
            raise UserError('%s cannot be read (%s): fix or delete it' % (self.scores, error)) from error

    def add_scores(self, evaluation: Dict[str, Any], identity_keys: Sequence[str]) -> None:
        """Adds an evaluation to scores.json, in place of one with the same values for `identity_keys`."""
        with files.hold_lock(self.scores + '.lock'):
            others = [other for other in self.read_scores()
                      if any(other.get(key) != evaluation[key] for key in identity_keys)]
            write_atomically(self.scores, (json.dumps([*others, evaluation], indent=1) + '\n').encode())


def _checkpoint_files(folder: str) -> List[str]:
    return [path for path in glob.glob(os.path.join(glob.escape(folder), '*')) if checkpoint_of(path)]


_RECORD_KEYS = ('step', 'epoch', 'discriminator_loss', 'generator_loss', 'real_accuracy', 'fake_accuracy',
                'images_per_second')


def seconds_of_steps(records: Sequence[Dict[str, Any]], batch_size: int) -> List[float]:
    """The seconds that the steps up to each record of metrics.jsonl took, without what happens between steps."""
    starts = [0, *(record['step'] for record in records)]
    return [(record['step'] - start) * batch_size / max(record['images_per_second'], 1e-9)
            for record, start in zip(records, starts)]


def is_config(value: Any) -> bool:
    """Whether a value is the content of config.json."""
    return (isinstance(value, dict) and isinstance(value.get('flags'), dict)
            and isinstance(value.get('versions', {}), dict))


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and (-1e100 < value < 1e100 or value != value)


def is_record(value: Any) -> bool:
    """Whether a value is a logged step, a line of metrics.jsonl."""
    return (isinstance(value, dict) and all(_is_number(value.get(key)) for key in _RECORD_KEYS)
            and type(value['step']) is int and 0 < value['step'] < 2 ** 31)


def is_evaluation(value: Any) -> bool:
    """Whether a value is an evaluation, an entry of scores.json."""
    return (isinstance(value, dict) and isinstance(value.get('scores'), dict)
            and all(isinstance(value.get(key), str) for key in ('checkpoint', 'bn_mode'))
            and all(type(value.get(key)) is int and _is_number(value[key])
                    for key in ('num_images', 'test_images'))
            and all(_is_score(name, score) for name, score in value['scores'].items()))


def _is_score(name: str, value: Any) -> bool:
    return (isinstance(value, dict) and _is_score_value(name, value.get('value'))
            and (value.get('real') is None or _is_score_value(name, value['real'])))


def _is_score_value(name: str, value: Any) -> bool:
    if name == 'histogram':
        return isinstance(value, list) and bool(value) and all(map(_is_number, value))
    return _is_number(value)
