"""Runs a script, with fixed seeds, and writes what its first calls of `Session.run` fetch.

  python first_runs.py OUTPUT MNIST command [FLAGS] SCRIPT.py [its arguments]
  python first_runs.py OUTPUT MNIST plain SCRIPT.py [its arguments]

With `command`, the script runs as by `python -m dcgan_tf1.legacy`; with `plain`, as by `python SCRIPT.py`, in a process
in which this package cannot be imported. OpenCV shows no windows, which need a display, and returns -1, as with the
command. MNIST is a .npz file that Keras returns instead of a download. OUTPUT is a JSON file: for each run, the float
numbers (in hexadecimal), and checksums of float arrays and of summaries. If the runs fetch none of these, the trainable
variables follow them.
"""
import hashlib
import importlib.abc
import importlib.util
import json
import os
import random
import runpy
import sys
import threading
import traceback

import numpy as np

SEED = 5
MAX_RUNS = 100
MAX_LOSSES = 20  # single numbers

runs = []
output, mnist, mode, words = sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:]


def flat(value):
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        return [part for element in value for part in flat(element)]
    return [value]


def text_of(value):
    if value.dtype.kind == 'f' and value.ndim == 0:
        return float(value).hex()
    return hashlib.md5(value.tobytes() if value.ndim else value.item()).hexdigest()


def texts_of(fetched):
    values = [np.asarray(value) for value in flat(fetched) if value is not None]
    return [text_of(value) for value in values if value.dtype.kind == 'f' or isinstance(value.tolist(), bytes)]


def watch(run, position):
    """Watches a function of which the argument with this position is the session, and the next are the fetches."""
    def watched(*args, **kwargs):
        result = run(*args, **kwargs)
        if threading.current_thread() is not threading.main_thread():
            return result
        runs.append(texts_of(result))
        # Numbers in hexadecimal, nan and inf; no checksum has an x or an n.
        losses = sum('0x' in text or 'n' in text for run in runs for text in run)
        if losses >= MAX_LOSSES or len(runs) >= MAX_RUNS:
            if not any(runs):
                variables = args[position].graph.get_collection('trainable_variables')
                runs.append(texts_of(run(*args[:position + 1], variables, None, None, None)))
            if any(runs):
                end(0, '')
        return result
    return watched


def end(status, error):
    with open(output, 'w', encoding='utf-8') as file:
        json.dump({'status': status, 'error': error, 'runs': runs}, file)
    sys.stdout.flush()
    os._exit(status)


def seed():
    random.seed(SEED)
    np.random.seed(SEED)
    random.seed = np.random.seed = lambda *args: None  # some scripts take the time as the seed


def seed_graphs(ops):
    init = ops.Graph.__init__

    def seeded(self, *args, **kwargs):
        init(self, *args, **kwargs)
        self.seed = SEED
    ops.Graph.__init__ = seeded


def watch_sessions(session):
    session.BaseSession.run = watch(session.BaseSession.run, 0)


def watch_counter(module):
    run, watched = module.Counter.run, watch(module.Counter.run, 1)
    # Not the runs of the command itself, which looks at statistics of batch norm.
    module.Counter.run = lambda counter, *args: (run if counter._inside else watched)(counter, *args)


def seed_at_the_beginning(script):
    execute = script.execute

    def seeded(*args):
        seed()
        return execute(*args)
    script.execute = seeded


def without_network(module):
    module.get_file = lambda *args, **kwargs: mnist


def without_windows(cv2):
    for name in ('imshow', 'waitKey', 'namedWindow', 'moveWindow', 'destroyWindow', 'destroyAllWindows'):
        setattr(cv2, name, lambda *args, **kwargs: -1)


PATCHES = {'tensorflow.python.framework.ops': seed_graphs, 'tf_keras.src.datasets.mnist': without_network,
           'keras.src.datasets.mnist': without_network}
if mode == 'command':
    PATCHES.update({'dcgan_tf1.legacy.session_runs': watch_counter, 'dcgan_tf1.legacy.script': seed_at_the_beginning})
else:
    PATCHES.update({'tensorflow.python.client.session': watch_sessions, 'cv2': without_windows})


class Patching(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Patches modules as soon as they are imported, and hides this package from plain scripts."""

    busy = False

    def find_spec(self, name, path=None, target=None):
        if mode == 'plain' and name.split('.')[0] == 'dcgan_tf1':
            raise ModuleNotFoundError('No module named %r' % name, name=name)
        if name not in PATCHES or self.busy:
            return None
        self.busy = True
        spec = importlib.util.find_spec(name)
        self.busy = False
        execute = spec.loader.exec_module

        def patched(module):
            execute(module)
            PATCHES[name](module)
        spec.loader.exec_module = patched
        return spec


sys.meta_path.insert(0, Patching())
try:
    if mode == 'command':
        sys.argv = ['dcgan_tf1.legacy', *words]
        from dcgan_tf1.legacy import __main__
        status = __main__.main(words)
    else:
        sys.argv, sys.path[0] = words, os.path.dirname(os.path.abspath(words[0]))
        seed()
        runpy.run_path(words[0], run_name='__main__')
        status = 0
    end(status, 'exit status %d' % status if status else '')
except SystemExit as error:
    status = error.code if isinstance(error.code, int) else int(error.code is not None)
    end(status, 'exit status %d' % status if status else '')
except BaseException as error:
    traceback.print_exc()
    end(1, ' '.join(('%s: %s' % (type(error).__name__, error)).split()))
