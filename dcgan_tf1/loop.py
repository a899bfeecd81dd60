"""The Session loop: steps, and what happens between them (log, sample grid, checkpoint, stop)."""
import contextlib
import json
import math
import os
import signal
import sys
import time

import numpy as np
import tensorflow.compat.v1 as tf
import tqdm

from dcgan_tf1 import image_files, plots, standing
from dcgan_tf1.errors import UserError, naming
from dcgan_tf1.events import Events
from dcgan_tf1.run_folder import write

_MOST_FRAMES = 100


def session(xla=False):
    """A Session with `session_config`."""
    return tf.Session(config=session_config(xla))


def session_config(xla=False):
    """A ConfigProto: take GPU memory as it is needed, and a CPU where an op has no GPU kernel.

    With `xla`, XLA compiles what it can of what a GPU runs. (What a CPU runs, it leaves as it is.)
    """
    config = tf.ConfigProto(allow_soft_placement=True)
    config.gpu_options.allow_growth = True
    if xla:
        config.graph_options.optimizer_options.global_jit_level = tf.OptimizerOptions.ON_1
    return config


class Interrupt:
    """Notes Ctrl-C and SIGTERM, to be acted on between steps; a second one ends the process at once."""

    def __enter__(self):
        self.signal = None  # its number, once there was one
        self._before = {number: signal.signal(number, self._note)
                        for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def _note(self, number, _):
        self.signal = number
        signal.signal(number, signal.SIG_DFL)
        with contextlib.suppress(OSError):  # not by print, which may be what was interrupted
            os.write(2, b'\nstopping after this step; the same again ends it at once, unsaved\n')

    def __exit__(self, *_):
        for number, handler in self._before.items():
            signal.signal(number, handler)


class Reporter:
    """Tells of the run: terminal, train.log, metrics.jsonl, TensorBoard events, pictures."""

    def __init__(self, folder, settings, start_step):
        """`start_step`: where the run stands; what was logged of later steps is dropped, they come again."""
        self._folder = folder
        self._settings = settings
        self._log = open(folder.log, 'a', encoding='utf-8', errors='backslashreplace')
        # A step logged only because it was the last of a shorter run does not stay.
        self._records = [record for record in folder.read_metrics()
                         if record['step'] <= start_step and self.is_due(record['step'], settings.steps)]
        folder.write_metrics(self._records)
        self._metrics = open(folder.metrics, 'a', encoding='utf-8')
        self._events = Events(folder.events)
        # TensorBoard drops what an earlier session wrote of later steps.
        self._events.add(start_step, session_log=tf.SessionLog(status=tf.SessionLog.START))
        if start_step == 0:
            self._events.add(0, graph_def=tf.get_default_graph().as_graph_def(add_shapes=True).SerializeToString())
        self._bar = tqdm.tqdm(total=settings.steps, initial=start_step, unit='step', dynamic_ncols=True,
                              disable=not sys.stderr.isatty())

    def close(self):
        self._bar.close()
        for file in (self._events, self._metrics, self._log):
            # Each line was written when it was told; on a full disk, that has failed and closing tries it again.
            with contextlib.suppress(OSError, UserError):
                file.close()

    def is_due(self, step, last):
        """Whether a step is logged: the first, the last, and every so many."""
        return step in (1, last) or step % self._settings.log_every == 0

    def say(self, text, terminal=True):
        """A line for the log file and, if wanted, for the terminal."""
        self._append(self._log, time.strftime('%Y-%m-%d %H:%M:%S ') + text)
        if terminal:
            self._bar.clear()
            print(text, file=sys.stderr)

    def _append(self, file, line):
        with naming(file.name):
            file.write(line + '\n')
            file.flush()

    def step(self, discriminator_loss, generator_loss):
        """After every step."""
        self._bar.set_postfix({'D loss': '%.3f' % discriminator_loss, 'G loss': '%.3f' % generator_loss},
                              refresh=False)
        self._bar.update()

    def record(self, record, watched):
        """After a step that is due. `watched`: further numbers, which only TensorBoard shows."""
        self._records.append(record)
        self._append(self._metrics, json.dumps(record))
        self.scalars({**record, **watched}, record['step'])
        self.say('step %d/%d  epoch %.2f  D loss %.4f  G loss %.4f  D right on real %.2f, on fake %.2f  '
                 '%.0f images/s' % (
                     record['step'], self._settings.steps, record['epoch'], record['discriminator_loss'],
                     record['generator_loss'], record['real_accuracy'], record['fake_accuracy'],
                     record['images_per_second']), terminal=self._bar.disable)

    def scalars(self, values, step):
        """Shows numbers, {tag: number}, in TensorBoard."""
        self._events.add(step, summary=tf.Summary(value=[
            tf.Summary.Value(tag=name, simple_value=value) for name, value in values.items() if name != 'step']))

    def scores(self, step, scores, best):
        """After an evaluation; `best`: whether none before was better."""
        self.scalars({'scores/' + name: value for name, value in scores.items()}, step)
        self.say('step %d scores  %s%s' % (step, '  '.join('%s %.4g' % score for score in scores.items()),
                                           '  (the best so far)' if best else ''))

    def histograms(self, summary, step):
        """Shows a serialized summary in TensorBoard."""
        self._events.add(step, summary=tf.Summary.FromString(summary))

    def grid(self, path, images, step, tag):
        """Writes uint8 images [n, height, width, channels] as a grid, and shows it in TensorBoard."""
        picture = plots.grid(images, scale=2)
        content = plots.png(picture)
        write(path, content)
        self._events.add(step, summary=tf.Summary(value=[tf.Summary.Value(tag=tag, image=tf.Summary.Image(
            height=picture.shape[0], width=picture.shape[1], colorspace=3, encoded_image_string=content))]))

    def film(self):
        """Makes a film of the grids of generated images; of many, some, spread evenly."""
        paths = self._folder.grids()
        chosen = sorted(set(np.linspace(0, len(paths) - 1, _MOST_FRAMES).round().astype(int)))
        if paths:
            image_files.film(self._folder.film, [image_files.read(paths[index]) for index in chosen])

    def draw_losses(self):
        if self._records:
            write(self._folder.losses, plots.losses(self._records, os.path.basename(
                os.path.abspath(self._folder.path))))


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
    graph.start(session, start_step)
    noise = session.run(graph.sample_noise)

    def sample(step):
        generator, feed = graph.generator, {graph.inputs.is_training: settings.bn_mode == 'batch'}
        if settings.bn_mode == 'standing':
            feed = standing.feed(generator, standing.accumulate(
                session, generator, generator.noise, graph.standing_batches.draw(session, settings.standing_batches)))
        generated = session.run(generator.images, {generator.noise: noise, **feed})
        reporter.grid(folder.grid(step), plots.to_bytes(generated), step, 'generated')

    def check(step, losses=()):
        """Raises UserError where a loss, a pair (of whom, value), or a variable is not finite."""
        faults = ['the %s\'s loss is %s' % loss for loss in losses if not math.isfinite(loss[1])]
        if faults or not losses:
            names = [name.decode() for name in session.run(graph.not_finite)]
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
    when_due = (*every_step, graph.step.real_log_odds, graph.step.fake_log_odds, graph.gradient_norms)
    seconds, steps = 0., 0  # since the last logged step, training alone
    with Interrupt() as interrupt:
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
                    'step': step, 'epoch': round(plan.epochs(step * settings.discriminator_updates), 4),
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
