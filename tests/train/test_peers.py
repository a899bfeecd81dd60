"""The connections between workers. No TensorFlow takes part, so processes start fast."""
import contextlib
import errno
import json
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import types

import pytest
from helpers import ROOT, wait_for

from dcgan_tf1.train.workers import connection, peers, tf_config
from dcgan_tf1.train.workers.peers import LOST_STATUS, Peers, WorkerLost
from dcgan_tf1.util.errors import UserError
from scripts.lib.workers import free_addresses

pytestmark = pytest.mark.any_tensorflow

READY = 'worker.wait(); print("ready", flush=True); time.sleep(99)'


@pytest.fixture
def addresses():
    """Addresses of three workers."""
    return free_addresses(3)


@pytest.fixture
def start(addresses):
    """(rank, code) → a process in which `worker` is a `Peers` among three workers, and which then runs code."""
    processes = []

    def call(rank, code, silence=20, among=addresses, before=''):
        program = '\n'.join([
            'import time', 'from dcgan_tf1.train.workers import peers',
            'peers.BEAT_SECONDS, peers.REACH_SECONDS, peers.SILENCE_SECONDS = .2, .2, %r' % silence,
            before, 'worker = peers.Peers(%r, %d, 30)' % (among, rank), code])
        processes.append(subprocess.Popen([sys.executable, '-c', program], cwd=ROOT, stdout=subprocess.PIPE,
                                          stderr=subprocess.PIPE, universal_newlines=True))
        return processes[-1]
    yield call
    for process in processes:
        process.kill()
        process.communicate()


def ends(process, seconds=30):
    """(exit status, standard output, standard error) of a process."""
    output, errors = process.communicate(timeout=seconds)
    return process.returncode, output, errors


@pytest.mark.slow
def test_values_are_exchanged(start):
    code = 'print(worker.from_chief(%d + 7), worker.all_values({"a": [%d]})); worker.wait(); worker.close()'
    processes = [start(rank, code % (rank, rank)) for rank in (2, 0, 1)]
    assert [ends(process) for process in processes] == [(0, "7 [{'a': [0]}, {'a': [1]}, {'a': [2]}]\n", '')] * 3


@pytest.mark.slow
def test_ipv6(start):
    try:
        with contextlib.ExitStack() as stack:
            sockets = [stack.enter_context(contextlib.closing(socket.socket(socket.AF_INET6))) for _ in range(3)]
            for one in sockets:
                one.bind(('::1', 0))
            addresses = ['[::1]:%d' % one.getsockname()[1] for one in sockets]
    except OSError:
        pytest.skip('this machine has no IPv6')
    processes = [start(rank, 'print(worker.from_chief(%d)); worker.close()' % rank, among=addresses)
                 for rank in range(3)]
    assert [ends(process)[:2] for process in processes] == [(0, '0\n')] * 3


@pytest.mark.parametrize('killed', [0, 1])
def test_all_end_if_one_is_killed(killed, start):
    processes = [start(rank, READY) for rank in range(3)]
    for process in processes:
        assert process.stdout.readline() == 'ready\n'
    processes[killed].send_signal(signal.SIGKILL)
    for rank, process in enumerate(processes):
        if rank != killed:
            status, _, errors = ends(process)
            assert status == LOST_STATUS and errors.count('\n') == 1
            assert errors.startswith('error: worker %d is gone (' % killed)
            assert 'Start all workers again with the same command' in errors


@pytest.mark.slow
def test_all_end_if_one_is_frozen(start):
    processes = [start(rank, READY, silence=2) for rank in range(3)]
    for process in processes:
        assert process.stdout.readline() == 'ready\n'
    processes[2].send_signal(signal.SIGSTOP)
    for process in processes[:2]:
        status, _, errors = ends(process)
        assert status == LOST_STATUS and errors.startswith(
            'error: worker 2 is gone (nothing was heard of it for 2 seconds)')
    processes[2].send_signal(signal.SIGCONT)
    assert ends(processes[2])[0] == LOST_STATUS


@pytest.mark.slow
def test_all_go_on_after_all_were_frozen(start):
    """As by Ctrl-Z and `fg`: no worker was silent while the others lived."""
    processes = [start(rank, 'worker.wait(); print("ready", flush=True); time.sleep(2); worker.wait(); worker.close()',
                       silence=3) for rank in range(3)]
    for process in processes:
        assert process.stdout.readline() == 'ready\n'
    for number, seconds in ((signal.SIGSTOP, 4), (signal.SIGCONT, 0)):
        for process in processes:
            process.send_signal(number)
        time.sleep(seconds)
    assert [ends(process) for process in processes] == [(0, '', '')] * 3


def test_an_error_of_one_ends_all(start):
    processes = [start(0, READY), start(1, 'worker.wait(); worker.close_after(OSError("the disk is full"))'),
                 start(2, READY)]
    for process in (processes[0], processes[2]):
        status, _, errors = ends(process)
        assert (status, errors) == (1, 'error: worker 1 stopped: the disk is full\n')


def test_a_step_that_hangs(start):
    """Not one that waits for something else, such as an evaluation of worker 0."""
    before = 'peers.STEP_SECONDS = .4'
    processes = [start(0, 'with worker.step(): pass\nprint(1)\ntime.sleep(1)\nwith worker.step():\n'
                       '    print(2, flush=True); time.sleep(99)', before=before)]
    processes += [start(rank, 'with worker.step(): time.sleep(99)', before=before) for rank in (1, 2)]
    for rank, process in enumerate(processes):
        status, output, errors = ends(process)
        assert (status, output) == (LOST_STATUS, '1\n2\n' if rank == 0 else '')
        assert errors.startswith('error: a step has taken 0.4 seconds, although all workers are alive: ')


@pytest.mark.slow
def test_a_worker_that_has_finished_is_not_lost(start):
    processes = [start(0, 'time.sleep(2); worker.close()'), start(1, 'worker.close()'), start(2, 'worker.close()')]
    assert [ends(process) for process in processes] == [(0, '', '')] * 3


def test_workers_that_do_not_come(addresses, monkeypatch, capsys):
    monkeypatch.setattr(peers, 'NOTICE_SECONDS', 0.05)
    with pytest.raises(WorkerLost, match=r'^worker 1 \(%s\), 2 \(.*\) did not connect to worker 0' % addresses[1]):
        Peers(addresses, 0, 0.2)
    assert capsys.readouterr().err == 'waiting for worker 1 (%s), 2 (%s)\n' % tuple(addresses[1:])
    with pytest.raises(WorkerLost, match='^worker 0 cannot be reached at %s ' % addresses[0]) as error:
        Peers(addresses, 1, 0.5)
    assert error.value.status == LOST_STATUS
    assert re.match('waiting: worker 0 cannot be reached at %s from worker 1 .*\n$' % addresses[0],
                    capsys.readouterr().err)


def no_route(*_):
    raise OSError(errno.EHOSTUNREACH, 'No route to host')


@pytest.mark.parametrize('host, connect, message', [
    ('no.such.host.invalid', socket.create_connection, '.*'), ('192.0.2.1', no_route, '.*No route to host')])
def test_an_address_of_worker_0_that_is_wrong(host, connect, message, addresses, monkeypatch):
    """A restart does not correct it. In Kubernetes, the name of a pod may exist later."""
    monkeypatch.setattr(peers, 'REACH_SECONDS', 0.1)
    monkeypatch.setattr(socket, 'create_connection', connect)
    wrong = ['%s:1' % host, *addresses[1:]]
    with pytest.raises(UserError, match=r'^worker 0 cannot be reached at %s:1 from worker 1 \(%s\): fix' % (
            host, message)) as error:
        Peers(wrong, 1, 30)
    assert error.value.status == 1
    monkeypatch.setenv('KUBERNETES_SERVICE_HOST', '10.0.0.1')
    with pytest.raises(UserError) as error:
        Peers(wrong, 1, 0.3)
    assert error.value.status == (LOST_STATUS if connect is not no_route else 1)


def test_workers_that_tell_their_addresses(start, addresses):
    """As those that torchrun, mpirun and srun start: only the address of worker 0 is known. Worker 0 itself may know it
    under another name, as that of a Kubeflow job does."""
    localhost = addresses[0].replace('127.0.0.1', 'localhost')
    processes = [start(rank, 'print(*worker.addresses); worker.wait(); worker.close()', among=[first, '', ''])
                 for rank, first in enumerate([localhost, addresses[0], addresses[0]])]
    results = [ends(process) for process in processes]
    assert [(status, errors) for status, _, errors in results] == [(0, '')] * 3
    known = [output.split() for _, output, _ in results]
    assert known[0][0] == localhost and known[0][1:] == known[1][1:] and known[1] == known[2]
    assert len(set(known[1])) == 3 and all(tf_config.split(address)[0] == '127.0.0.1' for address in known[1])


def test_the_address_that_a_worker_tells():
    """That by which worker 0 knows it. If both are on one machine, others reach it by the name of worker 0."""
    worker = Peers.__new__(Peers)
    worker.addresses = ['node0:1', '']
    for host, address in (('10.0.0.2', '10.0.0.2:5'), ('fd00::2', '[fd00::2]:5'), ('127.0.1.1', 'node0:5')):
        worker._peers = {0: types.SimpleNamespace(own_host=host)}
        assert worker._own_address(5) == address


@pytest.mark.slow
def test_one_that_came_ends_if_another_does_not_come(start, addresses):
    other = start(1, 'time.sleep(99)')
    with pytest.raises(WorkerLost, match=r'^worker 2 \(%s\) did not connect' % addresses[2]):
        Peers(addresses, 0, 3)
    status, _, errors = ends(other)
    assert status == LOST_STATUS and errors.startswith('error: worker 0 stopped: worker 2 (')


def test_an_address_that_is_in_use(addresses):
    with contextlib.closing(socket.socket()) as other:
        host, port = addresses[0].split(':')
        other.bind((host, int(port)))
        other.listen(1)
        with pytest.raises(UserError, match='worker 0 cannot listen at its address, .*: give it a free port in'):
            Peers(addresses, 0, 0.2)


def test_a_worker_with_another_configuration(start, addresses):
    """It ends at once. The chief goes on waiting, for whatever connects must not end a training."""
    chief = start(0, 'worker.wait(); worker.close()')
    status, _, errors = ends(start(1, '', among=[addresses[0], addresses[2], addresses[1]]))
    assert status == 1 and 'UserError: worker 0 at %s belongs to another training' % addresses[0] in errors
    others = [start(rank, 'worker.wait(); worker.close()') for rank in (1, 2)]
    assert [ends(process)[0] for process in [chief, *others]] == [0, 0, 0]


def test_a_worker_without_the_token(start, addresses):
    """It is refused. The others go on."""
    def started(rank, token='secret'):
        return start(rank, 'worker.wait(); worker.close()', before='peers.os.environ[peers.TOKEN] = %r' % token)
    chief, refusal = started(0), 'a worker with another DCGAN_TF1_TOKEN did: give it to all workers\n'
    assert ends(started(1, 'secre')) == (1, '', 'error: ' + refusal)
    results = [ends(process) for process in (chief, started(1), started(2))]
    assert results == [(0, '', 'warning: ' + refusal), (0, '', ''), (0, '', '')]


@pytest.mark.parametrize('hello, reason', [
    ([1, ['a:1', 'b:2']], r"a worker of another training did: its workers are \['a:1', 'b:2'\], those of worker 0 "),
    ([3, None], 'two processes are worker 3: give each another index in TF_CONFIG, or another RANK$'),
    ([True, None], 'two processes are worker True: ')])
def test_why_workers_did_not_come(hello, reason, addresses, monkeypatch, capsys):
    """If one was refused, the others will not come after a restart, either."""
    with contextlib.ExitStack() as stack:
        ours, theirs = [stack.enter_context(contextlib.closing(one)) for one in socket.socketpair()]
        monkeypatch.setattr(peers.os, 'urandom', bytes)
        proof = peers._proof(bytes(16).hex())
        theirs.sendall(json.dumps(['data', [hello[0], hello[1] or addresses, proof]]).encode() + b'\n')

        def listener(_, __, greet):
            greet(ours)
            return types.SimpleNamespace(close=lambda: None)
        monkeypatch.setattr(peers, 'Listener', listener)
        with pytest.raises(UserError, match='^worker 1 .*, 2 .* did not connect .* in time, but ' + reason) as error:
            Peers(addresses, 0, 0.01)
        assert error.value.status == 1 and re.match('warning: ' + reason, capsys.readouterr().err)
        answers = connection.Connection(theirs, 20)
        assert answers.receive() == ['data', [0, addresses, bytes(16).hex()]]
        kind, (line, status) = answers.receive()
        assert (kind, status) == ('failed', 1) and re.match(reason, line)


@pytest.mark.parametrize('is_taken', [False, True])
def test_an_address_that_the_others_cannot_reach(is_taken, start, addresses, tmp_path):
    """All are told which, before TensorFlow would wait for it without end."""
    wrong = free_addresses(1)[0]
    with contextlib.closing(socket.socket()) as other_program:
        other_program.bind(tf_config.split(wrong))
        if is_taken:
            other_program.listen(8)
        # Worker 1 listens at another port than that in TF_CONFIG.
        lines = 'from dcgan_tf1.train.workers import connection\nfind = connection._bind\n' \
                'connection._bind = lambda host, port: find(host, %d if port == %d else port)\n' \
                'connection._HELLO_SECONDS = .1' % (tf_config.split(addresses[1])[1], tf_config.split(wrong)[1])
        among = [addresses[0], wrong, addresses[2]]
        processes = [start(rank, '', among=among, before=lines) for rank in range(3)]
        message = ('what answers at %s, the address of worker 1, is not that worker: fix' if is_taken else
                   'worker 1 cannot be reached at %s from worker') % wrong
        for process in processes:
            status, _, errors = ends(process)
            assert status == 1 and message in errors


def can(connect):
    """Whether something listens."""
    with contextlib.suppress(OSError):
        return connect()
    return None


STRAYS = (b'', b'GET / HTTP/1.1\r\n\r\n', b'\xff' * 100 + b'\n', b'[]\n', b'["data", 3]\n', b'[' * 100000 + b'\n',
          b'["data", [[1], %s, "x"]]\n', b'["data", [1, ["a:1", "b:2"], "\\ud800"]]\n', b'["failed", [1, "x", 0]]\n')


def test_other_programs_that_connect(start, addresses):
    """Port scanners, browsers, workers of others, some that say nothing, and one that says a byte now and then."""
    chief = start(0, 'worker.wait(); worker.close()')
    with contextlib.ExitStack() as stack:
        def connect():
            return stack.enter_context(contextlib.closing(socket.create_connection(tf_config.split(addresses[0]))))
        wait_for(lambda: can(connect), chief)
        for content in STRAYS:
            connect().sendall(content.replace(b'%s', json.dumps(addresses).encode()))
        for _ in range(20):
            connect().sendall(b'[')
        processes = [start(rank, 'worker.wait(); worker.close()') for rank in (1, 2)]
        assert [ends(process)[0] for process in [chief, *processes]] == [0, 0, 0]


def test_a_hello_has_a_time_limit(monkeypatch):
    """Also if its bytes trickle in."""
    monkeypatch.setattr(connection, '_HELLO_SECONDS', 0.3)
    ours, theirs = socket.socketpair()
    with contextlib.closing(ours), contextlib.closing(theirs):
        is_over = threading.Event()

        def trickle():
            with contextlib.suppress(OSError):
                while not is_over.wait(0.05):
                    theirs.sendall(b' ')
        thread = threading.Thread(target=trickle, daemon=True)
        thread.start()
        assert connection.Connection(ours, 20).read_hello() is None
        is_over.set()
        thread.join()


@pytest.mark.parametrize('line', [b'5', b'["failed", [1, "x", 0]]', b'["failed", ["x", "y"]]', b'[' * 100000, b'\xff'])
def test_what_no_worker_sends(line):
    ours, theirs = socket.socketpair()
    with contextlib.closing(ours), contextlib.closing(theirs):
        threading.Thread(target=theirs.sendall, args=(line + b'\n',), daemon=True).start()
        with pytest.raises(ValueError, match='it sent what no worker sends'):
            connection.Connection(ours, 20).receive()


def test_large_messages():
    """Such as the names of many unreadable files."""
    ours, theirs = socket.socketpair()
    with contextlib.closing(ours), contextlib.closing(theirs):
        value, sender = 'x' * 10 ** 7, connection.Connection(theirs, 20)
        threading.Thread(target=sender.send, args=(connection.DATA, value), daemon=True).start()
        assert connection.Connection(ours, 20).receive() == [connection.DATA, value]


def test_a_worker_listens_at_its_address_alone():
    """Not for other machines, if the address is of this one alone. A name may be known to others as another address."""
    for host, bound in (('127.0.0.1', {'127.0.0.1'}), ('localhost', {'127.0.0.1'}), ('192.0.2.1', {'::', '0.0.0.0'}),
                        (socket.gethostname(), {'::', '0.0.0.0'})):
        with contextlib.closing(connection._bind(host, 0)) as listener:
            assert listener.getsockname()[0] in bound
