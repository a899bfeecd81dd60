"""What is said of each post: from what it published and what was measured, to a verdict, tables, texts and a figure.

A page is a list of blocks, which `markdown` and `page` write out:
  ('text', text), ('command', text), ('table', header, rows), ('figure', name, caption, bytes of a PNG).
Rows are (class or None, cells), as of `report.table`.
"""
import collections
import html
import math
import os
import textwrap

import numpy as np

from blogs import rules
from dcgan_tf1 import image_files, plots, report

# verdict: of the post in a line or two; blocks: what is said of it, none where nothing was measured yet; missing: a
# text, or None where all was measured.
Section = collections.namedtuple('Section', 'verdict blocks missing')

_BLUE, _ORANGE, _RED, _GREY = '#1b6ca8', '#d95f02', '#c2002f', '#888888'
NOT_MEASURED = 'not measured yet'


def sections(published, measurements, folder):
    """{post: `Section`}. `measurements`: `trainings.Measurements`; `folder`: with samples/ in it."""
    return {post: globals()['_post_' + post](published[post], measurements, folder) for post in sorted(published)}


def markdown(published, found, head, command):
    """The text of README.md. `found`: what `sections` gave; `head`: blocks; `command`: a function, post → text."""
    text = '# %s\n\n' % TITLE
    for block in [*head, _overview(published, found)]:
        text += _MARKDOWN[block[0]](*block[1:])
    for post, section in found.items():
        text += '## Post %s, «%s»\n\n' % (post, published[post]['title'])
        for block in _blocks(published[post], section, command(post)):
            text += _MARKDOWN[block[0]](*block[1:])
    return text.rstrip() + '\n'


def page(published, found, head, command):
    """The text of the HTML page; arguments as of `markdown`."""
    parts = [_HTML[block[0]](*block[1:]) for block in [*head, _overview(published, found)]]
    for post, section in found.items():
        parts.append('<h2>%s</h2>' % html.escape('Post %s, «%s»' % (post, published[post]['title'])))
        parts += [_HTML[block[0]](*block[1:]) for block in _blocks(published[post], section, command(post))]
    return report.document(TITLE, parts)


TITLE = 'The posts\' numbers, reproduced'

_MARKDOWN = {
    'text': lambda text: '\n\n'.join(textwrap.fill(part, 120) for part in text.split('\n\n')) + '\n\n',
    'command': lambda text: '```\n%s\n```\n\n' % text,
    'table': lambda header, rows: '| %s |\n|%s\n%s\n' % (
        ' | '.join(header), ' --- |' * len(header), ''.join('| %s |\n' % ' | '.join(cells) for _, cells in rows)),
    'figure': lambda name, caption, content: '![%s](%s)\n\n%s\n\n' % (caption.split(':')[0], name, caption)}
_HTML = {
    'text': lambda text: '<p>%s</p>' % '</p><p>'.join(html.escape(text).split('\n\n')),
    'command': lambda text: '<pre>%s</pre>' % html.escape(text),
    'table': report.table,
    'figure': lambda name, caption, content: report.image(content, 'png', caption)}


def _overview(published, found):
    return ('table', ['post', 'recipe', 'verdict'], [
        (None, [post, published[post]['recipe'], section.verdict]) for post, section in found.items()])


def _blocks(published, section, command):
    blocks = [('text', 'Recipe %s. %s' % (published['recipe'], published['reading']))]
    if not section.blocks:
        return [*blocks, ('text', 'Left out, for nothing was measured yet. To measure it:'), ('command', command)]
    blocks += section.blocks
    if section.missing:
        blocks += [('text', 'Left out: %s. To measure that, too:' % section.missing), ('command', command)]
    return blocks


def _verdict(reproduced):
    return 'reproduced' if reproduced else 'not reproduced'


def _row(reproduced, cells):
    """A row of a table, marked where its number was not reproduced."""
    return None if reproduced else 'differs', cells


def _number(value):
    return '%.4g' % value


def _mean_and_sd(values):
    found = rules.summary(values)
    return _number(found.mean) + (' ± %.2g' % found.sd if found.count > 1 else '')


def _made_with(runs):
    """Which seeds were trained with what, texts."""
    seeds = {}
    for run in runs:
        seeds.setdefault(run['made_with'], []).append(str(run['seed']))
    return ['seed%s %s with %s' % ('s' * (len(of) > 1), ', '.join(of), name) for name, of in sorted(seeds.items())]


def _longest(measurements, *key):
    """Figures of all seeds of the longest trainings, in the order of the seeds."""
    runs = measurements.of(*key)
    return [run for run in runs if run['steps'] == max(other['steps'] for other in runs)]


# Tables of losses (posts 000 and 004).

def _numbers(rows, columns, runs, first=()):
    """The `rules.Number`s of a table's losses that were measured. `first`: figures of the first step, of each seed."""
    numbers = []
    for step, *values in rows:
        for loss, published in zip(columns[1:], values):
            if step == 1:
                at = {figures['seed']: figures[loss] for figures in first}
                around = {seed: [value] for seed, value in at.items()}
            else:
                found = {run['seed']: run['losses'][loss].get(str(step)) for run in runs}
                at = {seed: figures['at'] for seed, figures in found.items() if figures}
                around = {seed: figures['around'] for seed, figures in found.items() if figures}
            if at:
                numbers.append(rules.Number(loss, step, published, at, around))
    return numbers


def _size(published):
    """How many losses a post's table has."""
    return len(published['losses']) * (len(published['columns']) - 1)


def _own(numbers):
    """How many of each seed's own numbers lie inside the others', a list; of the seeds that have all."""
    seeds = set.intersection(*(set(number.at) for number in numbers))
    if any(len(number.at) < 2 for number in numbers):
        return []
    return rules.own_counts(numbers, sorted(seeds))


def _of_table(name, numbers, total):
    """(verdict, a sentence that says why) of a table of so many numbers."""
    count, own = rules.count_inside(numbers), _own(numbers)
    text = '%s: %d of %d numbers lie inside ours' % (name, count, len(numbers))
    if own:
        text += '; of our own %d seeds, each compared so with the others, %s (mean %.1f)' % (
            len(own), _span(own), np.mean(own))
    if len(numbers) < total:
        verdict = '%d of %d numbers measured yet' % (len(numbers), total)
        return verdict, '%s. No verdict: %s.' % (text, verdict)
    verdict = rules.table_verdict(count, own)
    return verdict, '%s. So: %s.' % (text, verdict)


def _span(counts):
    low, high = min(counts), max(counts)
    return str(low) if low == high else '%d to %d' % (low, high)


def _position(number):
    """'inside', or where else a published number lies."""
    values = rules.pooled(number)
    if rules.inside(number.published, values):
        return 'inside'
    return 'above' if number.published > rules.summary(values).mean else 'below'


def _loss_cells(number):
    """Cells of a table: mean ± sd, range, central 95 %, share of ours below."""
    values = rules.pooled(number)
    found = rules.summary(values)
    return [_mean_and_sd(values), '%s to %s' % (_number(found.smallest), _number(found.largest)),
            '%s to %s' % (_number(found.low), _number(found.high)),
            '%.2f' % rules.share_below(number.published, values)]


_LOSS_HEADER = ['ours: mean ± sd', 'range', 'central 95 %', 'share of ours below']


def _band(axis, numbers, positions, colour, label):
    """Draws our mean and central 95 % of numbers at these positions."""
    found = [rules.summary(rules.pooled(number)) for number in numbers]
    axis.fill_between(positions, [each.low for each in found], [each.high for each in found], color=colour, alpha=0.25,
                      linewidth=0, label=label + ', central 95 %')
    axis.errorbar(positions, [each.mean for each in found], [[each.mean - each.low for each in found],
                                                            [each.high - each.mean for each in found]],
                  color=colour, linewidth=1.2, elinewidth=0.8, capsize=2, label=label + ', mean')


def _decorate(axis, title, xlabel):
    axis.set_title(title, fontsize=9)
    axis.set_xlabel(xlabel, fontsize=8)
    axis.tick_params(labelsize=8)
    axis.grid(alpha=0.25)


# Counts (posts 000, 001 and 003).

def _steps_an_epoch(published, measurements):
    """(whether all are exact, rows) of a post's batches an epoch; None where they were not measured."""
    rows, exact = [], True
    for recipe, wanted in sorted(published['steps_an_epoch'].items()):
        ours = measurements.of('batches', recipe)
        if not ours:
            return None
        exact = exact and ours[0] == wanted
        rows.append(_row(ours[0] == wanted, ['steps an epoch of %d images, %s' % (published['num_images'], recipe),
                                             str(wanted), str(ours[0]), 'exact' if ours[0] == wanted else 'differs']))
    return exact, rows


def _post_000(published, measurements, _):
    counted = _steps_an_epoch(published, measurements)
    if not counted:
        return Section(NOT_MEASURED, [], None)
    exact, rows = counted
    blocks = [('table', ['count', 'post', 'ours', 'verdict'], rows)]
    verdict = 'steps an epoch %s' % ('exact' if exact else 'differ')
    low, high = rules.double_sigmoid_bounds()
    outside = [row[1] for row in published['losses'] if not low <= row[1] <= high]
    broken = ('Taken literally, two sigmoids bound the generator\'s loss to log(1 + 1/e) = %.4f to log 2 = %.4f. %d of '
              'the %d published ones lie outside (%s), so the literal reading is %s.' % (
                  low, high, len(outside), len(published['losses']), ', '.join('%.4f' % value for value in outside),
                  'contradicted' if outside else 'possible'))
    blocks.append(('text', broken))
    readings = {}
    for name, title in (('machinecurve', 'logits'), ('machinecurve-double_sigmoid', 'two sigmoids')):
        runs = _longest(measurements, 'losses', name, None, None)
        numbers = _numbers(published['losses'], published['columns'], runs)
        if numbers:
            readings[title] = runs, numbers
    missing = [title for title in ('logits', 'two sigmoids') if title not in readings]
    if readings:
        for title, (runs, numbers) in readings.items():
            name = '--loss=%s' % ('sigmoid' if title == 'logits' else 'double_sigmoid')
            ours, sentence = _of_table('With %s (%s, %d seeds)' % (title, name, len(runs)), numbers,
                                       _size(published))
            if title == 'logits':
                verdict += '; losses %s' % ours
            else:
                losses = [value for number in numbers if number.name == 'generator_loss'
                          for value in rules.pooled(number)]
                sentence += ' Our generator\'s losses went from %.4f to %.4f: %s those bounds.' % (
                    min(losses), max(losses), 'within' if low <= min(losses) and max(losses) <= high else 'outside')
            blocks += [('text', sentence), ('table', ['step', 'loss', 'post', 'it lies', *_LOSS_HEADER], [
                _row(_position(number) == 'inside', [
                    str(number.step), number.name.replace('_', '\'s '), _number(number.published), _position(number),
                    *_loss_cells(number)]) for number in numbers])]
            if title == 'logits':
                blocks += _explained(numbers)
        blocks.append(('figure', 'post_000.png', 'Losses of the first epoch: bands are the central 95 % of our seeds '
                       'and neighbouring steps; the dotted lines bound what two sigmoids allow the generator',
                       _figure_000({title: numbers for title, (_, numbers) in readings.items()}, (low, high))))
    return Section('%s; the literal reading is %s by the post\'s own losses' % (
        verdict, 'contradicted' if outside else 'not contradicted'), blocks,
        'the losses with ' + ' and '.join(missing) if missing else None)


def _figure_000(readings, bounds):
    figure = plots.canvas(11, 3.8)
    for axis, loss in zip(figure.subplots(1, 2), ('generator_loss', 'discriminator_loss')):
        for (title, numbers), colour in zip(readings.items(), (_BLUE, _GREY)):
            chosen = [number for number in numbers if number.name == loss]
            steps = [number.step for number in chosen]
            _band(axis, chosen, steps, colour, title)
        axis.plot(steps, [number.published for number in chosen], 'x', color=_RED, markersize=8, markeredgewidth=2,
                  label='post')
        if loss == 'generator_loss':
            for bound in bounds:
                axis.axhline(bound, color='#444444', linestyle=':', linewidth=1)
        _decorate(axis, loss.replace('_', '\'s ') + ' [nat]', 'batch of the first epoch')
    axis.legend(fontsize=7)
    return plots.rendered(figure)


def _explained(numbers, altered=None):
    """Blocks that say of each number outside ours what would explain it. `altered`: of some, the notebook's."""
    outside = [(number, _position(number)) for number in numbers]
    outside = [(number, position) for number, position in outside if position != 'inside']
    lines = []
    for number, position in outside:
        text = 'Step %d, %s %s lies %s ours.' % (
            number.step, number.name.replace('_', '\'s '), _number(number.published), position)
        other = (altered or {}).get((number.step, number.name))
        if other is not None:
            text += ' The post altered it: the notebook has %s, which lies %s.' % (
                _number(other), _position(number._replace(published=other)).replace('above', 'above ours').replace(
                    'below', 'below ours'))
        lines.append(text)
    if not lines:
        return []
    own = _own(numbers)
    lines.append('What else would explain such numbers: each is a single step of a single run, on other hardware and '
                 'from other random numbers.' + (' Single steps of our own seeds lie outside the others\' values, too: '
                                                 '%s of %d numbers.' % (_span([len(numbers) - count for count
                                                                               in own]), len(numbers))
                                                 if own else ''))
    return [('text', ' '.join(lines))]


def _post_001(published, measurements, _):
    counted = _steps_an_epoch(published, measurements)
    if not counted:
        return Section(NOT_MEASURED, [], None)
    exact, rows = counted
    blocks = [('table', ['count', 'post', 'ours', 'verdict'], rows)]
    timed = [figures for recipe in sorted(published['steps_an_epoch'])
             for figures in measurements.of('seconds', recipe, None, None)]
    verdict = 'steps an epoch %s' % ('exact' if exact else 'differ')
    if not timed:
        return Section(verdict, blocks, 'the time of an epoch')
    bars, body = [], []
    for recipe, seconds in sorted(published['seconds_an_epoch'].items()):
        steps = published['steps_an_epoch'][recipe]
        body.append((None, [recipe + ', the post', 'V100, 16 GB', '', '', '%.1f' % (1000 * seconds / steps),
                            '%.0f' % seconds]))
        bars.append((recipe + ', the post\nV100, 16 GB', seconds, seconds, seconds))
    for figures in timed:
        steps = measurements.of('batches', figures['recipe'])[0]
        times = [figures[name] * steps / 1000 for name in ('median', 'smallest', 'largest')]
        where = '%s, %s' % (figures['device'], figures['framework'])
        body.append((None, [figures['recipe'] + ', ours', where, figures['images'],
                            '%s, batches of %d' % (figures['precision'], figures['batch_size']),
                            '%.1f (%.1f to %.1f)' % (figures['median'], figures['smallest'], figures['largest']),
                            '%.0f (%.0f to %.0f)' % tuple(times)]))
        bars.append(('%s, ours, %s\n%s' % (figures['recipe'], figures['images'], where), *times))
    blocks += [
        ('table', ['recipe', 'machine', 'images', 'computed in', 'ms a step', 's an epoch'], body),
        ('text', 'Ours: medians (smallest to largest) of %s steps, times the steps of an epoch. Machines differ, so '
         'this is no comparison of programs, and has no verdict.' % ', '.join(sorted({
             str(figures['steps']) for figures in timed}))),
        ('figure', 'post_001.png', 'Seconds an epoch of %d images, each on its own machine: no comparison of programs'
         % published['num_images'], _figure_001(bars))]
    return Section(verdict + '; its time is of another machine: no verdict', blocks, None)


def _figure_001(bars):
    figure = plots.canvas(9, 1 + 0.55 * len(bars))
    axis = figure.add_subplot(111)
    for row, (_, middle, low, high) in enumerate(bars):
        axis.barh(row, middle, color=_RED if low == high else _BLUE, height=0.6)
        axis.errorbar(middle, row, xerr=[[middle - low], [high - middle]], color='#222222', capsize=3)
    axis.set_yticks(range(len(bars)))
    axis.set_yticklabels([name for name, *_ in bars])
    axis.invert_yaxis()
    _decorate(axis, 'an epoch, each on its own machine', 's an epoch')
    axis.tick_params(labelsize=7)
    return plots.rendered(figure)


STRETCHED = 'never updated, stretched'  # the images of mode «never updated», as post 002 shows them
# Variants of post 002: (recipe, mode or `STRETCHED`), what the table calls them.
_VARIANTS = collections.OrderedDict([
    (('graph_mode_dense', 'batch'), 'dense baseline (has no batch norm)'),
    (('graph_mode', 'batch'), 'DCGAN, training mode'),
    (('graph_mode', 'never updated'), 'DCGAN, inference mode as printed'),
    (('graph_mode', STRETCHED), 'the same images, contrast stretched'),
    (('graph_mode', 'moving 0.99'), 'DCGAN, inference mode, update ops run'),
    (('graph_mode', 'standing 100'), 'DCGAN, standing statistics'),
])
_VIEWS = {'never updated': 'as they are', STRETCHED: 'stretched'}  # the images that the findings are about
_SCORES = ('frechet_distance', 'precision', 'recall', 'classifier_score', 'most_frequent_share', 'modes',
           'sharpness_ratio')


def _post_002(published, measurements, folder):
    runs = {recipe: _by_end(measurements, recipe) for recipe in (published['recipe'], published['baseline'])}
    ends = {recipe: rules.main_end(found) for recipe, found in runs.items()}
    missing = [recipe for recipe, steps in ends.items() if steps is None]
    if len(missing) == len(runs):
        return Section(NOT_MEASURED, [], None)
    scores = collections.OrderedDict(
        ((recipe, mode, steps), [run['modes'][mode] for run in found])
        for recipe, mode in _VARIANTS for steps, found in runs[recipe].items())
    rows = [(None, [_VARIANTS[recipe, mode], str(len(of)), str(steps),
                    *(_mean_and_sd([each[name] for each in of]) for name in _SCORES)])
            for (recipe, mode, steps), of in scores.items()]
    real = measurements.content['real']
    rows.append((None, ['real test images', '', '', *(_number(real['scores'][name]) for name in _SCORES)]))
    blocks = [('text', 'Trainings: %s.' % '; '.join(
        '%s, %d steps: %s' % (recipe, steps, ', '.join(_made_with(found)))
        for recipe, by_end in runs.items() for steps, found in by_end.items())),
              ('table', ['images of', 'seeds', 'steps', *(name.replace('_', ' ') for name in _SCORES)], rows)]
    verdicts = []
    if ends['graph_mode']:
        findings, verdicts = _findings(published, scores, ends['graph_mode'])
        blocks += [('table', ['the post\'s finding', 'images', 'steps', 'ours, seed by seed', 'holds for', 'verdict'],
                    findings),
                   ('text', _why_002(published, scores, ends['graph_mode']))]
    if not missing:
        better, worse = ([each['frechet_distance'] for each in scores[recipe, 'batch', steps]]
                         for recipe, steps in ends.items())
        sentence = 'Fréchet distances of the DCGAN go from %.3g to %.3g, of the dense baseline from %.3g to %.3g' % (
            min(better), max(better), min(worse), max(worse))
        says = ('the DCGAN is better than the baseline' if max(better) < min(worse) else
                'the baseline is better than the DCGAN' if max(worse) < min(better) else
                'the DCGAN and the baseline cannot be told apart')
        blocks.append(('text', '%s: by the rule %s.' % (sentence, says)))
        verdicts.append(says)
    blocks.append(('figure', 'post_002.png', 'Images and their digits: images of seed 0 from the same noise, and '
                   'the share of each digit, over the seeds; the line is that of real test images', _figure_002(
                       scores, real['scores']['histogram'], folder)))
    return Section('; '.join(verdicts) or NOT_MEASURED, blocks, ' and '.join(missing) or None)


def _by_end(measurements, name):
    """{steps: the figures of all seeds that were trained so long}, of the scored trainings of a recipe."""
    found = {}
    for run in measurements.of('scores', name, None, None):
        found.setdefault(run['steps'], []).append(run)
    return collections.OrderedDict(sorted(found.items()))


def _findings(published, scores, main):
    """(rows of a table, verdicts in words) about inference mode; the verdicts are those after `main` steps."""
    wanted = published['most_frequent_digit']
    cases = (
        ('in most cases the same number', '%.2f', lambda of, _: of['most_frequent_share'],
         lambda share: share > 0.5, rules.mostly),
        ('that number is %d' % wanted, '%d', lambda of, _: np.argmax(of['histogram']), lambda digit: digit == wanted,
         any),
        ('slightly blurry: less sharp than in training mode', '%.3g times',
         lambda of, batch: of['sharpness'] / batch['sharpness'], lambda ratio: ratio < 1, rules.mostly))
    rows, verdicts = [], []
    for finding, form, measure, holds, rule in cases:
        found = {}
        for (recipe, mode, steps), of in scores.items():
            if recipe != 'graph_mode' or mode not in _VIEWS:
                continue
            values = [measure(*pair) for pair in zip(of, scores[recipe, 'batch', steps])]
            each = [holds(value) for value in values]
            verdict = ''
            if steps == main:
                verdict = found[mode] = _verdict(rule(each))
            rows.append(_row(verdict != _verdict(False), [
                '«%s»' % finding, _VIEWS[mode], str(steps), ', '.join(form % value for value in values),
                '%d of %d seeds' % (sum(each), len(each)), verdict]))
        told = set(found.values())
        verdicts.append('«%s» %s' % (finding.split(':')[0], told.pop() if len(told) == 1 else ', '.join(
            '%s %s' % (_VIEWS[mode], verdict) for mode, verdict in found.items())))
    return rows, verdicts


def _why_002(published, scores, steps):
    """What the same weights do with other statistics, and what would explain the rest."""
    parts = []
    for mode in ('never updated', STRETCHED, 'moving 0.99', 'standing 100'):
        of = scores['graph_mode', mode, steps]
        parts.append('%s: most frequent digit %.2f of the images, Fréchet distance %.3g' % (
            _VARIANTS['graph_mode', mode], np.mean([each['most_frequent_share'] for each in of]),
            np.mean([each['frechet_distance'] for each in of])))
    text = ('The weights are the same in all modes, so what differs is due to the statistics alone (means over the '
            'seeds, after %d steps). %s.' % (steps, '; '.join(parts)))
    if steps < published['steps']:
        longer = scores.get(('graph_mode', 'batch', published['steps']), ())
        text += (' The post trained for %d steps, and looked at the images by eye; trainings of ours that are as long: '
                 '%d.' % (published['steps'], len(longer)))
    printed = scores['graph_mode', 'never updated', steps]
    if np.mean([each['sharpness_ratio'] for each in printed]) < 0.1:
        text += (' Images with less than a tenth of the sharpness of real ones are hardly more than grey, and which '
                 'digit the classifier sees there says more of the classifier than of the images.')
    return text


def _figure_002(scores, real, folder):
    figure = plots.canvas(11, 1.1 * len(scores))
    grid = figure.subplots(len(scores), 2, squeeze=False, gridspec_kw={'width_ratios': [2, 1]})
    for (left, right), ((recipe, mode, steps), of) in zip(grid, scores.items()):
        path = sample_path(folder, recipe, mode, steps)
        if os.path.exists(path):
            left.imshow(image_files.read(path), interpolation='nearest')
        left.set_xticks([])
        left.set_yticks([])
        left.set_title('%s, %d steps' % (_VARIANTS[recipe, mode], steps), fontsize=8)
        shares = np.array([each['histogram'] for each in of])
        right.bar(range(shares.shape[1]), shares.mean(axis=0), color=_BLUE)
        for each in shares:
            right.plot(range(len(each)), each, '.', color='#222222', markersize=3)
        right.step(np.arange(len(real) + 1) - 0.5, [*real, real[-1]], where='post', color=_ORANGE, linewidth=1)
        right.set_xticks(range(len(real)))
        right.set_ylim(0, 1)
        right.tick_params(labelsize=6)
    return plots.rendered(figure)


def sample_path(folder, recipe, mode, steps):
    """Where the images of seed 0 are kept."""
    return os.path.join(folder, 'samples', '%s-%s-%d.png' % (recipe, mode.replace(', ', ' ').replace(' ', '_'), steps))


def _post_003(published, measurements, _):
    counted = measurements.of('parameters', published['recipe'])
    decisions = measurements.of('decision', None)
    if not counted:
        return Section(NOT_MEASURED, [], None)
    rows, exact = [], True
    for scope, wanted in published['parameters'].items():
        layers = counted[0][scope]
        ours = {'all': sum(count for _, count, _ in layers), 'trainable': sum(count for _, _, count in layers)}
        ours['not trainable'] = ours['all'] - ours['trainable']
        cases = [('%s, %s' % (scope, name), value, count)
                 for value, (name, count, _) in zip(wanted, layers)]
        cases += [('%s, %s' % (scope, kind), published['totals'][scope][kind], count) for kind, count in ours.items()]
        exact = exact and len(layers) == len(wanted) and all(value == count for _, value, count in cases)
        rows += [_row(value == count, [name, str(value), str(count), 'exact' if value == count else 'differs'])
                 for name, value, count in cases]
    verdict = 'parameters %s' % ('exact' if exact else 'differ')
    blocks = [('table', ['parameters of', 'post', 'ours', 'verdict'], rows)]
    if not decisions:
        return Section(verdict, blocks, 'the untrained decisions')
    value, ours = published['untrained_decision'], np.abs(decisions)
    fine, found = rules.inside(value, ours), rules.summary(ours)
    blocks += [
        ('table', ['untrained decision, magnitude', 'post', *_LOSS_HEADER, 'verdict'], [_row(fine, [
            '%d seeds' % len(ours), '%.7f' % value, _mean_and_sd(ours),
            '%s to %s' % (_number(found.smallest), _number(found.largest)),
            '%s to %s' % (_number(found.low), _number(found.high)), '%.2f' % rules.share_below(value, ours),
            _verdict(fine)])]),
        ('figure', 'post_003.png', 'Untrained decisions, magnitudes of %d seeds: the grey band is their central 95 %%'
         % len(ours), _figure_003(ours, value))]
    return Section('%s; magnitude of the untrained decision %s' % (verdict, _verdict(fine)), blocks, None)


def _figure_003(ours, value):
    figure = plots.canvas(8, 3)
    axis = figure.add_subplot(111)
    found = rules.summary(ours)
    axis.axvspan(found.low, found.high, color=_GREY, alpha=0.2)
    bins = np.geomspace(max(found.smallest, 1e-9) / 2, 2 * found.largest, 30)
    axis.hist(ours, bins=bins, color=_BLUE, label='our seeds')
    axis.axvline(value, color=_RED, linewidth=2, label='post')
    axis.set_xscale('log')
    axis.legend(fontsize=8)
    _decorate(axis, 'untrained decisions', 'magnitude [logit]')
    return plots.rendered(figure)


def _post_004(published, measurements, _):
    runs = _longest(measurements, 'losses', 'sparse_softmax', None, None)
    first = measurements.of('first', None)
    columns = published['columns']
    notebook_rows = {row[0]: row for row in published['notebook_where_it_differs']}
    post = _numbers(published['losses'], columns, runs, first)
    notebook = _numbers([notebook_rows.get(row[0], row) for row in published['losses']], columns, runs, first)
    if not post:
        return Section(NOT_MEASURED, [], None)
    total = _size(published)
    altered = [(ours, other) for ours, other in zip(post, notebook) if ours.published != other.published]
    of_post, of_notebook = [ours for ours, _ in altered], [other for _, other in altered]
    odds = rules.log_odds(of_notebook, [number.published for number in of_post])
    supports = {'first': 'the notebook\'s table', 'second': 'the post\'s table', 'neither': 'neither table'}[
        rules.supported(odds, of_notebook, of_post)]
    differ = sum(value != other for step, row in notebook_rows.items()
                 for value, other in zip(row, next(row for row in published['losses'] if row[0] == step)))
    of_altered = ('The tables differ in %d numbers%s. Of these %d of the post\'s lie inside ours, and %d of the '
                  'notebook\'s; the notebook\'s are e^%.1f times as likely as the post\'s. So our distribution '
                  'supports %s.' % (
                      differ, '' if len(altered) == differ else ', of which %d are measured yet' % len(altered),
                      rules.count_inside(of_post), rules.count_inside(of_notebook), odds, supports))
    verdict, about_post = _of_table('The post\'s table', post, total)
    notebook_verdict, about_notebook = _of_table('The notebook\'s table', notebook, total)
    body = []
    for ours, other in zip(post, notebook):
        changed = ours.published != other.published
        position = _position(ours)
        body.append(_row(position == 'inside', [
            str(ours.step), ours.name.replace('_', '\'s '), _number(ours.published) + (' (altered)' if changed else ''),
            position, _number(other.published) if changed else '', _position(other) if changed else '',
            *_loss_cells(ours)]))
    blocks = [
        ('text', of_altered), ('text', '%s\n\n%s\n\nThey share %d of %d numbers, so compared as wholes they are hardly '
                               'told apart.' % (about_post, about_notebook, total - differ, total)),
        ('text', 'Measured: the first step over %d seeds (in %s), the others over %d%s%s.' % (
            len(first), ' and '.join(sorted({figures['precision'] for figures in first})), len(runs),
            ''.join('; ' + text for text in _made_with(runs)),
            ''.join('; seed %d with %s collapsed: at step %d its images were all alike (classifier score %.2f)' % (
                lost['seed'], lost['made_with'], lost['step'], lost['classifier_score'])
                for lost in measurements.of('collapsed', 'sparse_softmax', None)))),
        ('table', ['step', 'loss', 'post', 'it lies', 'notebook', 'it lies', *_LOSS_HEADER], body),
        *_explained(post, {(ours.step, ours.name): other.published for ours, other in altered}),
        ('figure', 'post_004.png', 'Losses through the run: the bands are the central 95 % of our seeds and '
         'neighbouring steps; to the right the steps in which the two tables differ', _figure_004(post, notebook))]
    if len(post) == total:
        verdict = 'as wholes the post\'s table is %s, the notebook\'s %s' % (verdict, notebook_verdict)
    return Section('by %d of the %d altered numbers ours support %s; %s' % (
        len(altered), differ, supports, verdict), blocks,
                   None if len(post) == total else '%d of the %d losses' % (total - len(post), total))


_TICKS = [digit * 10. ** power for power in range(-3, 3) for digit in (1, 2, 3, 5)]


def _figure_004(post, notebook):
    figure = plots.canvas(11, 6.4)
    for row, loss in zip(figure.subplots(2, 2, gridspec_kw={'width_ratios': [2.6, 1]}),
                         ('generator_loss', 'discriminator_loss')):
        pairs = [(ours, other) for ours, other in zip(post, notebook) if ours.name == loss]
        early = sorted({number.step for number, _ in pairs})[:3]
        for axis, chosen in zip(row, (pairs, [pair for pair in pairs if pair[0].step in early])):
            steps = ([number.step for number, _ in chosen] if axis is row[0] else list(range(len(chosen))))
            _band(axis, [number for number, _ in chosen], steps, _BLUE, 'ours')
            axis.plot(steps, [number.published for number, _ in chosen], 'x', color=_RED, markersize=7,
                      markeredgewidth=2, label='post')
            changed = [(step, other.published) for step, (ours, other) in zip(steps, chosen)
                       if ours.published != other.published]
            axis.plot([step for step, _ in changed], [value for _, value in changed], 'o', color=_ORANGE, markersize=7,
                      fillstyle='none', markeredgewidth=2, label='notebook, where it differs')
            axis.set_yscale('log')
            low, high = axis.get_ylim()
            axis.set_yticks([tick for tick in _TICKS if low <= tick <= high])
            axis.yaxis.set_major_formatter('{x:g}')
            axis.yaxis.set_minor_formatter('')
            _decorate(axis, loss.replace('_', '\'s ') + ' [nat]', 'step')
        row[1].set_xticks(range(len(early)))
        row[1].set_xticklabels(map(str, early))
        row[1].set_xlim(-0.5, max(len(early), 1) - 0.5)
    row[0].legend(fontsize=8)
    return plots.rendered(figure)


def heading(measurements, text):
    """The blocks that the page begins with. `text`: the rules."""
    settings = measurements.content['settings']
    versions = sorted({figures['made_with'] for kind, parts in (('losses', 3), ('scores', 3))
                       for figures in measurements.of(kind, *[None] * parts)})
    real = measurements.content['real']
    return [('text', 'Made by scripts/reproduce_blogs.py (%s%s%s%s).' % (
        settings['dataset'], ', batches of %d' % settings['batch_size']
        if settings['batch_size'] else '', ', trained with ' + ', '.join(versions) if versions else '',
        '; %d images scored, by a classifier that gets %.2f %% of the test images right' % (
            settings['num_images'], 100 * real['classifier_accuracy']) if real else '')), ('text', text)]


def short(value):
    """A loss as it is kept: six digits are more than any table shows."""
    return float('%.6g' % value) if math.isfinite(value) else value

