"""Worker processes, seen from their parent."""
import contextlib
import json
import os
import subprocess
import sys
import tempfile
from typing import Any, Dict

from scripts.lib.paths import ROOT

# Makes malloc use huge pages. With small ones, the speed of a process depends on where in memory they are: of two with
# the same program, one was up to 1.3 times as fast as the other.
TUNABLES = os.environ.get('GLIBC_TUNABLES', 'glibc.malloc.hugetlb=1')


class Unavailable(Exception):
    """An implementation cannot run here; the message says why."""


class Process:
    """A worker. Between windows it sleeps, waiting for standard input."""

    def __init__(self, task: Dict[str, Any]):
        """Starts the worker and waits until it has built its program. Raises: Unavailable."""
        environment = {**os.environ, 'TF_CPP_MIN_LOG_LEVEL': '2', 'PYTHONPATH': ROOT, 'GLIBC_TUNABLES': TUNABLES}
        environment.pop('TF_USE_LEGACY_KERAS', None)
        if task['module'] == 'implementations.post_loops':
            environment['TF_USE_LEGACY_KERAS'] = '1'  # with it, tf_keras provides tf.layers in TensorFlow 2
        self._errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [sys.executable, '-m', 'scripts.benchmarks.training.worker', json.dumps(task)], env=environment,
            universal_newlines=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors)
        try:
            self.description = self._reply()
        except BaseException:
            self.close()
            raise

    def train(self, steps: int) -> Dict[str, Any]:
        """Trains some steps and returns the worker's measurements, see `worker`. Raises: Unavailable."""
        with contextlib.suppress(BrokenPipeError):  # it has ended: _reply() reads the reason
            self.process.stdin.write('%d\n' % steps)
            self.process.stdin.flush()
        return self._reply()

    def _reply(self):
        line = self.process.stdout.readline()
        if not line:
            status = self.process.wait()
            self._errors.seek(0)
            output = self._errors.read().decode(errors='replace').strip().splitlines()
            raise Unavailable('ended with status %d%s' % (status, ': ' + output[-1][:160] if output else ''))
        reply = json.loads(line)
        if 'unavailable' in reply:
            raise Unavailable(reply['unavailable'])
        return reply

    def close(self) -> None:
        """Ends the worker."""
        self.process.kill()
        self.process.wait()
        self.process.stdin = None  # closing it would flush what the worker has not read, and fail
        self.process.stdout.close()
        self._errors.close()
