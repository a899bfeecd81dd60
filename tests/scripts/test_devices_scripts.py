"""The scripts that disturb trainings with several workers and time those on several devices: what they would notice."""

import pytest
from helpers import run_script

from dcgan_tf1.train.workers.peers import LOST_STATUS
from scripts.benchmarks import devices
from scripts.robustness import workers

pytestmark = pytest.mark.any_tensorflow


@pytest.mark.parametrize('change, problem', [
    ({'status': 0}, 'status 0'), ({'seconds': 41.}, 'ended after 41 s'), ({'traceback': True}, 'a traceback'),
    ({'partial_files': ['a.png: cut']}, 'a.png: cut')])
def test_problems_are_reported(change, problem):
    outcome = {'ending': 'kill -9', 'moment': 'at the start', 'rank': 1, 'hit': True, 'status': LOST_STATUS,
               'seconds': 1., 'traceback': False, 'partial_files': []}
    assert workers.problems('2', {'differences': [], 'outcomes': [outcome]}) == []
    found = workers.problems('2', {'differences': ['a'], 'outcomes': [{**outcome, **change}]})
    assert found == ['TensorFlow 2: a differs from the undisturbed run',
                     'TensorFlow 2: kill -9 of worker 1 at the start: ' + problem]


def test_the_table_of_the_benchmark(tmp_path, monkeypatch):
    """With made-up measurements, in which every step takes as long."""
    monkeypatch.setattr(devices, 'measure', lambda result, steps: {
        'seconds': 0.5, 'traffic': [10 ** 6] * {'all': 5, 'worker': 3}[result['statistics']] * (result['devices'] - 1)})
    run_script(devices, '--recipes=machinecurve', '--devices=2', '--batch_size=4', '--steps=1', '--rounds=2',
               '--output=%s' % tmp_path)
    text = (tmp_path / 'README.md').read_text(encoding='utf-8')
    rows = [line.strip('| ').split(' | ') for line in text.splitlines() if line.startswith('| `machinecurve`')]
    assert [row[1:] for row in rows] == [
        ['1', '4', '`all`', '500', '1.00 (1.00–1.00)', '0', '0.0'],
        ['2', '4', '`all`', '500', '1.00 (1.00–1.00)', '5', '5.0'],
        ['2', '4', '`worker`', '500', '1.00 (1.00–1.00)', '3', '3.0'],
        ['2', '8', '`all`', '500', '2.00 (2.00–2.00)', '5', '5.0']]


@pytest.mark.slow
def test_steps_are_timed():
    alone, together, apart = (
        devices.measure({'recipe': 'machinecurve', 'devices': count, 'batch_size': 4, 'statistics': kind}, 1)
        for count, kind in ((1, 'all'), (2, 'all'), (2, 'worker')))
    assert 0 == len(alone['traffic']) < len(apart['traffic']) < len(together['traffic'])
    assert min(measured['seconds'] for measured in (alone, together, apart)) > 0
