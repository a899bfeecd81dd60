"""scripts/compare_precisions.py: its rule, and a small run."""
import json
import os

import numpy as np
import pytest
import tensorflow.compat.v1 as tf


@pytest.fixture
def script(monkeypatch):
    monkeypatch.syspath_prepend(os.path.join(os.path.dirname(__file__), '..', 'scripts'))
    import compare_precisions
    return compare_precisions


def test_the_rule(script):
    """Range of the means 1 to 2, widened to 0 to 3."""
    float32 = np.ones((3, 10, 2)) * np.array([1, 1.5, 2])[:, None, None]
    bfloat16 = np.ones((4, 10, 2)) * np.array([-0.1, 0.1, 2.9, 3.1])[:, None, None]
    bfloat16[:, :2, 1] = 1.2
    rows = script.compare(float32, bfloat16)
    assert [(row['loss'], row['first'], row['last']) for row in rows[:2]] == [
        ('discriminator_loss', 1, 2), ('discriminator_loss', 3, 4)]
    assert [row['within'] for row in rows] == [2] * 5 + [4] + [2] * 4
    assert {(row['low'], row['high']) for row in rows} == {(1., 2.)}


@pytest.mark.skipif(tf.__version__.startswith('1.'), reason='TensorFlow 1 does not train in bfloat16')
def test_a_small_run(script, tmp_path, mnist_dir, capsys):
    arguments = ['--recipes=graph_mode_dense', '--data_dir=' + mnist_dir, '--steps=5', '--seeds=2',
                 '--bfloat16_seeds=1', '--batch_size=8', '--runs=' + str(tmp_path / 'runs'),
                 '--output=' + str(tmp_path / 'results')]
    script.main(arguments)
    first = capsys.readouterr().out
    with open(str(tmp_path / 'results' / 'precision.json')) as file:
        kept = json.load(file)
    rows = kept['graph_mode_dense']['rows']
    assert kept['graph_mode_dense']['how']['batch_size'] == 8
    assert len(rows) == 10 and all(row['low'] < row['high'] and len(row['bfloat16']) == 1 for row in rows)
    assert (tmp_path / 'results' / 'graph_mode_dense.png').read_bytes().startswith(b'\x89PNG')
    changed = os.stat(str(tmp_path / 'runs' / 'graph_mode_dense-float32-1' / 'metrics.jsonl')).st_mtime_ns
    # What an earlier call measured stays; nothing is trained again.
    with open(str(tmp_path / 'results' / 'precision.json'), 'w') as file:
        json.dump({'another': kept['graph_mode_dense'], **kept}, file)
    script.main(arguments)
    again = capsys.readouterr().out
    assert '## another' in again and '## another' not in first
    assert '| graph_mode_dense | 8 | 28×28 | 5 | 2, 1 |' in again
    assert os.stat(str(tmp_path / 'runs' / 'graph_mode_dense-float32-1' / 'metrics.jsonl')).st_mtime_ns == changed
