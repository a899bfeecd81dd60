"""The one place that knows the paths inside a run folder, and writes its small files whole or not at all."""
import contextlib
import json
import os

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

from dcgan_tf1.errors import UserError, naming


def write(path, content):
    """Writes bytes to a file, under another name first: a reader meets the old file or the new, never a half."""
    with naming(path):
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
        self.film = os.path.join(self.samples, 'training.gif')
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
        return [os.path.join(self.samples, name) for name in sorted(os.listdir(self.samples))
                if name.startswith('step_') and name.endswith('.png')]

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
            if not isinstance(config, dict) or not isinstance(config.get('flags'), dict):
                raise ValueError('no settings in it')
            return config
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise UserError('%s cannot be read (%s): restore it, or name another --run_dir'
                            % (self.config, error)) from error

    def write_config(self, config):
        write(self.config, (json.dumps(config, indent=2, sort_keys=True) + '\n').encode())

    def write_flags(self, flagfile):
        """Writes the settings as a flagfile."""
        write(self.flags, flagfile.encode())

    def read_metrics(self):
        """The logged steps, a list of dicts. A last line that was not written to its end is left out."""
        try:
            with open(self.metrics, encoding='utf-8') as file:
                lines = file.readlines()
        except FileNotFoundError:
            return []
        records = []
        for number, line in enumerate(lines, 1):
            try:
                records.append(json.loads(line))
            except ValueError as error:
                if number < len(lines):
                    raise UserError('%s, line %d, is not JSON: restore the file, or delete that line'
                                    % (self.metrics, number)) from error
        return records

    def read_scores(self):
        """The evaluations in scores.json, a list of dicts. Raises UserError if it is damaged."""
        try:
            with open(self.scores, encoding='utf-8') as file:
                evaluations = json.load(file)
            if not isinstance(evaluations, list) or not all(
                    isinstance(evaluation, dict) and isinstance(evaluation.get('scores'), dict)
                    for evaluation in evaluations):
                raise ValueError('no evaluations in it')
            return evaluations
        except FileNotFoundError:
            return []
        except (OSError, ValueError) as error:
            raise UserError('%s cannot be read (%s): mend or delete it' % (self.scores, error)) from error

    def add_scores(self, evaluation, same):
        """Adds an evaluation (a dict) to scores.json, in place of one that has the same values of the keys `same`."""
        kept = [other for other in self.read_scores() if any(other.get(key) != evaluation[key] for key in same)]
        write(self.scores, (json.dumps([*kept, evaluation], indent=1) + '\n').encode())

    def write_metrics(self, records):
        """Replaces the logged steps."""
        write(self.metrics, ''.join(json.dumps(record) + '\n' for record in records).encode())
