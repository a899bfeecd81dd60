"""Which worker a process is, as environment variables say."""
import json

import pytest

from dcgan_tf1.train.workers import task, tf_config
from dcgan_tf1.util.errors import UserError

pytestmark = pytest.mark.any_tensorflow

CLUSTER = {'worker': ['a:1', 'b:2']}


def config(cluster, kind='worker', index=0):
    return {'TF_CONFIG': json.dumps({'cluster': cluster, 'task': {'type': kind, 'index': index}})}


@pytest.mark.parametrize('environment, expected', [
    ({}, ([''], 0)), ({'TF_CONFIG': ' '}, ([''], 0)), ({'TF_CONFIG': '{}'}, ([''], 0)),
    (config(CLUSTER), (['a:1', 'b:2'], 0)), (config(CLUSTER, index=1), (['a:1', 'b:2'], 1)),
    (config(CLUSTER, index='1'), (['a:1', 'b:2'], 1)), (config({'worker': ['a:1']}), (['a:1'], 0)),
    (config({'worker': ['a:1'], 'chief': ['[::1]:2']}), (['[::1]:2', 'a:1'], 1)),
    (config({'worker': ['a:1'], 'master': ['c:3']}, 'master'), (['c:3', 'a:1'], 0)),
    ({**config(CLUSTER), 'RANK': '1', 'WORLD_SIZE': '3', 'MASTER_ADDR': 'c'}, (['a:1', 'b:2'], 0))])
def test_tf_config(environment, expected):
    assert task.read(environment) == (*expected, 0)


TORCHRUN = {'RANK': '2', 'WORLD_SIZE': '3', 'LOCAL_RANK': '1', 'MASTER_ADDR': 'a', 'MASTER_PORT': '1'}
MPIRUN = {'OMPI_COMM_WORLD_RANK': '2', 'OMPI_COMM_WORLD_SIZE': '3', 'OMPI_COMM_WORLD_LOCAL_RANK': '1'}
SRUN = {'SLURM_PROCID': '2', 'SLURM_NTASKS': '3', 'SLURM_STEP_NUM_TASKS': '3', 'SLURM_LOCALID': '1',
        'SLURM_STEP_NODELIST': 'a[07-9,12],b', 'SLURM_JOB_ID': '50123', 'SLURM_STEP_ID': '1'}


@pytest.mark.parametrize('environment, address', [
    (TORCHRUN, 'a:1'), ({**TORCHRUN, 'TORCHELASTIC_USE_AGENT_STORE': 'True'}, 'a:2'),
    ({**TORCHRUN, 'MASTER_ADDR': '::1'}, '[::1]:1'), ({**MPIRUN, 'MASTER_ADDR': 'a'}, 'a:29500'),
    (SRUN, 'a07:11969'), ({**SRUN, 'SLURM_JOB_ID': '50124'}, 'a07:11985'),
    ({**SRUN, 'SLURM_STEP_ID': '2'}, 'a07:11970'),
    ({**SRUN, 'SLURM_STEP_NODELIST': 'b,a[1-2]'}, 'b:11969'), ({**SRUN, 'MASTER_ADDR': 'c', 'MASTER_PORT': '3'}, 'c:3'),
    ({**SRUN, 'SLURM_STEP_NODELIST': 'a[0-1]b[2-3]'}, 'a0b2:11969'),
    ({**MPIRUN, 'MASTER_ADDR': 'a', **SRUN, 'SLURM_PROCID': '0', 'SLURM_STEP_NUM_TASKS': '2'}, 'a:29500')])
def test_launchers(environment, address):
    assert task.read(environment) == ([address, '', ''], 2, 1)


@pytest.mark.parametrize('environment', [
    {**TORCHRUN, 'TF_CONFIG': '{}'}, {'MASTER_ADDR': 'a', 'RANK': '0'}, {'RANK': '0', 'WORLD_SIZE': '1'},
    {'SLURM_NTASKS': '3', 'SLURM_JOB_NODELIST': 'a'},  # in the shell of salloc
    {name: value for name, value in SRUN.items() if 'STEP' not in name},  # in a batch script
    {**SRUN, 'SLURM_PROCID': '0', 'SLURM_STEP_NUM_TASKS': '1'}])  # in a shell that salloc has started on a node
def test_a_process_alone(environment):
    assert task.read(environment) == ([''], 0, 0)


@pytest.mark.parametrize('environment, message', [
    ({**TORCHRUN, 'RANK': '3'}, '^RANK=3 with WORLD_SIZE=3 with LOCAL_RANK=1 cannot be: set RANK to the number of '),
    ({**TORCHRUN, 'WORLD_SIZE': 'x'}, '^RANK=2 with WORLD_SIZE=x '),
    ({**MPIRUN, 'OMPI_COMM_WORLD_SIZE': ''}, '_SIZE= '),
    (MPIRUN, r'^OMPI_COMM_WORLD_SIZE is 3, but MASTER_ADDR and MASTER_PORT do not say where .* \(:29500\): set them'),
    ({**TORCHRUN, 'MASTER_PORT': 'x'}, r'\(a:x\): set them .*; or TF_CONFIG=\{\} to train in each process alone$')])
def test_wrong_variables_of_launchers(environment, message):
    with pytest.raises(UserError, match=message):
        task.read(environment)


@pytest.mark.parametrize('environment, message', [
    ({'TF_CONFIG': '{'}, 'is not JSON'), ({'TF_CONFIG': '[]'}, 'is not an object'),
    ({'TF_CONFIG': '{"cluster": [1]}'}, 'must have objects as "cluster" and "task"'),
    ({'TF_CONFIG': '{"cluster": {"worker": ["a:1"]}}'}, 'says that this process is None None, which is not in its'),
    (config(CLUSTER, index=2), 'says that this process is worker 2, which is not in its cluster'),
    (config(CLUSTER, 'chief'), 'says that this process is chief 0, which is not in its cluster'),
    (config({'ps': ['a:1'], 'worker': ['b:2']}), 'has tasks of the type ps, but this training has only workers'),
    (config({'worker': 'a:1'}), "has 'a:1' as the list of its tasks of type worker"),
    (config({'worker': ['a']}), "has 'a' where it should have host:port"),
    (config({'worker': ['a:1', 7]}), 'has 7 where it should have host:port'),
    (config({'worker': ['a:1', 'a:1']}), 'has a:1 twice')])
def test_wrong_tf_configs(environment, message):
    with pytest.raises(UserError, match='^TF_CONFIG .*with another index in every process$') as error:
        task.read(environment)
    assert message in str(error.value)


@pytest.mark.parametrize('before, no_proxy, no_grpc_proxy', [
    ({}, 'localhost,a,::1', 'localhost,a,::1'),
    ({'NO_PROXY': 'x,a', 'no_grpc_proxy': 'y'}, 'x,a,localhost,::1', 'y,localhost,a,::1')])
def test_workers_need_no_proxy(before, no_proxy, no_grpc_proxy):
    environment = dict(before)
    tf_config.bypass_proxies(environment, ['a:1', '[::1]:2'])
    assert environment == {**before, 'no_proxy': no_proxy, 'no_grpc_proxy': no_grpc_proxy}
