"""The Session loop: one `Session.run` per step, and what happens between steps."""
import contextlib
import math
import signal
import time
from typing import Any, Callable, ContextManager, Dict, Iterator, Optional, Tuple

import numpy as np
import tensorflow.compat.v1 as tf

from dcgan_tf1.model import standing_statistics
from dcgan_tf1.model.graph import TrainGraph
from dcgan_tf1.runs.checkpoints.saving import Checkpoints
from dcgan_tf1.settings.train import TrainSettings
from dcgan_tf1.train.preparation import Run
from dcgan_tf1.train.reporter import Reporter, is_logged, write_animation
from dcgan_tf1.train.shutdown import GracefulShutdown
from dcgan_tf1.util import pixels
from dcgan_tf1.util.errors import UserError

# Evaluates a checkpoint (its path): ({score: number}, whether no earlier checkpoint of the run was better).
Evaluate = Callable[[str], Tuple[Dict[str, float], bool]]
Limit = Callable[[], ContextManager]  # makes the context of a step


def _steps(session: tf.Session, graph: TrainGraph, settings: TrainSettings, start_step: int,
           shutdown: GracefulShutdown,
           limit: Limit = contextlib.nullcontext) -> Iterator[Tuple[int, Dict[str, Any], bool]]:
    """Trains from `start_step` to the last step or until a signal, together with the other workers if there are any.

    Yields: the number of each step, what was fetched in it, and whether it is the last because of a signal.
    """
    cooperation = graph.cooperation
    losses: Dict[str, Any] = {name: getattr(graph.step, name) for name in (
        'train_op', 'discriminator_loss', 'generator_loss')}
    if cooperation:
        losses['is_stopping'] = cooperation.is_stopping
    details = {**losses, 'real_logits': graph.step.real_logits, 'fake_logits': graph.step.fake_logits,
               'gradient_norms': graph.gradient_norms}
    graph.start_batches(session, start_step)
    for step in range(start_step + 1, settings.steps + 1):
        # All workers must fetch the same, because each takes part in the reductions of its own fetches only.
        fetches = details if is_logged(step, settings) else losses
        feed = {cooperation.stop: float(shutdown.signal is not None)} if cooperation else None
        began = time.perf_counter()
        with limit():
            values = session.run(fetches, feed)
        values['seconds'] = time.perf_counter() - began
        # Once: a later signal stops the run after the next step.
        is_stopping = bool(values.get('is_stopping', shutdown.signal is not None))
        if is_stopping and shutdown.signal is None:
            shutdown.signal = signal.SIGTERM  # to one worker, and so to all
        yield step, values, is_stopping
        if is_stopping:
            return


def follow(session: tf.Session, graph: TrainGraph, settings: TrainSettings, start_step: int) -> Optional[int]:
    """Trains as the `TrainingLoop` of the chief does, and writes nothing.

    It does not check the losses, which are the same on all workers: if one is not finite, the chief ends all, and says
    where the last good checkpoint is.

    Returns: the number of the signal that stopped the training, or None.
    """
    with GracefulShutdown() as shutdown:
        for _, __, is_stopping in _steps(session, graph, settings, start_step, shutdown):
            if is_stopping:
                return shutdown.signal
    return None


class TrainingLoop:
    """Trains the variables of a Session, and writes samples, checkpoints and evaluations when they are due."""

    def __init__(self, run: Run, session: tf.Session, graph: TrainGraph, checkpoints: Checkpoints, reporter: Reporter,
                 evaluate: Optional[Evaluate] = None, limit: Limit = contextlib.nullcontext):
        """`session` must hold initialized or restored variables. `evaluate` is called every `evaluate_every` steps."""
        self._folder, self._settings, self._images, self._plan = run[:4]
        self._session, self._graph = session, graph
        self._checkpoints, self._reporter, self._evaluate = checkpoints, reporter, evaluate
        self._limit = limit
        self._sample_noise = session.run(graph.sample_noise)
        self._variables = {variable.op.name: variable for variable in session.graph.get_collection(
            tf.GraphKeys.GLOBAL_VARIABLES) if variable.dtype.is_floating}

    def train(self, start_step: int) -> Optional[int]:
        """Trains from `start_step` to the last step or until a signal, then writes the animation.

        If all steps are done, completes only what a killed process left out: an evaluation and the animation.

        Returns: the number of the signal that stopped the training, or None.
        Raises: UserError if a loss or a variable is not finite, or a file cannot be written.
        """
        if start_step == 0:
            self._reporter.grid(self._folder.reals, self._images.first(self._settings.sample_size), 0, 'real')
            self._sample(0)
        elif self._is_due(start_step, self._settings.evaluate_every):
            # The process may have been killed between this checkpoint and its evaluation.
            self._report_evaluation(start_step)
        seconds, steps = 0., 0  # of training alone, since the last logged step
        with GracefulShutdown() as shutdown:
            for step, values, is_stopping in _steps(self._session, self._graph, self._settings, start_step, shutdown,
                                                    self._limit):
                seconds, steps = seconds + values['seconds'], steps + 1
                self._check_losses(step, values)
                self._reporter.step(values['discriminator_loss'], values['generator_loss'])
                if is_logged(step, self._settings):
                    self._log(step, values, steps * self._settings.batch_size / seconds)
                    seconds, steps = 0., 0
                self._write_what_is_due(step, is_stopping)
            write_animation(self._folder, self._folder.animation)
            return shutdown.signal

    def _write_what_is_due(self, step: int, is_interrupted: bool) -> None:
        is_last = step == self._settings.steps
        if is_last or self._is_due(step, self._settings.sample_every):
            self._sample(step)
        is_evaluated = self._evaluate is not None and self._is_due(step, self._settings.evaluate_every)
        if is_last or is_interrupted or is_evaluated or self._is_due(step, self._settings.checkpoint_every):
            self._save(step, is_last or is_interrupted)
        if is_evaluated:
            self._report_evaluation(step)

    @staticmethod
    def _is_due(step: int, interval: int) -> bool:
        return interval > 0 and step % interval == 0

    def _log(self, step: int, values: Dict[str, Any], images_per_second: float) -> None:
        real_logits, fake_logits = values['real_logits'], values['fake_logits']
        record = {
            'step': step,
            'epoch': round(self._plan.epochs_in(step * self._settings.d_steps_per_g_step), 4),
            'discriminator_loss': float(values['discriminator_loss']),
            'generator_loss': float(values['generator_loss']),
            'real_accuracy': float(np.mean(real_logits > 0)),
            'fake_accuracy': float(np.mean(fake_logits < 0)),
            'images_per_second': round(images_per_second, 1),
        }
        self._reporter.record(record, {
            'discriminator_output/real': _mean_probability(real_logits),
            'discriminator_output/fake': _mean_probability(fake_logits),
            **{'gradient_norm/' + name: float(norm) for name, norm in values['gradient_norms'].items()}})

    def _sample(self, step: int) -> None:
        """Writes a grid of images generated from the same latent vectors at every step."""
        generator, settings = self._graph.generator, self._settings
        feed: Dict[Any, Any] = {self._graph.inputs.is_training: settings.bn_mode == 'batch'}
        if settings.bn_mode == 'standing':
            batches = self._graph.standing_batches.draw(self._session, settings.standing_batches)
            feed = standing_statistics.feed_dict(generator, standing_statistics.accumulate(
                self._session, generator, generator.noise, batches))
        images = self._session.run(generator.images, {generator.noise: self._sample_noise, **feed})
        self._reporter.grid(self._folder.grid(step), pixels.to_uint8(images), step, 'generated')

    def _save(self, step: int, is_end: bool) -> None:
        self._check_variables(step)
        # Write these before the checkpoint: if the process dies after it, a resumed run will not write them again.
        noise = {self._graph.inputs.noise: self._sample_noise}
        self._reporter.histograms(self._session.run(self._graph.histograms, noise), step)
        self._reporter.draw_losses(is_end)
        self._checkpoints.save(self._session, step)

    def _report_evaluation(self, step: int) -> None:
        if self._evaluate:
            self._reporter.scores(step, *self._evaluate(self._checkpoints.last))

    def _check_losses(self, step: int, values: Dict[str, Any]) -> None:
        problems = ['the %s loss is %s' % (name, values[name + '_loss']) for name in ('discriminator', 'generator')
                    if not math.isfinite(values[name + '_loss'])]
        if problems:
            self._fail(step, problems + self._nonfinite_variables())

    def _check_variables(self, step: int) -> None:
        problems = self._nonfinite_variables()
        if problems:
            self._fail(step, problems)

    def _nonfinite_variables(self, shown: int = 3) -> list:
        values = self._session.run(self._variables)
        names = [name for name in self._variables if not np.isfinite(values[name]).all()]
        problems = ['%s has values that are not finite' % name for name in names[:shown]]
        return problems + (['so have %d more variables' % (len(names) - shown)] if len(names) > shown else [])

    def _fail(self, step: int, problems: list) -> None:
        raise UserError('step %d: %s. The last good checkpoint is %s. A smaller learning rate in a new --run_dir may '
                        'help.' % (step, '; '.join(problems), self._checkpoints.last or 'none: no step was saved'))


def _mean_probability(logits: np.ndarray) -> float:
    """Mean probability of "real" that the discriminator assigns."""
    return float(np.mean(0.5 + 0.5 * np.tanh(logits / 2)))  # the logistic function, without overflow
