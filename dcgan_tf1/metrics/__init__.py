"""Scores of generated images: one module each, whose name is the score's.

A module offers
  MIN_SAMPLES: how many generated images its scores should at least be taken of; from fewer they are marked;
  NEEDS_CLASSIFIER: whether it looks at what the classifier makes of the images (else at their pixels);
  RANKINGS: {name of a score by which generators can be ranked: function of its value, larger for a better one};
  scores(made, real): two `Sample`s → {name: number or list of numbers}.
Modules whose names start with an underscore are shared parts.

The same function scores real images that no generator was trained on (a test set): that is what is to be reached.
"""
import collections
import importlib
import math
import pkgutil

import numpy as np

# Images: pixels uint8 [n, height, width, channels]; and of the classifier, or None: features float32 [n, width] of its
# last hidden layer, probabilities float32 [n, classes].
Sample = collections.namedtuple('Sample', 'pixels features probabilities')

# One score: its value, and the number of images that it should at least be taken of.
Score = collections.namedtuple('Score', 'value samples')


def names():
    """Of all metrics."""
    return [module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith('_')]


def _modules(classified):
    """The metrics; without those that need a classifier, unless there is one."""
    found = [importlib.import_module('%s.%s' % (__name__, name)) for name in names()]
    return [metric for metric in found if classified or not metric.NEEDS_CLASSIFIER]


def rankings(classified=True):
    """The `RANKINGS` of all metrics, or of those that need no classifier."""
    return {name: rank for metric in _modules(classified) for name, rank in metric.RANKINGS.items()}


def score(made, real):
    """{name: `Score`} of generated images, beside the training images: `Sample`s.

    Without what a classifier makes of them, the scores that need it are left out.
    """
    found = collections.OrderedDict()
    for metric in _modules(made.features is not None):
        for part, value in metric.scores(made, real).items():
            found[part] = Score(value, metric.MIN_SAMPLES)
    return found


def evenly_spaced(sample, count):
    """`count` of a sample's images, spread evenly over it (all of them, where there are no more)."""
    total = len(sample.pixels)
    if count >= total:
        return sample
    chosen = np.linspace(0, total - 1, count).round().astype(int)
    return Sample(*(part if part is None else part[chosen] for part in sample))


def table(evaluation):
    """An evaluation, as `evaluate` writes it, as a Markdown table: a row each score."""
    rows = ['| score | generated | real | |', '| --- | --- | --- | --- |']
    for name, score in evaluation['scores'].items():
        rows.append('| %s | %s | %s | %s |' % (
            name.replace('_', ' '), format_value(score['value']), '' if score['real'] is None else format_value(score['real']),
            '' if score['enough'] else 'of too few: %d images, not %d' % (
                evaluation['num_images'], score['samples_needed'])))
    return '\n'.join(rows) + '\n'


def format_value(value):
    """A score for people to read: four digits, of a list three each."""
    if isinstance(value, (list, tuple)):
        return ' '.join('%.3f' % part for part in value)
    if not math.isfinite(value):
        return str(value)
    return '%d' % value if isinstance(value, int) else '%.*f' % (max(0, 3 - int(math.log10(max(abs(value), 1)))), value)
