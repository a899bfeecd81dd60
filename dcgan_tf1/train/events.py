"""Writes event files for TensorBoard."""
import contextlib
import os
import time
from typing import Any, Iterator

import tensorflow.compat.v1 as tf

from dcgan_tf1.util.errors import UserError


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
