"""Post 004: its table of losses, compared with the table of the notebook that it follows."""
import math
from typing import Any, Dict, List, Tuple

from dcgan_tf1.util import charts
from scripts.experiments.blog_posts import losses, rules
from scripts.experiments.blog_posts.figures import draw_band, mark_published
from scripts.experiments.blog_posts.layout import NOT_MEASURED, Section, row
from scripts.experiments.blog_posts.rules import Number
from scripts.experiments.blog_posts.values import (
    LOSSES,
    SUMMARY_HEADER,
    count,
    longest,
    made_with,
    number,
    summary_cells,
)
from scripts.lib.measurements import Measurements

# Beyond this ratio, the tails of a normal distribution are no longer a description of our few values.
_LARGEST_RATIO = 1000
_ZOOMED_ROWS = 3  # rows of the table in the right panels
_TICKS = [digit * 10. ** power for power in range(-3, 3) for digit in (1, 1.5, 2, 3, 5)]


def section(published: Dict[str, Any], measurements: Measurements, _: str) -> Section:
    """The results on the post."""
    runs = longest(measurements, 'losses', 'sparse_softmax', None, None)
    first_steps = measurements.values('first', None)
    columns, total = published['columns'], losses.table_size(published)
    notebook_rows = {values[0]: values for values in published['notebook_where_it_differs']}
    post = losses.numbers(published['losses'], columns, runs, first_steps)
    notebook = losses.numbers([notebook_rows.get(values[0], values) for values in published['losses']],
                              columns, runs, first_steps)
    if not post:
        return Section(NOT_MEASURED, [], None)
    num_different = sum(
        value != other for values in published['losses'] if values[0] in notebook_rows
        for value, other in zip(values, notebook_rows[values[0]]))
    altered = [pair for pair in zip(post, notebook) if pair[0].published != pair[1].published]
    supported, comparison = _compare(altered, num_different)
    post_verdict, about_post = losses.judge('The post\'s table', post, total)
    notebook_verdict, about_notebook = losses.judge('The notebook\'s table', notebook, total)
    blocks = [
        ('text', comparison), ('text', about_post), ('text', about_notebook),
        ('text', 'The tables share %d of %d numbers, so compared as wholes they can hardly be told apart.' % (
            total - num_different, total)),
        ('text', _description(runs, first_steps, measurements)),
        ('table', ['step', 'loss', 'post', 'position', 'notebook', 'position', *SUMMARY_HEADER],
         _rows(post, notebook)),
        *losses.explain_outside(post, {(ours.step, ours.name): other.published for ours, other in altered}),
        ('figure', 'post_004.png', 'Losses of the whole training: lines are our means, bands the central 95% '
         'of our seeds and neighboring steps; on the right, the first three rows, where the tables differ',
         _figure(post, notebook))]
    if len(post) < total:
        missing = '%d of the %d losses' % (total - len(post), total)
        return Section('%s; %s' % (supported, post_verdict), blocks, missing)
    return Section('%s; as wholes, the post\'s table is %s and the notebook\'s %s' % (
        supported, post_verdict, notebook_verdict), blocks, None)


def _compare(altered: List[Tuple[Number, Number]], num_different: int) -> Tuple[str, str]:
    """A verdict on the numbers in which the tables differ, and sentences that explain it."""
    of_post, of_notebook = [ours for ours, _ in altered], [other for _, other in altered]
    log_ratio = rules.log_likelihood_ratio(of_notebook, [each.published for each in of_post])
    result = rules.supported(log_ratio, of_notebook, of_post)
    table = {'first': 'the notebook\'s table', 'second': 'the post\'s table',
             'neither': 'neither table'}[result]
    measured = '' if len(altered) == num_different else ' %d of them have been measured.' % len(altered)
    likelier, other = ('notebook', 'post') if log_ratio >= 0 else ('post', 'notebook')
    text = ('The tables differ in %d numbers.%s %d of the post\'s numbers and %d of the notebook\'s are '
            'inside our values. Taken together, the %s\'s numbers are %s as likely as the %s\'s (by our '
            'normal approximation). Our runs support %s.' % (
                num_different, measured, rules.count_inside(of_post), rules.count_inside(of_notebook),
                likelier, _ratio(abs(log_ratio)), other, table))
    if len(altered) == num_different:
        where = 'where the two tables differ (%d numbers, judged together)' % num_different
    else:
        where = 'where the two tables differ (%d of %d numbers measured)' % (len(altered), num_different)
    return '%s, our runs support %s' % (where, table), text


def _ratio(log_ratio: float) -> str:
    if math.isnan(log_ratio):
        return 'an unknown number of times'
    if log_ratio > math.log(_LARGEST_RATIO):
        return 'more than 10³ times'
    return '%.3g times' % math.exp(log_ratio)


def _description(runs, first_steps, measurements: Measurements) -> str:
    precisions = ' and '.join(sorted({values['precision'] for values in first_steps}))
    parts = ['Measured: the first step with %s (in %s), the other steps with %s' % (
        count(first_steps, 'seed'), precisions, count(runs, 'seed')), *made_with(runs)]
    for values in measurements.values('collapsed', 'sparse_softmax', None):
        parts.append('seed %d with %s collapsed: at step %d, its images all looked alike (classifier score '
                     '%.2f)' % (values['seed'], values['made_with'], values['step'],
                                values['classifier_score']))
    return '; '.join(parts) + '.'


def _rows(post: List[Number], notebook: List[Number]):
    rows = []
    for ours, other in zip(post, notebook):
        position = losses.position(ours)
        if ours.published == other.published:
            cells = [number(ours.published), position, '', '']
        else:
            cells = [number(ours.published) + ' (altered)', position, number(other.published),
                     losses.position(other)]
        rows.append(row(position == 'inside', [str(ours.step), losses.loss_name(ours), *cells,
                                               *summary_cells(ours.published, rules.pooled(ours))]))
    return rows


def _figure(post: List[Number], notebook: List[Number]) -> bytes:
    drawing = charts.figure(7, 5.6)
    grid = drawing.subplots(2, 2, gridspec_kw={'width_ratios': [2.4, 1]})
    for axes_of_loss, loss in zip(grid, LOSSES):
        pairs = [pair for pair in zip(post, notebook) if pair[0].name == loss]
        first = sorted({ours.step for ours, _ in pairs})[:_ZOOMED_ROWS]
        whole, zoom = axes_of_loss
        _draw(whole, pairs, [ours.step for ours, _ in pairs])
        zoomed = [pair for pair in pairs if pair[0].step in first]
        _draw(zoom, zoomed, range(len(zoomed)))
        zoom.set_xticks(range(len(first)))
        zoom.set_xlim(-0.5, max(len(first), 1) - 0.5)
        charts.label(whole, y=loss.replace('_', ' ').capitalize(), x='Step')
        charts.label(zoom, 'First rows (zoom)' if loss == LOSSES[0] else None, x='Step')
        zoom.set_xticklabels(map(str, first))
    charts.legend_above(drawing, grid[0, 1], 3)
    return charts.render(drawing)


def _draw(axes, pairs: List[Tuple[Number, Number]], positions) -> None:
    draw_band(axes, [ours for ours, _ in pairs], positions, 'blue', 'Ours')
    mark_published(axes, positions, [ours.published for ours, _ in pairs])
    altered = [(position, ours.published, other.published)
               for position, (ours, other) in zip(positions, pairs) if ours.published != other.published]
    axes.plot([position for position, _, _ in altered], [value for _, _, value in altered], 'o', markersize=7,
              color=charts.COLORS['orange'], fillstyle='none', markeredgewidth=1.8,
              label='Notebook, where it differs')
    axes.set_yscale('log')
    for position, value, other in altered:
        axes.annotate('', (position, other), (position, value), arrowprops={
            'arrowstyle': '->', 'color': charts.COLORS['gray'], 'shrinkA': 4, 'shrinkB': 5})
    low, high = axes.get_ylim()
    axes.set_yticks([tick for tick in _TICKS if low <= tick <= high])
    axes.yaxis.set_major_formatter('{x:g}')
    axes.minorticks_off()
