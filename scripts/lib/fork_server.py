"""Starts Python programs as forks of a process that has imported TensorFlow, which takes seconds in a new process.

While `ForkingPopen` stands in the place of `subprocess.Popen`, programs that tests and scripts start as
`[sys.executable, '-m', MODULE, …]` or `[sys.executable, '-c', PROGRAM, …]` are such forks. They are children of the
process that starts them in every respect: their status, signals and pipes are as with `subprocess.Popen`. Programs
that a fork cannot imitate, such as those with another interpreter, start as usual.
"""
import atexit
import contextlib
import functools
import io
import os
import runpy
import signal
import subprocess
import sys
import threading
import traceback
import types
from multiprocessing import Pipe, reduction
from multiprocessing.connection import Connection

# Environment variables that a process reads before it runs our code: with other values, it is not a fork.
READ_EARLY = ('PYTHON', 'TF_CPP_', 'TF_USE_', 'TF_ENABLE_', 'MPL', 'KERAS_BACKEND', 'LANG', 'LC_', 'OMP_', 'LD_')
LEGACY_KERAS = 'TF_USE_LEGACY_KERAS'
SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER of Linux
ORIGINAL = subprocess.Popen
_lock = threading.Lock()


class ForkingPopen(ORIGINAL):
    """A `subprocess.Popen` that forks the process of the server where that makes no difference."""

    def __init__(self, args, *positional, **options):
        self._program = None
        if not positional and not {*options} - {
                'stdin', 'stdout', 'stderr', 'cwd', 'env', 'start_new_session', 'universal_newlines', 'text',
                'encoding', 'errors', 'bufsize', 'close_fds'}:
            self._program = _forkable(args, options.get('env'))
        self._new_session = bool(options.get('start_new_session'))
        super().__init__(args, *positional, **options)

    def _execute_child(self, *arguments):
        """What `Popen` calls to start the process, with the ends of its pipes: the same in Python 3.7 to 3.13."""
        if self._program is None:
            return super()._execute_child(*arguments)
        cwd, env = arguments[5:7]
        stdin, to_stdin, from_stdout, stdout, from_stderr, stderr = arguments[10:16]
        descriptors = [own if given == -1 else given for own, given in enumerate((stdin, stdout, stderr))]
        request = {'program': self._program, 'cwd': os.path.abspath(cwd or os.getcwd()),
                   'env': dict(os.environ if env is None else env), 'new_session': self._new_session}
        self.pid = _server(_is_legacy(self._program, request['env'])).start(request, descriptors)
        self._child_created = True
        # Not the files of the caller.
        pipes = {own for own, other in ((stdin, to_stdin), (stdout, from_stdout), (stderr, from_stderr)) if other != -1}
        for descriptor in (pipes | {getattr(self, '_devnull', -1)}) - {-1}:
            os.close(descriptor)
        for descriptor in (to_stdin, from_stdout, from_stderr):
            if descriptor != -1:
                os.set_inheritable(descriptor, False)


def _forkable(args, env):
    """(warning filters, '-m' or '-c', its value, arguments) of a command that a fork can run, or None."""
    if isinstance(args, str) or args[0] != sys.executable or (env is not None and _early(env) != _early(os.environ)):
        return None
    words, filters = list(map(os.fspath, args[1:])), []
    while words[:1] == ['-W']:
        filters.append(words[1])
        del words[:2]
    if words[:1] == ['-c'] or (words[:1] == ['-m'] and words[1].split('.')[0] in ('dcgan_tf1', 'scripts')):
        return filters, words[0], words[1], words[2:]
    return None


def _is_legacy(program, env):
    """Whether a program imports TensorFlow with the Keras of TensorFlow 1, as the command `legacy` does."""
    _, _, module, arguments = program
    return module == 'dcgan_tf1.legacy' or (module == 'dcgan_tf1' and arguments[:1] == ['legacy']) or (
        LEGACY_KERAS in env)


def _early(env):
    """The variables in an environment that matter before our code runs.

    Except the search path, which forks adopt, and the variable that decides which server forks.
    """
    return {name: value for name, value in env.items() if name.startswith(READ_EARLY) and name not in (
        'PYTHONPATH', LEGACY_KERAS)}


class _Server:
    """A child of this process that has imported TensorFlow. It ends with this process."""

    def __init__(self, connection, pid):
        import ctypes
        self._become_subreaper = functools.partial(ctypes.CDLL(None).prctl, SUBREAPER)
        self._connection, self._pid = connection, pid

    def start(self, request, descriptors):
        """Starts a program with these standard streams; returns the number of its process, a child of this one."""
        # The server forks a process that forks the program and ends. Linux gives the orphan to its next ancestor that
        # adopts orphans, which is this process for that moment.
        with _lock:
            self._become_subreaper(1)
            try:
                self._connection.send(request)
                for descriptor in descriptors:
                    reduction.send_handle(self._connection, descriptor, self._pid)
                return self._connection.recv()
            finally:
                self._become_subreaper(0)


@functools.lru_cache(maxsize=None)
def _server(is_legacy):
    connection, other = Pipe()
    os.set_inheritable(other.fileno(), True)
    environment = {name: value for name, value in os.environ.items() if name != LEGACY_KERAS}
    process = ORIGINAL([sys.executable, __file__, str(other.fileno())], pass_fds=[other.fileno()],
                       stdin=subprocess.DEVNULL, env={**environment, **({LEGACY_KERAS: '1'} if is_legacy else {})})
    process.returncode = 0  # nobody waits for it
    other.close()
    return _Server(connection, process.pid)


def serve(connection):
    """Forks a process for every request, until the other end of the connection is closed."""
    import matplotlib.backends.backend_agg
    import matplotlib.figure
    import PIL.Image
    import tensorflow.compat.v1 as tf
    if os.environ.get(LEGACY_KERAS):
        assert tf.keras.layers.Dense  # imports tf_keras
    assert PIL and matplotlib
    while True:
        try:
            request = connection.recv()
        except (EOFError, KeyboardInterrupt):
            os._exit(0)
        descriptors = [reduction.recv_handle(connection) for _ in range(3)]
        read, write = os.pipe()
        between = os.fork()
        if not between:
            pid = os.fork()
            if pid:
                os.write(write, b'%d' % pid)
                os._exit(0)
            for descriptor in (read, write, connection.fileno()):
                os.close(descriptor)
            _become(descriptors=descriptors, **request)
        os.waitpid(between, 0)
        for descriptor in (*descriptors, write):
            os.close(descriptor)
        with open(read, 'rb') as file:
            connection.send(int(file.read()))


def _become(program, cwd, env, new_session, descriptors):
    """Does in this process what a new interpreter would do, to the end."""
    status = 255
    try:
        if new_session:
            os.setsid()
        for stream, descriptor in enumerate(descriptors):
            os.dup2(descriptor, stream)
        for descriptor in descriptors:
            os.close(descriptor)
        for name, stream, mode in (('stdin', 0, 'r'), ('stdout', 1, 'w'), ('stderr', 2, 'w')):
            errors = 'backslashreplace' if name == 'stderr' else getattr(sys, name).errors
            file = io.TextIOWrapper(open(stream, mode + 'b', closefd=False), getattr(sys, name).encoding, errors,
                                    line_buffering=name == 'stderr' or os.isatty(stream))
            setattr(sys, name, file)
            setattr(sys, '__%s__' % name, file)
        os.chdir(cwd)
        os.environ.clear()
        os.environ.update(env)
        status = _run(*program)
    finally:
        os._exit(status)


def _run(filters, kind, name, arguments):
    """Runs a program, and what Python does when it ends; returns the exit status."""
    for action in filters:
        __import__('warnings').simplefilter(action)
    sys.argv = [kind, *arguments]
    sys.path[0] = '' if kind == '-c' else os.getcwd()  # as a new interpreter does
    sys.path[1:1] = [path for path in os.environ.get('PYTHONPATH', '').split(os.pathsep) if path]
    status = 0
    try:
        if kind == '-m':
            runpy.run_module(name, run_name='__main__', alter_sys=True)
        else:
            main = sys.modules['__main__'] = types.ModuleType('__main__')
            exec(compile(name, '<string>', 'exec'), main.__dict__)
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
        if end.code is not None and not isinstance(end.code, int):
            print(end.code, file=sys.stderr)
    except KeyboardInterrupt:
        traceback.print_exc()
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    except BaseException:
        traceback.print_exc()
        status = 1
    threading._shutdown()
    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        status = 120
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.flush()
    return status & 255


if __name__ == '__main__':
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    import dcgan_tf1  # noqa: F401  # prepares the process for TensorFlow, as in every program
    for module in [module for module in sys.modules if module.split('.')[0] == 'dcgan_tf1']:
        del sys.modules[module]  # each program imports it from its own folder
    serve(Connection(int(sys.argv[1])))
