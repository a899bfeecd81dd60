"""Post 002: what inference mode does without update ops, and the comparison with the baseline."""
import collections
import os
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

import numpy as np

from dcgan_tf1.metrics import title as score_title
from dcgan_tf1.util import charts, image_files
from scripts.experiments.blog_posts import rules
from scripts.experiments.blog_posts.layout import NOT_MEASURED, Block, Section, row
from scripts.experiments.blog_posts.values import made_with, mean_and_sd, number, value_range, verdict
from scripts.lib.measurements import Measurements

STRETCHED = 'never updated, stretched'  # images of mode "never updated", shown as the post shows them
# (recipe, mode): the name in tables.
_VARIANTS = collections.OrderedDict([
    (('graph_mode_dense', 'batch'), 'dense baseline (has no batch norm)'),
    (('graph_mode', 'batch'), 'DCGAN, training mode'),
    (('graph_mode', 'never updated'), 'DCGAN, inference mode as printed'),
    (('graph_mode', STRETCHED), 'the same images, contrast stretched'),
    (('graph_mode', 'moving 0.99'), 'DCGAN, inference mode, update ops run'),
    (('graph_mode', 'standing 100'), 'DCGAN, standing statistics'),
])
_VIEWS = {'never updated': 'as generated', STRETCHED: 'stretched'}  # the images that the findings are about
_SCORES = ('frechet_distance', 'precision', 'recall', 'classifier_score', 'most_frequent_share', 'modes',
           'sharpness_ratio')
# Images with less than this share of the reference's sharpness are far from "slightly" blurry, and hardly
# more than gray.
_NEARLY_GRAY = 0.1
_DIRECTION_ONLY = 'direction reproduced; magnitude far larger'

Scores = Dict[Tuple[str, str, int], List[Dict[str, Any]]]  # {(recipe, mode, steps): scores of each seed}


def section(published: Dict[str, Any], measurements: Measurements, folder: str) -> Section:
    """The results on the post. `folder` holds samples/."""
    runs = {recipe: _by_length(measurements, recipe)
            for recipe in (published['recipe'], published['baseline'])}
    lengths = {recipe: rules.main_length(by_length) for recipe, by_length in runs.items()}
    missing = [recipe for recipe, steps in lengths.items() if steps is None]
    if len(missing) == len(runs):
        return Section(NOT_MEASURED, [], None)
    scores = collections.OrderedDict(
        ((recipe, mode, steps), [run['modes'][mode] for run in group])
        for recipe, mode in _VARIANTS for steps, group in runs[recipe].items())
    real = measurements.content['real']['scores']
    blocks, verdicts = [('text', _description(runs)), _score_table(scores, real)], []
    if lengths['graph_mode']:
        findings = _findings(published, scores, lengths['graph_mode'])
        verdicts += _summaries(findings)
        blocks += [_finding_table(findings), ('text', _stretching(findings, lengths['graph_mode'])),
                   *(('text', _chance(findings, steps)) for steps in runs['graph_mode']),
                   ('text', _explanation(published, scores, lengths['graph_mode']))]
    if not missing:
        better, text = _compare_with_baseline(scores, lengths)
        blocks.append(('text', text))
        verdicts.append(better)
    shown = [key for key in scores if key[2] == lengths[key[0]] and key[1] != 'standing 100']
    blocks.append(('figure', 'post_002.png', 'Images and their digits: images of seed 0 from the same latent '
                   'vectors; bars are mean shares of the digits, dots the seeds, the line real test images',
                   _figure(scores, shown, real['histogram'], folder)))
    return Section('; '.join(verdicts), blocks, ' and '.join(missing) or None)


def sample_path(folder: str, recipe: str, mode: str, steps: int) -> str:
    """The path of the images of seed 0."""
    name = mode.replace(', ', ' ').replace(' ', '_')
    return os.path.join(folder, 'samples', '%s-%s-%d.png' % (recipe, name, steps))


def _by_length(measurements, name):
    """{steps: runs of all seeds of this length}."""
    runs = {}
    for run in measurements.values('scores', name, None, None):
        runs.setdefault(run['steps'], []).append(run)
    return collections.OrderedDict(sorted(runs.items()))


def _description(runs) -> str:
    return 'Trainings: %s.' % '; '.join(
        '%s, %d steps: %s' % (recipe, steps, ', '.join(made_with(group)))
        for recipe, by_length in runs.items() for steps, group in by_length.items())


def _score_table(scores: Scores, real: Dict[str, Any]) -> Block:
    rows = [(None, [_VARIANTS[recipe, mode], str(len(seeds)), str(steps),
                    *(mean_and_sd([each[score] for each in seeds]) for score in _SCORES)])
            for (recipe, mode, steps), seeds in scores.items()]
    rows.append((None, ['real test images', '', '', *(number(real[score]) for score in _SCORES)]))
    return 'table', ['images', 'seeds', 'steps', *map(score_title, _SCORES)], rows


class _Finding(NamedTuple):
    """A finding of the post, measured in one view of the images after some number of steps."""
    claim: str
    mode: str
    steps: int
    values: List[str]  # of the seeds
    holds: List[bool]  # for each seed
    verdict: Optional[str]  # None if the verdicts use another number of steps


def _findings(published: Dict[str, Any], scores: Scores, main_length: int) -> List[_Finding]:
    digit = published['most_frequent_digit']
    findings = []
    claims = (
        ('in most cases the same number', lambda seed, _: seed['most_frequent_share'], '%.2f',
         lambda share: share > 0.5, rules.mostly),
        ('that number is %d' % digit, lambda seed, _: np.argmax(seed['histogram']), '%d',
         lambda value: value == digit, any),
        ('slightly blurry', lambda seed, training_mode: seed['sharpness'] / training_mode['sharpness'],
         '%.3g', lambda ratio: ratio < 1, rules.mostly))
    for claim, measure, form, condition, rule in claims:
        for (recipe, mode, steps), seeds in scores.items():
            if recipe != 'graph_mode' or mode not in _VIEWS:
                continue
            values = [measure(*pair) for pair in zip(seeds, scores[recipe, 'batch', steps])]
            holds = [bool(condition(value)) for value in values]
            judged = None
            if steps == main_length:
                judged = verdict(rule(holds))
                if claim == 'slightly blurry' and rule(holds) and np.median(values) < _NEARLY_GRAY:
                    judged = _DIRECTION_ONLY
                if claim == 'in most cases the same number' and rule(holds) and _nearly_gray(seeds):
                    judged += ', but the images are nearly gray'
            findings.append(_Finding(claim, mode, steps, [form % value for value in values], holds, judged))
    return findings


def _nearly_gray(seeds) -> bool:
    return np.mean([seed['sharpness_ratio'] for seed in seeds]) < _NEARLY_GRAY


def _summaries(findings: List[_Finding]) -> List[str]:
    """A verdict per claim."""
    by_claim = collections.OrderedDict()
    for finding in findings:
        if finding.verdict:
            by_view = by_claim.setdefault(finding.claim, collections.OrderedDict())
            by_view[_VIEWS[finding.mode]] = finding.verdict
    summaries = []
    for claim, by_view in by_claim.items():
        if len(set(by_view.values())) == 1:
            summaries.append('"%s": %s' % (claim, next(iter(by_view.values()))))
        else:
            summaries.append('"%s": %s' % (claim, '; '.join('%s, %s' % pair for pair in by_view.items())))
    return summaries


def _finding_table(findings: List[_Finding]) -> Block:
    measured = {'slightly blurry': 'sharpness divided by that of training mode',
                'in most cases the same number': 'share of the most frequent digit'}
    rows = [row(finding.verdict != verdict(False), [
        '"%s"' % finding.claim, measured.get(finding.claim, 'most frequent digit'), _VIEWS[finding.mode],
        str(finding.steps), ', '.join(finding.values), '%d of %d' % (sum(finding.holds), len(finding.holds)),
        finding.verdict or '']) for finding in findings]
    return 'table', ['the post\'s finding', 'measured as', 'images', 'steps', 'our seeds',
                     'seeds for which it holds', 'verdict'], rows


def _stretching(findings: List[_Finding], steps: int) -> str:
    """Says for how many seeds the same number appears mostly, with and without stretching."""
    counts = {finding.mode: '%d of %d' % (sum(finding.holds), len(finding.holds)) for finding in findings
              if finding.steps == steps and finding.claim == 'in most cases the same number'}
    return ('After %d steps, most images show the same digit for %s seeds with the images as generated, and '
            'for %s seeds with the contrast stretched, which is how the post shows them.' % (
                steps, counts['never updated'], counts[STRETCHED]))


def _chance(findings: List[_Finding], steps: int) -> str:
    """What the most frequent digits of the seeds say, if every seed drew one of the ten at random."""
    finding = next(finding for finding in findings if finding.steps == steps and finding.mode == STRETCHED
                   and finding.claim.startswith('that number is'))
    digit, count = finding.claim[-1], len(finding.values)
    text = 'After %d steps, the most frequent digits of the seeds are %s (contrast stretched).' % (
        steps, ', '.join(finding.values))
    if not any(finding.holds):
        text += (' If every seed drew one of the ten digits with equal probability, none of %d would draw a %s with a '
                 'probability of %.2g%%.' % (count, digit, 100 * .9 ** count))
    if count > 1 and len(set(finding.values)) == 1:
        text += ' All would draw the same digit with a probability of %.2g%%.' % (100 * .1 ** (count - 1))
    return text


def _explanation(published: Dict[str, Any], scores: Scores, steps: int) -> str:
    """Compares the statistics, which alone differ between the modes."""
    parts = []
    for mode in ('never updated', STRETCHED, 'moving 0.99', 'standing 100'):
        seeds = scores['graph_mode', mode, steps]
        parts.append('%s: share of the most frequent digit %.2f, Fréchet distance %.3g' % (
            _VARIANTS['graph_mode', mode], np.mean([each['most_frequent_share'] for each in seeds]),
            np.mean([each['frechet_distance'] for each in seeds])))
    text = ('All modes use the same weights, so their differences are caused by the statistics alone. Means '
            'over the seeds after %d steps: %s.' % (steps, '; '.join(parts)))
    full_length = published['steps']['graph_mode']
    if steps < full_length:
        num_full_length = len(scores.get(('graph_mode', 'batch', full_length), ()))
        text += (' The post trained for %d steps and judged the images by eye. Number of our trainings with '
                 'this length: %d.' % (full_length, num_full_length))
    if _nearly_gray(scores['graph_mode', 'never updated', steps]):
        text += (' As generated, the images of the printed code have less than a tenth of the sharpness of '
                 'real images: they are hardly more than gray, and the digits that the classifier assigns to '
                 'them say more about the classifier than about the images.')
    return text


def _compare_with_baseline(scores: Scores, lengths: Dict[str, int]) -> Tuple[str, str]:
    """A verdict, and sentences that explain it."""
    dcgan, baseline = ([seed['frechet_distance'] for seed in scores[recipe, 'batch', lengths[recipe]]]
                       for recipe in ('graph_mode', 'graph_mode_dense'))
    if max(dcgan) < min(baseline):
        result = 'the DCGAN is better than the baseline'
    elif max(baseline) < min(dcgan):
        result = 'the baseline is better than the DCGAN'
    else:
        result = 'the DCGAN and the baseline cannot be told apart'
    text = 'The Fréchet distances of the DCGAN are %s, those of the dense baseline %s: by the rule, %s.' % (
        value_range(dcgan, '%.3g'), value_range(baseline, '%.3g'), result)
    return result, text


def _figure(scores: Scores, shown, real, folder: str) -> bytes:
    drawing = charts.figure(7, 1.4 * len(shown) + 0.2)
    grid = drawing.subplots(len(shown), 2, squeeze=False, sharey='col',
                            gridspec_kw={'width_ratios': [2, 1]})
    for (left, right), key in zip(grid, shown):
        path = sample_path(folder, *key)
        if os.path.exists(path):
            left.imshow(image_files.read_image(path), interpolation='nearest', aspect='equal')
        left.set_xticks([])
        left.set_yticks([])
        values = [each['sharpness_ratio'] for each in scores[key]]
        digits = 3 if np.mean(values) < 0.1 else 2
        sharpness = '%.*f' % (digits, np.mean(values))
        sharpness += ' ± %.*f' % (digits, np.std(values, ddof=1)) if len(values) > 1 else ''
        name = _VARIANTS[key[:2]]
        left.set_title('%s\n%s steps, sharpness %s' % (name[0].upper() + name[1:], f'{key[2]:,}', sharpness),
                       fontsize=9, loc='left')
        shares = np.array([each['histogram'] for each in scores[key]])
        charts.bars(right, shares.mean(axis=0), real)
        for each in shares:
            right.plot(range(len(each)), each, '.', color=charts.COLORS['black'], markersize=3)
        charts.label(right, y='Share', x='Digit' if right is grid[-1, 1] else None)
    return charts.render(drawing)
