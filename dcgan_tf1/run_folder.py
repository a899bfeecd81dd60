"""The one place that knows the paths inside a run folder, and writes its small files whole or not at all."""
import contextlib
import json
import os
import re

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

from dcgan_tf1.errors import UserError, add_filename

# What JSON files of runs can be damaged into, for Python's reader of them.
_FAULTS = (OSError, ValueError, RecursionError)
_LOGGED = ('step', 'epoch', 'discriminator_loss', 'generator_loss', 'real_accuracy', 'fake_accuracy',
           'images_per_second')


def _is_number(value):
    return type(value) in (int, float) and (-1e100 < value < 1e100 or value != value)


def _is_record(record):
    return (isinstance(record, dict) and all(_is_number(record.get(name)) for name in _LOGGED)
            and type(record['step']) is int and 0 < record['step'] < 2 ** 31)


def _is_evaluation(evaluation):
    return (isinstance(evaluation, dict) and isinstance(evaluation.get('scores'), dict)
            and all(isinstance(evaluation.get(name), str) for name in ('checkpoint', 'bn_mode'))
            and all(type(evaluation.get(name)) is int and _is_number(evaluation[name])
                    for name in ('num_images', 'test_images'))
            and all(isinstance(score, dict) and _is_score(name, score.get('value'))
                    and (score.get('real') is None or _is_score(name, score['real']))
                    for name, score in evaluation['scores'].items()))


def _is_score(name, value):
    if name == 'histogram':
        return isinstance(value, list) and value and all(map(_is_number, value))
    return _is_number(value)


def write_atomically(path, content):
    """Writes bytes to a file, under another name first: a reader meets the old file or the new, never a half."""
    with add_filename(path):
        with open(path + '.partial', 'wb') as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    os.replace(path + '.partial', path)


class RunFolder:
    """A folder with everything that a run wrote."""

    def __init__(self, path):
        self.path = path
        self.config = os.path.join(path, 'config.json')
        self.flags = os.path.join(path, 'train.flags')
        self.metrics = os.path.join(path, 'metrics.jsonl')
        self.log = os.path.join(path, 'train.log')
        self.scores = os.path.join(path, 'scores.json')
        self.losses = os.path.join(path, 'losses.png')
        self.events = path  # TensorBoard names a run after the folder of its event files
        self.samples = os.path.join(path, 'samples')
        self.animation = os.path.join(self.samples, 'training.gif')
        self.reals = os.path.join(self.samples, 'reals.png')
        self.checkpoints = os.path.join(path, 'checkpoints')
        self.lock = os.path.join(path, 'lock')
        self.best = os.path.join(path, 'best')
        self.checkpoint_prefix = os.path.join(self.checkpoints, 'model')

    def grid(self, step):
        """Path of the grid of generated images after that many steps."""
        return os.path.join(self.samples, 'step_%06d.png' % step)

    def grids(self):
        """Paths of the grids that are there, in the order of their steps."""
        paths = [os.path.join(self.samples, name) for name in os.listdir(self.samples)
                 if re.match(r'step_[0-9]{6,15}\.png$', name)]
        return sorted(paths, key=self.step_of)

    def animation_is_current(self):
        """Whether the film was made of all the grids: the last thing that a training does."""
        grids = self.grids()
        return not grids or (os.path.exists(self.animation) and os.path.getmtime(self.animation) >= os.path.getmtime(grids[-1]))

    def step_of(self, grid):
        """The step of a path that `grids` gave."""
        return int(os.path.basename(grid)[len('step_'):-len('.png')])

    def create(self):
        """Makes the folders. Raises UserError where that is not possible."""
        try:
            for folder in (self.path, self.samples, self.checkpoints):
                os.makedirs(folder, exist_ok=True)
        except OSError as error:
            raise UserError('--run_dir=%s cannot be made (%s): name a folder that can be written to'
                            % (self.path, error.strerror)) from error

    @contextlib.contextmanager
    def locked(self):
        """Keeps other processes from training here, until it is left or this process ends, in whatever way.

        Raises: UserError where another one trains here.
        """
        with open(self.lock, 'a+', encoding='utf-8') as file:
            try:
                if fcntl:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.seek(0)
                raise UserError('%s is being trained by another process (%s): wait for that one, or name another '
                                '--run_dir' % (self.path, file.read().strip())) from None
            except OSError:
                pass  # a file system that knows no locks
            file.truncate(0)
            file.write('%d\n' % os.getpid())
            file.flush()
            yield

    def read_config(self):
        """The run's config.json, or None where there is no run. Raises UserError if it is damaged."""
        try:
            with open(self.config, encoding='utf-8') as file:
                config = json.load(file)
            if not isinstance(config, dict) or not all(
                    isinstance(config.get(name, {}), dict) for name in ('flags', 'versions')) or 'flags' not in config:
                raise ValueError('no settings in it')
            return config
        except FileNotFoundError:
            return None
        except _FAULTS as error:
            raise UserError('%s cannot be read (%s): restore it, or name another --run_dir'
                            % (self.config, error)) from error

    def write_config(self, config):
        write_atomically(self.config, (json.dumps(config, indent=2, sort_keys=True) + '\n').encode())

    def write_flags(self, flagfile):
        """Writes the settings as a flagfile."""
        write_atomically(self.flags, flagfile.encode())

    def read_metrics(self):
        """The logged steps, a list of dicts. A last line that was not written to its end is left out."""
        try:
            with open(self.metrics, encoding='utf-8') as file:
                lines = file.readlines()
        except FileNotFoundError:
            return []
        except _FAULTS as error:
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
            if not _is_record(record):
                raise UserError('%s, line %d, is no logged step: restore the file, or delete that line'
                                % (self.metrics, number))
            records.append(record)
        return records

    def read_scores(self):
        """The evaluations in scores.json, a list of dicts. Raises UserError if it is damaged."""
        try:
            with open(self.scores, encoding='utf-8') as file:
                evaluations = json.load(file)
            if not isinstance(evaluations, list) or not all(map(_is_evaluation, evaluations)):
                raise ValueError('no evaluations in it')
            return evaluations
        except FileNotFoundError:
            return []
        except _FAULTS as error:
            raise UserError('%s cannot be read (%s): mend or delete it' % (self.scores, error)) from error

    def add_scores(self, evaluation, same):
        """Adds an evaluation (a dict) to scores.json, in place of one that has the same values of the keys `same`."""
        kept = [other for other in self.read_scores() if any(other.get(key) != evaluation[key] for key in same)]
        write_atomically(self.scores, (json.dumps([*kept, evaluation], indent=1) + '\n').encode())

    def write_metrics(self, records):
        """Replaces the logged steps."""
        write_atomically(self.metrics, ''.join(json.dumps(record) + '\n' for record in records).encode())
