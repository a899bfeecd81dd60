"""The ablation of batch norm's statistics, at a small size."""
import argparse
import csv
import json
import os
import sys

import numpy as np
import pytest
from PIL import Image

sys.path.append(os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'scripts'))

import ablate_batch_norm as ablation
import trainings


@pytest.fixture(scope='module')
def arguments(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp('ablation'))
    return ['--dataset=digits', '--recipes=sparse_softmax', '--seeds=2', '--stages=2,4', '--ends=sparse_softmax=4',
            '--batch_size=8', '--num_images=60', '--classifier_steps=100', '--runs=%s/runs' % folder,
            '--output=%s/results' % folder]


@pytest.fixture(scope='module')
def output(arguments, trainings_in_process):
    """The folder of results after one call."""
    with trainings_in_process():
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
    monkeypatch.setattr(ablation, 'report', lambda *_: None)
    ablation.main(arguments)


def test_other_settings_do_not_mix(output, arguments):
    with pytest.raises(SystemExit, match='was measured with .* another --output'):
        ablation.main([*arguments, '--num_images=70'])


def test_a_run_that_went_further_is_not_measured(output, arguments, tmp_path, trainings_in_process):
    with trainings_in_process(), pytest.raises(SystemExit, match='stands at step 4, not at 1: name another .*--runs'):
        ablation.main([*arguments, '--stages=1', '--output=%s' % tmp_path])


def test_collapsed_trainings(tmp_path):
    """They are told by their score from step 1,000 on, left out of the means, and named."""
    def figures(score):
        return {'batch': {'scores': {'classifier_score': score, 'frechet_distance': 900.}}}
    measurements = trainings.Measurements(str(tmp_path), {})
    for seed, step, score in ((0, 100, 1.0), (0, 1000, 6.), (1, 100, 1.2), (1, 1000, 1.01), (10, 1000, 1.6),
                              (2, 1000, 1.4), (2, 3000, 1.2)):
        measurements.add(('graph_mode', seed, step), figures(score))
    assert ablation.collapsed(measurements, 'graph_mode') == {1: 1000, 2: 1000}
    assert ablation.collapsed(measurements, 'sparse_softmax') == {}
    assert ablation.figures_of(measurements, 'graph_mode', 100) == [figures(1.0)]  # that of seed 0
    assert ablation.figures_of(measurements, 'graph_mode', 1000) == [figures(6.), figures(1.6)]
    assert ablation.figures_of(measurements, 'graph_mode', 3000) == []


def test_collapsed_trainings_are_made_up_for(monkeypatch, tmp_path):
    """Of twice as many seeds at the most; and a stopped script reports what it has."""
    arguments = ablation.parse(['--recipes=graph_mode', '--seeds=2', '--stages=1000', '--ends=graph_mode=2000',
                                '--output=%s' % tmp_path])
    measurements, trained = trainings.Measurements(str(tmp_path), {}), []

    def train(recipe, seed, step, _):
        trained.append((seed, step))
    monkeypatch.setattr(ablation, 'train', train)
    monkeypatch.setattr(ablation, 'measure', lambda recipe, seed, step, *_: (
        {'batch': {'scores': {'classifier_score': 1. if seed in (0, 2) else 5.}}}, np.zeros((2, 2, 3), np.uint8)))
    monkeypatch.setattr(ablation.evaluate, 'Evaluator', lambda *_: argparse.Namespace(
        references=lambda count: {}, about={}))
    os.mkdir(str(tmp_path / 'samples'))
    plan = {'graph_mode': ablation.stages('graph_mode', arguments)}
    ablation.measure_all(measurements, plan, arguments)
    assert trained == [(0, 1000), (1, 1000), (1, 2000), (2, 1000), (3, 1000), (3, 2000)]
    ablation.measure_all(measurements, plan, arguments)
    assert len(trained) == 6  # nothing again
