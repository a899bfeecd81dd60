"""The tables of README.md."""
from typing import Optional, Sequence

import numpy as np

from dcgan_tf1.util import pages
from scripts.benchmarks.training.catalog import BOUND, POST
from scripts.benchmarks.training.comparisons import (
    FRAMEWORKS,
    Median,
    compare,
    compare_auto,
    control,
    deviation,
    find,
    median,
    ratio,
)
from scripts.benchmarks.training.measurements import Measurements
from scripts.benchmarks.training.race import Result

_INTRODUCTION = '''# Training speed on {device}

How fast does `dcgan_tf1` train, compared with the training loops of the blog posts, Keras 3 and PyTorch?
[Other processors](../README.md)

Measured by `python -m scripts.benchmarks.training` on {device}, with Python {python} and {frameworks}.
{note}Single windows deviate from the median of their implementation by up to {deviation:.0f}%, so read every
value with its interval: a ratio whose interval contains 1 may be chance.

**Method.** Every implementation waits in a process of its own. They take turns: {windows} measured windows
each, in an order that is shuffled for every round, so that a slow phase of the machine slows all of them.
Times are medians of the windows, and a ratio is the median of the ratios within the same round. In parentheses is
the interval that contains the true median with a confidence of 95%, by [a sign
test](../../../../scripts/benchmarks/training/comparisons.py). With fewer than six windows, it is the range of all of
them. In the speed-up tables a ratio says how many times as fast `dcgan_tf1` is; in the tables of all implementations,
how many times as fast each is as the post's loop. Memory is the peak that the process occupied, including its
libraries. A waiting process used at most {idle:.1f}% of a core. All train on digits in memory; none reads or decodes
files.
{huge_pages}
**Post's loop.** Post 002 (`graph_mode`) needs three `Session.run`s per step, for its losses, the generator
and the discriminator, and runs no update ops. Post 004 (`sparse_softmax`) needs two. Both feed NumPy arrays.
Post 001 (`learnopencv_torch`) is plain PyTorch. A post's loop runs only the post's own schedule, so it is not
compared with other schedules.

**GEMM bound.** The time that the step's convolutions and dense layers would take at the best rate at which
TensorFlow multiplies matrices of these shapes here, ignoring everything else. See
[gemm_bound.py](../../../../scripts/benchmarks/training/gemm_bound.py) for the formula.

PyTorch can become many times slower while other programs run, because OpenMP's threads spin while they wait.
Setting GOMP_SPINCOUNT=1000 helps then, but costs a few percent on a quiet machine.
'''
_HUGE_PAGES = '''
**Huge pages.** All processes have `GLIBC_TUNABLES=glibc.malloc.hugetlb=1`, so malloc uses huge pages (on Linux, with
glibc 2.35 or later). Without them, the speed of a process depends on where in memory its pages are.
'''


def readme(measurements: Measurements) -> str:
    """The content of README.md."""
    all_results = [result for results in measurements.races.values() for result in results]
    values = measurements._asdict()
    text = _INTRODUCTION.format(**{**values, 'note': measurements.note + '\n' * bool(measurements.note),
                                   'huge_pages': _HUGE_PAGES * measurements.huge_pages,
                                   'deviation': 100 * deviation(all_results)})
    for recipe, results in measurements.races.items():
        batch_size = measurements.batch_sizes[recipe]
        text += '\n## %s, batches of %d\n' % (recipe, batch_size)
        text += '\n![Time per step of %s](%s.png)\n' % (recipe, recipe)
        text += '\nSpeed-up of `dcgan_tf1`:\n\n' + _comparison_table(results)
        text += _control_sentence(results) + _auto_sentences(results)
        for schedule in dict.fromkeys(result.schedule for result in results):
            text += '\nAll implementations with the schedule `%s`:\n\n%s' % (
                schedule, _race_table([result for result in results if result.schedule == schedule], batch_size))
        text += _bound_sentences(results)
    return text


def _comparison_table(results: Sequence[Result]) -> str:
    rows = []
    for row in compare(results):
        frameworks = ['%s, %s' % (format_ratio(row[framework]), row['best ' + framework])
                      if row[framework] else '' for framework in FRAMEWORKS]
        rows.append([row['name'], row['schedule'], row['precision'], format_ratio(row['post']), *frameworks,
                     format_bound(row['gemm_bound'])])
    return pages.markdown_table(['program', 'schedule', 'precision', "over the post's loop", *(
        'over the fastest ' + framework for framework in FRAMEWORKS), 'GEMM bound ÷ time'], rows)


def _control_sentence(results: Sequence[Result]) -> str:
    found = control(results)
    return '' if found is None else (
        '\n`dcgan_tf1` is %s times as fast as the control, which is the same program. So differences of this size mean '
        'nothing.\n' % format_ratio(found))


def _auto_sentences(results: Sequence[Result]) -> str:
    text = ''
    for row in compare_auto(results):
        text += '\nWith the schedule `%s`, `auto` chose %s and `--kernels=%s`. It is %s times as fast as the fastest ' \
                'fixed choice, %s.\n' % (row['schedule'], row['choice']['precision'], row['choice']['kernels'],
                                         format_ratio(row['auto']), row['best'])
    return text


def _race_table(results: Sequence[Result], batch_size: int) -> str:
    """All implementations with one schedule."""
    post = find(results, POST, results[0].schedule, 'float32')
    has_gpu = any(result.device_peak for result in results)
    header = ['implementation', 'precision', 'ms per step', 'interval', 'images/s']
    header += ["speed relative to the post's loop"] * bool(post) + ['peak memory, MiB']
    header += ['peak GPU memory, MiB'] * has_gpu
    rows = []
    for result in results:
        cells = [result.name, _precision(result)]
        if result.unavailable is not None:
            cells += ['not available: ' + result.unavailable]
            rows.append(cells + [''] * (len(header) - len(cells)))
            continue
        middle, low, high = median(result.milliseconds)
        cells += [format_milliseconds(middle), '%s–%s' % (format_milliseconds(low), format_milliseconds(high)),
                  '%.0f' % (1000 * batch_size / middle)]
        cells += [format_ratio(ratio(post, result))] * bool(post)
        cells += ['' if result.name == BOUND else _mebibytes(result.peak)]
        cells += [_mebibytes(result.device_peak)] * has_gpu
        rows.append(cells)
    return pages.markdown_table(header, rows)


def _precision(result: Result) -> str:
    """The precision, and for auto also the one that it chose."""
    return result.precision if result.precision != 'auto' or result.unavailable else (
        'auto: ' + result.details['precision'])


def _bound_sentences(results: Sequence[Result]) -> str:
    bounds = [result for result in results if result.name == BOUND and result.details]
    text = ''
    for schedule in dict.fromkeys(result.schedule for result in bounds):
        of_schedule = [result for result in bounds if result.schedule == schedule]
        rates = ['%.0f GFLOP/s in %s' % (1000 * result.details['gflop_per_step'] / np.median(result.milliseconds),
                                         result.precision) for result in of_schedule]
        text += '\nGEMM bound of `%s`: %.1f GFLOP per step; matrix products reach %s.\n' % (
            schedule, of_schedule[0].details['gflop_per_step'], ', '.join(rates))
    return text


def format_milliseconds(value: float) -> str:
    """Three significant digits, or more for whole numbers."""
    digits = 0 if value >= 100 else 1 if value >= 10 else 2
    return '%.*f' % (digits, value)


def format_median(values: Sequence[float]) -> str:
    """The median of milliseconds with its interval, as '286 (277–294)'."""
    return '%s (%s–%s)' % tuple(map(format_milliseconds, median(values)))


def format_bound(value: Optional[Median]) -> str:
    """The bound as a share of the time."""
    return '' if value is None else '%.0f%%' % (100 * value[0])


def format_ratio(value: Optional[Median]) -> str:
    """A ratio with its interval."""
    return '' if value is None else '%.2f (%.2f–%.2f)' % tuple(value)


def _mebibytes(size: Optional[int]) -> str:
    return '' if size is None else '%.0f' % (size / 2 ** 20)
