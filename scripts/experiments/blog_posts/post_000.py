"""Post 000: steps per epoch, and the losses of the first epoch in two readings of the printed code."""
from typing import Any, Dict, List, Tuple

from dcgan_tf1.util import charts
from scripts.experiments.blog_posts import losses, rules
from scripts.experiments.blog_posts.figures import draw_band, mark_published
from scripts.experiments.blog_posts.layout import NOT_MEASURED, Block, Section, row
from scripts.experiments.blog_posts.rules import Number
from scripts.experiments.blog_posts.values import (
    COUNT_HEADER,
    LOSSES,
    SUMMARY_HEADER,
    count,
    exact,
    longest,
    number,
    steps_per_epoch,
    summary_cells,
)
from scripts.lib.measurements import Measurements

# The readings: name of the training, the value of --loss, and the color in the figure.
_READINGS = {'logits': ('machinecurve', 'sigmoid', 'blue'),
             'two sigmoids': ('machinecurve-double_sigmoid', 'double_sigmoid', 'gray')}


def section(published: Dict[str, Any], measurements: Measurements, _: str) -> Section:
    """The results on the post."""
    counts = steps_per_epoch(published, measurements)
    if not counts:
        return Section(NOT_MEASURED, [], None)
    all_exact, rows = counts
    low, high = rules.double_sigmoid_bounds()
    outside = [values[1] for values in published['losses'] if not low <= values[1] <= high]
    blocks = [
        ('table', COUNT_HEADER, rows),
        ('text', 'Taken literally, the printed code applies two sigmoids. The generator loss would then lie '
         'between log(1 + 1/e) = %.4f and log 2 = %.4f. %d of the %d published values are outside (%s), so '
         'the literal reading is %s.' % (
             low, high, len(outside), len(published['losses']), ', '.join('%.4f' % loss for loss in outside),
             'contradicted' if outside else 'possible'))]
    verdicts = ['steps per epoch: %s' % exact(all_exact)]
    measured, missing = {}, []
    for reading, (name, loss, _) in _READINGS.items():
        runs = longest(measurements, 'losses', name, None, None)
        numbers = losses.numbers(published['losses'], published['columns'], runs)
        if not numbers:
            missing.append(reading)
            continue
        measured[reading] = numbers
        description = 'With %s (--loss=%s, %s)' % (reading, loss, count(runs, 'seed'))
        verdict, sentences = losses.judge(description, numbers, losses.table_size(published))
        if reading == 'logits':
            verdicts.append('losses: %s' % verdict)
        blocks += _reading_blocks(reading, numbers, sentences, (low, high))
    if measured:
        blocks.append(('figure', 'post_000.png', 'Losses of the first epoch: lines are our means, bands the '
                       'central 95% of our seeds and neighboring steps', _figure(measured, (low, high))))
    verdicts.append('the post\'s own losses %s the literal reading' % ('contradict' if outside else 'allow'))
    return Section('; '.join(verdicts), blocks,
                   'the losses with ' + ' and with '.join(missing) if missing else None)


def _reading_blocks(reading: str, numbers: List[Number], sentences: str,
                    bounds: Tuple[float, float]) -> List[Block]:
    if reading == 'two sigmoids':
        values = [value for each in numbers if each.name == 'generator_loss' for value in rules.pooled(each)]
        within = bounds[0] <= min(values) and max(values) <= bounds[1]
        sentences += (' Our generator losses range from %.4f to %.4f, which is %s the bounds of two sigmoids.'
                      % (min(values), max(values), 'within' if within else 'outside'))
    rows = [row(losses.position(each) == 'inside', [
        str(each.step), losses.loss_name(each), number(each.published), losses.position(each),
        *summary_cells(each.published, rules.pooled(each))]) for each in numbers]
    blocks = [('text', sentences), ('table', ['step', 'loss', 'post', 'position', *SUMMARY_HEADER], rows)]
    return blocks + losses.explain_outside(numbers) if reading == 'logits' else blocks


def _figure(measured: Dict[str, List[Number]], bounds: Tuple[float, float]) -> bytes:
    drawing = charts.figure(7, 3.2)
    for axes, loss in zip(drawing.subplots(1, 2), LOSSES):
        if loss == 'generator_loss':
            for bound in bounds:
                axes.axhline(bound, color=charts.COLORS['black'], linestyle=':', linewidth=1,
                             label='Bounds of two sigmoids' if bound == bounds[0] else None)
        for reading, numbers in measured.items():
            numbers = [each for each in numbers if each.name == loss]
            draw_band(axes, numbers, [each.step for each in numbers], _READINGS[reading][2],
                      'Ours, ' + reading)
        mark_published(axes, [each.step for each in numbers], [each.published for each in numbers])
        charts.label(axes, x='Batch of the first epoch', y=loss.replace('_', ' ').capitalize())
    charts.legend_above(drawing, drawing.axes[0], 4)
    return charts.render(drawing)
