"""How a published number is compared with ours: pure functions, whose rules are said in scripts/reproduce_blogs.py."""
import collections
import math

import numpy as np

LOW, HIGH = 2.5, 97.5  # percentiles: the central 95 %
ODDS = 20.  # so many times as likely must a table be, to be supported

# Of our values: how many, mean, standard deviation (nan of one), smallest, largest; the percentiles LOW and HIGH.
Summary = collections.namedtuple('Summary', 'count mean sd smallest largest low high')

# A published number and ours of the same quantity: at: {seed: what that seed has there}; around: {seed: a list, what
# it has there and at the neighbouring steps}.
Number = collections.namedtuple('Number', 'name step published at around')


def summary(values):
    """The `Summary` of numbers, one or more."""
    values = np.asarray(values, float)
    low, high = np.percentile(values, [LOW, HIGH])
    return Summary(len(values), values.mean(), values.std(ddof=1) if len(values) > 1 else math.nan, values.min(),
                   values.max(), low, high)


def inside(value, values):
    """Whether a value lies in the central 95 % of others."""
    low, high = np.percentile(values, [LOW, HIGH])
    return bool(low <= value <= high)


def share_below(value, values):
    """Share of the others that are smaller, equal ones counted half: 0 where it is below all, 1 above all."""
    values = np.asarray(values)
    return float(np.mean(values < value) + np.mean(values == value) / 2)


def pooled(number, without=None):
    """Our values of a `Number` at and around its step, of all seeds or of all but one."""
    return [value for seed, values in number.around.items() if seed != without for value in values]


def count_inside(numbers):
    """How many of the published numbers lie inside ours."""
    return sum(inside(number.published, pooled(number)) for number in numbers)


def own_counts(numbers, seeds):
    """The same count of each seed of ours, as if its numbers were published, against the other seeds."""
    return [sum(inside(number.at[seed], pooled(number, without=seed)) for number in numbers) for seed in seeds]


def table_verdict(count, own):
    """Of a table of which `count` numbers lie inside; `own`: what `own_counts` gave."""
    if len(own) < 2:
        return 'undecided'
    return 'reproduced' if count >= min(own) else 'not reproduced'


def log_odds(numbers, others):
    """Logarithm of how many times as likely the published numbers are as others, under ours.

    Args:
      numbers: `Number`s. Ours are taken for normal, with their mean and standard deviation, and for independent.
      others: what another table has in their places.
    Returns: positive where ours support the numbers, negative where the others; nan where there are too few of ours.
    """
    total = 0.
    for number, other in zip(numbers, others):
        found = summary(pooled(number))
        total += ((other - found.mean) ** 2 - (number.published - found.mean) ** 2) / (2 * found.sd ** 2)
    return total


def supported(log_odds, numbers, others):
    """Which of two tables ours support: 'first' (that of `numbers`), 'second' (that of `others`) or 'neither'.

    Args: `log_odds` of the first over the second; the `Number`s in which they differ, of either.
    """
    for name, sign, table in (('first', 1, numbers), ('second', -1, others)):
        if sign * log_odds > math.log(ODDS) and count_inside(table) * 2 > len(table):
            return name
    return 'neither'


def main_end(runs):
    """After how many steps the verdicts are: where most seeds were trained to, the longest of several such.

    Args: {steps: list of runs}. Returns: steps; None where there is no run.
    """
    return max(runs, key=lambda steps: (len(runs[steps]), steps), default=None)


def mostly(holds):
    """Whether something holds of more than half of a list of truth values."""
    return sum(holds) * 2 > len(holds)


def double_sigmoid_bounds():
    """The range of the loss of calling an image real through two sigmoids: from log(1 + 1/e) to log 2.

    The outer sigmoid's argument lies in (0, 1), and the loss is log(1 + exp(−argument)).
    """
    return math.log(1 + math.exp(-1)), math.log(2)
