"""Post 003: numbers of parameters, and the output of the untrained discriminator."""
from typing import Any, Dict, List, Tuple

import numpy as np

from dcgan_tf1.util import charts
from scripts.experiments.blog_posts import rules
from scripts.experiments.blog_posts.layout import NOT_MEASURED, Row, Section, row
from scripts.experiments.blog_posts.values import SUMMARY_HEADER, exact, summary_cells, verdict
from scripts.lib.measurements import Measurements


def section(published: Dict[str, Any], measurements: Measurements, _: str) -> Section:
    """The results on the post."""
    stored = measurements.values('parameters', published['recipe'])
    if not stored:
        return Section(NOT_MEASURED, [], None)
    all_exact, rows = _parameters(published, stored[0])
    text = 'parameters: %s' % exact(all_exact)
    blocks = [('table', ['parameters of', 'post', 'ours', 'verdict'], rows)]
    decisions = measurements.values('decision', None)
    if not decisions:
        return Section(text, blocks, 'the untrained decisions')
    value, ours = published['untrained_decision'], np.abs(decisions)
    reproduced = rules.inside(value, ours)
    blocks += [
        ('table', ['magnitude of the untrained decision', 'post', *SUMMARY_HEADER, 'verdict'],
         [row(reproduced, ['%d seeds' % len(ours), '%.7f' % value, *summary_cells(value, ours),
                           verdict(reproduced)])]),
        ('figure', 'post_003.png', 'Magnitude of the untrained decision: the discriminator\'s logit for one '
         'generated image, both networks untrained, with %d seeds' % len(ours), _figure(ours, value))]
    return Section('%s; magnitude of the untrained decision: %s' % (text, verdict(reproduced)), blocks, None)


def _parameters(published: Dict[str, Any], stored: Dict[str, List]) -> Tuple[bool, List[Row]]:
    rows, all_exact = [], True
    for scope, expected in published['parameters'].items():
        layers = stored[scope]
        ours = {'all': sum(count for _, count, _ in layers),
                'trainable': sum(count for _, _, count in layers)}
        ours['not trainable'] = ours['all'] - ours['trainable']
        totals = published['totals'][scope]
        cases = [('%s, %s' % (scope, name), value, count)
                 for value, (name, count, _) in zip(expected, layers)]
        cases += [('%s, %s' % (scope, kind), totals[kind], count) for kind, count in ours.items()]
        equal = len(layers) == len(expected) and all(value == count for _, value, count in cases)
        all_exact = all_exact and equal
        rows += [row(value == count, [name, str(value), str(count), exact(value == count)])
                 for name, value, count in cases]
    return all_exact, rows


def _figure(ours: np.ndarray, value: float) -> bytes:
    drawing = charts.figure(7, 2.8)
    axes = drawing.add_subplot(111)
    summary = rules.summary(ours)
    axes.axvspan(summary.low, summary.high, color=charts.COLORS['light_gray'], alpha=0.6, label='Central 95%')
    bins = np.geomspace(max(summary.smallest, 1e-9) / 2, 2 * summary.largest, 30)
    axes.hist(ours, bins=bins, color=charts.COLORS['blue'], label='Our seeds')
    axes.axvline(value, color=charts.COLORS['vermilion'], linewidth=2, label='Post')
    axes.set_xscale('log')
    charts.label(axes, x='Magnitude of the logit', y='Number of seeds')
    charts.legend_above(drawing, axes, 3)
    return charts.render(drawing)
