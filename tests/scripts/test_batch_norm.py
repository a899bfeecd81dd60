"""The batch norm experiment, at a small size."""
import csv
import json
import os

import numpy as np
import pytest
from helpers import run_script, script_arguments, with_few_digits
from PIL import Image
from scipy import stats

from scripts.experiments.batch_norm import __main__ as script
from scripts.experiments.batch_norm import figures, measure, paired, tables
from scripts.lib import paths, runs, trainings
from scripts.lib.batch_norm_modes import MODES
from scripts.lib.measurements import Measurements

pytestmark = pytest.mark.any_tensorflow


@pytest.fixture(scope='module')
def arguments(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp('batch_norm'))
    return ['--dataset=mnist_10k', '--recipes=machinecurve', '--seeds=2', '--stages=2,4',
            '--last_step=machinecurve=4', '--batch_size=8', '--num_images=60', '--classifier_steps=5',
            '--runs=%s/runs' % folder, '--output=%s/results' % folder]


@pytest.fixture(scope='module')
def output(arguments, trainings_in_process):
    """The results folder after two calls: the second adds a seed, at the last stage only."""
    with trainings_in_process(), with_few_digits():
        run_script(script, *arguments, '--seeds=1')
        run_script(script, *arguments, '--stages=4')
    return arguments[-1].split('=')[1]


def stored(output):
    with open(output + '/measurements.json') as file:
        return json.load(file)['measured']


@pytest.mark.slow
def test_measurements(output):
    measured = stored(output)
    assert sorted(measured) == ['machinecurve 0 2', 'machinecurve 0 4', 'machinecurve 1 4']
    for modes in measured.values():
        assert set(modes) == {mode.name for mode in MODES}
        for name, values in modes.items():
            assert (values['change_with_companions'] > 0.1) == (name == 'batch'), name
            scores = [value for value in values['scores'].values() if not isinstance(value, list)]
            assert np.isfinite(scores).all()
        assert modes['batch']['gaps'] is None
        for kind, layers in modes['standing 100']['gaps'].items():
            assert layers == [0, 0, 0], kind
        # After 2 or 4 updates with 0.99, averages are nearly initial; correcting their warm-up helps.
        variance = {name: values['gaps']['variance'][0] for name, values in modes.items() if values['gaps']}
        assert variance['standing 10'] < variance['standing 1']
        assert variance['moving 0.9'] < variance['moving 0.99, updated twice'] < variance['moving 0.99'] < (
            variance['moving 0.999']) < variance['never updated']
        assert variance['moving 0.99, corrected'] < variance['moving 0.99']
    first, second = (measured['machinecurve %d 4' % seed] for seed in (0, 1))
    assert first['batch']['scores'] != second['batch']['scores']


@pytest.mark.slow
def test_tables(output):
    with open(output + '/tables.md', encoding='utf-8') as file:
        text = file.read()
    assert 'over the 2 trainings of `machinecurve` at\nstep 4:' in text
    assert '## machinecurve, step 4 (2 seeds)' in text and '| moving 0.99, updated twice |' in text
    assert ('\npython -m scripts.experiments.batch_norm --dataset=mnist_10k --batch_size=8 --classifier_steps=5 '
            '--recipes=machinecurve --seeds=2 --stages=4 --last_step=machinecurve=4 --num_images=60\n') in text
    with open(output + '/scores.csv', newline='') as file:
        rows = list(csv.DictReader(file))
    measured = stored(output)
    for row in (row for row in rows if row['step'] == '4'):
        modes = [measured['machinecurve %d 4' % seed] for seed in (0, 1)]
        values = [each[row['statistics']]['scores'][row['score']] for each in modes]
        assert float(row['mean']) == pytest.approx(np.mean(values), rel=1e-4, abs=1e-9)
        assert float(row['sd']) == pytest.approx(abs(values[0] - values[1]) / np.sqrt(2), rel=1e-2, abs=1e-9)
    assert len({row['statistics'] for row in rows}) == len(MODES)


@pytest.mark.slow
def test_pictures(output):
    for name in ('scores', 'machinecurve', 'machinecurve_all_modes'):
        with Image.open('%s/%s.png' % (output, name)) as picture:
            assert picture.size[0] == 1400
    with Image.open(output + '/samples/machinecurve_000004.png') as picture:
        assert picture.size == (8 * 30 + 2, len(MODES) * 30 + 2)


def test_steps_of_longer_trainings_are_shown_from_their_own_samples(tmp_path):
    blog_posts = paths.results_folder('experiments', 'blog_posts')
    rows = figures.stored_rows('graph_mode', [9380, 9381], str(tmp_path), blog_posts)
    assert list(rows) == [9380] and {row.shape for row in rows[9380].values()} == {(32, 8 * 30 + 2, 3)}
    assert figures.stored_rows('graph_mode', [9380], str(tmp_path), None) == {}


@pytest.mark.slow
def test_nothing_is_measured_twice(output, arguments, monkeypatch):
    monkeypatch.setattr(trainings, 'train', None)
    monkeypatch.setattr(measure.BatchNormExperiment, 'measure', None)
    monkeypatch.setattr(script, 'report', lambda *_: None)
    run_script(script, *arguments, '--stages=4')


@pytest.mark.slow
def test_other_settings_do_not_mix(output, arguments):
    with pytest.raises(SystemExit, match='was measured with .* another --output'):
        run_script(script, *arguments, '--num_images=70')


@pytest.mark.slow
def test_a_longer_run_is_not_measured(output, arguments, tmp_path, trainings_in_process, few_digits):
    error = 'is at step 4, not at step 1: name another .*--runs'
    with trainings_in_process(), pytest.raises(SystemExit, match=error):
        run_script(script, *arguments, '--stages=1', '--output=%s' % tmp_path)


def batch_mode(classifier_score):
    return {'batch': {'scores': {'classifier_score': classifier_score, 'frechet_distance': 900.}}}


def test_collapsed_seeds(tmp_path):
    """Collapsed seeds have a low score from step 1,000 on, and are left out of the means."""
    measurements = Measurements(str(tmp_path), {})
    for seed, step, score in ((0, 100, 1.0), (0, 1000, 6.), (1, 100, 1.2), (1, 1000, 1.01), (10, 1000, 1.6),
                              (2, 1000, 1.4), (2, 3000, 1.2)):
        measurements.add(('graph_mode', seed, step), batch_mode(score))
    assert measure.collapsed_seeds(measurements, 'graph_mode') == {1: 1000, 2: 1000}
    assert measure.collapsed_seeds(measurements, 'machinecurve') == {}
    assert measure.scored_seeds(measurements, 'graph_mode', 100) == [batch_mode(1.0)]  # of seed 0
    assert measure.scored_seeds(measurements, 'graph_mode', 1000) == [batch_mode(6.), batch_mode(1.6)]
    assert measure.scored_seeds(measurements, 'graph_mode', 3000) == []


def test_collapsed_seeds_are_replaced(monkeypatch, tmp_path):
    """By further seeds, up to twice as many. Nothing is trained again."""
    arguments = script_arguments(script, '--recipes=graph_mode', '--seeds=2', '--stages=1000',
                                 '--last_step=graph_mode=2000', '--output=%s' % tmp_path)
    measurements, trained = Measurements(str(tmp_path), {}), []
    monkeypatch.setattr(trainings, 'train',
                        lambda recipe, run_dir, *flags, on_step: trained.append(flags[:2]))
    monkeypatch.setattr(trainings, 'check_step', lambda run_dir, step: None)

    class Scorer:
        def real(self, num_images):
            return {}
    experiment = measure.BatchNormExperiment(measurements, arguments, Scorer())
    monkeypatch.setattr(experiment, '_sample', lambda run_dir, step: (
        batch_mode(1. if run_dir.endswith(('-0', '-2')) else 5.), np.zeros((2, 2, 3), np.uint8)))
    os.mkdir(str(tmp_path / 'samples'))
    plan = [measure.training('graph_mode', arguments)]
    runs.measure_missing(experiment, plan, 2, arguments)
    expected = [(0, 1000), (1, 1000), (1, 2000), (2, 1000), (3, 1000), (3, 2000)]
    assert trained == [('--seed=%d' % seed, '--steps=%d' % step) for seed, step in expected]
    runs.measure_missing(experiment, plan, 2, arguments)
    assert len(trained) == 6


def test_paired_differences():
    """Against SciPy's own paired tests."""
    values, reference = [7.1, 8.3, 6.9, 7.4, 8.0], [7.2, 8.1, 7.0, 7.1, 8.0]
    result = paired.difference(values, reference, margin=0.3)
    test = stats.ttest_rel(values, reference)
    interval = test.confidence_interval() if hasattr(test, 'confidence_interval') else result[1:3]
    assert result.p == pytest.approx(test.pvalue)
    assert (result.low, result.high) == pytest.approx(tuple(interval))
    assert result.mean == pytest.approx(0.06)
    one_sided = [stats.ttest_1samp(np.subtract(values, reference), bound).pvalue / 2 for bound in (-0.3, 0.3)]
    assert result.p_equivalent == pytest.approx(max(one_sided))  # the mean lies between the bounds
    assert paired.difference(values, reference, margin=0.01).p_equivalent > 0.5
    assert paired.difference(values, values, margin=0.3) == (0, 0, 0, 1, 0)


def test_holm():
    """An example worked by hand: 4 · 0.005, 3 · 0.01, 2 · 0.03, and 0.04 raised to the one before."""
    assert paired.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert paired.holm([0.9, 0.8]) == [1, 1]


@pytest.mark.slow
def test_longer_trainings_of_the_blog_posts(tmp_path, output):
    """Those of another experiment are reported if they are longer, and only then."""
    own, others = {'dataset': 'mnist_10k', 'num_images': 60}, str(tmp_path / 'others')
    os.mkdir(others)
    measured = stored(output)['machinecurve 0 4']
    scores = {mode: measured[mode]['scores'] for mode in ('batch', 'moving 0.99', 'standing 100', 'never updated')}
    blog_posts = Measurements(others, own)
    for recipe, seed, step, precision in (('machinecurve', 0, 4, 'float32'), ('machinecurve', 0, 9, 'float32'),
                                          ('machinecurve', 1, 9, 'bfloat16'), ('graph_mode', 0, 9, 'float32')):
        blog_posts.add(('scores', recipe, seed, step), {'modes': scores, 'made_with': 'TensorFlow in ' + precision})
    measurements = Measurements(str(tmp_path), {**own, 'precision': 'float32'}, real={'classifier_accuracy': 1})
    measurements.add(('machinecurve', 0, 4), measured)
    measurements.add(('machinecurve', 1, 4), measured)
    merged = measure.with_longer_trainings(measurements, others)
    assert [key for key, _ in merged.items('machinecurve', None, None)] == [
        ['machinecurve', 0, 4], ['machinecurve', 0, 9], ['machinecurve', 1, 4]]
    assert merged.values('graph_mode', None, None) == []
    assert len(measurements.values('machinecurve', None, None)) == 2
    measurements.content['real']['scores'] = measured['batch']['scores']
    text = tables.markdown_tables(merged, {'machinecurve': [4, 9]}, 'the command')
    longer = text[text.index('## machinecurve, step 9 (1 seed)'):]
    assert '| never updated |' in longer and '| standing 1 |' not in longer and 'log variances' not in longer
    with pytest.raises(SystemExit, match='was measured with'):
        measure.with_longer_trainings(Measurements(str(tmp_path / 'new'), {'num_images': 70, 'precision': ''}), others)
