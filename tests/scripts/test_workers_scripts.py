"""The scripts that disturb and plan trainings with several workers: the stored results, and what they would notice."""
import os

import pytest

from dcgan_tf1.peers import LOST_STATUS
from scripts.benchmarks import workers as workers_benchmark
from scripts.benchmarks import workers_plan
from scripts.lib.measurements import Measurements, read_json
from scripts.lib.paths import results_folder
from scripts.robustness import workers

pytestmark = pytest.mark.slow


@pytest.fixture
def stored():
    folder = results_folder('robustness', 'workers')
    return Measurements(folder, read_json(os.path.join(folder, 'measurements.json'))['settings'])


def test_stored_results_match_the_committed_report(stored):
    with open(os.path.join(results_folder('robustness', 'workers'), 'README.md'), encoding='utf-8') as file:
        assert file.read() == workers.report(stored)


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


def test_the_plan():
    """The reductions do not depend on the batch, and cost nothing on an ideal network."""
    small, large = (workers_plan.count('sparse_softmax', size) for size in (2, 4))
    assert small == large and small.flops > 10 ** 7
    assert sum(small.reductions) > 4 * 7 * 10 ** 6  # the gradients of 7.5 million parameters
    assert workers_plan.seconds(small, 4, 8, 1e9, 1e99, 0) == workers_plan.seconds(small, 4, 1, 1e9, 1, 1)
    assert workers_plan.seconds(small, 4, 8, 1e9, 1e9, 1e-3) > workers_plan.seconds(small, 4, 8, 1e9, 1e10, 1e-3)


def test_steps_are_timed(tmp_path, capsys):
    workers_benchmark.main(['--recipes=machinecurve', '--workers=2', '--batch_size=4', '--steps=1', '--rounds=1',
                            '--output=%s' % tmp_path])
    text = (tmp_path / 'README.md').read_text(encoding='utf-8')
    rows = [line.split(' | ') for line in text.splitlines() if line.startswith('| `machinecurve`')]
    assert [row[1:4] for row in rows] == [['1', '4', '`all`'], ['2', '4', '`all`'], ['2', '4', '`worker`'],
                                         ['2', '8', '`all`']]
    reductions = [int(row[6]) for row in rows]
    assert reductions[0] == 0 < reductions[2] < reductions[1] == reductions[3]
