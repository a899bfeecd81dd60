"""Which process among those that train together this one is, from the environment variables of what has started it."""
import re
from typing import List, Mapping, NamedTuple

from dcgan_tf1.train.workers import tf_config
from dcgan_tf1.util.errors import UserError

# The variables of a process's number, of the number of processes, and of its number on its machine. The first two that
# are set count: mpirun and torchrun may start their processes within a step of SLURM.
_LAUNCHERS = (('RANK', 'WORLD_SIZE', 'LOCAL_RANK'),  # torchrun, and PyTorch jobs of Kubeflow
              ('OMPI_COMM_WORLD_RANK', 'OMPI_COMM_WORLD_SIZE', 'OMPI_COMM_WORLD_LOCAL_RANK'),  # mpirun of Open MPI
              ('SLURM_PROCID', 'SLURM_STEP_NUM_TASKS', 'SLURM_LOCALID'))  # srun. The second is set in a step alone
_PORT = 29500  # as of torchrun


class Task(NamedTuple):
    """A process among the workers."""

    addresses: List[str]  # host:port of every worker; '' for those that tell theirs to worker 0
    rank: int  # index of this process in `addresses`. The chief is 0
    local_rank: int = 0  # number of this process among those of its machine


def read(environment: Mapping[str, str]) -> Task:
    """The task that TF_CONFIG describes, or else the variables of a launcher; without them, the only one.

    Raises: UserError if they are not as they should be.
    """
    if environment.get('TF_CONFIG', '').strip():
        return Task(*tf_config.read(environment['TF_CONFIG']))
    for names in _LAUNCHERS:
        if names[0] in environment and names[1] in environment:
            return _of_launcher(environment, *names)
    return Task([''], 0)


def _of_launcher(environment: Mapping[str, str], *names: str) -> Task:
    values = [environment.get(name, '0') for name in names]
    rank, size, local_rank = (int(value) if re.fullmatch('[0-9]{1,9}', value) else -1 for value in values)
    if min(rank, local_rank) < 0 or rank >= size:
        raise UserError('%s cannot be: set %s to the number of the process, from 0, and %s to the number of processes; '
                        'or TF_CONFIG={} to train in this process alone'
                        % (' with '.join('%s=%s' % pair for pair in zip(names, values)), *names[:2]))
    if size == 1:
        return Task([''], 0)
    address = _address_of_first(environment, is_slurm=names[0] == 'SLURM_PROCID')
    if not tf_config.is_address(address):
        raise UserError('%s is %d, but MASTER_ADDR and MASTER_PORT do not say where the first process is (%s): set '
                        'them for all processes to its machine and a free port; or TF_CONFIG={} to train in each '
                        'process alone' % (names[1], size, address))
    return Task([address] + [''] * (size - 1), rank, local_rank)


def _address_of_first(environment: Mapping[str, str], is_slurm: bool) -> str:
    host, port = environment.get('MASTER_ADDR', ''), environment.get('MASTER_PORT', str(_PORT))
    if is_slurm and not host:
        # The first of node[07-9,12],other. The first task runs there. A list may be a[0-1]b[2-3], too.
        host = re.sub(r'\[(\w+)[^]]*\]|,.*', r'\1', environment.get('SLURM_STEP_NODELIST', ''))
    if is_slurm and 'MASTER_PORT' not in environment:
        # Jobs have 16 ports each, below those that Linux gives to programs (from 32768 on).
        job, step = (int(environment.get(name, '0')) for name in ('SLURM_JOB_ID', 'SLURM_STEP_ID'))
        port = str(10000 + (16 * job + step % 16) % 20000)
    if environment.get('TORCHELASTIC_USE_AGENT_STORE') == 'True' and port.isdigit():
        port = str(int(port) + 1)  # torchrun itself listens at that port
    return tf_config.join(host, port)
