"""The file with what was measured on this machine: shared by processes, and never in the way."""
import json
import os
import subprocess
import sys

import pytest
from helpers import ROOT

from dcgan_tf1.model.kernels.timings_cache import TimingsCache, default_path

pytestmark = pytest.mark.any_tensorflow


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / 'folder' / 'timings.json')


def test_it_keeps_numbers_per_machine(path):
    cache = TimingsCache('this', path)
    assert cache.read() == {}
    assert cache.add({'a': 1.5, 'b': 2.}) == {'a': 1.5, 'b': 2.}
    TimingsCache('another', path).add({'a': 7.})
    assert TimingsCache('this', path).read() == cache.read() == {'a': 1.5, 'b': 2.}
    assert TimingsCache('another', path).read() == {'a': 7.}
    assert sorted(os.listdir(os.path.dirname(path))) == ['timings.json', 'timings.json.lock']


def test_what_another_process_measured_first_stays(path):
    TimingsCache('this', path).add({'a': 1.5})
    cache = TimingsCache('this', path)
    assert cache.add({'a': 3., 'c': 4.}) == {'a': 1.5, 'c': 4.} == cache.read()


@pytest.mark.parametrize('content', [
    b'', b'{"this": {"a": 1.5', b'[1]', b'{"this": 3}', b'\xff\xfe', b'[' * 100000,
    b'{"this": {"a": "1", "c": NaN, "d": -1, "e": Infinity, "f": null, "g": true}}'])
def test_a_damaged_file_is_written_again(content, path):
    os.makedirs(os.path.dirname(path))
    with open(path, 'wb') as file:
        file.write(content)
    cache = TimingsCache('this', path)
    assert cache.read() == {}
    assert cache.add({'a': 2.}) == {'a': 2.}
    assert TimingsCache('this', path).read() == {'a': 2.}


def obstruct_with_a_file(path):
    with open(os.path.dirname(path), 'w'):
        pass


def obstruct_with_a_folder(path):
    os.makedirs(path)


def obstruct_with_a_folder_as_lock(path):
    os.makedirs(path + '.lock')


@pytest.mark.parametrize('obstruct', [obstruct_with_a_file, obstruct_with_a_folder, obstruct_with_a_folder_as_lock])
def test_where_it_cannot_write_it_remembers(obstruct, path):
    obstruct(path)
    cache = TimingsCache('this', path)
    assert cache.add({'a': 2.}) == {'a': 2.} == cache.read()
    assert TimingsCache('this', path).read() == {}


def test_without_a_file():
    cache = TimingsCache('this', None)
    assert cache.read() == {} and cache.add({'a': 2.}) == {'a': 2.} == cache.read()


def test_where_the_file_is(monkeypatch, tmp_path):
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    assert default_path() == str(tmp_path / 'dcgan_tf1' / 'timings.json')
    monkeypatch.setenv('HOME', str(tmp_path / 'home'))
    for relative in ('', 'cache'):  # the specification says to ignore these
        monkeypatch.setenv('XDG_CACHE_HOME', relative)
        assert default_path() == str(tmp_path / 'home' / '.cache' / 'dcgan_tf1' / 'timings.json')
    monkeypatch.delenv('XDG_CACHE_HOME')
    # A user without a home folder, whom the user database does not know either.
    monkeypatch.setattr(os.path, 'expanduser', lambda path: path)
    assert default_path() is None


def test_a_process_that_hangs_while_it_writes(path, monkeypatch):
    fcntl = pytest.importorskip('fcntl')
    from dcgan_tf1.model.kernels import timings_cache
    monkeypatch.setattr(timings_cache, '_LOCK_SECONDS', 0.05)
    os.makedirs(os.path.dirname(path))
    with open(path + '.lock', 'w') as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert TimingsCache('this', path).add({'a': 2.}) == {'a': 2.}
    assert not os.path.exists(path)


@pytest.mark.slow
def test_processes_that_write_at_the_same_time(path):
    """Nothing is lost, and they agree on the number that all of them measured."""
    program = ('import sys\nfrom dcgan_tf1.model.kernels.timings_cache import TimingsCache\n'
               'cache = TimingsCache("this", sys.argv[1])\n'
               'for number in range(30):\n    cache.add({"%s %d" % (sys.argv[2], number): 1.})\n'
               'print(cache.add({"common": float(sys.argv[2])})["common"])')
    processes = [subprocess.Popen([sys.executable, '-c', program, path, str(number)], cwd=ROOT, stdout=subprocess.PIPE)
                 for number in (1, 2, 3)]
    printed = {process.communicate()[0].strip() for process in processes}
    assert len(printed) == 1 and not any(process.returncode for process in processes)
    with open(path) as file:
        assert len(json.load(file)['this']) == 3 * 30 + 1
