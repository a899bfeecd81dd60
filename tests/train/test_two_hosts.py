"""A training on two hosts, whose connection is cut.

The hosts are network namespaces of Linux, each with an address and a folder of its own.
"""
import os
import shutil
import subprocess
import sys
import time

import pytest
from helpers import ROOT, assert_same_run, wait_for

from dcgan_tf1.runs.folder import RunFolder
from dcgan_tf1.train.workers.peers import LOST_STATUS
from scripts.lib.workers import tf_config

pytestmark = pytest.mark.slow

ADDRESSES = ('10.213.77.1', '10.213.77.2')
MAX_SECONDS = 40  # until both workers have ended
FLAGS = ('--recipe=graph_mode_dense', '--dataset=mnist_10k', '--batch_size=9', '--sample_size=4', '--kernels=native',
         '--log_every=1', '--sample_every=1000000', '--checkpoint_every=4', '--run_dir=run')
# Becomes a process of a host, as `ip netns exec` does, and then the command `train`.
PROGRAM = '''
import ctypes, sys
with open('/var/run/netns/' + sys.argv.pop(1)) as host:
    assert ctypes.CDLL(None).setns(host.fileno(), 0) == 0
from dcgan_tf1.train import __main__ as train
train.main()'''


class Hosts:
    """Two hosts with a connection between them."""

    def __init__(self):
        """Raises `subprocess.CalledProcessError` if this process may not create them."""
        self.names = ['dcgan-%d-%d' % (os.getpid(), number) for number in (0, 1)]
        self._links = ['dcgan%d' % number for number in (0, 1)]
        try:
            for name in self.names:
                _ip('netns', 'add', name)
            _ip('-n', self.names[0], 'link', 'add', self._links[0], 'type', 'veth', 'peer', 'name', self._links[1],
                'netns', self.names[1])
            for name, link, address in zip(self.names, self._links, ADDRESSES):
                _ip('-n', name, 'address', 'add', address + '/24', 'dev', link)
                _ip('-n', name, 'link', 'set', 'lo', 'up')
            self.connect()
            _ip('netns', 'exec', self.names[0], 'true')
        except subprocess.CalledProcessError:
            self.remove()
            raise

    def connect(self):
        """Connects the hosts."""
        for name, link in zip(self.names, self._links):
            _ip('-n', name, 'link', 'set', link, 'up')

    def cut(self):
        """Cuts the connection, as if a cable were pulled: neither host receives anything more."""
        _ip('-n', self.names[1], 'link', 'set', self._links[1], 'down')

    def remove(self):
        """Removes what exists of the hosts."""
        for name in self.names:
            subprocess.run(['ip', 'netns', 'delete', name], stderr=subprocess.DEVNULL, check=False)


def _ip(*arguments):
    subprocess.run(['ip', *arguments], check=True, capture_output=True)


@pytest.fixture
def hosts():
    """Two connected hosts."""
    if not shutil.which('ip'):
        pytest.skip('the command ip, which creates hosts, is not installed')
    try:
        created = Hosts()
    except subprocess.CalledProcessError as error:
        pytest.skip('this process may not create network namespaces: %s' % error.stderr.decode().strip())
    yield created
    created.remove()


@pytest.fixture
def start(hosts, tmp_path):
    """(number of steps) → the processes of two workers, each on a host of its own and in a folder of its own."""
    processes = []

    def call(steps):
        pair = []
        for rank, name in enumerate(hosts.names):
            folder = tmp_path / str(rank)
            folder.mkdir(exist_ok=True)
            environment = {**os.environ, 'PYTHONPATH': ROOT,
                           'TF_CONFIG': tf_config(['%s:2222' % address for address in ADDRESSES], rank)}
            pair.append(subprocess.Popen(
                [sys.executable, '-c', PROGRAM, name, *FLAGS, '--steps=%d' % steps], cwd=str(folder), env=environment,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True))
        processes.extend(pair)
        return pair
    yield call
    for process in processes:
        process.kill()
        process.communicate()


def test_a_cut_connection(hosts, start, tmp_path):
    """Both workers end soon, with one line and the status for a restart. The same command then goes on, and the run
    ends like an undisturbed one, bit for bit."""
    folder = RunFolder(str(tmp_path / '0' / 'run'))
    pair = start(10 ** 6)
    wait_for(lambda: os.path.exists(folder.metrics) and len(folder.read_metrics()) > 5, pair[0])
    hosts.cut()
    began = time.perf_counter()
    outputs = [process.communicate(timeout=120)[0] for process in pair]
    assert time.perf_counter() - began < MAX_SECONDS
    for rank, (process, output) in enumerate(zip(pair, outputs)):
        assert process.returncode == LOST_STATUS, output
        lines = [line for line in output.splitlines() if line.startswith('[worker %d] error: ' % rank)]
        assert len(lines) == 1 and 'worker %d' % (1 - rank) in lines[0] and 'Traceback' not in output
    assert os.listdir(str(tmp_path / '1')) == []  # only the chief writes

    hosts.connect()
    steps = len(folder.read_metrics()) + 4
    for process in start(steps):
        output = process.communicate(timeout=300)[0]
        assert process.returncode == 0, output
    undisturbed = RunFolder(str(tmp_path / 'undisturbed'))
    subprocess.run([sys.executable, '-m', 'dcgan_tf1.train', *FLAGS, '--num_gpus=2', '--steps=%d' % steps,
                    '--run_dir=' + undisturbed.path], cwd=ROOT, check=True, capture_output=True)
    assert_same_run(folder, undisturbed)
