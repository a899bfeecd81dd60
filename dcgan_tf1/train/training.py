"""A training from its settings to its end: preparation, graph, run folder, Session, loop."""
import contextlib
from typing import Dict, Optional

import tensorflow.compat.v1 as tf

from dcgan_tf1.model import graph, networks
from dcgan_tf1.runs import saved_settings
from dcgan_tf1.runs.checkpoints.files import is_intact
from dcgan_tf1.runs.checkpoints.saving import Checkpoints, last_checkpoint, step_of
from dcgan_tf1.settings import cli_flags
from dcgan_tf1.settings.fields import Role
from dcgan_tf1.settings.train import TrainSettings
from dcgan_tf1.train.best_checkpoint import BestCheckpoint
from dcgan_tf1.train.loop import TrainingLoop, follow
from dcgan_tf1.train.preparation import Run, prepare
from dcgan_tf1.train.reporter import Reporter
from dcgan_tf1.train.warm_start import WarmStart
from dcgan_tf1.train.workers.cluster import Cluster
from dcgan_tf1.util import device, terminal
from dcgan_tf1.util.errors import UserError
from dcgan_tf1.util.log import LogFile, log, only_warnings


def train(settings: TrainSettings) -> int:
    """Trains a run, or resumes the one in its folder.

    It trains on the devices of `--num_gpus` and, if environment variables say that it is one of several workers, with
    the others (see `workers.task`).

    Returns: 0, or 128 plus the number of the signal that stopped the training.
    Raises: UserError.
    """
    # The chief logs what is not a warning for all.
    with Cluster(settings.num_gpus) as cluster, LogFile() as log_file, only_warnings(not cluster.is_chief), \
            networks.unchanged():
        run = prepare(settings, cluster)
        with contextlib.closing(run.images), tf.Graph().as_default(), tf.device(cluster.device):
            if run.earlier_config and cluster.from_chief(cluster.is_chief and _is_known_to_be_finished(run)):
                return 0  # the graph is still empty: to build it takes seconds
            replicas = cluster.replicas(run.settings.batch_statistics)
            train_graph = graph.build_training(run.settings, run.images, run.plan, replicas)
            if not cluster.is_chief:
                return _follow(run, train_graph, cluster)
            run.folder.create()
            with run.folder.locked():
                if run.folder.read_config() != run.earlier_config:
                    raise UserError('%s was changed by another process just now: run the command again'
                                    % run.folder.path)
                return _Training(run, train_graph, cluster, log_file).run()


def _is_known_to_be_finished(run: Run) -> bool:
    """Whether the last checkpoint shows that nothing is left to do. Says so then."""
    with run.folder.locked():
        last = last_checkpoint(run.folder)
        is_finished = bool(last) and _is_finished(run, step_of(last)) and is_intact(last)
        if is_finished:
            _say_finished(run, step_of(last))
        return is_finished


def _is_finished(run: Run, step: int) -> bool:
    return step > run.settings.steps or (step == run.settings.steps and run.folder.animation_is_current())


def _say_finished(run: Run, step: int) -> None:
    terminal.say('%s is finished: all %d steps are done. To train longer, use a larger --steps%s'
                 % (run.folder.path, step, _without_effect(run)))


def _without_effect(run: Run) -> str:
    """A sentence about flags of this call that a finished run ignores; '' if there are none."""
    settings, earlier = run.settings.with_absolute_paths(), saved_settings.read(run.folder)
    others = {'steps', 'epochs', 'num_gpus', *settings.names(Role.OF_A_WORKER)}
    ignored = ['--' + name for name in settings.names() if name in settings.given and name not in others
               and getattr(settings, name) != getattr(earlier, name)]
    return '. %s had no effect: to use %s, train again with another --run_name' % (
        ', '.join(ignored), 'them' if ignored[1:] else 'it') if ignored else ''


def _follow(run: Run, train_graph: graph.TrainGraph, cluster: Cluster) -> int:
    """What a worker does that is not the chief. Returns the exit status."""
    assert train_graph.cooperation
    tf.get_default_graph().finalize()
    with cluster.create_session(run.settings.xla) as session:
        session.run(train_graph.cooperation.copy_from_chief)
        if cluster.from_chief(None):  # the run is finished
            return 0
        try:
            signal_number = follow(session, train_graph, run.settings, int(session.run(train_graph.global_step)))
        except tf.errors.OpError:
            fault = run.images.fault  # first: while this thread works, another may find the next
            if fault:
                cluster.tell_chief(run.images.faults)
                raise fault from None
            raise
    return 128 + signal_number if signal_number else 0


class _Training:
    """The part of a training that happens in its locked run folder, in the default graph."""

    def __init__(self, run: Run, train_graph: graph.TrainGraph, cluster: Cluster, log_file: LogFile):
        self._run, self._graph, self._cluster, self._log_file = run, train_graph, cluster, log_file
        self._written_config = run.earlier_config  # the content of config.json
        self._checkpoints = Checkpoints(run.folder, run.settings.keep_checkpoints)
        if self._checkpoints.last and not run.earlier_config:
            raise UserError('%s has checkpoints but no %s: restore that file, or name another --run_dir'
                            % (run.folder.path, run.folder.config))

    def run(self) -> int:
        folder, settings = self._run.folder, self._run.settings
        warm_start = WarmStart(self._run.init_checkpoint) if self._run.init_checkpoint else None
        initializer = tf.global_variables_initializer()
        tf.get_default_graph().finalize()
        with self._cluster.create_session(settings.xla) as session:
            start_step = self._restore_or_initialize(session, initializer, warm_start)
            if self._graph.cooperation:
                session.run(self._graph.cooperation.copy_from_chief)
            self._cluster.listen(self._write_faults)
            if self._cluster.from_chief(_is_finished(self._run, start_step)):
                _say_finished(self._run, start_step)
                return 0
            self._log_file.open(folder.log)
            earlier = saved_settings.read(folder) if self._run.earlier_config else None
            with contextlib.closing(Reporter(folder, settings, start_step, earlier)) as reporter:
                self._write_settings()
                self._log_start(session, start_step)
                return self._run_loop(session, reporter, start_step)

    def _restore_or_initialize(self, session: tf.Session, initializer: tf.Operation,
                               warm_start: Optional[WarmStart]) -> int:
        """Gives all variables their values; returns the number of steps that they were trained for."""
        if self._checkpoints.last:
            self._checkpoints.restore(session)
        else:
            session.run(initializer)
            if warm_start:
                warm_start.restore(session)
                log.info('starting from the weights of %s, with %s', warm_start.path,
                         'the state of Adam' if warm_start.with_adam else 'a new state of Adam')
        return int(session.run(self._graph.global_step))

    def _write_settings(self) -> None:
        # Keep the versions that the run was started with: they determine the exact numbers.
        config, earlier = self._run.config, self._run.earlier_config
        flags = cli_flags.to_flags(self._run.settings.with_absolute_paths())
        self._run.folder.write_flags(cli_flags.flag_file(flags))
        self._written_config = {**config, 'versions': earlier.get('versions') if earlier else config['versions']}
        self._run.folder.write_config(self._written_config)  # last: with it, the folder holds a run

    def _write_faults(self, faults: Dict[str, int]) -> None:
        """Notes in config.json which files stopped the run, so that it can be resumed without them."""
        config = self._written_config
        if config:
            self._run.folder.write_config({**config, 'data': {**config['data'], 'faults': faults}})

    def _log_start(self, session: tf.Session, start_step: int) -> None:
        log.info('training on %s', device.describe(session))
        warning = device.warning(session)
        if warning:
            log.warning('warning: %s', warning)
        versions, earlier = self._run.config['versions'], self._run.earlier_config
        if earlier and earlier.get('versions') != versions:
            log.warning('this run was started with %s and is resumed with %s: the last digits of results may differ',
                        earlier.get('versions'), versions)
        log.info('%s: %s at step %d of %d, %d images from %s', self._run.folder.path,
                 'resuming' if start_step else 'starting', start_step, self._run.settings.steps,
                 self._run.images.num_examples, self._run.images.source)
        if self._cluster.size > 1:
            log.info('%d devices train together', self._cluster.size)

    def _run_loop(self, session: tf.Session, reporter: Reporter, start_step: int) -> int:
        images = self._run.images
        with contextlib.ExitStack() as stack:
            best = None
            if self._run.settings.evaluate_every:
                best = stack.enter_context(contextlib.closing(BestCheckpoint(self._run.folder, self._run.settings)))
            loop = TrainingLoop(self._run, session, self._graph, self._checkpoints, reporter, best,
                                self._cluster.step)
            try:
                signal_number = loop.train(start_step)
            except (tf.errors.OpError, UserError):
                if images.fault:
                    self._write_faults(images.faults)
                    raise images.fault from None  # TensorFlow buries it in the report of a failed op
                raise
        step = int(session.run(self._graph.global_step))
        if signal_number:
            log.info('stopped and saved at step %d; run the same command to resume', step)
            return 128 + signal_number  # as a shell reports a process that a signal ended
        log.info('finished at step %d; the last samples: %s', step, self._run.folder.grid(step))
        return 0
