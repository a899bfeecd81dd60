"""What processes need to be the workers of a training on this machine."""
import contextlib
import os
import socket
from typing import Dict, List

from dcgan_tf1.train.workers import tf_config


def free_addresses(count: int) -> List[str]:
    """Addresses of this machine, host:port, at ports that nothing uses now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(contextlib.closing(socket.socket())) for _ in range(count)]
        for one in sockets:
            one.bind(('127.0.0.1', 0))
        return ['127.0.0.1:%d' % one.getsockname()[1] for one in sockets]


def environments(count: int) -> List[Dict[str, str]]:
    """The environment variables of so many workers, by rank."""
    addresses = free_addresses(count)
    return [{**os.environ, 'TF_CONFIG': tf_config.write(addresses, rank)} for rank in range(count)]
