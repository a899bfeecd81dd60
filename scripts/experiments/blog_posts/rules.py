"""Compares published numbers with ours: pure functions that implement rules.md."""
import math
from typing import Dict, List, NamedTuple, Optional, Sequence

import numpy as np

LOW, HIGH = 2.5, 97.5  # percentiles of the central 95%
MIN_LIKELIHOOD_RATIO = 20.  # of a table that we support, compared with the other one


class Summary(NamedTuple):
    """Describes several values."""
    count: int
    mean: float
    sd: float  # NaN for a single value
    smallest: float
    largest: float
    low: float  # percentile LOW
    high: float  # percentile HIGH


class Number(NamedTuple):
    """A published number and our values of the same quantity."""
    name: str
    step: int
    published: float
    at: Dict[int, float]  # {seed: value at this step}
    around: Dict[int, List[float]]  # {seed: values at this and the neighboring steps}


def summary(values: Sequence[float]) -> Summary:
    """Summarizes one or more values."""
    values = np.asarray(values, float)
    low, high = np.percentile(values, [LOW, HIGH])
    sd = values.std(ddof=1) if len(values) > 1 else math.nan
    return Summary(len(values), values.mean(), sd, values.min(), values.max(), low, high)


def inside(value: float, values: Sequence[float]) -> bool:
    """Whether a value lies in the central 95% of others."""
    low, high = np.percentile(values, [LOW, HIGH])
    return bool(low <= value <= high)


def share_below(value: float, values: Sequence[float]) -> float:
    """The share of `values` that are smaller, from 0 to 1. Equal ones count half."""
    values = np.asarray(values)
    return float(np.mean(values < value) + np.mean(values == value) / 2)


def pooled(number: Number, without: Optional[int] = None) -> List[float]:
    """Our values at and around the step, of all seeds or of all seeds but one."""
    return [value for seed, values in number.around.items() if seed != without for value in values]


def count_inside(numbers: Sequence[Number]) -> int:
    """How many of the published numbers are inside our values."""
    return sum(inside(number.published, pooled(number)) for number in numbers)


def own_counts(numbers: Sequence[Number], seeds: Sequence[int]) -> List[int]:
    """The same count for each of our seeds, compared with the other seeds as if it had been published."""
    return [sum(inside(number.at[seed], pooled(number, without=seed)) for number in numbers)
            for seed in seeds]


def table_verdict(count: int, own: Sequence[int]) -> str:
    """The verdict on a table with `count` numbers inside; `own` is the result of `own_counts`."""
    if len(own) < 2:
        return 'undecided'
    return 'reproduced' if count >= min(own) else 'not reproduced'


def log_likelihood_ratio(numbers: Sequence[Number], others: Sequence[float]) -> float:
    """The logarithm of the likelihood ratio of the published numbers and others.

    Args:
      numbers: our values are taken as independent and normal, with their means and standard deviations.
      others: the values in another table.
    Returns:
      Positive if our values support `numbers`, negative if they support `others`; NaN with too few values.
    """
    total = 0.
    for number, other in zip(numbers, others):
        ours = summary(pooled(number))
        total += ((other - ours.mean) ** 2 - (number.published - ours.mean) ** 2) / (2 * ours.sd ** 2)
    return total


def supported(log_ratio: float, numbers: Sequence[Number], others: Sequence[Number]) -> str:
    """Which of two tables our values support: 'first', 'second' or 'neither'.

    Args:
      log_ratio: of the first table over the second, by `log_likelihood_ratio`.
      numbers, others: the numbers of the first and the second table where these differ.
    """
    for name, sign, table in (('first', 1, numbers), ('second', -1, others)):
        if sign * log_ratio > math.log(MIN_LIKELIHOOD_RATIO) and count_inside(table) * 2 > len(table):
            return name
    return 'neither'


def main_length(runs: Dict[int, Sequence[object]]) -> Optional[int]:
    """The number of steps that verdicts are about: that of most runs, and the longest of several such.

    Args:
      runs: {steps: runs of this length}.
    Returns:
      The number of steps, or None without runs.
    """
    return max(runs, key=lambda steps: (len(runs[steps]), steps), default=None)


def mostly(holds: Sequence[bool]) -> bool:
    """Whether more than half of these are true."""
    return sum(holds) * 2 > len(holds)


def double_sigmoid_bounds() -> Sequence[float]:
    """Bounds of the loss of calling an image real through two sigmoids: log(1 + 1/e) and log 2.

    The argument of the outer sigmoid lies between 0 and 1, and the loss is log(1 + exp(−argument)).
    """
    return math.log(1 + math.exp(-1)), math.log(2)
