"""Standing statistics, cached in a file beside their checkpoint."""
import hashlib
import io
import os

import numpy as np

from dcgan_tf1 import image_files
from dcgan_tf1.run_folder import write_atomically


class StatisticsCache:
    """Statistics in a file beside their checkpoint, for as long as that checkpoint is the same."""

    def __init__(self, checkpoint, batches, batch_size):
        """`checkpoint`: path without its suffix, of a checkpoint that can be read."""
        self.path = '%s.standing-%dx%d.npz' % (checkpoint, batches, batch_size)
        index = checkpoint + '.index'  # holds a checksum of every tensor; a checkpoint in the oldest format has none
        with open(index if os.path.exists(index) else checkpoint, 'rb') as file:
            self._fingerprint = hashlib.md5(file.read()).hexdigest()

    def read(self, shapes):
        """The statistics of these variables ({name: shape}), or None where there are none of this checkpoint."""
        try:
            with image_files.read_archive(self.path) as arrays:
                # As `write` leaves it, nothing in it inflates.
                if (sum(member.file_size for member in arrays.zip.infolist()) > os.path.getsize(self.path)
                        or arrays.zip.testzip() or str(arrays['checkpoint']) != self._fingerprint):
                    return None
                values = {name: arrays[name] for name in shapes}
                if all(value.dtype == np.float32 and value.shape == tuple(shapes[name]) and np.isfinite(value).all()
                       for name, value in values.items()):
                    return values
        except Exception:
            pass  # none, or damaged in whatever way: it is made again
        return None

    def write(self, values):
        """Stores statistics. Where the folder can't be written to, they are made anew each time."""
        file = io.BytesIO()
        np.savez(file, checkpoint=np.array(self._fingerprint), **values)
        try:
            write_atomically(self.path, file.getvalue())
        except OSError:
            pass
