"""Numbers as text, and selections of stored measurements, shared by the posts."""
from typing import Any, Dict, List, Optional, Sequence, Tuple

from scripts.experiments.blog_posts import rules
from scripts.experiments.blog_posts.layout import Row, row
from scripts.lib.measurements import Measurements

LOSSES = ('generator_loss', 'discriminator_loss')
SUMMARY_HEADER = ['ours: mean ± sd', 'range', 'central 95%', 'share of ours below']


def number(value: float) -> str:
    """Four significant digits."""
    return '%.4g' % value


def mean_and_sd(values: Sequence[float]) -> str:
    """The mean and, of several values, the standard deviation."""
    ours = rules.summary(values)
    return number(ours.mean) + (' ± %.2g' % ours.sd if ours.count > 1 else '')


def value_range(values: Sequence[float], form: str = '%d') -> str:
    """'SMALLEST to LARGEST', or one value if they are equal."""
    low, high = form % min(values), form % max(values)
    return low if low == high else '%s to %s' % (low, high)


def summary_cells(published: float, values: Sequence[float]) -> List[str]:
    """Cells for the columns of `SUMMARY_HEADER`."""
    ours = rules.summary(values)
    return [mean_and_sd(values), '%s to %s' % (number(ours.smallest), number(ours.largest)),
            '%s to %s' % (number(ours.low), number(ours.high)), '%.2f' % rules.share_below(published, values)]


def verdict(reproduced: bool) -> str:
    return 'reproduced' if reproduced else 'not reproduced'


def exact(equal: bool) -> str:
    return 'exact' if equal else 'differs'


def count(items: Sequence[Any], noun: str) -> str:
    """'1 seed', '5 seeds'."""
    return '%d %s%s' % (len(items), noun, '' if len(items) == 1 else 's')


def made_with(runs: Sequence[Dict[str, Any]]) -> List[str]:
    """Which seeds were trained with which version and precision."""
    seeds = {}
    for run in runs:
        seeds.setdefault(run['made_with'], []).append(str(run['seed']))
    return ['seed%s %s with %s' % ('s' * (len(group) > 1), ', '.join(group), name)
            for name, group in sorted(seeds.items())]


def longest(measurements: Measurements, *key: Any) -> List[Dict[str, Any]]:
    """The longest of the stored trainings, of all seeds, in the order of the seeds."""
    runs = measurements.values(*key)
    return [run for run in runs if run['steps'] == max(other['steps'] for other in runs)]


def steps_per_epoch(published: Dict[str, Any],
                    measurements: Measurements) -> Optional[Tuple[bool, List[Row]]]:
    """Whether all steps per epoch are exact, and rows of a table; None if they were not measured."""
    rows, all_exact = [], True
    for recipe, expected in sorted(published['steps_per_epoch'].items()):
        ours = measurements.values('batches', recipe)
        if not ours:
            return None
        equal = ours[0] == expected
        all_exact = all_exact and equal
        rows.append(row(equal, ['steps per epoch of %d images, %s' % (published['num_images'], recipe),
                                str(expected), str(ours[0]), exact(equal)]))
    return all_exact, rows


COUNT_HEADER = ['count', 'post', 'ours', 'verdict']
