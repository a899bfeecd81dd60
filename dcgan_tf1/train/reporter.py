"""Reports the progress of a run: messages, metrics.jsonl, TensorBoard, losses.png and sample images."""
import contextlib
import json
import logging
import math
import os
import time
from typing import Any, Dict, Iterator, Optional

import numpy as np
import tensorflow.compat.v1 as tf

from dcgan_tf1.runs.folder import RunFolder
from dcgan_tf1.settings.train import TrainSettings
from dcgan_tf1.util import charts, grids, image_files, terminal
from dcgan_tf1.util.errors import UserError, add_filename
from dcgan_tf1.util.files import write_atomically
from dcgan_tf1.util.log import log

SECONDS_BETWEEN_DRAWINGS = 20.  # of the losses


def is_logged(step: int, settings: TrainSettings) -> bool:
    """Whether a step is logged: the first, the last and every `log_every`-th."""
    return step in (1, settings.steps) or step % settings.log_every == 0


class Reporter:
    """Writes everything that a run reports, except its checkpoints and its log. Every line is flushed at once.

    All methods raise UserError or OSError if a file cannot be written.
    """

    def __init__(self, folder: RunFolder, settings: TrainSettings, start_step: int,
                 earlier: Optional[TrainSettings] = None):
        """Opens the files for appending. Drops records of steps after `start_step`, which will be trained again.

        Args:
          folder: the run.
          settings: of the run.
          start_step: the step from which it goes on.
          earlier: the settings with which the run was trained up to this step; None for a new run.
        """
        self._folder = folder
        self._settings = settings
        self._records = [record for record in folder.read_metrics()
                         if record['step'] <= start_step and not self._is_extra(record['step'], earlier)]
        folder.write_metrics(self._records)
        self._metrics_file = open(folder.metrics, 'a', encoding='utf-8')
        self._events = EventWriter(folder.new_events_path())
        # This makes TensorBoard drop what was written about this step and later ones before.
        self._events.add(start_step + 1 if start_step else 0, session_log=tf.SessionLog(status=tf.SessionLog.START))
        if start_step == 0:
            graph_def = tf.get_default_graph().as_graph_def(add_shapes=True)
            self._events.add(0, graph_def=graph_def.SerializeToString())
        self._last_drawing = time.monotonic()  # when the run began or the losses were drawn
        self._bar = terminal.bar(total=settings.steps, initial=start_step, unit='step')

    def close(self) -> None:
        """Closes all files."""
        self._bar.close()
        for file in (self._events, self._metrics_file):
            # Every line has been flushed. On a full disk, closing only retries the write that failed.
            with contextlib.suppress(OSError, UserError):
                file.close()

    def _is_extra(self, step: int, earlier: Optional[TrainSettings]) -> bool:
        """Whether a record exists only because the step was the last of a shorter run, the `earlier` one."""
        return (earlier is not None and step == earlier.steps and step % earlier.log_every != 0
                and not is_logged(step, self._settings))

    def step(self, discriminator_loss: float, generator_loss: float) -> None:
        """Updates the progress bar after a step."""
        self._bar.set_postfix({'D loss': '%.3f' % discriminator_loss, 'G loss': '%.3f' % generator_loss},
                              refresh=False)
        self._bar.update()

    def record(self, record: Dict[str, Any], tensorboard_only: Dict[str, float]) -> None:
        """Logs a step.

        Args:
          record: what metrics.jsonl holds of the step.
          tensorboard_only: {tag: number} that are shown in TensorBoard alone.
        """
        self._records.append(record)
        with add_filename(self._metrics_file.name):
            self._metrics_file.write(json.dumps(record) + '\n')
            self._metrics_file.flush()
        self._scalars({**record, **tensorboard_only}, record['step'])
        # On a terminal, the progress bar shows enough.
        log.log(logging.INFO if self._bar.disable else logging.DEBUG,
                'step %d/%d  epoch %.2f  D loss %.4f  G loss %.4f  D accuracy on real %.2f, on fake %.2f  '
                '%.0f images/s',
                record['step'], self._settings.steps, record['epoch'], record['discriminator_loss'],
                record['generator_loss'], record['real_accuracy'], record['fake_accuracy'],
                record['images_per_second'])

    def _scalars(self, values: Dict[str, float], step: int) -> None:
        self._events.add(step, summary=tf.Summary(value=[
            tf.Summary.Value(tag=name, simple_value=value) for name, value in values.items() if name != 'step']))

    def scores(self, step: int, scores: Dict[str, float], is_best: bool) -> None:
        """Logs an evaluation. `is_best`: whether no earlier checkpoint of the run was better."""
        self._scalars({'scores/' + name: value for name, value in scores.items()}, step)
        log.info('step %d scores  %s%s', step, '  '.join('%s %.4g' % score for score in scores.items()),
                 '  (the best so far)' if is_best else '')

    def histograms(self, summary: bytes, step: int) -> None:
        """Writes a serialized `tf.Summary` of histograms to TensorBoard."""
        self._events.add(step, summary=tf.Summary.FromString(summary))

    def grid(self, path: str, images: np.ndarray, step: int, tag: str) -> None:
        """Writes images, uint8 [n, height, width, channels], as one picture to a file and to TensorBoard."""
        picture = grids.grid(images, scale=2)
        content = grids.png(picture)
        write_atomically(path, content)
        self._events.add(step, summary=tf.Summary(value=[tf.Summary.Value(tag=tag, image=tf.Summary.Image(
            height=picture.shape[0], width=picture.shape[1], colorspace=3, encoded_image_string=content))]))

    def draw_losses(self, is_last: bool) -> None:
        """Draws the logged losses. Does nothing shortly after the last drawing, unless this `is_last` one."""
        now = time.monotonic()
        if self._records and (is_last or now - self._last_drawing >= SECONDS_BETWEEN_DRAWINGS):
            self._last_drawing = now
            title = os.path.basename(os.path.abspath(self._folder.path))
            write_atomically(self._folder.losses, charts.losses(self._records, title))


def write_animation(folder: RunFolder, path: str, max_frames: int = 30, shrink_by: int = 1) -> None:
    """Writes an animation of a run's grids of generated images, each with its step.

    If there are many grids, it shows every second, third, …, and the last. If there are none, it does nothing.

    Args:
      folder: the run.
      path: of the GIF file.
      max_frames: largest number of grids to show, at least 2.
      shrink_by: the factor by which the frames are smaller than the grids, which are drawn at twice the images' size.
    """
    paths = folder.grids()
    if not paths:
        return
    every = max(1, math.ceil((len(paths) - 1) / (max_frames - 1)))
    shown = [paths[index] for index in sorted({*range(0, len(paths), every), len(paths) - 1})]
    pictures = [image_files.read_image(grid)[::shrink_by, ::shrink_by] for grid in shown]
    frames = grids.with_captions(pictures, [f'step {folder.step_of(grid):,}' for grid in shown])
    frame_ms = 10 * min(40, max(25, 750 // len(frames)))  # 250 to 400: few frames are shown longer
    image_files.save_animation(path, frames, frame_ms, last_frame_ms=2000)


class EventWriter:
    """Writes one event file. Every event is flushed at once, and a failed write raises an error immediately.

    `tf.summary.FileWriter` writes in a thread of its own. An error there ends in a traceback in TensorFlow 2
    and is lost in TensorFlow 1.15.

    The file holds serialized `tf.Event` records, the first of which states the version of the format
    (https://github.com/tensorflow/tensorflow/blob/master/tensorflow/core/util/events_writer.cc).
    """

    def __init__(self, path: str):
        """Starts a new file.

        Args:
          path: see `RunFolder.new_events_path`.
        Raises: UserError if the file cannot be written.
        """
        self._path = path
        with self._user_errors():
            self._writer = tf.python_io.TFRecordWriter(os.fsencode(path))
        self.add(0, file_version='brain.Event:2')

    def add(self, step: int, **fields: Any) -> None:
        """Writes a `tf.Event` of this step, with these fields of the protocol buffer.

        Raises: UserError if the file cannot be written.
        """
        with self._user_errors():
            self._writer.write(tf.Event(wall_time=time.time(), step=step, **fields).SerializeToString())
            self._writer.flush()

    def close(self) -> None:
        """Closes the file. Raises UserError if that fails."""
        with self._user_errors():
            self._writer.close()

    @contextlib.contextmanager
    def _user_errors(self) -> Iterator[None]:
        try:
            yield
        except tf.errors.OpError as error:
            raise UserError('%s cannot be written (%s): free disk space or make the folder writable, then '
                            'run the command again' % (self._path, error.message)) from error
