"""Compares results of one run of the benchmark: ratios of times within the same round of windows."""
from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy as np

from scripts.benchmarks.training.catalog import AUTO, BOUND, CONTROL, PACKAGE, POST, is_fixed_choice
from scripts.benchmarks.training.race import Result

FRAMEWORKS = ('PyTorch', 'Keras')  # how the names of their implementations begin

Median = Tuple[float, float, float]  # with its interval, see `median`


def median(values: Sequence[float]) -> Median:
    """The median, and the interval that contains the true median with a confidence of at least 95%.

    The interval is that of the sign test: if windows are independent, the number of those below the true median has a
    binomial distribution. Fewer than six do not suffice for 95%: their interval is their range (94% for five).
    """
    ordered = np.sort(values)
    probabilities = (np.poly1d([0.5, 0.5]) ** len(ordered)).coeffs  # of 0, 1, … windows below the true median
    left_out = max(1, int(np.sum(np.cumsum(probabilities) <= 0.025)))  # at either end
    return float(np.median(ordered)), float(ordered[left_out - 1]), float(ordered[-left_out])


def ratio(slower: Optional[Result], faster: Optional[Result]) -> Optional[Median]:
    """How many times as fast one implementation is as another, or None if one of them is missing.

    The median of the ratios within the same round of windows.
    """
    if slower is None or faster is None:
        return None
    return median(np.array(slower.milliseconds) / np.array(faster.milliseconds))


def fastest(results: Sequence[Result], prefix: str, schedule: str, precision: str) -> Optional[Result]:
    """The implementation with the lowest median whose name begins with `prefix`, or None."""
    candidates = [result for result in results if result.name.startswith(prefix) and result.unavailable is None
                  and (result.schedule, result.precision) == (schedule, precision)]
    return min(candidates, key=lambda result: np.median(result.milliseconds), default=None)


def find(results: Sequence[Result], name: str, schedule: str, precision: str) -> Optional[Result]:
    """The available result of an implementation, or None."""
    return next((result for result in results if result.unavailable is None
                 and (result.name, result.schedule, result.precision) == (name, schedule, precision)), None)


def compare(results: Sequence[Result]) -> List[Dict[str, Any]]:
    """Compares the package's fixed choices with the others, for each schedule and precision.

    A post's loop is only compared with the schedule that it runs itself.
    Returns: dicts for tables and benchmark.json. `name` is that of the choice. `post`, `PyTorch`, `Keras` and
      `gemm_bound` are ratios to its time, or None.
    """
    rows = []
    for package in results:
        if not is_fixed_choice(package.name) or package.unavailable is not None:
            continue
        row = {'name': package.name, 'schedule': package.schedule, 'precision': package.precision,
               'post': ratio(find(results, POST, package.schedule, 'float32'), package)}
        for framework in FRAMEWORKS:
            other = fastest(results, framework, package.schedule, package.precision)
            row[framework] = ratio(other, package)
            row['best ' + framework] = other.name if other else None
        row['gemm_bound'] = ratio(find(results, BOUND, package.schedule, package.precision), package)
        rows.append(row)
    return rows


def compare_auto(results: Sequence[Result]) -> List[Dict[str, Any]]:
    """Compares what the package chooses itself with the fastest of its fixed choices, for each schedule.

    Returns: dicts with the schedule, the `choice` of precision and kernels, the name of the `best` fixed choice, and
      in `auto` how many times as fast as that it is.
    """
    rows = []
    for auto in results:
        others = [result for result in results if is_fixed_choice(result.name)
                  and result.schedule == auto.schedule and result.unavailable is None]
        if auto.name == AUTO and auto.unavailable is None and others:
            best = min(others, key=lambda result: np.median(result.milliseconds))
            rows.append({'schedule': auto.schedule, 'choice': auto.details,
                         'best': '%s, %s' % (best.name, best.precision), 'auto': ratio(best, auto)})
    return rows


def control(results: Sequence[Result]) -> Optional[Median]:
    """How many times as fast the package is as the same program in another process, or None if that did not run."""
    controls = [result for result in results if result.name == CONTROL and result.unavailable is None]
    return ratio(controls[0], find(results, PACKAGE, controls[0].schedule, 'float32')) if controls else None


def deviation(results: Sequence[Result]) -> float:
    """The largest deviation of a window from the median of its implementation, as a share of the median."""
    deviations = [abs(value / np.median(result.milliseconds) - 1) for result in results
                  if result.unavailable is None for value in result.milliseconds]
    return float(max(deviations, default=0.))
