"""Trainings with several workers, each a process of its own: they move between numbers of workers, stop and restart."""
import os
import re
import shutil
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from helpers import ROOT, assert_same_run, differing, final_variables, logged_losses, wait_for
from PIL import Image

from dcgan_tf1 import launch
from dcgan_tf1.launch import free_addresses
from dcgan_tf1.runs.folder import RunFolder
from dcgan_tf1.train.training import train
from dcgan_tf1.train.workers import tf_config
from dcgan_tf1.util.errors import UserError

NETWORK = os.path.join(ROOT, 'tests', 'smooth_network.py')


@pytest.fixture(scope='module')
def flags(tmp_path_factory):
    """Of a training on a folder of 29 pictures, in batches of 12, 12 and 5."""
    folder, state = tmp_path_factory.mktemp('pictures'), np.random.RandomState(0)
    for number in range(29):
        Image.fromarray(state.randint(0, 256, (8, 8)).astype(np.uint8)).save(str(folder / ('%d.png' % number)))
    return ('--dataset=image_folder', '--data_dir=%s' % folder, '--image_size=8', '--channels=1', '--noise_dim=7',
            '--network=' + NETWORK, '--loss=sigmoid', '--epsilon=0.001', '--kernels=native', '--batch_size=12',
            '--shuffle=per_epoch', '--noise_batch=match', '--sample_size=4', '--log_every=1', '--sample_every=3',
            '--checkpoint_every=1')


@pytest.fixture
def start(flags, monkeypatch):
    """(flags of launch, run folder, number of steps) → the process of the launcher. Nothing outlives the test."""
    processes = []
    monkeypatch.setenv('http_proxy', 'http://127.0.0.1:1')  # which workers must not use

    def call(of_launch, folder, steps):
        command = ['-m', 'dcgan_tf1.launch', *of_launch, '--', *flags, '--run_dir=' + folder.path, '--steps=%d' % steps]
        processes.append(subprocess.Popen([sys.executable, *command], cwd=ROOT, universal_newlines=True,
                                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT))
        return processes[-1]
    yield call
    for process in processes:
        process.terminate()  # the launcher ends its workers
        process.communicate(timeout=60)


def end(process, status=0):
    """What a process has printed when it ends, which it must do with this status."""
    output, _ = process.communicate(timeout=300)
    assert process.returncode == status, output
    return output


def steps_of(folder):
    return len(folder.read_metrics()) if os.path.exists(folder.metrics) else 0


@pytest.mark.slow
def test_a_run_moves_between_numbers_of_workers(flags, start, training_settings, tmp_path):
    """Two workers, then one, then three. It sees the same examples, and ends as if there had always been one."""
    moved, alone = RunFolder(str(tmp_path / 'moved')), RunFolder(str(tmp_path / 'alone'))
    assert '2 workers train together' in end(start(['--workers=2'], moved, 2))
    assert train(training_settings(*flags, '--run_dir=' + moved.path, '--steps=3')) == 0
    assert 'resuming at step 3 of 5' in end(start(['--workers=3'], moved, 5))
    assert train(training_settings(*flags, '--run_dir=' + alone.path, '--steps=5')) == 0
    assert not differing(final_variables(moved), final_variables(alone), 1e-5)
    records = [{name: np.array([record[name] for record in logged_losses(folder)])
                for name in logged_losses(folder)[0]} for folder in (moved, alone)]
    assert not differing(*records, 1e-5)
    config = moved.read_config()
    assert 'workers' not in config and config['data'] == alone.read_config()['data']


@pytest.mark.slow
@pytest.mark.skipif(not os.path.isdir('/proc/self'), reason='it finds the processes of the workers in /proc')
def test_a_stopped_run_and_a_killed_run_go_on(start, tmp_path):
    """After SIGTERM for a worker and the same command again, and after `kill -9` for a worker and a restart, which
    SIGTERM for the launcher stops: both end with the same bits."""
    stopped, killed = RunFolder(str(tmp_path / 'stopped')), RunFolder(str(tmp_path / 'killed'))
    process = start(['--workers=2'], stopped, 10 ** 6)
    wait_for(lambda: steps_of(stopped) >= 2, process)
    os.kill(last_worker(process), signal.SIGTERM)
    output = end(process, 128 + signal.SIGTERM)
    stopped_at = steps_of(stopped)
    assert 'stopped and saved at step %d' % stopped_at in output

    process = start(['--workers=2', '--restarts=1'], killed, 10 ** 6)
    wait_for(lambda: steps_of(killed) >= 2, process)
    os.kill(last_worker(process), signal.SIGKILL)
    lines = ['']
    while 'restart 1 of 1' not in lines[-1]:
        lines.append(process.stdout.readline())
        assert lines[-1], lines
    assert any(line.startswith('error: worker 1 is gone (') for line in lines)
    killed_at = steps_of(killed)
    wait_for(lambda: steps_of(killed) > max(stopped_at, killed_at), process)
    process.terminate()
    output = end(process, 128 + signal.SIGTERM)
    assert 'stopped and saved at step %d' % steps_of(killed) in output
    end(start(['--workers=2'], stopped, steps_of(killed)))
    assert_same_run(killed, stopped)


def last_worker(process):
    """The process that a launcher has started last."""
    with open('/proc/%d/task/%d/children' % (process.pid, process.pid)) as file:
        return max(map(int, file.read().split()))


@pytest.fixture
def start_each(flags):
    """(run folder, flags of each worker) → the processes of workers that train with these in addition."""
    processes = []

    def call(folder, *own_flags):
        addresses = free_addresses(len(own_flags))
        processes.extend(subprocess.Popen(
            [sys.executable, '-m', 'dcgan_tf1.train', *flags, '--run_dir=' + folder.path, *own], cwd=ROOT,
            universal_newlines=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env={**os.environ, 'TF_CONFIG': tf_config.write(addresses, rank)}) for rank, own in enumerate(own_flags))
        return processes
    yield call
    for process in processes:
        process.kill()
        process.communicate()


@pytest.mark.slow
@pytest.mark.any_tensorflow
def test_workers_that_differ(start_each, tmp_path):
    """Neither trains, and both say what differs."""
    folder = RunFolder(str(tmp_path / 'run'))
    for process in start_each(folder, [], ['--seed=1', '--beta1=0.4', '--log_every=2']):
        # A worker that is slower hears it from the other.
        assert re.sub(r'worker \d stopped: ', '', end(process, 1)).endswith(
            'error: worker 1 differs from worker 0: --beta1 is 0.4 there and 0.5 here; --log_every is 2 '
            'there and 1 here; --seed is 1 there and 0 here; give all workers the same flags, data and versions\n')
    assert not os.path.exists(folder.path)


@pytest.mark.slow
@pytest.mark.any_tensorflow
def test_a_picture_that_only_one_worker_cannot_read(flags, start_each, training_settings, tmp_path):
    """The run folder notes it, as with one worker: the run can be resumed without it."""
    folder, damaged = RunFolder(str(tmp_path / 'run')), tmp_path / 'damaged'
    assert train(training_settings(*flags, '--run_dir=' + folder.path, '--steps=1')) == 0
    shutil.copytree(flags[1].split('=')[1], str(damaged))
    for path in damaged.iterdir():
        path.write_bytes(bytes(len(path.read_bytes())))
    chief, other = start_each(folder, ['--steps=4'], ['--steps=4', '--data_dir=%s' % damaged])
    message = end(other, 1)
    assert re.match(r'error: .*/damaged/\d+\.png cannot be read as an image', message)
    assert message.replace('error: ', 'error: worker 1 stopped: ') in end(chief, 1)
    faults = folder.read_config()['data']['faults']
    assert any('/damaged/%s cannot' % name in message for name in faults)


@pytest.mark.any_tensorflow
@pytest.mark.parametrize('visible, workers, devices', [
    ('0,2', 2, ['0', '2']), ('3, 1,-1,2', 2, ['3', '1']),
    ('GPU-8e,GPU-1f', 1, ['GPU-8e']), ('-1', 3, [None] * 3), ('', 2, [None] * 2)])
def test_every_worker_has_a_gpu_of_its_own(visible, workers, devices, monkeypatch):
    monkeypatch.setenv('CUDA_VISIBLE_DEVICES', visible)
    assert [variables.get('CUDA_VISIBLE_DEVICES') for variables in launch.devices(workers)] == devices


@pytest.mark.any_tensorflow
def test_gpus_are_counted_as_cuda_does(monkeypatch):
    """From 0, also in a container that has only the last of a machine's GPUs."""
    monkeypatch.delenv('CUDA_VISIBLE_DEVICES', raising=False)
    monkeypatch.setattr('glob.glob', lambda _: ['/dev/nvidia2', '/dev/nvidia3'])
    assert launch.devices(2) == [{'CUDA_VISIBLE_DEVICES': '0'}, {'CUDA_VISIBLE_DEVICES': '1'}]


@pytest.mark.any_tensorflow
def test_more_workers_than_gpus(monkeypatch):
    monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '0,1')
    with pytest.raises(UserError, match='^--workers=3, but there are only 2 GPUs: use fewer workers, or '):
        launch.devices(3)


@pytest.fixture
def commands(tmp_path, monkeypatch):
    """(name, script) creates a command that the shell finds first."""
    monkeypatch.setenv('PATH', '%s%s%s' % (tmp_path, os.pathsep, os.environ['PATH']))

    def create(name, script):
        (tmp_path / name).write_text('#!/bin/bash\n' + script)
        (tmp_path / name).chmod(0o755)
    create('python', 'echo "$TF_CONFIG $*"')
    return create


def task(line):
    """What a line of the command `python` of these tests says: the task in TF_CONFIG, and the arguments."""
    config, _, arguments = line.partition(' -m dcgan_tf1.train ')
    return tf_config.read({'TF_CONFIG': config}), arguments


@pytest.fixture
def slurm(commands, monkeypatch, tmp_path):
    """(a line of the command `srun`, flags…) → (what the SLURM script prints, its status), and other commands in the
    place of SLURM's."""
    commands('scontrol', 'echo node7; echo node9')
    for name, value in (('SLURM_JOB_NODELIST', 'node[7,9]'), ('SLURM_NTASKS_PER_NODE', '2'), ('SLURM_JOB_ID', '50123'),
                        ('SLURM_CPUS_PER_TASK', '8')):
        monkeypatch.setenv(name, value)

    def run(srun, *flags):
        commands('srun', srun)
        script = os.path.join(ROOT, 'docs', 'several-workers', 'slurm.sh')
        process = subprocess.run(['bash', script, *flags], cwd=str(tmp_path), check=False, text=True,
                                 stdout=subprocess.PIPE)
        return process.stdout, process.returncode
    return run


@pytest.mark.any_tensorflow
def test_the_slurm_script(slurm):
    """Its own commands run."""
    output, status = slurm("""
        [ "$2" = --cpus-per-task=8 ] || exit 9
        shift 2
        for SLURM_PROCID in 0 1 2 3; do export SLURM_PROCID; "$@"; done""", '--recipe=paper', '--run_dir=a b')
    addresses = ['node7:11968', 'node7:11969', 'node9:11968', 'node9:11969']
    assert [task(line) for line in output.splitlines()] == [
        ((addresses, rank), '--recipe=paper --run_dir=a b') for rank in range(4)]
    assert status == 0


@pytest.mark.any_tensorflow
@pytest.mark.parametrize('status, starts', [(0, 1), (1, 1), (2, 1), (130, 1), (143, 1), (138, 5), (137, 5), (139, 5)])
def test_after_which_statuses_the_slurm_script_starts_again(status, starts, slurm):
    assert slurm('echo start; exit %d' % status) == ('start\n' * starts, status)


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
    output = subprocess.check_output(['bash', '-c', textwrap.dedent(script), 'train', '--recipe=paper'])
    addresses = ['train-%d.train:2222' % rank for rank in range(int(workers))]
    assert task(output.decode().strip()) == ((addresses, 2), '--recipe=paper')
