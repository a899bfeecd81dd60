"""Reports the progress of a run."""
import contextlib
import json
import os
import sys
import time

import numpy as np
import tensorflow.compat.v1 as tf
import tqdm

from dcgan_tf1 import image_files, plots
from dcgan_tf1.errors import UserError, add_filename
from dcgan_tf1.events import EventWriter
from dcgan_tf1.run_folder import write_atomically

_MAX_FRAMES = 100


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
        self._events = EventWriter(folder.events)
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
        with add_filename(file.name):
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
        write_atomically(path, content)
        self._events.add(step, summary=tf.Summary(value=[tf.Summary.Value(tag=tag, image=tf.Summary.Image(
            height=picture.shape[0], width=picture.shape[1], colorspace=3, encoded_image_string=content))]))

    def film(self):
        """Makes a film of the grids of generated images; of many, some, spread evenly."""
        paths = self._folder.grids()
        chosen = sorted(set(np.linspace(0, len(paths) - 1, _MAX_FRAMES).round().astype(int)))
        if paths:
            image_files.save_animation(self._folder.animation, [image_files.read_image(paths[index]) for index in chosen])

    def draw_losses(self):
        if self._records:
            write_atomically(self._folder.losses, plots.losses(self._records, os.path.basename(
                os.path.abspath(self._folder.path))))
