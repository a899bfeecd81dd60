"""Trainings on several devices, of one process and of several: they move between numbers of devices, stop and go on."""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from helpers import ROOT, assert_same_run, differing, final_variables, logged_losses, start_command, wait_for
from PIL import Image
from tensorflow.python.client.session import BaseSession

from dcgan_tf1.runs.folder import RunFolder
from dcgan_tf1.train.training import train
from dcgan_tf1.train.workers import tf_config
from scripts.lib.workers import environments, free_addresses

NETWORK = os.path.join(ROOT, 'tests', 'smooth_network.py')


@pytest.fixture(scope='module')
def flags(tmp_path_factory):
    """Of a training on a folder of 29 pictures, in batches of 12, 12 and 5."""
    folder, state = tmp_path_factory.mktemp('pictures'), np.random.RandomState(0)
    for number in range(29):
        Image.fromarray(state.randint(0, 256, (100, 100)).astype(np.uint8)).save(str(folder / ('%d.png' % number)))
    return ('--dataset=image_folder', '--data_dir=%s' % folder, '--image_size=8', '--channels=1', '--noise_dim=7',
            '--network=' + NETWORK, '--loss=sigmoid', '--epsilon=0.001', '--kernels=native', '--batch_size=12',
            '--shuffle=per_epoch', '--noise_batch=match', '--sample_size=4', '--log_every=1', '--sample_every=3',
            '--checkpoint_every=1')


@pytest.fixture
def start(flags, monkeypatch):
    """(run folder, flags of each worker) → the processes of workers that train with these in addition. Nothing outlives
    the test."""
    processes = []
    monkeypatch.setenv('http_proxy', 'http://127.0.0.1:1')  # which workers must not use

    def call(folder, *own_flags):
        started = [start_command(*flags, '--run_dir=' + folder.path, *own, env=environment)
                   for own, environment in zip(own_flags, environments(len(own_flags)))]
        processes.extend(started)
        return started
    yield call
    for process in processes:
        process.kill()
        process.communicate()


@pytest.fixture
def disturb(start):
    """(run folder, flags of each worker, rank, number of a signal) → the processes, after that one has received it."""
    def call(folder, own_flags, rank, number):
        before = steps_of(folder)
        processes = start(folder, *[[*own, '--steps=1000000'] for own in own_flags])
        wait_for(lambda: steps_of(folder) > before + 1, processes[0])
        processes[rank].send_signal(number)
        return processes
    return call


def end(process, status=0):
    """What a process has printed when it ends, which it must do with this status."""
    output, _ = process.communicate(timeout=300)
    assert process.returncode == status, output
    return output


def steps_of(folder):
    return len(folder.read_metrics()) if os.path.exists(folder.metrics) else 0


@pytest.mark.slow
def test_a_run_moves_between_numbers_of_devices(flags, training_settings, tmp_path, capsys):
    """Two devices, then one, then three. It sees the same examples, and ends as if there had always been one."""
    moved, alone = RunFolder(str(tmp_path / 'moved')), RunFolder(str(tmp_path / 'alone'))
    for num_gpus, steps in ((2, 2), (1, 3), (3, 5)):
        assert train(training_settings(*flags, '--run_dir=' + moved.path, '--steps=%d' % steps,
                                       '--num_gpus=%d' % num_gpus)) == 0
    printed = capsys.readouterr().err
    assert '2 devices train together' in printed and '3 devices train together' in printed
    assert 'resuming at step 3 of 5' in printed
    assert train(training_settings(*flags, '--run_dir=' + alone.path, '--steps=5')) == 0
    assert not differing(final_variables(moved), final_variables(alone), 1e-5)
    records = [{name: np.array([record[name] for record in logged_losses(folder)])
                for name in logged_losses(folder)[0]} for folder in (moved, alone)]
    assert not differing(*records, 1e-5)
    config = moved.read_config()
    assert 'workers' not in config and config['data'] == alone.read_config()['data']


@pytest.mark.slow
def test_a_run_on_two_devices_is_stopped_and_killed(disturb, flags, training_settings, tmp_path, original_sessions,
                                                    monkeypatch):
    """After Ctrl-C and after `kill -9`, the same command goes on, and the run ends with the same bits."""
    monkeypatch.setattr(BaseSession, '__init__', original_sessions)  # as in the other processes
    folder, undisturbed = RunFolder(str(tmp_path / 'run')), RunFolder(str(tmp_path / 'undisturbed'))
    output = end(disturb(folder, [['--num_gpus=2']], 0, signal.SIGINT)[0], 130)
    assert 'stopped and saved at step %d' % steps_of(folder) in output
    end(disturb(folder, [['--num_gpus=2']], 0, signal.SIGKILL)[0], -signal.SIGKILL)
    steps = steps_of(folder) + 1
    for one in (folder, undisturbed):
        assert train(training_settings(*flags, '--run_dir=' + one.path, '--steps=%d' % steps, '--num_gpus=2')) == 0
    assert_same_run(folder, undisturbed)


@pytest.mark.slow
def test_workers_that_are_stopped_and_killed(disturb, start, tmp_path):
    """After SIGTERM for a worker, and after `kill -9` for one and SIGTERM for the other, the same command goes on: both
    runs end with the same bits."""
    stopped, killed = RunFolder(str(tmp_path / 'stopped')), RunFolder(str(tmp_path / 'killed'))

    chief, other = disturb(stopped, [[], []], 1, signal.SIGTERM)
    end(other, 143)
    assert 'run the same command to resume' in end(chief, 143)
    chief, _ = disturb(killed, [[], []], 1, signal.SIGKILL)
    assert 'error: worker 1 is gone (' in end(chief, 138)
    chief, other = disturb(killed, [[], []], 0, signal.SIGTERM)
    end(other, 143)
    assert 'run the same command to resume' in end(chief, 143)
    steps = max(steps_of(stopped), steps_of(killed)) + 1
    for folder in (stopped, killed):
        for process in start(folder, *[['--steps=%d' % steps]] * 2):
            end(process)
    assert_same_run(killed, stopped)


@pytest.mark.slow
@pytest.mark.any_tensorflow
def test_workers_that_differ(flags, start, tmp_path):
    """Neither trains, and both say what differs. The pictures of one have other pixels."""
    folder, other = RunFolder(str(tmp_path / 'run')), tmp_path / 'other'
    shutil.copytree(flags[1].split('=')[1], str(other))
    (other / '7.png').write_bytes((other / '7.png').read_bytes()[:-1] + b'?')
    for process in start(folder, [], ['--seed=1', '--beta1=0.4', '--data_dir=%s' % other]):
        # A worker that is slower hears it from the other.
        assert re.search(
            r'error: (worker \d stopped: )?worker 1 differs from worker 0: --beta1 is 0.4 there and 0.5 here; --seed '
            r'is 1 there and 0 here; data: content of some images is \w+ there and \w+ here; give all workers the same '
            r'flags, data and versions\n$', end(process, 1))
    assert not os.path.exists(folder.path)


@pytest.mark.slow
@pytest.mark.any_tensorflow
def test_a_picture_that_only_one_worker_cannot_read(flags, start, training_settings, tmp_path):
    """The run folder notes it, as with one worker: the run can be resumed without it."""
    folder, damaged = RunFolder(str(tmp_path / 'run')), tmp_path / 'damaged'
    assert train(training_settings(*flags, '--run_dir=' + folder.path, '--steps=1')) == 0
    shutil.copytree(flags[1].split('=')[1], str(damaged))
    for path in damaged.iterdir():
        content = path.read_bytes()  # the beginnings and ends of files are compared at the start
        path.write_bytes(content[:4096] + bytes(len(content) - 8192) + content[-4096:])
    chief, other = start(folder, ['--steps=4'], ['--steps=4', '--data_dir=%s' % damaged])
    message = end(other, 1)
    message = message[message.index('[worker 1] error: '):]  # TensorFlow may have printed something before
    assert re.match(r'\[worker 1\] error: .*/damaged/\d+\.png cannot be read as an image', message)
    assert message.replace('[worker 1] error: ', '[worker 0] error: worker 1 stopped: ') in end(chief, 1)
    faults = folder.read_config()['data']['faults']
    assert any('/damaged/%s cannot' % name in message for name in faults)


@pytest.fixture
def commands(tmp_path, monkeypatch):
    """(name, script) creates a command that the shell finds first."""
    monkeypatch.setenv('PATH', '%s%s%s' % (tmp_path, os.pathsep, os.environ['PATH']))

    def create(name, script):
        (tmp_path / name).write_text('#!/bin/bash\n' + script)
        (tmp_path / name).chmod(0o755)
    return create


# What the examples run in the place of TensorFlow: a worker that connects to the others and says who they are.
WORKER = """
import json, os, sys
from dcgan_tf1.train.workers import peers, task
addresses, rank, local_rank = task.read(os.environ)
worker = peers.Peers(addresses, rank)
worker.wait()
worker.close()
sys.stdout.write(json.dumps([rank, local_rank, worker.addresses, sys.argv[1:]]) + "\\n")"""


@pytest.fixture
def workers(commands, monkeypatch, tmp_path):
    """(command, …) → (status, what the workers that it starts say, by rank)."""
    monkeypatch.setenv('PYTHONPATH', ROOT)
    (tmp_path / 'worker.py').write_text(WORKER)
    commands('python', 'exec %s %s "$@"' % (sys.executable, tmp_path / 'worker.py'))

    def run(*command):
        process = subprocess.run(command, cwd=str(tmp_path), check=False, text=True,
                                 stdout=subprocess.PIPE)
        return process.returncode, sorted(map(json.loads, process.stdout.splitlines()))
    return run


def assert_together(said, count, first, arguments):
    """Asserts that so many workers have found each other, two on each machine, and have these arguments."""
    addresses = said[0][2]
    assert said == [[rank, rank % 2, addresses, arguments] for rank in range(count)]
    assert addresses[0] == first and len(set(addresses)) == count


SLURM_SCRIPT = os.path.join(ROOT, 'docs', 'several-workers', 'slurm.sh')
# As SLURM does. The batch script has the variables of the job, a process those of the step, too.
JOB = {'SLURM_JOB_ID': str(os.getpid()), 'SLURM_JOB_NODELIST': 'localhost,node[7-9]', 'SLURM_NTASKS': '4',
       'SLURM_PROCID': '0', 'SLURM_LOCALID': '0', 'SLURM_CPUS_PER_TASK': '8'}
SRUN = """
[ "$1" = --cpus-per-task=8 ] && shift
export SLURM_STEP_ID=0 SLURM_STEP_NODELIST=$SLURM_JOB_NODELIST SLURM_STEP_NUM_TASKS=$SLURM_NTASKS
for rank in 0 1 2 3; do
    SLURM_PROCID=$rank SLURM_LOCALID=$((rank % 2)) "$@" &
done
for rank in 0 1 2 3; do wait -n || exit; done"""
MPIRUN = """
[ "$1 $3 $4" = "-n --hostfile hosts.txt" ] && [ "$5" = -x ] || exit 9
export OMPI_COMM_WORLD_SIZE=$2 "${6/machine0/localhost}"
shift 6
for rank in $(seq 0 $((OMPI_COMM_WORLD_SIZE - 1))); do
    OMPI_COMM_WORLD_RANK=$rank OMPI_COMM_WORLD_LOCAL_RANK=$((rank % 2)) "$@" &
done
wait"""


@pytest.mark.any_tensorflow
def test_the_slurm_script(commands, workers, monkeypatch):
    for name, value in JOB.items():
        monkeypatch.setenv(name, value)
    commands('srun', SRUN)
    status, said = workers('bash', SLURM_SCRIPT, '--recipe=paper', '--run_dir=a b')
    port = 10000 + os.getpid() * 16 % 20000
    assert_together(said, 4, 'localhost:%d' % port, ['-m', 'dcgan_tf1.train', '--recipe=paper', '--run_dir=a b'])
    assert status == 0


@pytest.mark.any_tensorflow
def test_the_mpirun_command(commands, workers, monkeypatch):
    monkeypatch.setenv('MASTER_PORT', free_addresses(1)[0].split(':')[1])
    commands('mpirun', MPIRUN)
    with open(os.path.join(ROOT, 'docs', 'several-workers.md'), encoding='utf-8') as file:
        command = re.search(r'^mpirun .*$', file.read(), re.M).group()
    status, said = workers('bash', '-c', command)
    assert_together(said, 4, 'localhost:' + os.environ['MASTER_PORT'],
                    ['-m', 'dcgan_tf1.train', '--recipe=paper', '--data_dir=my/images'])
    assert status == 0


@pytest.mark.any_tensorflow
@pytest.mark.parametrize('status, starts', [(0, 1), (1, 1), (2, 1), (130, 1), (143, 1), (138, 5), (137, 5), (139, 5)])
def test_after_which_statuses_the_slurm_script_starts_again(status, starts, commands):
    commands('srun', 'echo start; exit %d' % status)
    process = subprocess.run(['bash', SLURM_SCRIPT], check=False, text=True, stdout=subprocess.PIPE)
    assert (process.stdout, process.returncode) == ('start\n' * starts, status)


@pytest.mark.any_tensorflow
def test_the_kubernetes_file(commands, monkeypatch):
    """The commands of its container."""
    with open(os.path.join(ROOT, 'docs', 'several-workers', 'kubernetes.yaml')) as file:
        text = file.read()
    script = re.search(r'^( *)- \|\n((\1  .*\n)+)', text, re.M).group(2)
    workers = re.search(r"WORKERS\n *value: '(\d+)'", text).group(1)
    assert {workers} == set(re.findall(r'(?:completions|parallelism): (\d+)', text))
    assert re.search(r'activeDeadlineSeconds: \d+\n +backoffLimit: \d+', text) and not re.search(r'\[.*138', text)
    monkeypatch.setenv('WORKERS', workers)
    monkeypatch.setenv('JOB_COMPLETION_INDEX', '2')
    commands('python', 'echo "$TF_CONFIG $*"')
    output = subprocess.check_output(['bash', '-c', textwrap.dedent(script), 'train', '--recipe=paper'])
    config, _, arguments = output.decode().strip().partition(' -m ')
    addresses = ['train-%d.train:2222' % rank for rank in range(int(workers))]
    assert tf_config.read(config) == (addresses, 2) and arguments == 'dcgan_tf1.train --recipe=paper'
