"""The blog posts experiment: its rules, what it measures without training, its report, and a small run."""
import copy
import json
import math
import os
import signal
import threading
import time

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from helpers import run_script, script_arguments, with_few_digits
from PIL import Image

from dcgan_tf1.model import losses
from dcgan_tf1.runs.checkpoints.saving import last_checkpoint, step_of
from dcgan_tf1.runs.folder import RunFolder
from dcgan_tf1.util import charts
from scripts.experiments.blog_posts import __main__ as script
from scripts.experiments.blog_posts import layout, report, rules, trained, untrained
from scripts.experiments.blog_posts.post_002 import STRETCHED
from scripts.experiments.blog_posts.values import LOSSES
from scripts.lib import machine, runs, trainings
from scripts.lib.measurements import Measurements

pytestmark = pytest.mark.any_tensorflow

with open(script.PUBLISHED, encoding='utf-8') as file:
    PUBLISHED = json.load(file)


def number(published, around, at=None):
    at = at or {seed: values[0] for seed, values in around.items()}
    return rules.Number('generator_loss', 500, published, at, around)


# The rules.

def test_summary():
    summary = rules.summary([5, 1, 2, 4, 3])
    assert summary[:2] == (5, 3) and (summary.smallest, summary.largest) == (1, 5)
    assert summary.sd == pytest.approx(math.sqrt(2.5))
    assert (summary.low, summary.high) == pytest.approx((1.1, 4.9))
    assert math.isnan(rules.summary([1]).sd)


def test_inside_is_the_central_95_percent():
    values = range(1001)
    expected = {24.9: False, 25: True, 500: True, 975: True, 975.1: False}
    assert {value: rules.inside(value, values) for value in expected} == expected
    assert rules.share_below(250, values) == pytest.approx(250.5 / 1001)
    assert rules.share_below(2, [1, 2, 2, 3]) == 0.5


def test_tables():
    """Two seeds agree; the third has other values of the second number."""
    numbers = [number(1, {0: [0, 1, 2], 1: [1, 0, 2], 2: [2, 1, 0]}),
               number(10, {0: [0, 1, 2], 1: [1, 0, 2], 2: [9, 10, 11]})]
    assert rules.count_inside(numbers) == 2
    # The first number of every seed is inside the others. Seed 0 has the smallest second number, seed 2 the
    # largest.
    assert rules.pooled(numbers[1], without=1) == [0, 1, 2, 9, 10, 11]
    assert rules.own_counts(numbers, [0, 1, 2]) == [1, 2, 1]
    assert [rules.table_verdict(count, [3, 5]) for count in (2, 3, 9)] == [
        'not reproduced', 'reproduced', 'reproduced']
    assert rules.table_verdict(9, [3]) == 'undecided'


def test_two_tables():
    """Our values have means of 0 and standard deviations of 1 and 2."""
    numbers = [number(1, {0: [-1, 0], 1: [1]}), number(0, {0: [-2], 1: [0, 2]})]
    assert rules.log_likelihood_ratio(numbers[:1], [2]) == pytest.approx((4 - 1) / 2)
    assert rules.log_likelihood_ratio(numbers, [2, 4]) == pytest.approx(1.5 + 16 / 8)
    assert rules.log_likelihood_ratio(numbers, [1, 0]) == 0
    near, far = [number(0, {0: [-1, 0, 1]})], [number(9, {0: [-1, 0, 1]})]
    assert rules.supported(3.01, near, far) == 'first' and rules.supported(-3.01, far, near) == 'second'
    assert rules.supported(2.99, near, far) == 'neither' and rules.supported(-2.99, far, near) == 'neither'
    assert rules.supported(50, far, far) == 'neither'  # likelier, but outside all the same
    assert rules.supported(rules.log_likelihood_ratio([number(1, {0: [1]})], [2]), near, far) == 'neither'


def test_more_than_half():
    assert rules.mostly([True, True, False]) and not rules.mostly([True, False]) and not rules.mostly([False])


def test_main_length():
    assert rules.main_length({}) is None
    assert rules.main_length({10: [1, 2], 30: [1], 20: [1, 2]}) == 20


def test_bounds_of_two_sigmoids(graph):
    """They are the loss of a discriminator that is certain."""
    with tf.Session() as session:
        loss = losses.LOSSES['double_sigmoid'].generator
        extremes = [session.run(loss(tf.constant([[logit]]))) for logit in (50., -50.)]
    assert rules.double_sigmoid_bounds() == pytest.approx(extremes, rel=1e-6)


# Published numbers, and measurements without training.

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
    assert untrained.steps_per_epoch('machinecurve', 60000) == 2143
    assert untrained.steps_per_epoch('learnopencv_tf', 63632) == 498
    assert untrained.steps_per_epoch('learnopencv_torch', 63632) == 498
    counts = untrained.parameters('paperspace')
    assert [count for _, count, _ in counts['Generator']] == [1254400, 50176, 819200, 512, 204800, 256, 1600]
    assert [count for _, _, count in counts['Generator']] == [1254400, 25088, 819200, 256, 204800, 128, 1600]
    assert counts['Discriminator'] == [
        ['conv2d', 1664, 1664], ['conv2d_1', 204928, 204928], ['dense', 6273, 6273]]


def test_stretched_as_imshow_does():
    images = np.random.RandomState(0).uniform(-0.3, 0.1, (3, 4, 5, 1))
    images[2] = 0.05
    figure = charts.figure(1, 1)
    for image, stretched in zip(images, trained.stretch(images)):
        shown = figure.add_subplot(111).imshow(image[..., 0], cmap='gray')
        np.testing.assert_allclose(stretched[..., 0], 2 * shown.norm(image[..., 0]) - 1, atol=1e-6)
        figure.clear()


@pytest.mark.slow
def test_untrained_decisions():
    first, second, again = (untrained.decision('paperspace', seed) for seed in (0, 1, 0))
    assert first == again != second and 0 < abs(first) < 0.1 and 0 < abs(second) < 0.1


# The report, from artificial measurements.

def artificial_measurements(folder, center):
    """Five seeds that scatter by 2% around `center`(post, step, loss)."""
    random = np.random.RandomState(0)
    measurements = Measurements(folder, {'dataset': 'mnist', 'num_images': 1, 'batch_size': None,
                                         'classifier_steps': 1}, real=None)
    measurements.add(('batches', 'machinecurve'), 2144)
    for post, name in (('000', 'machinecurve'), ('000', 'machinecurve-double_sigmoid'),
                       ('004', 'sparse_softmax')):
        for seed in range(5):
            stored = {loss: {} for loss in LOSSES}
            for step, *_ in PUBLISHED[post]['losses']:
                for loss in LOSSES:
                    values = center(post, step, loss) * (1 + 0.02 * random.randn(11))
                    stored[loss][str(step)] = {'at': values[5], 'around': values.tolist()}
            if post == '004':
                first = {loss: steps.pop('1')['at'] for loss, steps in stored.items()}
                measurements.add(('first', seed), {'seed': seed, 'precision': 'float32', **first})
            steps = PUBLISHED[post]['losses'][-1][0]
            measurements.add(('losses', name, seed, steps), {
                'seed': seed, 'steps': steps, 'made_with': 'TensorFlow in float32', 'losses': stored})
    return measurements


def published_loss(rows, step, loss):
    """The loss in a row of a table; None if there is no such row."""
    return next((row[1 + LOSSES.index(loss)] for row in rows if row[0] == step), None)


def like_the_post(post, step, loss):
    return published_loss(PUBLISHED[post]['losses'], step, loss)


def like_the_notebook(post, step, loss):
    altered = published_loss(PUBLISHED[post].get('notebook_where_it_differs', ()), step, loss)
    return altered or like_the_post(post, step, loss)


def unwrapped(text):
    return ' '.join(text.split())


@pytest.mark.slow
def test_values_like_the_notebook(tmp_path):
    measurements = artificial_measurements(str(tmp_path), like_the_notebook)
    results = report.sections(PUBLISHED, measurements, str(tmp_path))
    assert results['004'].verdict == (
        'where the two tables differ (5 numbers, judged together), our runs support the notebook\'s table; '
        'as wholes, the post\'s table is reproduced and the notebook\'s reproduced')
    markdown = report.markdown(PUBLISHED, results, measurements)
    text = unwrapped(markdown)
    assert ('The tables differ in 5 numbers. 0 of the post\'s numbers and 5 of the notebook\'s are inside'
            in text)
    assert 'the notebook\'s numbers are more than 10³ times as likely as the post\'s' in text
    assert 'The notebook\'s table: 42 of 42 numbers' in text and 'The post\'s table: 37 of 42 numbers' in text
    assert text.count('(altered)') == 5 and text.count('The notebook has') == 5
    # The literal reading is impossible: five published losses are above log 2.
    assert '5 of the 7 published values are outside' in text
    assert '| steps per epoch of 60000 images, machinecurve | 2143 | 2144 | differs |' in text
    assert results['000'].verdict == (
        'steps per epoch: differs; losses: reproduced; the post\'s own losses contradict the literal reading')
    assert results['000'].missing is None and results['004'].missing is None
    # For posts without measurements, the report gives the command.
    assert results['002'].blocks == []
    assert 'scripts.experiments.blog_posts --posts=002 --data_dir' in text
    html = report.html(PUBLISHED, results, measurements)
    assert html.count('<tr class="differs">') == 1 + 5 and html.count('<img') == 2
    for post in PUBLISHED.values():
        assert '](%s)' % post['url'] in markdown and 'href="%s"' % post['url'] in html


@pytest.mark.slow
def test_values_like_the_post(tmp_path):
    measurements = artificial_measurements(str(tmp_path), like_the_post)
    results = report.sections(PUBLISHED, measurements, str(tmp_path))
    assert 'our runs support the post\'s table' in results['004'].verdict
    assert 'the post\'s table is reproduced' in results['004'].verdict
    assert 'the post\'s numbers are more than 10³ times as likely as the notebook\'s' in unwrapped(
        report.markdown(PUBLISHED, results, measurements))


@pytest.mark.slow
def test_values_unlike_both(tmp_path):
    measurements = artificial_measurements(str(tmp_path), lambda *_: 20.)
    results = report.sections(PUBLISHED, measurements, str(tmp_path))
    assert 'our runs support neither table' in results['004'].verdict
    assert 'the post\'s table is not reproduced and the notebook\'s not reproduced' in results['004'].verdict
    assert 'losses: not reproduced' in results['000'].verdict


def mode_scores(share, digit, sharpness, distance):
    histogram = [(1 - share) / 9] * 10
    histogram[digit] = share
    return {'most_frequent_share': share, 'histogram': histogram, 'sharpness': sharpness,
            'sharpness_ratio': sharpness, 'frechet_distance': distance, 'precision': 0.5, 'recall': 0.5,
            'classifier_score': 5., 'modes': 10}


@pytest.mark.slow
@pytest.mark.parametrize('share,digit,sharpness,distance,verdict', [
    (0.8, 9, 0.5, 3.,
     '"in most cases the same number": reproduced; "that number is 9": reproduced; "slightly blurry": '
     'reproduced; the DCGAN is better than the baseline'),
    (0.4, 3, 2., 30.,
     '"in most cases the same number": as generated, not reproduced; stretched, reproduced; "that number is '
     '9": as generated, not reproduced; stretched, reproduced; "slightly blurry": not reproduced; the baseline '
     'is better than the DCGAN'),
    # Where the magnitude is far off, the verdict must not read as agreement.
    (0.8, 9, 0.02, 3.,
     '"in most cases the same number": reproduced, but the images are nearly gray; "that number is 9": '
     'reproduced; "slightly blurry": direction reproduced; magnitude far larger; the DCGAN is better than '
     'the baseline')])
def test_findings_of_post_002(share, digit, sharpness, distance, verdict, tmp_path):
    measurements, post = artificial_measurements(str(tmp_path), lambda *_: 1.), {'002': PUBLISHED['002']}
    real = {'classifier_accuracy': 0.99, 'scores': mode_scores(0.1, 0, 1., 0.)}

    def add(recipe, seed, steps, modes):
        measurements.add(('scores', recipe, seed, steps), {
            'seed': seed, 'steps': steps, 'made_with': 'TensorFlow in float32', 'modes': modes}, real=real)
    for seed in range(3):
        modes = {name: mode_scores(0.2, 1, 1., distance + seed) for name in trained.SCORED_MODES}
        modes['never updated'] = mode_scores(share, digit, sharpness, 50.)
        modes[STRETCHED] = mode_scores(0.9, 9, sharpness, 50.)
        add('graph_mode', seed, 7, modes)
        add('graph_mode_dense', seed, 7, {'batch': mode_scores(0.2, 1, 1., 10. + seed)})
    result = report.sections(post, measurements, str(tmp_path))['002']
    assert result.verdict == verdict and result.missing is None
    texts = [content[0] for kind, *content in result.blocks if kind == 'text']
    assert ('After 7 steps, the most frequent digits of the seeds are 9, 9, 9 (contrast stretched). All would draw the '
            'same digit with a probability of 1%.') in texts

    # One longer training is shown and does not change the verdict. It does once there are as many of them.
    opposite = {name: mode_scores(0.9 if share < 0.5 else 0.3, 5, 1., 99.)
                for name in (*trained.SCORED_MODES, STRETCHED)}
    for seed in range(3):
        add('graph_mode', seed, 8, opposite)
        results = report.sections(post, measurements, str(tmp_path))
        assert (results['002'].verdict == verdict) is (seed < 2)
        text = report.markdown(post, results, measurements)
        assert '| DCGAN, training mode | %d | 8 |' % (seed + 1) in text
        assert '| DCGAN, training mode | 3 | 7 |' in text
        flat = ' '.join(text.split())
        assert 'none of %d would draw a 9 with a probability of %s%%.' % (seed + 1, ['90', '81', '73'][seed]) in flat
        assert '| "that number is 9" | most frequent digit | as generated | 8 | %s | 0 of %d |' % (
            ', '.join(['5'] * (seed + 1)), seed + 1) in text


@pytest.mark.slow
def test_stretching_is_reported(tmp_path):
    """The report says for how many seeds most images show the same digit, with and without stretching."""
    measurements = artificial_measurements(str(tmp_path), lambda *_: 1.)
    for seed in range(2):
        modes = {name: mode_scores(0.7, 1, 1., 9.) for name in trained.SCORED_MODES}
        modes[STRETCHED] = mode_scores(0.25, 1, 1., 9.)
        measurements.add(('scores', 'graph_mode', seed, 3000), {
            'seed': seed, 'steps': 3000, 'made_with': 'TensorFlow in bfloat16', 'modes': modes},
            real={'classifier_accuracy': 0.99, 'scores': mode_scores(0.1, 0, 1., 0.)})
    results = report.sections(PUBLISHED, measurements, str(tmp_path))
    text = unwrapped(report.markdown(PUBLISHED, results, measurements))
    assert ('After 3000 steps, most images show the same digit for 2 of 2 seeds with the images as '
            'generated, and for 0 of 2 seeds with the contrast stretched') in text


def test_commands(tmp_path):
    """The report names the commands that made the stored measurements."""
    measurements = Measurements(str(tmp_path), {})
    base = 'python -m scripts.experiments.blog_posts --posts='
    assert report.commands('003', PUBLISHED['003'], measurements) == [base + '003']
    for recipe, steps, seeds in (('graph_mode', 3000, 5), ('graph_mode', 9380, 1),
                                 ('graph_mode_dense', 46900, 5)):
        for seed in range(seeds):
            measurements.add(('scores', recipe, seed, steps), {'made_with': 'TensorFlow 2.21.0 in bfloat16'})
    assert report.commands('002', PUBLISHED['002'], measurements) == [
        base + '002 --data_dir=my/mnist --seeds=5 --precision=bfloat16 --steps=graph_mode=3000',
        base + '002 --data_dir=my/mnist --seeds=1 --precision=bfloat16']
    for seed in (0, 2):
        measurements.add(('losses', 'sparse_softmax', seed, 10000),
                         {'made_with': 'TensorFlow 2.21.0 in bfloat16'})
    measurements.add(('first', 0), {'precision': 'float32'})
    assert report.commands('004', PUBLISHED['004'], measurements) == [
        base + '004 --data_dir=my/mnist --seeds=0',
        base + '004 --data_dir=my/mnist --seeds=2 --precision=bfloat16']


# The script.

@pytest.fixture(scope='module')
def arguments(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp('blog_posts'))
    return ['--dataset=mnist_10k', '--seeds=1', '--first_step_seeds=2', '--decision_seeds=2', '--batch_size=2',
            '--steps=machinecurve=60,machinecurve-double_sigmoid=60,graph_mode=4,graph_mode_dense=6,'
            'sparse_softmax=10',
            '--timed_steps=2', '--num_images=60', '--classifier_steps=5', '--runs=%s/runs' % folder,
            '--output=%s/results' % folder]


@pytest.fixture(scope='module')
def output(arguments, trainings_in_process):
    """The results folder after one call. The rows of post 004's table are 10 steps apart instead of 500."""
    short = copy.deepcopy(PUBLISHED)
    short['004']['window'] = 5
    for rows in ('losses', 'notebook_where_it_differs'):
        short['004'][rows] = [[max(step // 50, 1), *row] for step, *row in short['004'][rows]]
    path = arguments[-1].split('=')[1]
    with open(path + '.published.json', 'w') as file:
        json.dump(short, file)
    with trainings_in_process(), with_few_digits(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(script, 'PUBLISHED', path + '.published.json')
        assert run_script(script, *arguments) == 0
    return path


def stored(output):
    with open(output + '/measurements.json') as file:
        return json.load(file)['measured']


@pytest.mark.slow
def test_losses(output):
    measured, folder = stored(output), os.path.join(os.path.dirname(output), 'runs')
    records = {record['step']: record for record in RunFolder(folder + '/sparse_softmax-0').read_metrics()}
    for loss in LOSSES:  # the first step, measured on its own, equals that of the training
        assert measured['first 0'][loss] == pytest.approx(records[1][loss], rel=1e-4)
        around = measured['losses sparse_softmax 0 10']['losses'][loss]['10']
        assert around['at'] == pytest.approx(records[10][loss], rel=1e-5)
        assert around['around'] == pytest.approx([records[10][loss]], rel=1e-5)
        assert len(measured['losses machinecurve 0 60']['losses'][loss]['50']['around']) == 11  # 40 to 60
    low, high = rules.double_sigmoid_bounds()
    literal = measured['losses machinecurve-double_sigmoid 0 60']['losses']['generator_loss']['50']['around']
    assert all(low < value < high for value in literal)
    assert measured['first 0'] != measured['first 1'] and measured['decision 0'] != measured['decision 1']


@pytest.mark.slow
def test_scores(output):
    measured = stored(output)
    modes = measured['scores graph_mode 0 4']['modes']
    assert set(modes) == {*trained.SCORED_MODES, STRETCHED}
    assert set(measured['scores graph_mode_dense 0 6']['modes']) == {'batch'}
    assert measured['scores graph_mode_dense 0 6']['made_with'] == 'TensorFlow %s in float32' % tf.__version__
    assert modes['never updated']['sharpness'] < 0.5 * modes['batch']['sharpness']


@pytest.mark.slow
def test_times(output):
    timed = [values for key, values in stored(output).items() if key.startswith('seconds learnopencv')]
    assert len(timed) == 2
    for values in timed:
        assert 0 < values['smallest'] <= values['median'] <= values['largest']
        assert values['images'] == 'in memory' and values['steps'] == 2 and values['batch_size'] == 2
        assert values['device'] == machine.tensorflow_device()


@pytest.mark.slow
def test_report(output):
    with open(output + '/README.md', encoding='utf-8') as file:
        text = file.read()
    assert 'These rules were written down before the trainings that they judge' in unwrapped(text)
    assert 'central 95%' in text
    assert '| steps per epoch of 63632 images, learnopencv_torch | 498 | 498 | exact |' in text
    assert 'only 4 of 42 numbers measured' in text and '--posts=004 --data_dir=my/mnist' in text
    with open(output + '/report.html', encoding='utf-8') as file:
        html = file.read()
    assert html.count('src="data:image/png;base64,') == html.count('<img') == 4
    for post in ('000', '002', '003', '004'):
        assert '(post_%s.png)' % post in text
        with Image.open('%s/post_%s.png' % (output, post)) as picture:
            assert picture.size[0] == 1400 and len(picture.convert('RGB').getcolors(2 ** 24)) > 20
    # Each mode, one of them also stretched, and the baseline.
    assert len(os.listdir(output + '/samples')) == len(trained.SCORED_MODES) + 2


def test_layout():
    blocks = layout.parse('One\ntwo.\n\n### Three\n\nfour <5>.\n')
    assert blocks == [('text', 'One two.'), ('heading', 'Three'), ('text', 'four <5>.')]
    parts = [(None, blocks), ('Part', [('link', 'a', 'b', ', c'), ('command', 'd')])]
    assert layout.to_markdown('Title', parts) == (
        '# Title\n\nOne two.\n\n### Three\n\nfour <5>.\n\n## Part\n\n[a](b), c\n\n```\nd\n```\n')
    html = layout.to_html('Title', parts)
    assert ('<p>One two.</p>\n<h3>Three</h3>\n<p>four &lt;5&gt;.</p>\n<h2>Part</h2>\n'
            '<p><a href="b">a</a>, c</p>') in html


@pytest.mark.slow
def test_nothing_is_measured_twice(output, arguments, monkeypatch):
    """With one more seed, only that seed is measured."""
    before = stored(output)
    monkeypatch.setattr(trainings, 'train', None)
    for name in ('first_losses', 'step_times', 'parameters', 'steps_per_epoch'):
        monkeypatch.setattr(untrained, name, None)
    monkeypatch.setattr(trained.BlogPosts, 'scores', None)
    monkeypatch.setattr(report, 'write_report', lambda *_: None)
    assert run_script(script, *arguments, '--decision_seeds=3') == 0
    after = stored(output)
    assert set(after) - set(before) == {'decision 2'} and {key: after[key] for key in before} == before


@pytest.mark.slow
def test_other_settings_do_not_mix(output, arguments):
    with pytest.raises(SystemExit, match='was measured with .* another --output'):
        run_script(script, *arguments, '--num_images=70')


@pytest.mark.slow
def test_a_longer_run_is_not_measured(output, arguments, trainings_in_process, few_digits, monkeypatch):
    monkeypatch.setattr(report, 'write_report', lambda *_: None)  # that of `output` stays as it is
    before = stored(output)
    error = 'graph_mode-0 is at step 4, not at step 2: .*--runs'
    with trainings_in_process(), pytest.raises(SystemExit, match=error):
        run_script(script, *arguments, '--posts=002', '--steps=graph_mode=2')
    assert stored(output) == before


@pytest.mark.slow
def test_a_collapsed_training_is_replaced(tmp_path, trainings_in_process, few_digits, monkeypatch):
    real_scores = trained.BlogPosts.scores

    def collapse_seed_0(self, recipe, run_dir, *others):
        assert real_scores(self, recipe, run_dir, *others)['batch']['classifier_score'] > 1
        return {'batch': {'classifier_score': 1.2 if run_dir.endswith('-0') else 1.6}}
    monkeypatch.setattr(trained.BlogPosts, 'scores', collapse_seed_0)
    monkeypatch.setattr(runs, 'COLLAPSE_CHECK_STEP', 3)
    monkeypatch.setitem(trained.TRAININGS, '004', [
        (name, recipe, (*flags, '--network=graph_mode_dense', '--loss=sigmoid'))  # trains faster
        for name, recipe, flags in trained.TRAININGS['004']])
    arguments = ['--dataset=mnist_10k', '--posts=004', '--seeds=1', '--first_step_seeds=1', '--batch_size=2',
                 '--steps=sparse_softmax=6', '--num_images=20', '--classifier_steps=1',
                 '--runs=%s/runs' % tmp_path, '--output=%s/results' % tmp_path]
    with trainings_in_process():
        assert run_script(script, *arguments) == 0
    measured = stored(str(tmp_path / 'results'))
    made_with = 'TensorFlow %s in float32' % tf.__version__
    assert measured['collapsed sparse_softmax 0'] == {'seed': 0, 'step': 3, 'classifier_score': 1.2,
                                                      'made_with': made_with}
    assert {key for key in measured if key.startswith('losses')} == {'losses sparse_softmax 1 6'}
    assert [RunFolder('%s/runs/sparse_softmax-%d' % (tmp_path, seed)).read_metrics()[-1]['step']
            for seed in (0, 1)] == [3, 6]
    with open(str(tmp_path / 'results' / 'README.md'), encoding='utf-8') as file:
        text = unwrapped(file.read())
    assert ('the first step with 1 seed (in float32), the other steps with 1 seed; seed 1 with %s; seed 0 '
            'with %s collapsed: at step 3, its images all looked alike (classifier score 1.20)'
            % (made_with, made_with)) in text


@pytest.mark.slow
def test_runs_of_the_batch_norm_experiment(output):
    folder = os.path.join(os.path.dirname(output), 'runs')

    def finished(name, seed, steps, dataset='mnist_10k'):
        arguments = script_arguments(script, '--batch_norm_runs=' + folder, '--dataset=' + dataset)
        training = runs.Training(name, name, (), (steps,))
        return trained.BlogPosts(None, PUBLISHED, arguments).finished_run(training, seed, steps)
    assert finished('graph_mode', 0, 4) == os.path.join(folder, 'graph_mode-0')
    assert finished('sparse_softmax', 0, 10) == os.path.join(folder, 'sparse_softmax-0')
    for name, seed, steps in (('graph_mode', 0, 14), ('graph_mode', 1, 4), ('graph_mode_dense', 0, 6)):
        assert finished(name, seed, steps) is None
    assert finished('graph_mode', 0, 4, 'mnist') is None


@pytest.mark.slow
def test_interrupted(tmp_path):
    """SIGTERM and Ctrl-C let the training save and the script report. The same command resumes it."""
    run, step = RunFolder(str(tmp_path / 'runs' / 'machinecurve-0')), 0

    def send(number):
        """Sends a signal to the script, which runs in this process, in the middle of the training."""
        while not run.read_metrics() or run.read_metrics()[-1]['step'] < step + 3:
            time.sleep(0.05)
        os.kill(os.getpid(), number)
    for number, status in ((signal.SIGTERM, 143), (signal.SIGINT, 130)):
        threading.Thread(target=send, args=(number,), daemon=True).start()
        with pytest.raises(SystemExit) as stopped:
            run_script(script, '--dataset=mnist_10k', '--posts=000', '--seeds=1', '--batch_size=2',
                       '--steps=machinecurve=1000000', '--runs=%s/runs' % tmp_path, '--output=%s/results' % tmp_path)
        assert stopped.value.code == status
        with run.locked():  # the training has ended
            assert step_of(last_checkpoint(run)) > step
        with open(run.log, encoding='utf-8') as file:
            lines = file.read().splitlines()
        assert step == 0 or any('resuming at step %d of 1000000' % step in line for line in lines)
        step = step_of(last_checkpoint(run))
        assert 'stopped and saved at step %d' % step in lines[-1]
        with open(str(tmp_path / 'results' / 'README.md'), encoding='utf-8') as file:
            assert '| 2143 | 2143 | exact |' in file.read()
        os.remove(str(tmp_path / 'results' / 'README.md'))


@pytest.mark.slow
def test_a_training_that_fails(tmp_path):
    with pytest.raises(SystemExit, match='mine: .*--data_dir'):
        trainings.train('learnopencv_tf', str(tmp_path / 'mine'), '--seed=0')
