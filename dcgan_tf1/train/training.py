"""A training from its settings to its end: data, graph, run folder, Session, loop."""
import contextlib
import platform
from typing import Any, Dict, List, Optional

import numpy
import tensorflow.compat.v1 as tf

import dcgan_tf1
from dcgan_tf1 import data, metrics
from dcgan_tf1.data import AnyImages
from dcgan_tf1.model import graph, precision
from dcgan_tf1.model import inputs as model_inputs
from dcgan_tf1.runs import saved_settings
from dcgan_tf1.runs.checkpoints.saving import Checkpoints
from dcgan_tf1.runs.folder import RunFolder
from dcgan_tf1.settings import cli_flags
from dcgan_tf1.settings.train import TrainSettings
from dcgan_tf1.train import autotune, preparation, training_data
from dcgan_tf1.train.best_checkpoint import BestCheckpoint
from dcgan_tf1.train.loop import Run, TrainingLoop, follow
from dcgan_tf1.train.reporter import Reporter
from dcgan_tf1.train.warm_start import WarmStart
from dcgan_tf1.train.workers.cluster import Cluster
from dcgan_tf1.util import device, terminal
from dcgan_tf1.util.errors import UserError

_Config = Dict[str, Any]


def train(settings: TrainSettings) -> int:
    """Trains a run, or resumes the one in its folder.

    If the environment variable TF_CONFIG names several workers, this process trains as one of them.

    Returns: 0, or 128 plus the number of the signal that stopped the training.
    Raises: UserError.
    """
    with Cluster() as cluster:
        return _train(settings, cluster)


def _train(settings: TrainSettings, cluster: Cluster) -> int:
    folder = RunFolder(saved_settings.run_dir(settings))
    earlier_config = cluster.from_chief(folder.read_config() if cluster.is_chief else None)
    if earlier_config:
        earlier = saved_settings.from_config(earlier_config, folder.config)
        settings = preparation.for_resume(settings, earlier)
        if cluster.is_chief:
            _check_same_settings(folder, settings, earlier)
            saved_settings.check_data_dir(folder, settings, earlier)
    if settings.evaluate_every and settings.best_by not in metrics.rankings(data.has_labels(settings.dataset)):
        raise UserError('--best_by must be %s, because this --dataset has no labels'
                        % ' or '.join(metrics.rankings(False)))
    precision.check(settings.precision)
    images, data_record, notes = training_data.load(settings, folder.path, earlier_config)
    settings = preparation.resolve(settings, images.num_examples)
    _check_images(settings, images)
    config: _Config = {'versions': _versions(), 'data': data_record}
    network_checksum = saved_settings.network_checksum(settings.network)
    if network_checksum:
        config['network_checksum'] = network_checksum
    _check_workers(folder, settings, cluster, config, earlier_config)
    if not earlier_config:
        settings, notes_on_speed = autotune.choose_for_all(settings, cluster)
        notes += notes_on_speed
    config['flags'] = settings.with_absolute_paths().as_dict()
    run = Run(folder, settings, images, model_inputs.batch_plan(settings, images.num_examples))
    with tf.Graph().as_default(), tf.device(cluster.device):
        train_graph = graph.build_training(settings, images, run.plan, cluster.workers(settings.batch_statistics))
        if not cluster.is_chief:
            return _follow(run, train_graph, cluster)
        folder.create()
        with folder.locked():
            if folder.read_config() != earlier_config:
                raise UserError('%s was changed by another process just now: run the command again' % folder.path)
            return _Training(run, train_graph, config, earlier_config, notes, cluster).run()


def _check_same_settings(folder: RunFolder, settings: TrainSettings, earlier: TrainSettings) -> None:
    changes = preparation.changes(settings, earlier)
    if changes:
        raise UserError('%s holds a run with other settings: %s. To resume that run, use --flagfile=%s; to start '
                        'another, name a new --run_dir' % (folder.path, '; '.join(changes), folder.flags))
    saved_settings.check_network(settings.network, folder)


def _check_workers(folder: RunFolder, settings: TrainSettings, cluster: Cluster, config: _Config,
                   earlier_config: Optional[_Config]) -> None:
    """Checks that all workers can train together, and notes in the config how many there are if that matters."""
    if settings.batch_size < cluster.size:
        raise UserError('--batch_size=%d is less than the %d workers in TF_CONFIG: use fewer workers, or larger batches'
                        % (settings.batch_size, cluster.size))
    if settings.batch_statistics == 'worker':
        config['workers'] = cluster.size
        earlier = earlier_config.get('workers') if earlier_config else cluster.size
        if earlier != cluster.size:
            raise UserError('%s holds a run of %s workers with --batch_statistics=worker: resume it with as many, not '
                            'with %d' % (folder.path, earlier, cluster.size))
    cluster.check_same({**preparation.of_all_workers(settings), **config['versions'],
                        **{'data: ' + name: value for name, value in config['data'].items()},
                        '--network': config.get('network_checksum', settings.network)})


def _follow(run: Run, train_graph: graph.TrainGraph, cluster: Cluster) -> int:
    """What a worker does that is not the chief. Returns the exit status."""
    assert train_graph.cooperation
    initializer = tf.global_variables_initializer()
    tf.get_default_graph().finalize()
    with cluster.create_session(run.settings.xla) as session:
        session.run(initializer)
        session.run(train_graph.cooperation.copy_from_chief)
        if cluster.from_chief(None):  # the run is finished
            return 0
        try:
            signal_number = follow(session, train_graph, run.settings, int(session.run(train_graph.global_step)))
        except tf.errors.OpError:
            if run.images.fault:
                cluster.tell_chief(run.images.faults)
                raise run.images.fault from None
            raise
    return 128 + signal_number if signal_number else 0


def _check_images(settings: TrainSettings, images: AnyImages) -> None:
    if settings.batch_size > images.num_examples:
        raise UserError('--batch_size=%d is more than the %d training images: use a smaller one'
                        % (settings.batch_size, images.num_examples))
    if images.image_shape != (settings.image_size, settings.image_size, settings.channels):
        raise UserError('the images of --dataset=%s are %d×%d with %d channel(s), not --image_size=%d with '
                        '--channels=%d: change these flags, or use a recipe for such images'
                        % (settings.dataset, *images.image_shape, settings.image_size, settings.channels))


def _versions() -> Dict[str, str]:
    return {'dcgan_tf1': dcgan_tf1.__version__, 'tensorflow': tf.__version__, 'numpy': numpy.__version__,
            'python': platform.python_version()}


class _Training:
    """The part of a training that happens in its locked run folder, in the default graph."""

    def __init__(self, run: Run, train_graph: graph.TrainGraph, config: _Config, earlier_config: Optional[_Config],
                 notes: List[str], cluster: Cluster):
        self._run, self._graph, self._cluster = run, train_graph, cluster
        self._config, self._earlier_config = config, earlier_config
        self._written_config = earlier_config  # the content of config.json
        self._checkpoints = Checkpoints(run.folder, run.settings.keep_checkpoints)
        if self._checkpoints.last and not earlier_config:
            raise UserError('%s has checkpoints but no %s: restore that file, or name another --run_dir'
                            % (run.folder.path, run.folder.config))
        self._notes = list(notes)  # messages from before the log is open

    def run(self) -> int:
        settings = self._run.settings
        warm_start = None
        if settings.init_checkpoint and not self._checkpoints.last:
            warm_start = WarmStart(settings.init_checkpoint, settings.checkpoint_names, self._notes.append)
        initializer = tf.global_variables_initializer()
        tf.get_default_graph().finalize()
        with self._cluster.create_session(settings.xla) as session:
            start_step = self._restore_or_initialize(session, initializer, warm_start)
            if self._graph.cooperation:
                session.run(self._graph.cooperation.copy_from_chief)
            self._cluster.listen(self._write_faults)
            if self._cluster.from_chief(self._is_finished(start_step)):
                terminal.say('%s is finished: all %d steps are done. To train longer, use a larger --steps'
                             % (self._run.folder.path, start_step))
                return 0
            earlier = saved_settings.read(self._run.folder) if self._earlier_config else None
            with contextlib.closing(Reporter(self._run.folder, settings, start_step, earlier)) as reporter:
                self._write_settings()
                self._log_device(reporter, session)
                self._log_start(reporter, start_step)
                return self._run_loop(session, reporter, start_step)

    def _restore_or_initialize(self, session: tf.Session, initializer: tf.Operation,
                               warm_start: Optional[WarmStart]) -> int:
        """Gives all variables their values; returns the number of steps that they were trained for."""
        if self._checkpoints.last:
            self._checkpoints.restore(session, self._notes.append)
        else:
            session.run(initializer)
            if warm_start:
                warm_start.restore(session)
                self._notes.append('starting from the weights of %s, %s' % (
                    warm_start.path,
                    'with the state of Adam' if warm_start.with_adam else 'with a new state of Adam'))
        return int(session.run(self._graph.global_step))

    def _is_finished(self, step: int) -> bool:
        return step > self._run.settings.steps or (
            step == self._run.settings.steps and self._run.folder.animation_is_current())

    def _write_settings(self) -> None:
        # Keep the versions that the run was started with: they determine the exact numbers.
        versions = self._earlier_config.get('versions') if self._earlier_config else self._config['versions']
        flags = cli_flags.to_flags(self._run.settings.with_absolute_paths())
        self._run.folder.write_flags(cli_flags.flag_file(flags))
        self._written_config = {**self._config, 'versions': versions}
        self._run.folder.write_config(self._written_config)  # last: with it, the folder holds a run

    def _write_faults(self, faults: Dict[str, int]) -> None:
        """Notes in config.json which files stopped the run, so that it can be resumed without them."""
        config = self._written_config
        if config:
            self._run.folder.write_config({**config, 'data': {**config['data'], 'faults': faults}})

    @staticmethod
    def _log_device(reporter: Reporter, session: tf.Session) -> None:
        reporter.log('training on ' + device.describe(session))
        warning = device.warning(session)
        if warning:
            reporter.log('warning: ' + warning)

    def _log_start(self, reporter: Reporter, start_step: int) -> None:
        versions = self._config['versions']
        if self._earlier_config and self._earlier_config.get('versions') != versions:
            reporter.log('this run was started with %s and is resumed with %s: the last digits of results may differ'
                         % (self._earlier_config.get('versions'), versions))
        reporter.log('%s: %s at step %d of %d, %d images from %s' % (
            self._run.folder.path, 'resuming' if start_step else 'starting', start_step, self._run.settings.steps,
            self._run.images.num_examples, self._run.images.source))
        if self._cluster.size > 1:
            reporter.log('%d workers train together' % self._cluster.size)
        for note in self._notes:
            reporter.log(note)

    def _run_loop(self, session: tf.Session, reporter: Reporter, start_step: int) -> int:
        images = self._run.images
        with contextlib.ExitStack() as stack:
            best = None
            if self._run.settings.evaluate_every:
                best = stack.enter_context(contextlib.closing(
                    BestCheckpoint(self._run.folder, self._run.settings, reporter.log)))
            loop = TrainingLoop(self._run, session, self._graph, self._checkpoints, reporter, best)
            try:
                signal_number = loop.train(start_step)
            except (tf.errors.OpError, UserError):
                if images.fault:
                    self._write_faults(images.faults)
                    raise images.fault from None  # TensorFlow buries it in the report of a failed op
                raise
        step = int(session.run(self._graph.global_step))
        if signal_number:
            reporter.log('stopped and saved at step %d; run the same command to resume' % step)
            return 128 + signal_number  # as a shell reports a process that a signal ended
        reporter.log('finished at step %d; the last samples: %s' % (step, self._run.folder.grid(step)))
        return 0
