"""The first lines of a run: what it is computed on, and whether a GPU is left unused."""
import re

import pytest
import tensorflow.compat.v1 as tf

from dcgan_tf1.util import device, processor
from dcgan_tf1.util.errors import UserError


def first_lines(folder):
    with open(folder.log, encoding='utf-8') as file:
        return [re.sub(r'^\S+ \S+ ', '', line.strip()) for line in file][:2]


def has_gpu():
    with tf.Session() as session:
        return any(one.device_type == 'GPU' for one in session.list_devices())


@pytest.fixture
def driver(tmp_path, monkeypatch):
    """A file that only an NVIDIA driver has."""
    monkeypatch.setattr(device, 'DRIVER_FILES', (str(tmp_path / 'none'), str(tmp_path / 'version')))
    monkeypatch.delenv('CUDA_VISIBLE_DEVICES', raising=False)
    (tmp_path / 'version').write_text('NVRM version: NVIDIA UNIX x86_64 Kernel Module')
    return tmp_path / 'version'


@pytest.mark.slow
def test_a_run_names_its_device_and_its_memory_first(train_run):
    first, second = first_lines(train_run('run', '--steps=1'))
    assert re.match(r'training on .+, \d+\.\d GiB of memory$', first) and 'starting at step 0 of 1' in second
    if not has_gpu():
        assert processor.name() in first


@pytest.mark.slow
@pytest.mark.skipif('has_gpu()')
def test_a_gpu_that_tensorflow_does_not_see(train_run, driver, monkeypatch, capsys, graph):
    _, second = first_lines(train_run('unseen', '--steps=1'))
    assert re.match(r'warning: this machine has an NVIDIA driver, but TensorFlow sees no GPU, .*pip install', second)
    assert second in capsys.readouterr().err.splitlines()
    with tf.Session() as session:
        assert device.warning(session) in second
        monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '-1')  # the user wants none
        assert device.warning(session) is None
        monkeypatch.delenv('CUDA_VISIBLE_DEVICES')
        driver.unlink()
        assert device.warning(session) is None


def test_the_device_of_a_session(graph):
    with tf.Session() as session:
        assert device.name(session) in device.describe(session)
        assert (device.name(session) == processor.name()) != has_gpu()


@pytest.mark.parametrize('gpus, num_gpus, devices', [
    (4, 1, ['']), (4, 2, ['GPU:0', 'GPU:1']), (2, -1, ['GPU:0', 'GPU:1']), (0, 3, ['CPU:0', 'CPU:1', 'CPU:2']),
    (0, -1, ['CPU:0'])])
def test_the_devices_to_train_on(gpus, num_gpus, devices, monkeypatch):
    monkeypatch.setattr(tf.config.experimental, 'list_physical_devices', lambda kind: [kind] * gpus)
    assert device.choose(num_gpus) == devices


@pytest.mark.parametrize('gpus, num_gpus, devices', [
    (4, 1, ['GPU:1']), (4, 2, ['GPU:2', 'GPU:3']), (1, 1, ['GPU:0']), (0, 1, ['CPU:0'])])
def test_the_devices_of_the_second_process_of_a_machine(gpus, num_gpus, devices, monkeypatch):
    """A launcher may show it all GPUs, or its own alone."""
    monkeypatch.setattr(tf.config.experimental, 'list_physical_devices', lambda kind: [kind] * gpus)
    assert device.choose(num_gpus, 1) == devices


def test_more_devices_than_gpus(monkeypatch):
    monkeypatch.setattr(tf.config.experimental, 'list_physical_devices', lambda kind: [kind] * 2)
    with pytest.raises(UserError, match=r'^--num_gpus=3, but TensorFlow sees only 2 GPU\(s\): use fewer, or set CUDA_'):
        device.choose(3)
