"""The workers, seen from the parent."""
import contextlib
import json
import os
import subprocess
import sys
import tempfile

from benchmarking.recipe import ROOT


class Unavailable(Exception):
    """A contestant can't run here; the text says why."""


class Process:
    """One worker. Between windows it sleeps on its standard input."""

    def __init__(self, task):
        """Starts it and waits until it is built. Raises: Unavailable."""
        environment = {**os.environ, 'TF_CPP_MIN_LOG_LEVEL': '2',
                       'PYTHONPATH': os.pathsep.join([os.path.join(ROOT, 'scripts'), ROOT])}
        environment.pop('TF_USE_LEGACY_KERAS', None)
        if task['module'] == 'post_tf_layers':
            environment['TF_USE_LEGACY_KERAS'] = '1'  # brings tf.layers to today's TensorFlow
        self._errors = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            [sys.executable, '-m', 'benchmarking.worker', json.dumps(task)], env=environment, universal_newlines=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors)
        try:
            self.built = self._answer()
        except BaseException:
            self.close()
            raise

    def train(self, steps):
        """Trains that many steps: a dict, see `worker`. Raises: Unavailable."""
        with contextlib.suppress(BrokenPipeError):  # it has ended: its last word is read below
            self._process.stdin.write('%d\n' % steps)
            self._process.stdin.flush()
        return self._answer()

    def _answer(self):
        line = self._process.stdout.readline()
        if not line:
            status = self._process.wait()
            self._errors.seek(0)
            said = self._errors.read().decode(errors='replace').strip().splitlines()
            raise Unavailable('ended with status %d%s' % (status, ': ' + said[-1][:160] if said else ''))
        answer = json.loads(line)
        if 'unavailable' in answer:
            raise Unavailable(answer['unavailable'])
        return answer

    def close(self):
        self._process.kill()
        self._process.wait()
        self._process.stdin = None  # what it did not read any more is of no use
        self._process.stdout.close()
        self._errors.close()
