"""The ablation of batch norm's statistics, at a small size."""
import csv
import json
import os
import sys

import numpy as np
import pytest
from PIL import Image

sys.path.append(os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'scripts'))

import ablate_batch_norm as ablation


@pytest.fixture(scope='module')
def arguments(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp('ablation'))
    return ['--dataset=digits', '--recipes=sparse_softmax', '--seeds=2', '--stages=2,4', '--ends=sparse_softmax=4',
            '--batch_size=8', '--num_images=60', '--classifier_steps=100', '--runs=%s/runs' % folder,
            '--output=%s/results' % folder]


@pytest.fixture(scope='module')
def output(arguments):
    """The folder of results after one call."""
    ablation.main(arguments)
    return arguments[-1].split('=')[1]


def test_small(output):
    with open(output + '/measurements.json') as file:
        content = json.load(file)
    assert sorted(content['measured']) == ['sparse_softmax %d %d' % (seed, step) for seed in (0, 1) for step in (2, 4)]
    for figures in content['measured'].values():
        assert set(figures) == {mode.name for mode in ablation.MODES}
        for name, mode in figures.items():
            assert (mode['change_with_companions'] > 0.1) == (name == 'batch'), name
            assert np.isfinite([value for value in mode['scores'].values() if not isinstance(value, list)]).all()
        assert figures['batch']['gaps'] is None
        for kind, layers in figures['standing 100']['gaps'].items():
            assert layers == [0, 0], kind
        # 2 or 4 updates of 0.99 are as good as none; taking their warm-up out helps.
        variance = {name: mode['gaps']['variance'][0] for name, mode in figures.items() if mode['gaps']}
        assert variance['standing 10'] < variance['standing 1']
        assert variance['moving 0.9'] < variance['moving 0.99, updated twice'] < variance['moving 0.99'] < (
            variance['moving 0.999']) < variance['never updated']
        assert variance['moving 0.99, corrected'] < variance['moving 0.99']
    first, second = (content['measured']['sparse_softmax %d 4' % seed] for seed in (0, 1))
    assert first['batch']['scores'] != second['batch']['scores']


def test_tables_and_pictures(output):
    with open(output + '/tables.md', encoding='utf-8') as file:
        text = file.read()
    assert '## sparse_softmax, step 4 (2 seeds)' in text and '| moving 0.99, updated twice |' in text
    with open(output + '/scores.csv', newline='') as file:
        rows = list(csv.DictReader(file))
    with open(output + '/measurements.json') as file:
        content = json.load(file)
    for row in rows:
        values = [content['measured']['sparse_softmax %d %s' % (seed, row['step'])][row['statistics']]['scores'][
            row['score']] for seed in (0, 1)]
        assert float(row['mean']) == pytest.approx(np.mean(values), rel=1e-4, abs=1e-9)
        assert float(row['sd']) == pytest.approx(abs(values[0] - values[1]) / np.sqrt(2), rel=1e-2, abs=1e-9)
    assert len({row['statistics'] for row in rows}) == len(ablation.MODES)
    for name in ('scores', 'digits', 'sparse_softmax'):
        with Image.open('%s/%s.png' % (output, name)) as picture:
            assert picture.size[0] > 300
    with Image.open(output + '/samples/sparse_softmax_000004.png') as picture:
        assert picture.size == (8 * 30 + 2, len(ablation.MODES) * 30 + 2)


def test_nothing_is_measured_twice(output, arguments, monkeypatch):
    monkeypatch.setattr(ablation, 'train', None)
    monkeypatch.setattr(ablation, 'measure', None)
    ablation.main(arguments)


def test_other_settings_do_not_mix(output, arguments):
    with pytest.raises(SystemExit, match='was measured with .* another --output'):
        ablation.main([*arguments, '--num_images=70'])


@pytest.mark.parametrize('argument', ['--recipes=nothing', '--stages=a', '--ends=graph_mode', '--seeds=0', '--stages=0',
                                      '--num_images=1'])
def test_bad_arguments(argument, capsys):
    with pytest.raises(SystemExit) as status:
        ablation.parse([argument])
    assert status.value.code == 2 and argument.split('=')[0] in capsys.readouterr().err
