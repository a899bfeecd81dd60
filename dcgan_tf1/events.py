"""TensorBoard's event files."""
import contextlib
import os
import platform
import time

import tensorflow.compat.v1 as tf

from dcgan_tf1.errors import UserError


class EventWriter:
    """Writes an event file, at once: what was added is there, and what can't be written is an error then and there.

    (`tf.summary.FileWriter` writes in a thread of its own, whose errors end in a traceback on today's TensorFlow and
    are lost on 1.15.) The format: records of `tf.Event`, the first of which says its version
    (https://github.com/tensorflow/tensorflow/blob/master/tensorflow/core/util/events_writer.cc).
    """

    def __init__(self, folder):
        """Begins a new file in a folder, with a name by which TensorBoard finds it. Raises: UserError."""
        self._path = os.path.join(folder, 'events.out.tfevents.%d.%s.%d' % (
            time.time(), platform.node(), os.getpid()))
        with self._errors():
            self._writer = tf.python_io.TFRecordWriter(self._path)
        self.add(0, file_version='brain.Event:2')

    def add(self, step, **what):
        """Writes a `tf.Event` with these fields. Raises: UserError."""
        with self._errors():
            self._writer.write(tf.Event(wall_time=time.time(), step=step, **what).SerializeToString())
            self._writer.flush()

    def close(self):
        with self._errors():
            self._writer.close()

    @contextlib.contextmanager
    def _errors(self):
        try:
            yield
        except tf.errors.OpError as error:
            raise UserError('%s cannot be written (%s): make room there, or make it writable, and give the same '
                            'command again' % (self._path, error.message)) from error
