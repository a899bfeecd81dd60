"""Connections between the workers of a training, beside TensorFlow's: to agree at the start, and to notice losses.

Every worker has a TCP connection to the chief. If a process dies, its machine closes its connections. If a machine or a
network dies, nothing is heard of it for a while. In both cases all other workers end, because a worker that waits in
TensorFlow for one that is gone may wait forever: TensorFlow 1.15 always does, TensorFlow 2.21 at the first all-reduce.

Every worker listens at its own address before its TensorFlow server does, and tells whoever connects which worker it
is. So all can check all addresses: TensorFlow would wait forever for one that is wrong. Workers whose addresses nobody
knows yet tell them to the chief, and get the list.
"""
import contextlib
import hmac
import ipaddress
import math
import os
import queue
import socket
import threading
import time
from typing import Any, Callable, Dict, Iterator, List, Optional, Union

from dcgan_tf1.train.workers import tf_config
from dcgan_tf1.train.workers.connection import ALIVE, BYE, DATA, FAILED, NOTE, Connection, Listener
from dcgan_tf1.util import terminal
from dcgan_tf1.util.errors import UserError

JOIN_SECONDS = 300.  # how long workers wait for each other at the start
NOTICE_SECONDS = 10.  # after which they say for whom they wait
REACH_SECONDS = 60.  # how long they try each other's addresses then. A name server may know a new name a bit later
STEP_SECONDS = 3600.  # that no training step takes, while every worker is alive. Evaluations are no part of a step
BEAT_SECONDS = 4.  # between signs of life
SILENCE_SECONDS = 20.  # a worker that gives no sign of life for so long counts as lost
# The exit status when another worker is lost. Kubeflow's training operator restarts what ends with 128 or more, and
# keeps 138 for programs that ask for a restart.
LOST_STATUS = 138
# A process that ends with unread messages resets its connections, and the others may not get to read why it ended.
_FAREWELL_SECONDS = 1.
_ADVICE = 'Start all workers again with the same command: the run goes on from its last checkpoint'


TOKEN = 'DCGAN_TF1_TOKEN'  # an environment variable that keeps other workers out: a secret of all workers


def _proof(nonce: str) -> str:
    """What shows that this process knows the token, without telling it."""
    return hmac.new(os.fsencode(os.environ.get(TOKEN, '')), nonce.encode('utf-8', 'replace'), 'sha256').hexdigest()


class WorkerLost(UserError):
    """Another worker is not there. Starting all workers again may help."""

    status = LOST_STATUS


class Peers:
    """The other workers. The chief's peers are all of them; the only peer of another worker is the chief.

    Attributes:
        addresses: host:port of every worker.
        on_note: on the chief, called in another thread with whatever a worker passes to `note`.
    """

    def __init__(self, addresses: List[str], rank: int, join_seconds: Optional[float] = None) -> None:
        """Waits until all workers are there, and can connect to each other.

        Args:
            addresses: host:port of every worker; '' for those that choose a port themselves and tell it to worker 0.
            rank: of this process.
            join_seconds: how long to wait at most; by default `JOIN_SECONDS`.

        Raises:
            WorkerLost: if a worker does not come in time.
            UserError: if a worker belongs to another training, or an address is wrong.
        """
        self.addresses, self._rank = addresses, rank
        self._workers = addresses if all(addresses) else len(addresses)  # on which all must agree
        self._peers: Dict[int, Connection] = {}
        self._is_over = threading.Event()
        self._step: Any = None  # something else for each training step while it runs
        self._callers: queue.Queue = queue.Queue()  # (rank, workers, is trusted, connection) of what calls the chief
        self.on_note: Callable[[Any], None] = lambda content: None
        deadline = time.monotonic() + (JOIN_SECONDS if join_seconds is None else join_seconds)
        try:
            with contextlib.closing(Listener(addresses[rank], rank, self._greet)) as listener:
                if rank == 0:
                    self._accept(deadline)
                else:
                    chief = self._dial(0, deadline)
                    if isinstance(chief, UserError):
                        raise chief
                    self._follow(0, chief)
                own_address = addresses[rank] or self._own_address(listener.port)
                self.addresses = [addresses[0], *self.all_values(own_address)[1:]]
                self._check_addresses()
        except BaseException as error:
            self.close_after(error)
            raise
        if rank == 0:
            threading.Thread(target=self._watch_steps, daemon=True).start()

    def _greet(self, connection: socket.socket) -> None:
        """Tells something that has connected which worker this is."""
        caller, nonce = Connection(connection, SILENCE_SECONDS), os.urandom(16).hex()
        caller.send(DATA, [self._rank, self._workers, nonce])
        hello = caller.read_hello()  # workers that only try the address send none, nor does a port scanner
        if hello and self._rank == 0:
            is_trusted = hmac.compare_digest(hello.pop().encode('utf-8', 'replace'), _proof(nonce).encode())
            self._callers.put((*hello, is_trusted, caller))

    def _accept(self, deadline: float) -> None:
        """Waits for the other workers. Those of other trainings are refused."""
        missing, refusal, notice = set(range(1, len(self.addresses))), '', time.monotonic() + NOTICE_SECONDS
        while missing:
            try:
                wait = max(0.01, min(deadline, notice) - time.monotonic())
                rank, workers, is_trusted, caller = self._callers.get(timeout=wait)
            except queue.Empty as error:
                names = ', '.join(f'{rank} ({self.addresses[rank]})'.replace(' ()', '') for rank in sorted(missing))
                if time.monotonic() < deadline:
                    terminal.say('waiting for worker ' + names)
                    notice = deadline
                    continue
                line = f'worker {names} did not connect to worker 0 at {self.addresses[0]} in time'
                if refusal:
                    raise UserError('%s, but %s' % (line, refusal)) from error
                raise WorkerLost(line + ': start all workers') from error
            if is_trusted and workers == self._workers and type(rank) is int and rank in missing:
                missing.remove(rank)
                self._follow(rank, caller)
                continue
            refusal = ('a worker with another %s did: give it to all workers' % TOKEN if not is_trusted else
                       'two processes are worker %s: give each another index in TF_CONFIG, or another RANK'
                       % str(rank)[:20] if workers == self._workers else 'a worker of another training did: its '
                       'workers are %s, those of worker 0 are %s' % (str(workers)[:1000], self._workers))
            terminal.say('warning: ' + refusal)
            caller.send(FAILED, [refusal, 1])
            caller.close()

    def _own_address(self, port: int) -> str:
        """The address of this worker, of which it knows only the port."""
        host = self._peers[0].own_host
        if ipaddress.ip_address(host).is_loopback:  # then worker 0 is on this machine, and others know its name
            host = tf_config.split(self.addresses[0])[0]
        return tf_config.join(host, str(port))

    def _dial(self, rank: int, deadline: float = math.inf) -> Union[Connection, UserError]:
        """A connection to a worker that listens.

        An error if worker 0 does not listen before the deadline, or if an address has been wrong for `REACH_SECONDS`.
        """
        address, wrong_since, notice = self.addresses[rank], math.inf, time.monotonic() + NOTICE_SECONDS
        while True:
            is_absent = False
            try:
                peer = Connection(socket.create_connection(tf_config.split(address), BEAT_SECONDS), SILENCE_SECONDS)
                hello = peer.read_hello()
                if hello and (rank == 0 or hello[1] != self._workers):  # so that worker 0 warns of wrong workers, too
                    peer.send(DATA, [self._rank, self._workers, _proof(hello[2])])
                if hello and hello[:2] == [rank, self._workers]:
                    return peer
                if hello and hello[1] != self._workers:
                    return UserError('worker %d at %s belongs to another training: its workers are %s, those of worker '
                                     '%d are %s: give all the same' % (rank, address, hello[1], self._rank,
                                                                       self._workers))
                peer.close()
                error = UserError('what answers at %s, the address of worker %d, is not that worker: fix the address '
                                  'in TF_CONFIG or MASTER_ADDR, or end the other program' % (address, rank))
            except (OSError, OverflowError, UnicodeError) as cause:
                # All but worker 0 have joined. In Kubernetes, a name exists only since its pod does.
                absences = (ConnectionRefusedError, *[socket.gaierror] * ('KUBERNETES_SERVICE_HOST' in os.environ))
                is_absent = rank == 0 and isinstance(cause, absences)
                error = (WorkerLost if is_absent else UserError)(
                    'worker %d cannot be reached at %s from worker %d (%s): %sfix its address in TF_CONFIG or '
                    'MASTER_ADDR, or open its port in the firewall'
                    % (rank, address, self._rank, cause, 'start it, ' if is_absent else ''))
            now = time.monotonic()
            wrong_since = math.inf if is_absent else min(wrong_since, now)
            if now > min(deadline, wrong_since + REACH_SECONDS):
                return error
            if now > notice:
                notice = math.inf
                terminal.say('waiting: %s' % error)
            time.sleep(0.2)

    def _check_addresses(self) -> None:
        """Raises UserError, on every worker, if one cannot connect to another."""
        problem = ''
        for rank in range(1, len(self.addresses)):
            if rank != self._rank and not problem:
                other = self._dial(rank)
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
            terminal.say('error: ' + line)
        time.sleep(_FAREWELL_SECONDS if self._rank == 0 else 0)
        os._exit(status % 256 or 1)

    @contextlib.contextmanager
    def step(self) -> Iterator[None]:
        """A context for a training step. All workers end if it takes more than `STEP_SECONDS` on the chief."""
        self._step = object()
        try:
            yield
        finally:
            self._step = None

    def _watch_steps(self) -> None:
        step, beats = None, 0.  # the time in which this process is stopped does not count
        while beats < STEP_SECONDS / BEAT_SECONDS:
            if self._is_over.wait(BEAT_SECONDS):
                return
            beats = beats + 1 if step and step is self._step else 0.
            step = self._step
        self._end('a step has taken %g seconds, although all workers are alive: something may block their connections. '
                  '%s' % (STEP_SECONDS, _ADVICE), LOST_STATUS)

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
            values += [self._peers[rank].data.get() for rank in range(1, len(self.addresses))]
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
