"""The precision experiment: its rule, its figure, and a small run."""
import io
import json
import os

import numpy as np
import pytest
from helpers import run_script
from PIL import Image

from dcgan_tf1.data import mnist, mnist_10k
from dcgan_tf1.model import precision
from dcgan_tf1.util import charts
from scripts.experiments import precision as script

pytestmark = pytest.mark.any_tensorflow


def test_the_rule():
    """The float32 means range from 1 to 2; extended, from 0 to 3."""
    float32 = np.ones((3, 10, 2)) * np.array([1, 1.5, 2])[:, None, None]
    bfloat16 = np.ones((4, 10, 2)) * np.array([-0.1, 0.1, 2.9, 3.1])[:, None, None]
    bfloat16[:, :2, 1] = 1.2
    rows = script.compare(float32, bfloat16)
    assert [(row['loss'], row['first'], row['last']) for row in rows[:2]] == [
        ('discriminator_loss', 1, 2), ('discriminator_loss', 3, 4)]
    assert [row['within'] for row in rows] == [2] * 5 + [4] + [2] * 4
    assert {(row['low'], row['high']) for row in rows} == {(1., 2.)}


def test_figure():
    """Dots of bfloat16 above bars of float32."""
    losses = np.random.RandomState(0).rand(6, 40, 2)
    rows = script.compare(losses[:4], losses[4:])
    picture = Image.open(io.BytesIO(script.figure(rows, 4))).convert('RGB')
    assert picture.size == (1400, 560)
    colors = {'#%02x%02x%02x' % color for _, color in picture.getcolors(2 ** 24)}
    assert {charts.COLORS['light_gray'], charts.COLORS['vermilion']} <= colors


@pytest.mark.slow
@pytest.mark.skipif(not precision.works('bfloat16'), reason='this TensorFlow does not train in bfloat16')
def test_a_small_run(tmp_path, trainings_in_process, few_digits, monkeypatch, capsys):
    monkeypatch.setattr(mnist, 'load', lambda data_dir, **_: mnist_10k.load())  # is smaller
    arguments = ['--recipes=graph_mode_dense', '--data_dir=%s' % tmp_path, '--steps=5', '--seeds=2',
                 '--bfloat16_seeds=1', '--batch_size=8', '--runs=' + str(tmp_path / 'runs'),
                 '--output=' + str(tmp_path / 'results')]
    with trainings_in_process():
        run_script(script, *arguments)
    first = capsys.readouterr().out
    with open(str(tmp_path / 'results' / 'precision.json')) as file:
        stored = json.load(file)
    rows = stored['graph_mode_dense']['rows']
    assert stored['graph_mode_dense']['how']['batch_size'] == 8
    assert len(rows) == 10 and all(row['low'] < row['high'] and len(row['bfloat16']) == 1 for row in rows)
    assert (tmp_path / 'results' / 'graph_mode_dense.png').read_bytes().startswith(b'\x89PNG')
    metrics = str(tmp_path / 'runs' / 'graph_mode_dense-float32-1' / 'metrics.jsonl')
    changed = os.stat(metrics).st_mtime_ns
    # Recipes that an earlier call measured stay, and nothing is trained again.
    with open(str(tmp_path / 'results' / 'precision.json'), 'w') as file:
        json.dump({'machinecurve': stored['graph_mode_dense'], **stored}, file)
    with trainings_in_process():
        run_script(script, *arguments)
    again = capsys.readouterr().out
    assert '## machinecurve' in again and '## machinecurve' not in first
    assert '| graph_mode_dense | 8 | 28×28 | 5 | 2 | 1 |' in again
    assert ('\npython -m scripts.experiments.precision --data_dir=my/mnist --recipes=graph_mode_dense '
            '--steps=5 --seeds=2 --bfloat16_seeds=1 --batch_size=8\n') in again
    assert os.stat(metrics).st_mtime_ns == changed
