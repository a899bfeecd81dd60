"""Messages between two workers over TCP. A message is a line of JSON: [kind, content]."""
import contextlib
import errno
import ipaddress
import json
import math
import queue
import socket
import threading
import time
from typing import Any, Callable, List, Optional

from dcgan_tf1.train.workers import tf_config
from dcgan_tf1.util.errors import UserError

ALIVE, BYE, FAILED, DATA, NOTE = 'alive', 'bye', 'failed', 'data', 'note'
_HELLO_SECONDS = 20.  # that the first message of a connection may take. Anything may connect to a port
_HELLO_BYTES = 2 ** 20
_CHUNK = 2 ** 16  # bytes. The time limit of a socket is for each chunk, not for a whole message
_PARTS = 5  # of that time limit


class Connection:
    """A connection to another worker.

    Attributes:
        data: a queue of the values that it sent.
    """

    def __init__(self, connection: socket.socket, silence_seconds: float) -> None:
        """`silence_seconds`: how long the other side may send or take nothing."""
        self.data: queue.Queue = queue.Queue()
        connection.settimeout(silence_seconds / _PARTS)
        self._socket = connection
        self._received = bytearray()  # and not yet returned
        self._sending = threading.Lock()

    def send(self, kind: str, content: Any = None) -> None:
        """Sends a message. If the other worker is gone, `receive` will say so."""
        line = memoryview(json.dumps([kind, content]).encode() + b'\n')
        with self._sending:
            try:
                while line:
                    line = line[_patiently(self._socket.send, line[:_CHUNK]):]
            except OSError:
                self.close()  # no other message may follow a part of one

    def receive(self, most_bytes: float = math.inf) -> List[Any]:
        """The next message, [kind, content]. Raises OSError if there will be none, ValueError if it is none."""
        end = self._received.find(b'\n')
        while end < 0:
            start, chunk = len(self._received), _patiently(self._socket.recv, _CHUNK)
            self._received += chunk
            end = self._received.find(b'\n', start)
            if not chunk or len(self._received) > most_bytes:
                raise OSError('its connection was closed')
        line = bytes(self._received[:end])
        del self._received[:end + 1]
        try:
            kind, content = json.loads(line.decode())
            if kind == FAILED and list(map(type, content)) != [str, int]:
                raise ValueError
        except (ValueError, TypeError, RecursionError) as error:
            raise ValueError('it sent what no worker sends') from error
        return [kind, content]

    def read_hello(self) -> Optional[List[Any]]:
        """[rank, workers, nonce or proof] of a worker that was just connected; None if it is not a worker."""
        timer = threading.Timer(_HELLO_SECONDS, self.abort)  # whatever trickles in
        timer.start()
        try:
            kind, (rank, workers, text) = self.receive(_HELLO_BYTES)
            return [rank, workers, text] if kind == DATA and isinstance(text, str) else None
        except (OSError, ValueError, TypeError):
            return None
        finally:
            timer.cancel()

    @property
    def own_host(self) -> str:
        """This machine's address, as the other side sees it."""
        return self._socket.getsockname()[0]

    def close(self) -> None:
        """Closes the connection after everything that was sent."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def abort(self) -> None:
        """Closes the connection in both directions."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)


def _patiently(function: Callable[[Any], Any], argument: Any) -> Any:
    """What a function of a socket returns. Raises `socket.timeout` if it times out so many times, one after the other.

    If this process is stopped for a while, as by Ctrl-Z, then one of them times out. That is not the other's silence.
    """
    for _ in range(_PARTS - 1):
        with contextlib.suppress(socket.timeout):
            return function(argument)
    return function(argument)


class Listener:
    """Listens at the address of a worker, and passes each connection to a function in a thread of its own.

    Attributes:
        port: where it listens.
    """

    def __init__(self, address: str, rank: int, function: Callable[[socket.socket], None]) -> None:
        """Listens at a free port if the address is ''. Raises UserError if that is not possible."""
        self._function = function
        try:
            self._socket = _bind(*tf_config.split(address or ':0'))
        except (OSError, OverflowError) as error:
            raise cannot_listen(rank, address, getattr(error, 'strerror', None) or error) from error
        self.port: int = self._socket.getsockname()[1]
        self._is_closed = threading.Event()
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        self._socket.settimeout(0.1)
        while not self._is_closed.is_set():
            try:
                connection, _ = self._socket.accept()
                threading.Thread(target=self._function, args=(connection,), daemon=True).start()
            except socket.timeout:
                continue
            except (OSError, RuntimeError):  # more connections than the system allows
                time.sleep(0.1)

    def close(self) -> None:
        """Frees the port."""
        self._is_closed.set()
        self._thread.join()
        self._socket.close()


def cannot_listen(rank: int, address: str, reason: Any) -> UserError:
    """The error that a worker cannot listen."""
    return UserError('worker %d cannot listen at its address, %s (%s): give it a free port in TF_CONFIG or MASTER_PORT'
                     % (rank, address, reason))


def _bind(host: str, port: int) -> socket.socket:
    """A socket that listens at a port: at this address alone if that is possible, otherwise at all of this machine.

    An address may be that of a router that passes connections on. A name may be 127.0.1.1 on its own machine.
    """
    choices = [(socket.AF_INET6, '::'), (socket.AF_INET, '')]
    with contextlib.suppress(ValueError):
        address = ipaddress.ip_address('127.0.0.1' if host == 'localhost' else host)
        choices.insert(0, (socket.AF_INET if address.version == 4 else socket.AF_INET6, str(address)))
    for family, name in choices:
        listener = None
        try:
            listener = socket.socket(family)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            listener.bind((name, port))
            listener.listen(64)
            return listener
        except (OSError, OverflowError) as error:
            if listener:
                listener.close()
            if not name or getattr(error, 'errno', None) not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                raise
    raise AssertionError
