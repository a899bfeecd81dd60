"""Tables of the scores."""
import csv
import io
from typing import Any, Dict, List

import numpy as np

from dcgan_tf1.metrics import title as score_title
from dcgan_tf1.util import pages
from dcgan_tf1.util.pages import format_value
from scripts.experiments.batch_norm import paired
from scripts.experiments.batch_norm.measure import collapsed_seeds, scored_seeds
from scripts.lib.batch_norm_modes import MODES, Mode
from scripts.lib.measurements import Measurements

REPORTED_SCORES = ('frechet_distance', 'precision', 'recall', 'most_frequent_share', 'modes',
                   'total_variation', 'classifier_score', 'sharpness_ratio')
_INTRODUCTION = '''# Batch norm statistics: all scores

Precision %(precision)s, dataset %(dataset)s, %(num_images)d images per kind of statistics. The classifier has
an accuracy of %(accuracy).2f%% on the test images. Scores are means ± standard deviations over the seeds. The
row "real" has the scores of as many real test images.

Measured with:

```
%(command)s
```

'''
_GAPS = '''Below: the distance of the statistics from those of 100 standing batches, for each normalized
layer, counted from the input (means in standard deviations, and logarithms of the variances), and the mean
change of eight images, in gray levels, when the other 56 images of their batch are exchanged.

'''

_COLLAPSED = '''%s, seed %d collapsed: at step %d, its images in batch mode all looked alike (classifier score
%.2f, Fréchet distance %.0f). It was not trained any further and is not part of the means.

'''


def markdown_tables(measurements: Measurements, plan: Dict[str, List[int]], command: str) -> str:
    """The text of tables.md.

    Args:
      measurements: of the experiment.
      plan: {recipe: steps at which it was sampled}.
      command: the command line that measures this.
    """
    content = measurements.content
    parts = [_INTRODUCTION % {**content['settings'], 'accuracy': 100 * content['real']['classifier_accuracy'],
                              'command': command}]
    for recipe, steps in plan.items():
        for seed, step in sorted(collapsed_seeds(measurements, recipe).items()):
            scores = measurements.values(recipe, seed, step)[0]['batch']['scores']
            parts.append(_COLLAPSED % (recipe, seed, step, scores['classifier_score'],
                                       scores['frechet_distance']))
        for step in steps:
            seeds = scored_seeds(measurements, recipe, step)
            plural = 's' if len(seeds) > 1 else ''
            parts += ['## %s, step %d (%d seed%s)\n\n' % (recipe, step, len(seeds), plural),
                      _score_table(seeds, content['real']['scores']), '\n']
            if 'gaps' in seeds[0][MODES[0].name]:
                parts += [_GAPS, _gap_table(seeds), '\n']
            if step == steps[-1]:
                parts += [paired.section(recipe, step, seeds), '\n']
    return ''.join(parts).rstrip() + '\n'


def csv_table(measurements: Measurements, plan: Dict[str, List[int]]) -> str:
    """The text of scores.csv: all scores. Arguments as of `markdown_tables`."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator='\n')
    writer.writerow(('recipe', 'step', 'statistics', 'score', 'mean', 'sd', 'seeds'))
    for recipe, steps in plan.items():
        for step in steps:
            seeds = scored_seeds(measurements, recipe, step)
            for mode in _modes(seeds):
                for name, value in sorted(seeds[0][mode.name]['scores'].items()):
                    if not isinstance(value, list):
                        values = _values(seeds, mode, name)
                        writer.writerow((recipe, step, mode.name, name, '%.6g' % np.mean(values),
                                         '%.3g' % _deviation(values), len(seeds)))
    return file.getvalue()


def _modes(seeds: List[Dict[str, Any]]) -> List[Mode]:
    """The kinds of statistics that were measured: all, or fewer in trainings of another experiment."""
    return [mode for mode in MODES if all(mode.name in modes for modes in seeds)]


def _values(seeds, mode, score):
    return [modes[mode.name]['scores'][score] for modes in seeds]


def _deviation(values):
    return np.std(values, ddof=1) if len(values) > 1 else float('nan')


def _cell(values):
    mean = format_value(float(np.mean(values)))
    return '%s ± %.2g' % (mean, _deviation(values)) if len(values) > 1 else mean


def _score_table(seeds: List[Dict[str, Any]], real: Dict[str, Any]) -> str:
    rows = [[mode.name, *(_cell(_values(seeds, mode, score)) for score in REPORTED_SCORES)]
            for mode in _modes(seeds)]
    rows.append(['real', *(format_value(real[score]) for score in REPORTED_SCORES)])
    return pages.markdown_table(['statistics', *map(score_title, REPORTED_SCORES)], rows)


def _gap_table(seeds: List[Dict[str, Any]]) -> str:
    rows = []
    for mode in MODES:
        layers = {'mean': '–', 'variance': '–'}
        if seeds[0][mode.name]['gaps']:
            for kind in layers:
                means = np.mean([modes[mode.name]['gaps'][kind] for modes in seeds], axis=0)
                layers[kind] = ', '.join('%.3f' % gap for gap in means)
        change = np.mean([modes[mode.name]['change_with_companions'] for modes in seeds])
        rows.append([mode.name, layers['mean'], layers['variance'], '%.2f' % change])
    return pages.markdown_table(['statistics', 'means', 'log variances', 'change with companions'], rows)
