"""Tables of losses, as in posts 000 and 004."""
from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy as np

from scripts.experiments.blog_posts import rules
from scripts.experiments.blog_posts.layout import Block
from scripts.experiments.blog_posts.rules import Number
from scripts.experiments.blog_posts.values import number, value_range


def numbers(rows: Sequence[Sequence[float]], columns: Sequence[str], runs: Sequence[Dict[str, Any]],
            first_steps: Sequence[Dict[str, Any]] = ()) -> List[Number]:
    """The published losses for which we have values.

    Args:
      rows, columns: the published table; its first column is the step.
      runs: our trainings.
      first_steps: our losses of the first step, for each seed.
    """
    measured = []
    for step, *values in rows:
        for loss, published in zip(columns[1:], values):
            if step == 1:
                at = {first['seed']: first[loss] for first in first_steps}
                around = {seed: [value] for seed, value in at.items()}
            else:
                ours = {run['seed']: run['losses'][loss].get(str(step)) for run in runs}
                at = {seed: stored['at'] for seed, stored in ours.items() if stored}
                around = {seed: stored['around'] for seed, stored in ours.items() if stored}
            if at:
                measured.append(Number(loss, step, published, at, around))
    return measured


def table_size(published: Dict[str, Any]) -> int:
    """The number of losses in a post's table."""
    return len(published['losses']) * (len(published['columns']) - 1)


def judge(name: str, measured: Sequence[Number], total: int) -> Tuple[str, str]:
    """The verdict on a table of `total` losses, and sentences that explain it."""
    inside, own = rules.count_inside(measured), _own_counts(measured)
    text = '%s: %d of %d numbers are inside our values' % (name, inside, len(measured))
    if own:
        text += '; of our own %d seeds, each compared with the other seeds, %s (mean %.1f)' % (
            len(own), value_range(own), np.mean(own))
    if len(measured) < total:
        verdict = 'only %d of %d numbers measured' % (len(measured), total)
        return verdict, '%s. No verdict yet: %s.' % (text, verdict)
    verdict = rules.table_verdict(inside, own)
    return verdict, '%s. Verdict: %s.' % (text, verdict)


def position(measured: Number) -> str:
    """'inside', or on which side of our values the published number lies."""
    values = rules.pooled(measured)
    if rules.inside(measured.published, values):
        return 'inside'
    return 'above' if measured.published > rules.summary(values).mean else 'below'


def loss_name(measured: Number) -> str:
    return measured.name.replace('_', ' ')


def explain_outside(measured: Sequence[Number],
                    notebook: Optional[Dict[Tuple[int, str], float]] = None) -> List[Block]:
    """Lists the numbers outside our values and what may explain them.

    Args:
      measured: a table.
      notebook: {(step, loss): the notebook's number} where it differs.
    """
    sentences = []
    for each in measured:
        if position(each) == 'inside':
            continue
        text = 'Step %d: the %s of %s is %s our values.' % (
            each.step, loss_name(each), number(each.published), position(each))
        other = (notebook or {}).get((each.step, each.name))
        if other is not None:
            text += ' The notebook has %s here, which is %s our values.' % (
                number(other), position(each._replace(published=other)))
        sentences.append(text)
    if not sentences:
        return []
    explanation = 'Each is a single step of a single run, on other hardware and with other random numbers.'
    own = _own_counts(measured)
    if own:
        outside = [len(measured) - count for count in own]
        explanation += (' In our own seeds, too, %s of %d numbers are outside the values of the other seeds.'
                        % (value_range(outside), len(measured)))
    return [('text', ' '.join([*sentences, explanation]))]


def _own_counts(measured):
    """How many numbers of each seed are inside the other seeds' values, for seeds that have all numbers."""
    if any(len(each.at) < 2 for each in measured):
        return []
    return rules.own_counts(measured, sorted(set.intersection(*(set(each.at) for each in measured))))
