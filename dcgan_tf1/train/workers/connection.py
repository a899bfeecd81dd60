"""Messages between two workers over TCP. A message is a line of JSON: [kind, content]."""
import contextlib
import errno
import ipaddress
import json
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


class Connection:
    """A connection to another worker.

    Attributes:
        data: a queue of the values that it sent.
    """

    def __init__(self, connection: socket.socket, silence_seconds: float) -> None:
        """`silence_seconds`: how long `receive` waits at most."""
        self.data: queue.Queue = queue.Queue()
        connection.settimeout(silence_seconds)
        self._socket = connection
        self._lines = connection.makefile('rb')
        self._sending = threading.Lock()

    def send(self, kind: str, content: Any = None) -> None:
        """Sends a message. If the other worker is gone, `receive` will say so."""
        line = json.dumps([kind, content]).encode() + b'\n'
        with self._sending:
            try:
                for start in range(0, len(line), _CHUNK):
                    self._socket.sendall(line[start:start + _CHUNK])
            except OSError:
                self.close()  # no other message may follow a part of one

    def receive(self, most_bytes: int = -1) -> List[Any]:
        """The next message, [kind, content]. Raises OSError if there will be none, ValueError if it is none."""
        line = self._lines.readline(most_bytes)
        if not line.endswith(b'\n'):
            raise OSError('its connection was closed')
        try:
            kind, content = json.loads(line.decode())
            if kind == FAILED and list(map(type, content)) != [str, int]:
                raise ValueError
        except (ValueError, TypeError, RecursionError) as error:
            raise ValueError('it sent what no worker sends') from error
        return [kind, content]

    def read_hello(self) -> Optional[List[Any]]:
        """[rank, addresses of all workers] of a worker that was just connected; None if it is not a worker."""
        timer = threading.Timer(_HELLO_SECONDS, self.abort)  # whatever trickles in
        timer.start()
        try:
            kind, (rank, addresses) = self.receive(_HELLO_BYTES)
            return [rank, addresses] if kind == DATA and isinstance(addresses, list) else None
        except (OSError, ValueError, TypeError):
            return None
        finally:
            timer.cancel()

    def close(self) -> None:
        """Closes the connection after everything that was sent."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def abort(self) -> None:
        """Closes the connection in both directions."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)


class Listener:
    """Listens at the address of a worker, and passes each connection to a function in a thread of its own."""

    def __init__(self, address: str, rank: int, function: Callable[[socket.socket], None]) -> None:
        """Raises UserError if that is not possible."""
        self._function = function
        try:
            self._socket = _bind(*tf_config.split(address))
        except (OSError, OverflowError) as error:
            raise UserError('worker %d cannot listen at its address in TF_CONFIG, %s (%s): give it a free port' % (
                rank, address, getattr(error, 'strerror', None) or error)) from error
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
