"""Connections between the workers of a training, beside TensorFlow's: to agree at the start, and to notice losses.

Every worker has a TCP connection to the chief. If a process dies, its machine closes its connections. If a machine or a
network dies, nothing is heard of it for a while. In both cases all other workers end, because a worker that waits in
TensorFlow for one that is gone may wait forever: TensorFlow 1.15 always does, TensorFlow 2.21 at the first all-reduce.

A message is a line of JSON: [kind, content]. The chief listens at its own address in TF_CONFIG, before its TensorFlow
server does.
"""
import contextlib
import json
import os
import queue
import socket
import sys
import threading
import time
from typing import Any, Callable, Dict, List, Optional

from dcgan_tf1.util.errors import UserError

JOIN_SECONDS = 300.  # how long workers wait for each other at the start
BEAT_SECONDS = 4.  # between signs of life
SILENCE_SECONDS = 20.  # a worker that gives no sign of life for so long counts as lost
# The exit status when another worker is lost. Kubeflow's training operator restarts what ends with 128 or more, and
# keeps 138 for programs that ask for a restart.
LOST_STATUS = 138
# A process that ends with unread messages resets its connections, and the others may not get to read why it ended.
_FAREWELL_SECONDS = 1.
_ADVICE = 'Start all workers again with the same command: the run goes on from its last checkpoint'
_ALIVE, _BYE, _FAILED, _LOST, _DATA, _NOTE = 'alive', 'bye', 'failed', 'lost', 'data', 'note'
_MAX_LINE = 2 ** 22  # bytes


class WorkerLost(UserError):
    """Another worker is not there. Starting all workers again may help."""

    status = LOST_STATUS


class Peers:
    """The other workers. The chief's peers are all of them; the only peer of another worker is the chief.

    Attributes:
        on_note: on the chief, called in another thread with whatever a worker passes to `note`.
    """

    def __init__(self, addresses: List[str], rank: int, join_seconds: Optional[float] = None) -> None:
        """Waits until all workers are there.

        Args:
            addresses: host:port of every worker.
            rank: of this process.
            join_seconds: how long to wait at most; by default `JOIN_SECONDS`.

        Raises:
            WorkerLost: if a worker does not come in time.
            UserError: if a worker has another TF_CONFIG.
        """
        self._addresses, self._rank = addresses, rank
        self._peers: Dict[int, _Peer] = {}
        self._is_over = threading.Event()
        self.on_note: Callable[[Any], None] = lambda content: None
        deadline = time.monotonic() + (JOIN_SECONDS if join_seconds is None else join_seconds)
        try:
            if rank == 0:
                self._accept(deadline)
            else:
                self._connect(deadline)
        except BaseException as error:
            if isinstance(error, UserError):
                self.close(str(error), error.status)
            raise

    def _accept(self, deadline: float) -> None:
        missing = set(range(1, len(self._addresses)))
        with contextlib.closing(_listener(self._addresses[0])) as listener:
            while missing:
                listener.settimeout(max(0.01, deadline - time.monotonic()))
                try:
                    connection, _ = listener.accept()
                except socket.timeout as error:
                    names = ', '.join('%d (%s)' % (rank, self._addresses[rank]) for rank in sorted(missing))
                    raise WorkerLost('worker %s did not connect to worker 0 at %s in time: start all workers'
                                     % (names, self._addresses[0])) from error
                peer = _Peer(connection)
                hello = peer.read_hello()
                if hello is None:
                    peer.close()  # something else, such as a port scanner
                    continue
                rank, addresses = hello
                if addresses != self._addresses:
                    peer.send(_FAILED, [0, 'its TF_CONFIG has other workers', 1])
                    raise UserError('worker %s has another TF_CONFIG: its workers are %s, those of worker 0 are %s'
                                    % (rank, ', '.join(map(str, addresses)), ', '.join(self._addresses)))
                if rank not in missing:
                    peer.send(_FAILED, [0, 'two processes are worker %s' % rank, 1])
                    raise UserError('two processes are worker %s: give each another index in TF_CONFIG' % rank)
                missing.remove(rank)
                self._follow(rank, peer)

    def _connect(self, deadline: float) -> None:
        host, _, port = self._addresses[0].rpartition(':')
        while True:
            try:
                connection = socket.create_connection((host.strip('[]'), int(port)), BEAT_SECONDS)
                break
            except (OSError, OverflowError) as error:
                if time.monotonic() > deadline:
                    raise WorkerLost('worker 0 cannot be reached at %s (%s): start it, or correct its address in '
                                     'TF_CONFIG' % (self._addresses[0], error)) from error
                time.sleep(0.2)
        peer = _Peer(connection)
        peer.send(_DATA, [self._rank, self._addresses])
        self._follow(0, peer)

    def _follow(self, rank: int, peer: '_Peer') -> None:
        self._peers[rank] = peer
        for target in (self._listen, self._beat):
            threading.Thread(target=target, args=(rank, peer), daemon=True).start()

    def _beat(self, rank: int, peer: '_Peer') -> None:
        while not self._is_over.wait(BEAT_SECONDS):
            peer.send(_ALIVE)

    def _listen(self, rank: int, peer: '_Peer') -> None:
        while True:
            try:
                kind, content = peer.receive()
            except socket.timeout:
                kind, content = _LOST, [rank, 'nothing was heard of it for %g seconds' % SILENCE_SECONDS]
            except (OSError, ValueError) as error:
                kind, content = _LOST, [rank, str(error)]
            if kind == _DATA:
                peer.data.put(content)
            elif kind == _NOTE:
                with contextlib.suppress(OSError, ValueError):  # this thread has more to do
                    self.on_note(content)
            elif kind in (_LOST, _FAILED):
                if not self._is_over.is_set():
                    self._end(kind, content)
            if kind not in (_DATA, _NOTE, _ALIVE):
                return

    def _end(self, kind: str, content: List[Any]) -> None:
        """Ends this process and, if it is the chief, all others, because a worker is lost or has failed."""
        self._is_over.set()
        for peer in self._peers.values():
            peer.send(kind, content)
        if kind == _LOST:
            line, status = 'worker %s is gone (%s). %s' % (*content, _ADVICE), LOST_STATUS
        else:
            line, status = 'worker %s stopped: %s' % tuple(content[:2]), content[2]
        with contextlib.suppress(Exception):
            print('error: ' + line, file=sys.stderr, flush=True)
        time.sleep(_FAREWELL_SECONDS if self._rank == 0 else 0)
        os._exit(status)

    def from_chief(self, value: Any) -> Any:
        """The chief's value, on every worker. It must consist of what JSON knows."""
        if self._rank:
            return self._peers[0].data.get()
        for peer in self._peers.values():
            peer.send(_DATA, value)
        return value

    def all_values(self, value: Any) -> List[Any]:
        """The values of all workers, by rank, on every worker."""
        values = [value]
        if self._rank:
            self._peers[0].send(_DATA, value)
        else:
            values += [self._peers[rank].data.get() for rank in range(1, len(self._addresses))]
        return self.from_chief(values)

    def wait(self) -> None:
        """Waits until all workers have called this."""
        self.all_values(None)

    def note(self, content: Any) -> None:
        """Tells the chief something that it does not wait for. It must consist of what JSON knows."""
        self._peers[0].send(_NOTE, content)

    def close(self, error: Optional[str] = None, status: int = 1) -> None:
        """Takes leave of the others.

        Args:
            error: why this worker stops before the end, which ends the others, too.
            status: their exit status after an error.
        """
        self._is_over.set()
        for peer in self._peers.values():
            peer.send(*((_BYE,) if error is None else (_FAILED, [self._rank, error, status])))
            peer.close()
        if error is not None and self._peers:
            time.sleep(_FAREWELL_SECONDS)


class _Peer:
    """The connection to another worker.

    Attributes:
        data: a queue of the values that it sent.
    """

    def __init__(self, connection: socket.socket) -> None:
        self.data: queue.Queue = queue.Queue()
        connection.settimeout(SILENCE_SECONDS)
        self._connection = connection
        self._lines = connection.makefile('rb')
        self._sending = threading.Lock()

    def send(self, kind: str, content: Any = None) -> None:
        """Sends a message. If the other worker is gone, `receive` will say so."""
        with self._sending, contextlib.suppress(OSError):
            self._connection.sendall(json.dumps([kind, content]).encode() + b'\n')

    def receive(self) -> List[Any]:
        """The next message, [kind, content]. Raises OSError if there will be none, ValueError if it is none."""
        line = self._lines.readline(_MAX_LINE)
        if not line:
            raise OSError('its connection was closed')
        kind, content = json.loads(line.decode())
        return [kind, content]

    def read_hello(self) -> Optional[List[Any]]:
        """[rank, addresses of all workers] of a worker that has just connected; None if it is not a worker."""
        try:
            self._connection.settimeout(BEAT_SECONDS)
            kind, content = self.receive()
            self._connection.settimeout(SILENCE_SECONDS)
            rank, addresses = content
            return [rank, addresses] if kind == _DATA and isinstance(addresses, list) else None
        except (OSError, ValueError, TypeError):
            return None

    def close(self) -> None:
        """Closes the connection after everything that was sent."""
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_WR)


def _listener(address: str) -> socket.socket:
    """A socket that listens at the port of an address. Raises UserError if that is not possible."""
    host, _, port = address.rpartition(':')
    listener = socket.socket(socket.AF_INET6 if host.startswith('[') else socket.AF_INET)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(('', int(port)))
        listener.listen(64)
    except (OSError, OverflowError) as error:
        listener.close()
        raise UserError('worker 0 cannot listen at its address in TF_CONFIG, %s (%s): give it a free port'
                        % (address, getattr(error, 'strerror', None) or error)) from error
    return listener
