"""scripts/reproduce_blogs.py: its rules, what it measures without training, its pages, and a small run of it all."""
import argparse
import copy
import json
import math
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from PIL import Image

sys.path.append(os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'scripts'))

import ablate_batch_norm as ablation
import reproduce_blogs as script
import trainings
from blogs import posts, rules
from dcgan_tf1 import losses, plots
from dcgan_tf1.checkpoints import last_checkpoint, step_of
from dcgan_tf1.run_folder import RunFolder

with open(script.PUBLISHED, encoding='utf-8') as file:
    PUBLISHED = json.load(file)


def number(published, around, at=None):
    return rules.Number('generator_loss', 500, published, at or {seed: values[0] for seed, values in around.items()},
                        around)


# The rules.

def test_summary():
    found = rules.summary([5, 1, 2, 4, 3])
    assert found[:2] == (5, 3) and (found.smallest, found.largest) == (1, 5)
    assert found.sd == pytest.approx(math.sqrt(2.5))
    assert (found.low, found.high) == pytest.approx((1.1, 4.9))
    assert math.isnan(rules.summary([1]).sd)


def test_inside_is_the_central_95_percent():
    values = range(1001)
    assert [rules.inside(value, values) for value in (24.9, 25, 500, 975, 975.1)] == [False, True, True, True, False]
    assert rules.share_below(250, values) == pytest.approx(250.5 / 1001)
    assert rules.share_below(2, [1, 2, 2, 3]) == 0.5


def test_tables():
    """Two seeds agree, the third has the second number elsewhere."""
    numbers = [number(1, {0: [0, 1, 2], 1: [1, 0, 2], 2: [2, 1, 0]}),
               number(10, {0: [0, 1, 2], 1: [1, 0, 2], 2: [9, 10, 11]})]
    assert rules.count_inside(numbers) == 2
    # The first number of every seed lies inside the others'; of the second, 0's is the smallest, 2's the largest.
    assert rules.pooled(numbers[1], without=1) == [0, 1, 2, 9, 10, 11]
    assert rules.own_counts(numbers, [0, 1, 2]) == [1, 2, 1]
    assert [rules.table_verdict(count, [3, 5]) for count in (2, 3, 9)] == [
        'not reproduced', 'reproduced', 'reproduced']
    assert rules.table_verdict(9, [3]) == 'undecided'


def test_two_tables():
    """Ours have mean 0 and standard deviation 1, then mean 0 and 2."""
    numbers = [number(1, {0: [-1, 0], 1: [1]}), number(0, {0: [-2], 1: [0, 2]})]
    assert rules.log_odds(numbers[:1], [2]) == pytest.approx((4 - 1) / 2)
    assert rules.log_odds(numbers, [2, 4]) == pytest.approx(1.5 + 16 / 8)
    assert rules.log_odds(numbers, [1, 0]) == 0
    near, far = [number(0, {0: [-1, 0, 1]})], [number(9, {0: [-1, 0, 1]})]
    assert rules.supported(3.01, near, far) == 'first' and rules.supported(-3.01, far, near) == 'second'
    assert rules.supported(2.99, near, far) == 'neither' and rules.supported(-2.99, far, near) == 'neither'
    assert rules.supported(50, far, far) == 'neither'  # likelier, and as wrong
    assert rules.supported(rules.log_odds([number(1, {0: [1]})], [2]), near, far) == 'neither'


def test_more_than_half():
    assert rules.mostly([True, True, False]) and not rules.mostly([True, False]) and not rules.mostly([False])


def test_main_end():
    assert rules.main_end({}) is None
    assert rules.main_end({10: [1, 2], 30: [1], 20: [1, 2]}) == 20


def test_bounds_of_two_sigmoids(graph):
    """The loss itself, of a discriminator that is as sure as can be."""
    with tf.Session() as session:
        loss = losses.LOSSES['double_sigmoid'].generator
        found = [session.run(loss(tf.constant([[logit]]))) for logit in (50., -50.)]
    assert rules.double_sigmoid_bounds() == pytest.approx(found, rel=1e-6)


# What was published, and what needs no training.

def test_published():
    post = PUBLISHED['004']
    steps = [row[0] for row in post['losses']]
    assert steps == [1, *range(500, 10001, 500)] and all(len(row) == 3 for row in post['losses'])
    rows = {row[0]: row for row in post['losses']}
    assert sum(value != other for row in post['notebook_where_it_differs']
               for value, other in zip(row, rows[row[0]])) == 5
    for scope, layers in PUBLISHED['003']['parameters'].items():
        totals = PUBLISHED['003']['totals'][scope]
        assert sum(layers) == totals['all'] == totals['trainable'] + totals['not trainable']


def test_counts_are_exact():
    assert script.batches('machinecurve', 60000) == 2143
    assert script.batches('learnopencv_tf', 63632) == script.batches('learnopencv_torch', 63632) == 498
    found = script.parameters('paperspace')
    assert [count for _, count, _ in found['Generator']] == [1254400, 50176, 819200, 512, 204800, 256, 1600]
    assert [count for _, _, count in found['Generator']] == [1254400, 25088, 819200, 256, 204800, 128, 1600]
    assert found['Discriminator'] == [['conv2d', 1664, 1664], ['conv2d_1', 204928, 204928], ['dense', 6273, 6273]]


def test_stretched_as_imshow_does():
    images = np.random.RandomState(0).uniform(-0.3, 0.1, (3, 4, 5, 1))
    images[2] = 0.05
    found = script.stretched(images)
    figure = plots.canvas(1, 1)
    for image, ours in zip(images, found):
        shown = figure.add_subplot(111).imshow(image[..., 0], cmap='gray')
        np.testing.assert_allclose(ours[..., 0], 2 * shown.norm(image[..., 0]) - 1, atol=1e-6)
        figure.clear()


def test_untrained_decisions():
    found = [script.decision('paperspace', seed) for seed in (0, 1, 0)]
    assert found[0] == found[2] != found[1] and all(0 < abs(value) < 0.1 for value in found)


# The pages, of measurements made by hand.

def made_by_hand(folder, centre):
    """Five seeds that scatter by 2 % around `centre` (post, step, loss) → number."""
    random = np.random.RandomState(0)
    measurements = trainings.Measurements(folder, {'dataset': 'mnist', 'num_images': 1, 'batch_size': None,
                                                   'classifier_steps': 1}, real=None)
    measurements.add(('batches', 'machinecurve'), 2144)
    for post, name in (('000', 'machinecurve'), ('000', 'machinecurve-double_sigmoid'), ('004', 'sparse_softmax')):
        for seed in range(5):
            found = {loss: {} for loss in script.LOSSES}
            for step, *_ in PUBLISHED[post]['losses']:
                for loss in script.LOSSES:
                    values = centre(post, step, loss) * (1 + 0.02 * random.randn(11))
                    found[loss][str(step)] = {'at': values[5], 'around': values.tolist()}
            if post == '004':
                first = {loss: steps.pop('1')['at'] for loss, steps in found.items()}
                measurements.add(('first', seed), {'seed': seed, 'precision': 'float32', **first})
            steps = PUBLISHED[post]['losses'][-1][0]
            measurements.add(('losses', name, seed, steps), {'seed': seed, 'steps': steps, 'made_with': 'TensorFlow',
                                                             'losses': found})
    return measurements


def published_loss(rows, step, loss):
    """Of a row of a table; None where there is none."""
    return next((row[1 + script.LOSSES.index(loss)] for row in rows if row[0] == step), None)


def test_ours_like_the_notebook(tmp_path):
    def centre(post, step, loss):
        altered = published_loss(PUBLISHED[post].get('notebook_where_it_differs', ()), step, loss)
        return altered or published_loss(PUBLISHED[post]['losses'], step, loss)
    measurements = made_by_hand(str(tmp_path), centre)
    found = posts.sections(PUBLISHED, measurements, str(tmp_path))
    assert 'by 5 of the 5 altered numbers ours support the notebook\'s table' in found['004'].verdict
    assert 'the notebook\'s reproduced' in found['004'].verdict
    text = posts.markdown(PUBLISHED, found, [], script.command)
    assert 'The tables differ in 5 numbers. Of these 0 of the post\'s lie inside ours, and 5 of the' in text
    assert 'The notebook\'s table: 42 of 42 numbers' in text and 'The post\'s table: 37 of 42 numbers' in text
    assert text.count('(altered)') == 5 and text.count('The post altered it') == 5
    # The literal reading can't be: five published losses are above log 2. A count that differs is said to.
    assert '5 of the 7 published ones lie outside' in ' '.join(text.split())
    assert '| steps an epoch of 60000 images, machinecurve | 2143 | 2144 | differs |' in text
    assert found['000'].verdict.startswith('steps an epoch differ; losses reproduced; the literal reading is contra')
    assert found['000'].missing is None and found['004'].missing is None
    # What was not measured is left out, with the command.
    assert found['002'].blocks == [] and 'reproduce_blogs.py --posts=002 --data_dir' in text
    page = posts.page(PUBLISHED, found, [], script.command)
    assert page.count('<tr class="differs">') == 1 + 5 and page.count('<img') == 2


def test_ours_like_the_post(tmp_path):
    def centre(post, step, loss):
        return published_loss(PUBLISHED[post]['losses'], step, loss)
    found = posts.sections(PUBLISHED, made_by_hand(str(tmp_path), centre), str(tmp_path))
    assert 'ours support the post\'s table' in found['004'].verdict
    assert 'the post\'s table is reproduced' in found['004'].verdict


def test_ours_like_neither(tmp_path):
    found = posts.sections(PUBLISHED, made_by_hand(str(tmp_path), lambda *_: 20.), str(tmp_path))
    assert 'ours support neither table' in found['004'].verdict
    assert 'the post\'s table is not reproduced, the notebook\'s not reproduced' in found['004'].verdict
    assert 'losses not reproduced' in found['000'].verdict


def mode(share, digit, sharpness, distance):
    histogram = [(1 - share) / 9] * 10
    histogram[digit] = share
    return {'most_frequent_share': share, 'histogram': histogram, 'sharpness': sharpness, 'sharpness_ratio': 1.,
            'frechet_distance': distance, 'precision': 0.5, 'recall': 0.5, 'classifier_score': 5., 'modes': 10}


@pytest.mark.parametrize('share,digit,sharpness,distance,verdict', [
    (0.8, 9, 0.5, 3., '«in most cases the same number» reproduced; «that number is 9» reproduced; «slightly blurry» '
                      'reproduced; the DCGAN is better than the baseline'),
    (0.4, 3, 2., 30., '«in most cases the same number» as they are not reproduced, stretched reproduced; «that number '
                      'is 9» as they are not reproduced, stretched reproduced; «slightly blurry» not reproduced; the '
                      'baseline is better than the DCGAN')])
def test_findings_of_post_002(share, digit, sharpness, distance, verdict, tmp_path):
    measurements = made_by_hand(str(tmp_path), lambda *_: 1.)
    real = {'classifier_accuracy': 0.99, 'scores': mode(0.1, 0, 1., 0.)}
    for seed in range(3):
        modes = {name: mode(0.2, 1, 1., distance + seed) for name in script.MODES}
        modes['never updated'] = mode(share, digit, sharpness, 50.)
        modes[posts.STRETCHED] = mode(0.9, 9, sharpness, 50.)
        for recipe, scores in (('graph_mode', modes), ('graph_mode_dense', {'batch': mode(0.2, 1, 1., 10. + seed)})):
            measurements.add(('scores', recipe, seed, 7), {'seed': seed, 'steps': 7, 'made_with': 'TensorFlow',
                                                           'modes': scores}, real=real)
    found = posts.sections(PUBLISHED, measurements, str(tmp_path))['002']
    assert found.verdict == verdict and found.missing is None

    # One longer training is shown, and changes no verdict; as many as of the others do.
    opposite = {name: mode(0.9 if share < 0.5 else 0.3, 5, 1., 99.) for name in (*script.MODES, posts.STRETCHED)}
    for seed in range(3):
        measurements.add(('scores', 'graph_mode', seed, 8), {'seed': seed, 'steps': 8, 'made_with': 'TensorFlow',
                                                             'modes': opposite}, real=real)
        found = posts.sections(PUBLISHED, measurements, str(tmp_path))
        assert (found['002'].verdict == verdict) is (seed < 2)
        text = posts.markdown(PUBLISHED, found, [], script.command)
        assert '| DCGAN, training mode | %d | 8 |' % (seed + 1) in text and '| DCGAN, training mode | 3 | 7 |' in text
        assert '| «that number is 9» | as they are | 8 | %s | 0 of %d seeds |' % (
            ', '.join(['5'] * (seed + 1)), seed + 1) in text


# The script.

@pytest.fixture(scope='module')
def arguments(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp('blogs'))
    return ['--dataset=digits', '--seeds=1', '--first_step_seeds=2', '--decision_seeds=2', '--batch_size=2',
            '--ends=machinecurve=60,machinecurve-double_sigmoid=60,graph_mode=4,graph_mode_dense=6,sparse_softmax=10',
            '--timed_steps=2', '--num_images=60', '--classifier_steps=100', '--runs=%s/runs' % folder,
            '--output=%s/results' % folder]


@pytest.fixture(scope='module')
def output(arguments, trainings_in_process):
    """The folder of results after one call; post 004's rows are 10 steps apart for 500."""
    short = copy.deepcopy(PUBLISHED)
    short['004']['window'] = 5
    for rows in ('losses', 'notebook_where_it_differs'):
        short['004'][rows] = [[max(step // 50, 1), *row] for step, *row in short['004'][rows]]
    path = arguments[-1].split('=')[1]
    with open(path + '.published.json', 'w') as file:
        json.dump(short, file)
    with trainings_in_process(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(script, 'PUBLISHED', path + '.published.json')
        assert script.main(arguments) == 0
    return path


def measured(output):
    with open(output + '/measurements.json') as file:
        return json.load(file)['measured']


def test_small(output):
    found, runs = measured(output), os.path.join(os.path.dirname(output), 'runs')
    records = {record['step']: record for record in RunFolder(runs + '/sparse_softmax-0').read_metrics()}
    # The first step alone is that of the training.
    for loss in script.LOSSES:
        assert found['first 0'][loss] == pytest.approx(records[1][loss], rel=1e-4)
        around = found['losses sparse_softmax 0 10']['losses'][loss]['10']
        assert around['at'] == pytest.approx(records[10][loss], rel=1e-5)
        assert around['around'] == pytest.approx([records[10][loss]], rel=1e-5)
        assert len(found['losses machinecurve 0 60']['losses'][loss]['50']['around']) == 11  # 40 to 60
    low, high = rules.double_sigmoid_bounds()
    literal = found['losses machinecurve-double_sigmoid 0 60']['losses']['generator_loss']['50']['around']
    assert all(low < value < high for value in literal)
    assert found['first 0'] != found['first 1'] and found['decision 0'] != found['decision 1']
    assert set(found['scores graph_mode 0 4']['modes']) == {*script.MODES, posts.STRETCHED}
    assert set(found['scores graph_mode_dense 0 6']['modes']) == {'batch'}
    assert found['scores graph_mode_dense 0 6']['made_with'] == 'TensorFlow %s in float32' % tf.__version__
    # Two updates by 0.01 leave moving statistics near those that were never updated, whose images differ from batch's.
    modes = found['scores graph_mode 0 4']['modes']
    assert modes['never updated']['sharpness'] < 0.5 * modes['batch']['sharpness']
    timed = [figures for key, figures in found.items() if key.startswith('seconds learnopencv')]
    assert len(timed) == 2 and all(0 < each['smallest'] <= each['median'] <= each['largest'] for each in timed)


def test_pages(output):
    with open(output + '/README.md', encoding='utf-8') as file:
        text = file.read()
    assert 'Rules, set before the trainings that they judge' in text and 'central 95 %' in text
    assert '| steps an epoch of 63632 images, learnopencv_torch | 498 | 498 | exact |' in text
    assert '4 of 42 numbers measured yet' in text and '--posts=004 --data_dir=my/mnist' in text
    with open(output + '/report.html', encoding='utf-8') as file:
        page = file.read()
    assert page.count('src="data:image/png;base64,') == page.count('<img') == 5
    for post in sorted(PUBLISHED):
        assert ('![' in text) and ('(post_%s.png)' % post in text)
        with Image.open('%s/post_%s.png' % (output, post)) as picture:
            assert picture.size[0] > 300 and len(picture.convert('RGB').getcolors(2 ** 24)) > 20
    assert len(os.listdir(output + '/samples')) == len(script.MODES) + 2  # one of them stretched, too; the baseline


def test_nothing_is_measured_twice(output, arguments, monkeypatch):
    """More seeds are: of them alone."""
    before = measured(output)
    for name in ('train', 'first_losses', 'seconds', 'scores', 'parameters', 'batches'):
        monkeypatch.setattr(trainings if name == 'train' else script, name, None)
    monkeypatch.setattr(script, 'report', lambda *_: None)
    assert script.main([*arguments, '--decision_seeds=3']) == 0
    after = measured(output)
    assert set(after) - set(before) == {'decision 2'} and {key: after[key] for key in before} == before


def test_other_settings_do_not_mix(output, arguments):
    with pytest.raises(SystemExit, match='was measured with .* another --output'):
        script.main([*arguments, '--num_images=70'])


def test_a_run_that_went_further_is_not_measured(output, arguments, trainings_in_process):
    before = measured(output)
    with trainings_in_process(), pytest.raises(SystemExit, match='graph_mode-0 stands at step 4, not at 2: .*--runs'):
        script.main([*arguments, '--posts=002', '--ends=graph_mode=2'])
    assert measured(output) == before


def test_a_collapsed_training_is_named_and_made_up_for(tmp_path, trainings_in_process, monkeypatch):
    real = script.scores

    def alike(recipe, run_dir, *others):
        found = real(recipe, run_dir, *others)
        assert found['batch']['classifier_score'] > 1
        return {'batch': {'classifier_score': 1.2 if run_dir.endswith('-0') else 1.6}}
    monkeypatch.setattr(script, 'scores', alike)
    monkeypatch.setattr(ablation, 'GIVEN_UP_FROM', 3)
    arguments = ['--dataset=digits', '--posts=004', '--seeds=1', '--first_step_seeds=1', '--batch_size=2',
                 '--ends=sparse_softmax=6', '--num_images=20', '--classifier_steps=1',
                 '--runs=%s/runs' % tmp_path, '--output=%s/results' % tmp_path]
    with trainings_in_process():
        assert script.main(arguments) == 0
    found = measured(str(tmp_path / 'results'))
    made_with = 'TensorFlow %s in float32' % tf.__version__
    assert found['collapsed sparse_softmax 0'] == {'seed': 0, 'step': 3, 'classifier_score': 1.2,
                                                   'made_with': made_with}
    assert {key for key in found if key.startswith('losses')} == {'losses sparse_softmax 1 6'}
    assert [RunFolder('%s/runs/sparse_softmax-%d' % (tmp_path, seed)).read_metrics()[-1]['step']
            for seed in (0, 1)] == [3, 6]
    with open(str(tmp_path / 'results' / 'README.md'), encoding='utf-8') as file:
        text = ' '.join(file.read().split())
    assert ('the first step over 1 seeds (in float32), the others over 1; seed 1 with %s; seed 0 with %s collapsed: '
            'at step 3 its images were all alike (classifier score 1.20)' % (made_with, made_with)) in text


def test_runs_of_the_ablation(output):
    runs = os.path.join(os.path.dirname(output), 'runs')
    where = argparse.Namespace(ablation_runs=runs, runs='mine', dataset='digits')
    assert script.run_dir_of('graph_mode', 0, 4, where) == (os.path.join(runs, 'graph_mode-0'), True)
    for name, seed, steps in (('graph_mode', 0, 14), ('graph_mode', 1, 4), ('graph_mode_dense', 0, 6)):
        assert script.run_dir_of(name, seed, steps, where) == (os.path.join('mine', '%s-%d' % (name, seed)), False)
    assert script.run_dir_of('sparse_softmax', 0, 10, where) == (os.path.join(runs, 'sparse_softmax-0'), True)
    where.dataset = 'mnist'
    assert script.run_dir_of('graph_mode', 0, 4, where) == (os.path.join('mine', 'graph_mode-0'), False)


def test_interrupted(tmp_path):
    """SIGTERM and Ctrl-C let the training save, show what was measured, and end with 143 and 130; the same command goes
    on.
    """
    run, step = RunFolder(str(tmp_path / 'runs' / 'machinecurve-0')), 0
    for number, status in ((signal.SIGTERM, 143), (signal.SIGINT, 130)):
        process = subprocess.Popen([
            sys.executable, script.__file__, '--dataset=digits', '--posts=000', '--seeds=1', '--batch_size=2',
            '--ends=machinecurve=1000000', '--runs=' + str(tmp_path / 'runs'), '--output=' + str(tmp_path / 'results')],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            until = time.time() + 300
            while not run.read_metrics() or run.read_metrics()[-1]['step'] < step + 3:
                assert process.poll() is None and time.time() < until
                time.sleep(0.1)
            process.send_signal(number)
            assert process.wait(timeout=120) == status
        finally:
            process.kill()
        with run.locked():  # the training has ended
            assert step_of(last_checkpoint(run)) > step
        with open(run.log, encoding='utf-8') as file:
            lines = file.read().splitlines()
        assert step == 0 or any('goes on at step %d of 1000000' % step in line for line in lines)
        step = step_of(last_checkpoint(run))
        assert 'stopped and saved at step %d' % step in lines[-1]
        with open(str(tmp_path / 'results' / 'README.md'), encoding='utf-8') as file:
            assert '| 2143 | 2143 | exact |' in file.read()
        os.remove(str(tmp_path / 'results' / 'README.md'))


def test_a_training_that_fails(tmp_path):
    with pytest.raises(SystemExit, match='mine: .*--data_dir'):
        trainings.train('learnopencv_tf', str(tmp_path / 'mine'), '--seed=0')
