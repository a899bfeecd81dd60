"""Differences between kinds of statistics, tested over the seeds.

The unit is a training. All kinds of statistics of a training have the same weights and latent vectors, so their scores
are compared in pairs, and the 5,000 images of a training count as one value.
"""
from typing import Any, Dict, List, NamedTuple, Sequence

import numpy as np
from scipy import stats

from dcgan_tf1.metrics import title as score_title
from dcgan_tf1.util import pages
from dcgan_tf1.util.pages import format_value

REFERENCE = 'batch'
COMPARED = ('moving 0.99', 'standing 100', 'never updated')
PRIMARY = 'frechet_distance'  # tested; the other scores have intervals only
SECONDARY = ('recall', 'sharpness_ratio', 'most_frequent_share')
_EXPLANATION = '''Differences from training mode, pair by pair, over the %(seeds)d trainings of `%(recipe)s` at
step %(step)s: means with 95%% confidence intervals (Student's t). The Fréchet distance is the primary score. Its
p-values are those of two-sided paired t-tests, corrected for the %(comparisons)d comparisons by Holm's method.
*Equivalent* has the p-value of two one-sided tests whether the difference is smaller than %(margin).2g, the standard
deviation of the Fréchet distance between these seeds in training mode. The other intervals are not corrected.

'''


class Difference(NamedTuple):
    """A mean of paired differences."""
    mean: float
    low: float  # of the 95% confidence interval
    high: float
    p: float  # two-sided t-test that the mean is 0
    p_equivalent: float  # two one-sided t-tests that the mean is outside of ±margin


def difference(values: Sequence[float], reference: Sequence[float], margin: float) -> Difference:
    """Tests paired differences.

    Args:
      values, reference: of the same trainings, in the same order; two or more.
      margin: the difference that would matter.
    """
    differences = np.subtract(values, reference)
    freedom = len(differences) - 1
    mean, error = float(differences.mean()), float(stats.sem(differences))
    half = error * float(stats.t.ppf(0.975, freedom))
    if not error:
        return Difference(mean, mean, mean, float(mean == 0), float(abs(mean) >= margin))
    upper, lower = stats.t.cdf((mean - margin) / error, freedom), stats.t.sf((mean + margin) / error, freedom)
    return Difference(mean, mean - half, mean + half, float(2 * stats.t.sf(abs(mean) / error, freedom)),
                      float(max(upper, lower)))


def holm(p_values: Sequence[float]) -> List[float]:
    """p-values corrected for their number by the method of Holm (1979), in the given order."""
    corrected, largest = [0.] * len(p_values), 0.
    for rank, index in enumerate(np.argsort(p_values)):
        largest = max(largest, min(1., (len(p_values) - rank) * p_values[index]))
        corrected[index] = largest
    return corrected


def section(recipe: str, step: int, seeds: List[Dict[str, Any]]) -> str:
    """The differences of a recipe at a step as text and a table; '' with a single seed.

    Args:
      seeds: {mode: values} of each seed.
    """
    if len(seeds) < 2:
        return ''

    def values(mode, score):
        return [modes[mode]['scores'][score] for modes in seeds]
    margin = float(np.std(values(REFERENCE, PRIMARY), ddof=1))
    primary = [difference(values(mode, PRIMARY), values(REFERENCE, PRIMARY), margin) for mode in COMPARED]
    rows = []
    for mode, tested, p in zip(COMPARED, primary, holm([each.p for each in primary])):
        secondary = [difference(values(mode, score), values(REFERENCE, score), 0.) for score in SECONDARY]
        rows.append([mode, _interval(tested), _p(p), _p(tested.p_equivalent), *map(_interval, secondary)])
    return _EXPLANATION % {'seeds': len(seeds), 'recipe': recipe, 'step': f'{step:,}', 'margin': margin,
                           'comparisons': len(COMPARED)} + pages.markdown_table(
        ['statistics', score_title(PRIMARY), 'p', 'equivalent, p', *map(score_title, SECONDARY)], rows)


def _interval(tested: Difference) -> str:
    return '%s [%s, %s]' % tuple(('+' if value > 0 else '−' if value < 0 else '') + format_value(abs(value))
                                 for value in tested[:3])


def _p(value: float) -> str:
    return '< 0.001' if value < 0.001 else '%.2g' % value
