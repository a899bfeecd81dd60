"""The numbers that documents quote, computed again from the files in results/."""
import os
import re

import numpy as np
import pytest

from scripts.benchmarks.training.comparisons import compare, control, find
from scripts.benchmarks.training.measurements import from_json
from scripts.benchmarks.training.report import format_bound, format_median, format_ratio
from scripts.experiments.legacy.page import unseen_counts
from scripts.lib.measurements import read_json

pytestmark = pytest.mark.any_tensorflow

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SPEED = 'benchmarks/training/2-cores-of-intel-r-xeon-r-processor-%s/benchmark.json'
WITH_AMX, WITHOUT_AMX = SPEED % 'family-6-model-167', SPEED % '2-80ghz-family-6-model-106'
BATCH_NORM, POSTS = ('experiments/%s/measurements.json' % name for name in ('batch_norm', 'blog_posts'))
RECIPES, LEGACY = ('experiments/%s/measurements.json' % name for name in ('recipes', 'legacy'))
UNSEEN = 'experiments/legacy/unseen.json'
PRECISION = 'experiments/precision/precision.json'
FEATURES = 'experiments/discriminator_features/%s/features.json'
ROBUSTNESS = 'robustness/measurements.json'


def with_deviation(form, values):
    return ' ± '.join(form % value for value in (np.mean(values), np.std(values, ddof=1)))


def batch_norm(content, recipe, step, mode, form):
    """Mean and deviation of the Fréchet distance over the seeds that did not collapse."""
    measured = content['measured']
    collapsed = {key.split()[2] for key in measured if key.startswith('collapsed ' + recipe)}
    return with_deviation(form, [
        values[mode]['scores']['frechet_distance'] for key, values in measured.items()
        if re.match(r'%s \d+ %d$' % (recipe, step), key) and key.split()[1] not in collapsed])


def posts(content, recipe, steps, mode, score='frechet_distance'):
    return [values['modes'][mode][score] for key, values in content['measured'].items()
            if re.match(r'scores %s \d+ %d$' % (recipe, steps), key)]


def low_to_high(form, values):
    return form % (min(values), max(values))


def precision(content, *recipes):
    """(comparisons that hold, all comparisons), of these recipes or of all."""
    rows = [row for recipe in recipes or content for row in content[recipe]['rows']]
    return sum(row['within'] for row in rows), sum(len(row['bfloat16']) for row in rows)


def migrated(content):
    """(scripts that compute the same when migrated, all that were tried and run with the command)."""
    tried = [values['migrated'] for values in content.values() if values['good'] and 'migrated' in values]
    return tried.count('equal'), len(tried)


def features(content):
    return ['%.2f ±' % (100 * content['features'][name]['test_accuracy'])
            for name in ('raw pixels', 'untrained discriminator', 'trained discriminator')]


def over_posts(races):
    """How many times as fast as the posts' loops the main recipe is, and all recipes in float32."""
    rows = compare(races['sparse_softmax'])
    fastest = max(row['post'][0] for row in rows if row['precision'] == 'bfloat16')
    all_rows = [row['post'][0] for results in races.values() for row in compare(results)
                if row['post'] and row['precision'] == 'float32']
    return ['%.2f times as long in float32' % rows[0]['post'][0], '%.2f times as long as ours in bfloat16' % fastest,
            'float32 is %.1f to %.1f times as fast' % (min(all_rows), max(all_rows))]


def controls(races):
    return ['%s (`%s`)' % (format_ratio(control(results)), recipe) for recipe, results in races.items()]


def long_run(content, name):
    return content['measured']['long machinecurve'][name]


# Documents, the file, and the text that they must contain, computed from the file's content.
FACTS = [
    (['README.md'], BATCH_NORM, lambda content: '<br>%s (3 of 4 seeds; one collapsed) |' % batch_norm(
        content, 'sparse_softmax', 10000, 'batch', '%.1f')),
    (['docs/batch-norm.md'], BATCH_NORM, lambda content: ' instead of '.join(
        batch_norm(content, 'sparse_softmax', 10000, mode, '%.2f') for mode in ('standing 10', 'batch'))),
    (['docs/batch-norm.md'], BATCH_NORM, lambda content: '%s instead of %s.' % tuple(
        batch_norm(content, 'graph_mode', 300, mode, '%.0f').split(' ')[0] for mode in ('moving 0.99', 'batch'))),
    (['README.md'], BATCH_NORM, lambda content: 'real test images: %.2f' % content['real']['scores'][
        'frechet_distance']),
    (['README.md', 'docs/batch-norm.md', 'results/README.md'], POSTS, lambda content: with_deviation(
        '%.1f', posts(content, 'graph_mode', 9380, 'batch'))),
    (['README.md'], POSTS, lambda content: with_deviation('%.0f', posts(content, 'graph_mode_dense', 46900, 'batch'))),
    (['docs/batch-norm.md', 'results/README.md'], POSTS, lambda content: with_deviation(
        '%.0f', posts(content, 'graph_mode', 9380, 'never updated'))),
    (['docs/blog-posts.md'], POSTS, lambda content: 'distances of %s, compared with %s' % (
        low_to_high('%.1f to %.1f', posts(content, 'graph_mode', 9380, 'batch')),
        low_to_high('%.0f to %.0f', posts(content, 'graph_mode_dense', 46900, 'batch')))),
    (['docs/blog-posts.md'], POSTS, lambda content: '%s of the sharpness of training mode' % low_to_high(
        '%.3f to %.3f', posts(content, 'graph_mode', 9380, 'never updated', 'sharpness_ratio'))),
    *((['README.md'], RECIPES, lambda content, recipe=recipe: '<br>%.1f (1 seed) |' % content['measured'][
        recipe + ' 0']['scores']['batch']['frechet_distance']) for recipe in ('machinecurve', 'paperspace')),
    (['README.md', 'docs/old-scripts.md', 'results/README.md'], LEGACY, lambda content: '%d of %d scripts' % (
        sum(values['good'] for values in content.values()), len(content))),
    (['docs/old-scripts.md'], LEGACY, lambda content: '%d of %d of these scripts' % migrated(content)),
    (['docs/old-scripts.md'], UNSEEN, lambda content: '%d of %d of the unseen ones' % migrated(content)),
    (['README.md'], LEGACY, lambda content: 'computes [the same bits]' if len(set(migrated(content))) == 1 else 'most'),
    (['README.md'], UNSEEN, lambda content: 'except one' if np.diff(migrated(content)) == [1] else 'except some'),
    (['README.md', 'docs/old-scripts.md'], LEGACY, lambda content: 'from %d public repositories' % len(
        {'/'.join(name.split('/')[:2]) for name in content})),
    (['README.md', 'docs/old-scripts.md', 'results/README.md'], UNSEEN, lambda content: '%(first)d of %(fair)d' %
     unseen_counts(content)),
    (['docs/old-scripts.md'], UNSEEN, lambda content: '%(all)d further scripts' % unseen_counts(content)),
    (['docs/old-scripts.md'], UNSEEN, lambda content: 'now %(now)d of %(fair)d' % unseen_counts(content)),
    (['results/README.md'], PRECISION, lambda content: '%d of %d comparisons' % precision(content)),
    *((['docs/training.md'], PRECISION, lambda content, recipe=recipe: '%d of %d' % precision(content, recipe))
      for recipe in ('learnopencv_tf', 'paper', 'sparse_softmax', 'graph_mode')),
    (['README.md', 'results/README.md', 'docs/robustness.md'], ROBUSTNESS, lambda content: '%d times' % sum(
        sum(values['kills'].values()) for key, values in content['measured'].items() if key.startswith('kills'))),
    (['docs/robustness.md'], ROBUSTNESS, lambda content: '%.0f MiB of memory at the first step and never more than '
     '%.0f MiB' % tuple(chosen(long_run(content, 'memory')) / 2 ** 20 for chosen in (min, max))),
    (['docs/robustness.md', 'docs/training.md'], ROBUSTNESS, lambda content: '%.1f MiB in' % (
        (long_run(content, 'disk')[-1] - long_run(content, 'disk')[100]) / 2 ** 20)),
    *((['docs/discriminator-features.md'], FEATURES % recipe, features)
      for recipe in ('sparse_softmax', 'learnopencv_torch')),
    (['README.md'], WITH_AMX, over_posts),
    *((['docs/performance.md'], speed, controls) for speed in (WITH_AMX, WITHOUT_AMX)),
]


@pytest.mark.parametrize('documents, path, compute', FACTS)
def test_documents_quote_the_results(documents, path, compute):
    path = os.path.join(ROOT, 'results', *path.split('/'))
    texts = compute(from_json(path).races if path.endswith('benchmark.json') else read_json(path))
    for document in documents:
        with open(os.path.join(ROOT, document), encoding='utf-8') as file:
            content = ' '.join(file.read().split())
        missing = [text for text in ([texts] if isinstance(texts, str) else texts) if text not in content]
        assert not missing, '%s does not say: %s' % (document, missing)


@pytest.mark.parametrize('speed', [WITH_AMX, WITHOUT_AMX])
def test_the_tables_of_speeds_are_those_of_the_benchmark(speed):
    with open(os.path.join(ROOT, 'docs', 'performance.md'), encoding='utf-8') as file:
        content = file.read()
    for recipe, results in from_json(os.path.join(ROOT, 'results', *speed.split('/'))).races.items():
        for row in compare(results):
            package = find(results, row['name'], row['schedule'], row['precision'])
            cells = [row['precision'], 'alternative' if 'alternative' in row['name'] else 'native',
                     format_median(package.milliseconds), format_ratio(row['post']) or 'no such loop',
                     format_ratio(row['PyTorch']), format_ratio(row['Keras']), format_bound(row['gemm_bound'])]
            assert '| %s |' % ' | '.join(cells) in content, recipe
