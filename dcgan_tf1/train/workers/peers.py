"""Connections between the workers of a training, beside TensorFlow's: to agree at the start, and to notice losses.

Every worker has a TCP connection to the chief. If a process dies, its machine closes its connections. If a machine or a
network dies, nothing is heard of it for a while. In both cases all other workers end, because a worker that waits in
TensorFlow for one that is gone may wait forever: TensorFlow 1.15 always does, TensorFlow 2.21 at the first all-reduce.

Every worker listens at its own address in TF_CONFIG before its TensorFlow server does, and tells whoever connects which
worker it is. So all can check all addresses: TensorFlow would wait forever for one that is wrong.
"""
import contextlib
import os
import queue
import socket
import sys
import threading
import time
from typing import Any, Callable, Dict, List, Optional, Union

from dcgan_tf1.train.workers import tf_config
from dcgan_tf1.train.workers.connection import ALIVE, BYE, DATA, FAILED, NOTE, Connection, Listener
from dcgan_tf1.util.errors import UserError

JOIN_SECONDS = 300.  # how long workers wait for each other at the start
REACH_SECONDS = 60.  # how long they try each other's addresses then. A name server may know a new name a bit later
BEAT_SECONDS = 4.  # between signs of life
SILENCE_SECONDS = 20.  # a worker that gives no sign of life for so long counts as lost
# The exit status when another worker is lost. Kubeflow's training operator restarts what ends with 128 or more, and
# keeps 138 for programs that ask for a restart.
LOST_STATUS = 138
# A process that ends with unread messages resets its connections, and the others may not get to read why it ended.
_FAREWELL_SECONDS = 1.
_ADVICE = 'Start all workers again with the same command: the run goes on from its last checkpoint'


class WorkerLost(UserError):
    """Another worker is not there. Starting all workers again may help."""

    status = LOST_STATUS


class Peers:
    """The other workers. The chief's peers are all of them; the only peer of another worker is the chief.

    Attributes:
        on_note: on the chief, called in another thread with whatever a worker passes to `note`.
    """

    def __init__(self, addresses: List[str], rank: int, join_seconds: Optional[float] = None) -> None:
        """Waits until all workers are there, and can connect to each other.

        Args:
            addresses: host:port of every worker.
            rank: of this process.
            join_seconds: how long to wait at most; by default `JOIN_SECONDS`.

        Raises:
            WorkerLost: if a worker does not come in time.
            UserError: if a worker has another TF_CONFIG, or an address in it is wrong.
        """
        self._addresses, self._rank = addresses, rank
        self._peers: Dict[int, Connection] = {}
        self._is_over = threading.Event()
        self._callers: queue.Queue = queue.Queue()  # (rank, addresses, connection) of what calls the chief
        self.on_note: Callable[[Any], None] = lambda content: None
        deadline = time.monotonic() + (JOIN_SECONDS if join_seconds is None else join_seconds)
        try:
            with contextlib.closing(Listener(addresses[rank], rank, self._greet)):
                if rank == 0:
                    self._accept(deadline)
                else:
                    self._connect(deadline)
                self._check_addresses()
        except BaseException as error:
            self.close_after(error)
            raise

    def _greet(self, connection: socket.socket) -> None:
        """Tells something that has connected which worker this is."""
        caller = Connection(connection, SILENCE_SECONDS)
        caller.send(DATA, [self._rank, self._addresses])
        hello = caller.read_hello()  # workers that only try the address send none, nor does a port scanner
        if hello and self._rank == 0:
            self._callers.put((*hello, caller))

    def _accept(self, deadline: float) -> None:
        """Waits for the other workers. Those of other trainings are refused."""
        missing, refusal = set(range(1, len(self._addresses))), ''
        while missing:
            try:
                rank, addresses, caller = self._callers.get(timeout=max(0.01, deadline - time.monotonic()))
            except queue.Empty as error:
                names = ', '.join('%d (%s)' % (rank, self._addresses[rank]) for rank in sorted(missing))
                line = 'worker %s did not connect to worker 0 at %s in time' % (names, self._addresses[0])
                if refusal:
                    raise UserError('%s, but %s' % (line, refusal)) from error
                raise WorkerLost(line + ': start all workers') from error
            if addresses == self._addresses and type(rank) is int and rank in missing:
                missing.remove(rank)
                self._follow(rank, caller)
                continue
            refusal = ('two processes are worker %s: give each another index in TF_CONFIG' % str(rank)[:20]
                       if addresses == self._addresses else 'a worker with another TF_CONFIG did: its workers are %s, '
                       'those of worker 0 are %s' % (str(addresses)[:1000], self._addresses))
            print('warning: ' + refusal, file=sys.stderr, flush=True)
            caller.send(FAILED, [refusal, 1])
            caller.close()

    def _connect(self, deadline: float) -> None:
        chief = self._dial(0, deadline)
        if isinstance(chief, UserError):
            raise chief
        chief.send(DATA, [self._rank, self._addresses])
        self._follow(0, chief)

    def _dial(self, rank: int, deadline: float) -> Union[Connection, UserError]:
        """A connection to a worker that listens; an error if it cannot be reached in time."""
        address, ask = self._addresses[rank], 'correct its address in TF_CONFIG, or open its port in the firewall'
        while True:
            error: Optional[UserError] = None
            try:
                peer = Connection(socket.create_connection(tf_config.split(address), BEAT_SECONDS), SILENCE_SECONDS)
                hello = peer.read_hello()
                if hello == [rank, self._addresses]:
                    return peer
                if hello and hello[1] != self._addresses:
                    peer.send(DATA, [self._rank, self._addresses])  # so that it says that a worker is wrong
                    return UserError('worker %d at %s has another TF_CONFIG: its workers are %s, those of worker %d '
                                     'are %s' % (rank, address, hello[1], self._rank, self._addresses))
                peer.close()
                error = UserError('what answers at %s, the address of worker %d, is not that worker: fix the '
                                  'address in TF_CONFIG, or end the other program' % (address, rank))
            except (OSError, OverflowError, UnicodeError) as cause:
                # The chief may not have been started. The others have joined, so only their addresses can be wrong.
                error = (UserError if rank else WorkerLost)(
                    'worker %d cannot be reached at %s from worker %d (%s): %s%s'
                    % (rank, address, self._rank, cause, '' if rank else 'start it, ', ask))
            if time.monotonic() > deadline:
                return error
            time.sleep(0.2)

    def _check_addresses(self) -> None:
        """Raises UserError, on every worker, if one cannot connect to another."""
        problem = ''
        for rank in range(1, len(self._addresses)):
            if rank != self._rank and not problem:
                other = self._dial(rank, time.monotonic() + REACH_SECONDS)
                if isinstance(other, UserError):
                    problem = str(other)
                else:
                    other.close()
        problems = list(filter(None, self.all_values(problem)))
        if problems:
            raise UserError(problems[0])

    def _follow(self, rank: int, peer: Connection) -> None:
        self._peers[rank] = peer
        for target in (self._listen, self._beat):
            threading.Thread(target=target, args=(rank, peer), daemon=True).start()

    def _beat(self, rank: int, peer: Connection) -> None:
        while not self._is_over.wait(BEAT_SECONDS):
            peer.send(ALIVE)

    def _listen(self, rank: int, peer: Connection) -> None:
        kind = ALIVE
        while kind in (DATA, NOTE, ALIVE):
            try:
                kind, content = peer.receive()
            except socket.timeout:
                kind, content = FAILED, self._loss(rank, 'nothing was heard of it for %g seconds' % SILENCE_SECONDS)
            except (OSError, ValueError) as error:
                kind, content = FAILED, self._loss(rank, error)
            if kind == DATA:
                peer.data.put(content)
            elif kind == NOTE:
                with contextlib.suppress(OSError, ValueError):  # this thread has more to do
                    self.on_note(content)
            elif kind == FAILED and not self._is_over.is_set():
                self._end(*content)

    @staticmethod
    def _loss(rank: int, reason: Any) -> List[Any]:
        return ['worker %s is gone (%s). %s' % (rank, reason, _ADVICE), LOST_STATUS]

    def _end(self, line: str, status: int) -> None:
        """Ends this process and, if it is the chief, all others, because a worker is lost or has failed."""
        self._is_over.set()
        for peer in self._peers.values():
            peer.send(FAILED, [line, status])
        with contextlib.suppress(Exception):
            print('error: ' + line, file=sys.stderr, flush=True)
        time.sleep(_FAREWELL_SECONDS if self._rank == 0 else 0)
        os._exit(status % 256 or 1)

    def from_chief(self, value: Any) -> Any:
        """The chief's value, on every worker. It must consist of what JSON knows."""
        if self._rank:
            return self._peers[0].data.get()
        for peer in self._peers.values():
            peer.send(DATA, value)
        return value

    def all_values(self, value: Any) -> List[Any]:
        """The values of all workers, by rank, on every worker."""
        values = [value]
        if self._rank:
            self._peers[0].send(DATA, value)
        else:
            values += [self._peers[rank].data.get() for rank in range(1, len(self._addresses))]
        return self.from_chief(values)

    def wait(self) -> None:
        """Waits until all workers have called this."""
        self.all_values(None)

    def note(self, content: Any) -> None:
        """Tells the chief something that it does not wait for. It must consist of what JSON knows."""
        self._peers[0].send(NOTE, content)

    def close(self) -> None:
        """Takes leave of the others."""
        self._say_last(BYE)

    def close_after(self, error: BaseException) -> None:
        """Tells the others why this worker stops before the end, which ends them, too."""
        status = 130 if isinstance(error, KeyboardInterrupt) else getattr(error, 'status', 1)
        self._say_last(FAILED, ['worker %d stopped: %s' % (self._rank, str(error) or type(error).__name__), status])
        if self._peers:
            time.sleep(_FAREWELL_SECONDS)

    def _say_last(self, kind: str, content: Any = None) -> None:
        self._is_over.set()
        for peer in self._peers.values():
            peer.send(kind, content)
            peer.close()
