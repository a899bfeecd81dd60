"""The Session loop: steps, and what happens between them (log, sample grid, checkpoint, stop)."""
import math
import time

import numpy as np

from dcgan_tf1 import pixels, standing_statistics
from dcgan_tf1.errors import UserError
from dcgan_tf1.signals import GracefulShutdown


def train(session, graph, settings, plan, checkpoints, reporter, folder, images, start_step, best=None):
    """Trains from start_step to settings.steps, or until a signal. Then makes the film.

    Of a run whose steps are all done, makes what may be left: its last evaluation and the film.

    Args:
      session: with all variables initialized or restored.
      graph: a `graph.TrainGraph`.
      plan: the `BatchPlan`.
      images: the `data.Images` that are trained on.
      start_step: steps done before.
      best: a function (checkpoint) → ({score: number}, whether it is the best so far), called every
        `settings.evaluate_every` steps.
    Returns: the number of the signal that ended it, or None.
    Raises: UserError where a loss or a variable is no longer finite, or something can't be written.
    """
    graph.start_batches(session, start_step)
    noise = session.run(graph.sample_noise)

    def sample(step):
        generator, feed = graph.generator, {graph.inputs.is_training: settings.bn_mode == 'batch'}
        if settings.bn_mode == 'standing':
            feed = standing_statistics.feed_dict(generator, standing_statistics.accumulate(
                session, generator, generator.noise, graph.standing_batches.draw(session, settings.standing_batches)))
        generated = session.run(generator.images, {generator.noise: noise, **feed})
        reporter.grid(folder.grid(step), pixels.to_uint8(generated), step, 'generated')

    def check(step, losses=()):
        """Raises UserError where a loss, a pair (of whom, value), or a variable is not finite."""
        faults = ['the %s\'s loss is %s' % loss for loss in losses if not math.isfinite(loss[1])]
        if faults or not losses:
            names = [name.decode() for name in session.run(graph.nonfinite_variables)]
            faults += ['%s holds what is not a finite number' % name for name in names[:3]]
            faults += ['so do %d more variables' % len(names[3:])] if names[3:] else []
        if faults:
            raise UserError('step %d: %s. The last good checkpoint is %s. A smaller learning rate in a fresh --run_dir '
                            'may help.' % (step, '; '.join(faults), checkpoints.last or 'none: no step was saved'))

    def save(step):
        check(step)
        # First: what comes after the last checkpoint is lost where the process is killed then.
        reporter.histograms(session.run(graph.histograms, {graph.inputs.noise: noise}), step)
        reporter.draw_losses()
        checkpoints.save(session, step)

    if start_step == 0:
        reporter.grid(folder.reals, images.first(settings.sample_size), 0, 'real')
        sample(0)
    elif best and start_step % settings.evaluate_every == 0:
        # Once more: the process may have been killed after it had saved, and before it had evaluated.
        reporter.scores(start_step, *best(checkpoints.last))
    every_step = (graph.step.train_op, graph.step.discriminator_loss, graph.step.generator_loss)
    when_due = (*every_step, graph.step.real_logits, graph.step.fake_logits, graph.gradient_norms)
    seconds, steps = 0., 0  # since the last logged step, training alone
    with GracefulShutdown() as interrupt:
        for step in range(start_step + 1, settings.steps + 1):
            due = reporter.is_due(step, settings.steps)
            began = time.perf_counter()
            fetched = session.run(when_due if due else every_step)
            seconds, steps = seconds + time.perf_counter() - began, steps + 1
            discriminator_loss, generator_loss = map(float, fetched[1:3])
            check(step, (('discriminator', discriminator_loss), ('generator', generator_loss)))
            reporter.step(discriminator_loss, generator_loss)
            if due:
                reporter.record({
                    'step': step, 'epoch': round(plan.epochs_in(step * settings.discriminator_updates), 4),
                    'discriminator_loss': discriminator_loss, 'generator_loss': generator_loss,
                    'real_accuracy': float(np.mean(fetched[3] > 0)),
                    'fake_accuracy': float(np.mean(fetched[4] < 0)),
                    'images_per_second': round(steps * settings.batch_size / seconds, 1)}, {
                        'discriminator_output/real': _probability(fetched[3]),
                        'discriminator_output/fake': _probability(fetched[4]),
                        **{'gradient_norm/' + name: float(norm) for name, norm in fetched[5].items()}})
                seconds, steps = 0., 0
            ends = step == settings.steps or interrupt.signal is not None
            if step % settings.sample_every == 0 or step == settings.steps:
                sample(step)
            evaluates = best and step % settings.evaluate_every == 0
            if step % settings.checkpoint_every == 0 or evaluates or ends:
                save(step)
            if evaluates:
                reporter.scores(step, *best(checkpoints.last))
            if interrupt.signal is not None:
                break
        reporter.film()
        return interrupt.signal


def _probability(log_odds):
    """Mean probability of «real»."""
    return float(np.mean(0.5 + 0.5 * np.tanh(log_odds / 2)))  # the logistic function, without overflow
