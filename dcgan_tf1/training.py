"""A training from its settings to its end: data, graph, run folder, Session, loop."""
import contextlib
import platform
from typing import Any, Dict, List, Optional

import numpy
import tensorflow.compat.v1 as tf

import dcgan_tf1
from dcgan_tf1 import cli_flags, device, fastest, flag_files, graph, precision, progress, run_settings, training_data
from dcgan_tf1.best_checkpoint import BestCheckpoint
from dcgan_tf1.checkpoints import Checkpoints
from dcgan_tf1.data import AnyImages
from dcgan_tf1.errors import UserError
from dcgan_tf1.loop import Run, TrainingLoop
from dcgan_tf1.reporter import Reporter
from dcgan_tf1.run_folder import RunFolder
from dcgan_tf1.session import create_session
from dcgan_tf1.settings import TrainSettings
from dcgan_tf1.warm_start import WarmStart

_Config = Dict[str, Any]


def train(settings: TrainSettings) -> int:
    """Trains a run, or resumes the one in its folder.

    Returns: 0, or 128 plus the number of the signal that stopped the training.
    Raises: UserError.
    """
    folder = RunFolder(run_settings.run_dir(settings))
    earlier_config = folder.read_config()
    if earlier_config:
        earlier = run_settings.read(folder)
        settings = run_settings.for_resume(settings, earlier)
        _check_same_settings(folder, settings, earlier)
        run_settings.check_data_dir(folder, settings, earlier)
    precision.check(settings.precision)
    images, data_record, notes = training_data.load(settings, folder.path, earlier_config)
    settings = run_settings.resolve(settings, images.num_examples)
    _check_images(settings, images)
    if not earlier_config:
        settings, notes_on_speed = fastest.choose(settings)
        notes += notes_on_speed
    config: _Config = {
        'flags': settings.with_absolute_paths().as_dict(), 'versions': _versions(), 'data': data_record}
    network_checksum = run_settings.network_checksum(settings.network)
    if network_checksum:
        config['network_checksum'] = network_checksum
    run = Run(folder, settings, images, run_settings.batch_plan(settings, images.num_examples))
    with tf.Graph().as_default():
        train_graph = graph.build_training(settings, images, run.plan)
        folder.create()
        with folder.locked():
            if folder.read_config() != earlier_config:
                raise UserError('%s was changed by another process just now: run the command again' % folder.path)
            return _Training(run, train_graph, config, earlier_config, notes).run()


def _check_same_settings(folder: RunFolder, settings: TrainSettings, earlier: TrainSettings) -> None:
    changes = run_settings.changes(settings, earlier)
    if changes:
        raise UserError('%s holds a run with other settings: %s. To resume that run, use --flagfile=%s; to start '
                        'another, name a new --run_dir' % (folder.path, '; '.join(changes), folder.flags))
    run_settings.check_network(settings.network, folder)


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
                 notes: List[str]):
        self._run, self._graph = run, train_graph
        self._config, self._earlier_config = config, earlier_config
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
        with create_session(settings.xla) as session:
            start_step = self._restore_or_initialize(session, initializer, warm_start)
            if self._is_finished(start_step):
                progress.say('%s is finished: all %d steps are done. To train longer, use a larger --steps'
                             % (self._run.folder.path, start_step))
                return 0
            earlier = run_settings.read(self._run.folder) if self._earlier_config else None
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
        self._run.folder.write_flags(flag_files.encode(flags))
        self._config_to_write = {**self._config, 'versions': versions}
        self._run.folder.write_config(self._config_to_write)  # last: with it, the folder holds a run

    def _write_faults(self) -> None:
        """Notes in config.json which files stopped the run, so that it can be resumed without them."""
        config = self._config_to_write
        self._run.folder.write_config({**config, 'data': {**config['data'], 'faults': self._run.images.faults}})

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
                    self._write_faults()
                    raise images.fault from None  # TensorFlow buries it in the report of a failed op
                raise
        step = int(session.run(self._graph.global_step))
        if signal_number:
            reporter.log('stopped and saved at step %d; run the same command to resume' % step)
            return 128 + signal_number  # as a shell reports a process that a signal ended
        reporter.log('finished at step %d; the last samples: %s' % (step, self._run.folder.grid(step)))
        return 0
