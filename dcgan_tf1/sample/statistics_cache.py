"""Caches standing statistics in a file next to their checkpoint."""
import contextlib
import hashlib
import io
import os
from typing import Any, Dict, Mapping, Optional, Sequence

import numpy as np

from dcgan_tf1.runs.checkpoints.files import statistics_path
from dcgan_tf1.util import image_files
from dcgan_tf1.util.files import write_atomically


class StatisticsCache:
    """A file with the standing statistics of a checkpoint. It is valid until the checkpoint changes.

    Attributes:
        path: path of the file.
    """

    def __init__(self, checkpoint: str, batches: int, batch_size: int, generator: str = '') -> None:
        """Creates no file yet.

        Args:
            checkpoint: path of the checkpoint, without the suffix .index. Where it does not exist any more, nothing is
                cached.
            batches: number of batches that the statistics are computed from.
            batch_size: size of these batches.
            generator: what else the statistics depend on: the network, and the settings that it is built with.
        """
        self.path = statistics_path(checkpoint, batches, batch_size)
        # The index contains a checksum of every tensor. Checkpoints in TensorFlow's oldest format have no
        # index.
        index = checkpoint + '.index'
        self._fingerprint = ''
        with contextlib.suppress(FileNotFoundError), open(index if os.path.exists(index) else checkpoint,
                                                          'rb') as file:
            self._fingerprint = hashlib.md5(file.read() + generator.encode()).hexdigest()

    def read(self, shapes: Mapping[str, Sequence[int]]) -> Optional[Dict[str, np.ndarray]]:
        """Reads cached statistics.

        Args:
            shapes: {name of a variable: its shape}.

        Returns:
            {name: float32 array}; or None if the file does not exist, is damaged, or belongs to another
            checkpoint.
        """
        if not self._fingerprint:
            return None
        try:
            with image_files.read_archive(self.path) as arrays:
                # `write` does not compress, so content that exceeds the size of the file is not from there.
                uncompressed_size = sum(member.file_size for member in arrays.zip.infolist())
                if (uncompressed_size > os.path.getsize(self.path) or arrays.zip.testzip()
                        or str(arrays['checkpoint']) != self._fingerprint):
                    return None
                values = {name: arrays[name] for name in shapes}
                if all(value.dtype == np.float32 and value.shape == tuple(shapes[name])
                       and np.isfinite(value).all() for name, value in values.items()):
                    return values
        except Exception:  # a damaged file can raise anything; the statistics are then computed again
            pass
        return None

    def write(self, values: Mapping[str, np.ndarray]) -> None:
        """Caches statistics, {name of a variable: float32 array}. Does nothing if the folder is not
        writable."""
        if not self._fingerprint:
            return
        file = io.BytesIO()
        arrays: Dict[str, Any] = {'checkpoint': np.array(self._fingerprint), **values}
        np.savez(file, **arrays)
        try:
            write_atomically(self.path, file.getvalue())
        except OSError:
            pass
