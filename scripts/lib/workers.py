"""What processes need to be the workers of a training on this machine."""
import contextlib
import json
import os
import socket
from typing import Dict, List


def free_addresses(count: int) -> List[str]:
    """Addresses of this machine, host:port, at ports that nothing uses now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(contextlib.closing(socket.socket())) for _ in range(count)]
        for one in sockets:
            one.bind(('127.0.0.1', 0))
        return ['127.0.0.1:%d' % one.getsockname()[1] for one in sockets]


def tf_config(addresses: List[str], rank: int) -> str:
    """The value of TF_CONFIG for one of these workers."""
    return json.dumps({'cluster': {'worker': addresses}, 'task': {'type': 'worker', 'index': rank}})


def environments(count: int) -> List[Dict[str, str]]:
    """The environment variables of so many workers, by rank."""
    addresses = free_addresses(count)
    return [{**os.environ, 'TF_CONFIG': tf_config(addresses, rank)} for rank in range(count)]
