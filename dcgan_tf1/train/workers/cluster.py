"""The devices that train together: those of this process, and those of the other workers."""
import contextlib
import os
import time
from typing import Any, Callable, ContextManager, Dict, Optional

import tensorflow.compat.v1 as tf

from dcgan_tf1.model.collectives import Replicas
from dcgan_tf1.train.workers import task, tf_config
from dcgan_tf1.train.workers.connection import cannot_listen
from dcgan_tf1.train.workers.peers import SILENCE_SECONDS, Peers
from dcgan_tf1.util import device, terminal
from dcgan_tf1.util.errors import UserError

# What a Session reports when another worker has gone.
_ERRORS_OF_OTHERS = (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError,
                     tf.errors.InternalError, tf.errors.DeadlineExceededError)


class Cluster:
    """The workers (processes) that train together, and their devices. A context manager; within it, they are connected.

    An error that leaves it ends the other workers, too.

    Attributes:
        rank: number of this process, from 0.
        size: number of devices of all workers. With one, the methods do nothing.
        is_chief: whether this process is worker 0. It alone has a run folder.
    """

    _has_server = False  # whether this process has started a server, which cannot be stopped and keeps its port

    def __init__(self, num_gpus: int = 1) -> None:
        """Raises UserError if the environment variables of workers are wrong, or this machine has not so many GPUs."""
        self._addresses, self.rank, local_rank = task.read(os.environ)
        self._devices = device.choose(num_gpus, local_rank)
        self.size, self.is_chief = len(self._addresses) * len(self._devices), self.rank == 0
        self._peers: Optional[Peers] = None
        self._server: Optional[tf.distribute.Server] = None

    def __enter__(self) -> 'Cluster':
        terminal.prefix = ''
        if self._addresses[1:]:
            if Cluster._has_server:
                raise UserError('this process has already trained as worker %d: start a new process on every worker '
                                'for each training' % self.rank)
            terminal.prefix = '[worker %d] ' % self.rank
            self._peers = Peers(self._addresses, self.rank)
            self._addresses = self._peers.addresses
        return self

    def __exit__(self, _: Any, error: Optional[BaseException], __: Any) -> None:
        if not self._peers:
            return
        if isinstance(error, _ERRORS_OF_OTHERS):
            time.sleep(2 * SILENCE_SECONDS)  # `Peers` ends this process as soon as it knows which worker has gone
        if error is None:  # otherwise, the line about the error begins with this prefix, too
            terminal.prefix = ''
            self._peers.wait()  # TensorFlow may still be sending what another worker waits for
            self._peers.close()
        else:
            self._peers.close_after(error)

    def replicas(self, batch_statistics: str) -> Replicas:
        """What the graph needs to know, which is built within `device`. `batch_statistics`: 'all' or 'worker'."""
        return Replicas(self.rank * len(self._devices), self.size, batch_statistics == 'all',
                        ['%s/device:%s' % (self.device, name) for name in self._devices])

    @property
    def device(self) -> Optional[str]:
        """Where all ops of the graph belong."""
        if self.size == 1:
            return None
        return '/job:worker/task:%d' % self.rank if self._addresses[1:] else '/job:localhost'

    def step(self) -> ContextManager:
        """A context for a training step, which ends all workers if it takes an hour."""
        return self._peers.step() if self._peers else contextlib.nullcontext()

    def from_chief(self, value: Any) -> Any:
        """The chief's value, on every worker. It must consist of what JSON knows."""
        return self._peers.from_chief(value) if self._peers else value

    def tell_chief(self, value: Any) -> None:
        """Passes a value to the function that the chief has given to `listen`. Returns at once."""
        if self._peers:
            self._peers.note(value)

    def listen(self, function: Callable[[Any], None]) -> None:
        """On the chief: calls a function, in another thread, with each value of `tell_chief`."""
        if self._peers:
            self._peers.on_note = function

    def check_same(self, values: Dict[str, Any]) -> None:
        """Raises UserError, on every worker, if these values are not the same on all."""
        if not self._peers:
            return
        first, *others = self._peers.all_values({name: str(value) for name, value in values.items()})
        for rank, other in enumerate(others, 1):
            names = [name for name in sorted({*first, *other}) if first.get(name) != other.get(name)]
            if names:
                differences = ['%s is %s there and %s here' % (name, other.get(name, 'missing'),
                                                               first.get(name, 'missing')) for name in names]
                raise UserError('worker %d differs from worker 0: %s; give all workers the same flags, data and '
                                'versions' % (rank, '; '.join(differences)))

    def create_session(self, xla: bool) -> tf.Session:
        """A Session on the current default graph, when all workers are ready for theirs."""
        config = device.session_config(xla)
        if self.size > 1:
            config.device_count['CPU'] = len(self._devices)
            job = 'worker' if self._peers else 'localhost'
            config.experimental.collective_group_leader = '/job:%s/replica:0/task:0' % job
        if not self._peers:
            return tf.Session(config=config)
        if not self._server:
            self._server = self._start_server(config)
            self._peers.wait()
        return tf.Session(self._server.target, config=config)

    def _start_server(self, config: tf.ConfigProto) -> tf.distribute.Server:
        tf_config.bypass_proxies(os.environ, self._addresses)
        config.device_filters.append('/job:worker/task:%d' % self.rank)  # otherwise Sessions would wait for each other
        Cluster._has_server = True
        try:
            return tf.distribute.Server({'worker': self._addresses}, 'worker', self.rank, config=config)
        except (tf.errors.OpError, RuntimeError) as error:
            raise cannot_listen(self.rank, self._addresses[self.rank], str(error).splitlines()[0]) from error
