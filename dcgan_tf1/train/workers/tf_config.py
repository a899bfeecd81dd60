"""Reads TF_CONFIG, the environment variable that tells a process which workers there are, and which of them it is."""
import json
import re
from typing import Any, List, Mapping, MutableMapping, Tuple

from dcgan_tf1.util.errors import UserError

_KINDS = ('chief', 'master', 'worker')  # of tasks, in the order of their ranks
_ADDRESS = re.compile(r'([^\s:/\[\]]+|\[[0-9a-fA-F:]+\]):[0-9]{1,5}')


def read(text: str) -> Tuple[List[str], int]:
    """The addresses, host:port, of all workers, and the rank of this process among them. The chief has 0.

    Raises: UserError if the value of TF_CONFIG is not as it should be.
    """
    try:
        config = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _error('is not JSON (%s)' % error) from error
    if not isinstance(config, dict):
        raise _error('is not an object')
    cluster, task = config.get('cluster') or {}, config.get('task') or {}
    if not isinstance(cluster, dict) or not isinstance(task, dict):
        raise _error('must have objects as "cluster" and "task"')
    if not cluster:
        return [''], 0
    unknown = sorted(kind for kind, addresses in cluster.items() if addresses and kind not in _KINDS)
    if unknown:
        raise _error('has tasks of the type %s, but this training has only workers' % ', '.join(unknown))
    tasks = [(kind, index, address) for kind in _KINDS for index, address in enumerate(_addresses(cluster, kind))]
    addresses = [address for _, _, address in tasks]
    if len(set(addresses)) < len(addresses):
        raise _error('has %s twice' % max(addresses, key=addresses.count))
    own = (task.get('type'), str(task.get('index')))
    ranks = [rank for rank, (kind, index, _) in enumerate(tasks) if (kind, str(index)) == own]
    if not ranks:
        raise _error('says that this process is %s %s, which is not in its cluster' % own)
    return addresses, ranks[0]


def _addresses(cluster: Mapping[str, Any], kind: str) -> List[str]:
    addresses = cluster.get(kind) or []
    if not isinstance(addresses, list):
        raise _error('has %r as the list of its tasks of type %s' % (addresses, kind))
    for address in addresses:
        if not isinstance(address, str) or not is_address(address):
            raise _error('has %r where it should have host:port' % (address,))
    return addresses


def is_address(text: str) -> bool:
    """Whether this is host:port."""
    return _ADDRESS.fullmatch(text) is not None


def join(host: str, port: str) -> str:
    """host:port, with brackets around an address of IPv6."""
    return '%s:%s' % ('[%s]' % host if ':' in host else host, port)


def split(address: str) -> Tuple[str, int]:
    """The host, without the brackets of IPv6, and the port of host:port."""
    host, _, port = address.rpartition(':')
    return host.strip('[]'), int(port)


def bypass_proxies(environment: MutableMapping[str, str], addresses: List[str]) -> None:
    """Adds the hosts of the workers to the environment variables that name hosts which are reached without a proxy.

    gRPC would send what workers tell each other through http_proxy, even what a process tells itself.
    """
    hosts = ['localhost', *(split(address)[0] for address in addresses)]
    earlier = environment.get('no_proxy') or environment.get('NO_PROXY', '')
    # TensorFlow 1.15's gRPC knows only no_proxy; later ones prefer the other.
    for name, value in (('no_proxy', earlier), ('no_grpc_proxy', environment.get('no_grpc_proxy', ''))):
        environment[name] = ','.join(dict.fromkeys([*filter(None, value.split(',')), *hosts]))


def _error(what: str) -> UserError:
    return UserError('TF_CONFIG %s: set it to {"cluster": {"worker": ["host0:2222", "host1:2222"]}, "task": {"type": '
                     '"worker", "index": 0}}, with another index in every process' % what)
