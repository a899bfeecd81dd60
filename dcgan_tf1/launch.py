"""Trains with several workers on this machine, each on a GPU of its own where there are GPUs.

  python -m dcgan_tf1.launch --workers=2 -- --recipe=paper --data_dir=my/images

What follows -- are flags of the train command. Without GPUs, the workers share the processor: that is for trying things
out, not for speed. For several machines, see docs/several-workers.md.
"""
import contextlib
import dataclasses
import glob
import itertools
import os
import signal
import socket
import subprocess
import sys
import time
from typing import Any, Dict, Iterator, List, Optional, Sequence

from dcgan_tf1.settings import cli
from dcgan_tf1.settings.fields import Settings, integer
from dcgan_tf1.train.shutdown import REPEATED, as_sigterm
from dcgan_tf1.train.workers import tf_config
from dcgan_tf1.train.workers.peers import LOST_STATUS
from dcgan_tf1.util.errors import UserError

_GRACE_SECONDS = 5  # that the other workers have to end by themselves after one has
_KILL_SECONDS = 5  # that they have to end after SIGTERM


@dataclasses.dataclass(frozen=True)
class LaunchSettings(Settings):
    """Settings of `python -m dcgan_tf1.launch`."""

    workers: int = integer(2, 1, 'number of processes that train together on this machine', highest=64)
    restarts: int = integer(
        0, 0, 'how often to start all workers again after one was lost: the run goes on from its last checkpoint',
        highest=1000)


def run(settings: LaunchSettings, flags: Sequence[str]) -> int:
    """The command. Returns the exit status of the worker that ended first with an error, or 0. Raises UserError."""
    gpus = devices(settings.workers)
    for attempt in range(settings.restarts + 1):
        if attempt:
            print('restart %d of %d' % (attempt, settings.restarts), file=sys.stderr)
        with _Signals() as signals, _workers(settings.workers, flags, gpus) as processes:
            status = _wait(processes, signals)
        if signals.received and status >= 128:
            return 128 + signals.received  # whatever it looked like to each worker, such as one that was just starting
        if status != LOST_STATUS:  # a restart would not help
            break
    return status


def devices(workers: int) -> List[Dict[str, str]]:
    """Environment variables that give every worker a GPU of its own; without GPUs, none."""
    visible = os.environ.get('CUDA_VISIBLE_DEVICES')
    if visible is None:
        gpus = list(map(str, range(len(glob.glob('/dev/nvidia[0-9]*')))))  # CUDA counts those that are there
    else:
        names = (name.strip() for name in visible.split(','))
        gpus = list(itertools.takewhile(lambda name: name not in ('', '-1'), names))  # as CUDA does
    if not gpus:
        return [{}] * workers
    if workers > len(gpus):
        raise UserError('--workers=%d, but there are only %d GPUs: use fewer workers, or CUDA_VISIBLE_DEVICES=-1 for '
                        'none' % (workers, len(gpus)))
    return [{'CUDA_VISIBLE_DEVICES': gpu} for gpu in gpus[:workers]]


@contextlib.contextmanager
def _workers(count: int, flags: Sequence[str], devices: Sequence[Dict[str, str]]) -> Iterator[List[subprocess.Popen]]:
    """The processes of all workers, which do not outlive the block."""
    addresses = free_addresses(count)
    processes: List[subprocess.Popen] = []
    try:
        for rank in range(count):
            environment = {**os.environ, **devices[rank], 'TF_CONFIG': tf_config.write(addresses, rank)}
            processes.append(subprocess.Popen([sys.executable, '-m', 'dcgan_tf1.train', *flags], env=environment))
        yield processes
    finally:
        for end in (subprocess.Popen.terminate, subprocess.Popen.kill):
            for process in processes:
                end(process)
            deadline = time.monotonic() + _KILL_SECONDS
            while time.monotonic() < deadline and any(process.poll() is None for process in processes):
                time.sleep(0.1)


def free_addresses(count: int) -> List[str]:
    """Addresses of this machine, host:port, at ports that nothing uses now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(contextlib.closing(socket.socket())) for _ in range(count)]
        for one in sockets:
            one.bind(('127.0.0.1', 0))
        return ['127.0.0.1:%d' % one.getsockname()[1] for one in sockets]


def _wait(processes: Sequence[subprocess.Popen], signals: '_Signals') -> int:
    """Waits until all workers have ended. After an error of one, the others have `_GRACE_SECONDS` to end, too."""
    status, deadline = 0, float('inf')
    while time.monotonic() < deadline:
        ended = [process.returncode for process in processes if process.poll() is not None]
        # A worker that a signal has killed says nothing itself; the others say that it is gone.
        failures = [LOST_STATUS if returncode < 0 else returncode for returncode in ended if returncode]
        if failures and not status:
            status, deadline = failures[0], time.monotonic() + _GRACE_SECONDS
        if len(ended) == len(processes):
            break
        signals.pass_on(processes)
        time.sleep(0.1)
    return status


class _Signals:
    """A context manager that passes signals on to the workers.

    Attributes:
        received: number of the signal that came first, or None. Those of schedulers count as SIGTERM.
    """

    def __enter__(self) -> '_Signals':
        self.received: Optional[int] = None
        self._to_pass_on = False
        numbers = [signal.SIGINT, signal.SIGTERM, *(
            number for number in REPEATED if signal.getsignal(number) == signal.SIG_DFL)]
        self._previous = {number: signal.signal(number, self._record) for number in numbers}
        return self

    def _record(self, number: int, _: Any) -> None:
        self.received = self.received or as_sigterm(number)
        self._to_pass_on = True

    def pass_on(self, processes: Sequence[subprocess.Popen]) -> None:
        """Passes on what was received. One worker is enough: it tells the others to stop, too.

        It may have received the same signal itself, as after Ctrl-C. A second one would end it before it has saved, so
        it gets one that may come several times.
        """
        if self._to_pass_on:
            self._to_pass_on = False
            processes[0].send_signal(getattr(signal, 'SIGUSR1', signal.SIGTERM))

    def __exit__(self, *_: Any) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)


def main() -> None:
    """The command."""
    cli.main(run, LaunchSettings, takes_words=True)


if __name__ == '__main__':
    main()
