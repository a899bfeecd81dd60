"""What is made of the times: ratios, the tables of README.md, the JSON file and the figures."""
import io

import matplotlib
import numpy as np

matplotlib.use('Agg')
from matplotlib import pyplot as plt

from benchmarking.contestants import FLOOR, IMAGE_SIZES_BATCH, OURS, POST

PRECISIONS = ('float32', 'bfloat16')
_COLOURS = {'the post': '#7f7f7f', OURS: '#1f77b4', 'Keras': '#d6a02a', 'PyTorch': '#c44e52'}


def _find(results, name, precision, schedule=None):
    return next((result for result in results if (result.name, result.precision) == (name, precision)
                 and result.unavailable is None and schedule in (None, result.schedule)), None)


def ratio(slower, faster):
    """(median, lowest, highest) of the window-by-window ratios, or None where one did not run."""
    if slower is None or faster is None:
        return None
    ratios = np.array(slower.milliseconds) / np.array(faster.milliseconds)
    return float(np.median(ratios)), float(ratios.min()), float(ratios.max())


def best(results, family, precision, schedule):
    """The fastest by median of those whose name begins with `family`, or None."""
    running = [result for result in results if result.name.startswith(family) and result.precision == precision
               and result.schedule == schedule and result.unavailable is None]
    return min(running, key=lambda result: np.median(result.milliseconds), default=None)


def comparisons(results):
    """What our loops are to the others, by (schedule, precision): a list of dicts for tables and the JSON file."""
    found = []
    for ours in results:
        if ours.name != OURS or ours.unavailable is not None:
            continue
        row = {'schedule': ours.schedule, 'precision': ours.precision}
        post = _find(results, POST, 'float32')
        floor = _find(results, FLOOR, ours.precision, ours.schedule)
        row['post'] = ratio(post, ours)
        for family in ('PyTorch', 'Keras'):
            rival = best(results, family, ours.precision, ours.schedule)
            row[family] = ratio(rival, ours)
            row['best ' + family] = rival.name if rival else None
        row['floor'] = ratio(floor, ours)
        found.append(row)
    return found


def _times(value):
    return '–' if value is None else '%.2f (%.2f–%.2f)' % tuple(value)


def _mib(size):
    return '–' if size is None else '%.0f' % (size / 2 ** 20)


def _table(head, rows):
    return '\n'.join('| %s |' % ' | '.join(row) for row in [head, ['---'] * len(head), *rows]) + '\n'


def _milliseconds(value):
    return '%.0f' % value if value >= 100 else '%.1f' % value if value >= 10 else '%.2f' % value


def _race_table(results, schedule, batch_size):
    """One schedule's contestants; the post's own loop is in each, as what they are compared with."""
    post = _find(results, POST, 'float32')
    on_gpu = any(result.device_peak for result in results)
    head = ['', 'precision', 'ms a step', 'range', 'images/s', "times the post's own", 'peak memory, MiB'] + (
        ['of the GPU, MiB'] if on_gpu else [])
    rows = []
    for result in results:
        if result.schedule != schedule and result.name != POST:
            continue
        if result.unavailable is not None:
            rows.append([result.name, result.precision, 'not here: ' + result.unavailable.replace('|', '\\|'),
                         *[''] * (len(head) - 3)])
            continue
        median = np.median(result.milliseconds)
        rows.append([
            result.name, result.precision, _milliseconds(median),
            '%s–%s' % (_milliseconds(min(result.milliseconds)), _milliseconds(max(result.milliseconds))),
            '%.0f' % (1000 * batch_size / median), _times(ratio(post, result)),
            '' if result.name == FLOOR else _mib(result.peak),
            *([_mib(result.device_peak)] if on_gpu else [])])
    return _table(head, rows)


def _comparison_table(results):
    rows = []
    for row in comparisons(results):
        rows.append([row['schedule'], row['precision'], _times(row['post']),
                     *[_times(row[family]) + (', ' + row['best ' + family] if row['best ' + family] else '')
                       for family in ('PyTorch', 'Keras')],
                     '–' if row['floor'] is None else '%.0f %%' % (100 * row['floor'][0])])
    return _table(['schedule', 'precision', "the post's own loop", "PyTorch's best", "Keras's best",
                   'share of the floor'], rows)


def _growth_tables(growth):
    text = ''
    for what in dict.fromkeys(entry.what for entry in growth):
        rows = []
        for entry in growth:
            if entry.what == what:
                result = entry.result
                rows.append([str(entry.size), result.precision] + (
                    ['not here: ' + result.unavailable, '', ''] if result.unavailable is not None else [
                        _milliseconds(np.median(result.milliseconds)), _mib(result.peak), _mib(result.device_peak)]))
        text += '\n' + _table([what, 'precision', 'ms a step', 'peak memory, MiB', 'of the GPU, MiB'], rows)
    return text


def readme(races, growth, how):
    """README.md.

    Args:
      races: {recipe: list of `race.Result`}.
      growth: {recipe: list of `growth.Growth`}.
      how: a dict with device, python, windows, frameworks, and batch_sizes by recipe.
    """
    text = '''# Speed

Made by `scripts/benchmark.py` on %(device)s, with Python %(python)s and %(frameworks)s.

Every contestant waits in a process of its own and trains when it is its turn: %(windows)d counted windows each, in an
order that is shuffled anew for every window. Milliseconds are medians of the windows, with their range. A ratio is the
median of the window-by-window ratios (lowest–highest): above 1, ours or the contestant is the faster one. Memory is the
most that the process ever held, its libraries included. While it waits, none took more than %(idle).1f %% of a core.

**The post's own loop**: post 002 (`graph_mode`) runs its losses, the generator's step and the discriminator's in three
`Session.run`s, and no update ops; post 004 (`sparse_softmax`) runs two; both feed from NumPy. Post 001
(`learnopencv_torch`) is plain PyTorch. **GEMM floor**: the FLOPs of the step's convolutions and dense layers inside the
image, at the best rate that TensorFlow multiplies matrices of these shapes with (formula in
`scripts/benchmarking/floor.py`). All train on digits in memory; no contestant reads or decodes files.
Beside other work PyTorch can get many times slower, for OpenMP's threads spin while they wait: GOMP_SPINCOUNT=1000 in
the environment helps then, and costs it some percent on a quiet machine.
''' % how
    for recipe, results in races.items():
        text += '\n## %s, batches of %d\n' % (recipe, how['batch_sizes'][recipe])
        text += '\n![%s](%s.png)\n' % (recipe, recipe)
        text += '\nOurs, compared within this one run:\n\n' + _comparison_table(results)
        for schedule in dict.fromkeys(result.schedule for result in results):
            text += '\nSchedule `%s`:\n\n%s' % (schedule, _race_table(results, schedule, how['batch_sizes'][recipe]))
        floors = [result for result in results if result.name == FLOOR and result.details]
        for schedule in dict.fromkeys(result.schedule for result in floors):
            text += '\nFloor of `%s`: %.1f GFLOP a step; as matrix products %s.\n' % (
                schedule, next(r for r in floors if r.schedule == schedule).details['gflop_a_step'],
                ', '.join('%.0f GFLOP/s in %s' % (
                    result.details['gflop_a_step'] / np.median(result.milliseconds) * 1000, result.precision)
                    for result in floors if result.schedule == schedule))
        if growth.get(recipe):
            text += '\n### How %s grows\n\n' % recipe
            text += ('Ours alone, each figure in a fresh process; in batches of %d where the images grow, of the '
                     'recipe\'s size where the data set grows.\n' % IMAGE_SIZES_BATCH)
            text += _growth_tables(growth[recipe])
    return text


def _colour(name):
    return next((colour for start, colour in _COLOURS.items() if name.startswith(start)), 'black')


def figure(recipe, results, batch_size, device):
    """A PNG: one panel a schedule, a bar a contestant, the floors as lines."""
    schedules = list(dict.fromkeys(result.schedule for result in results))
    panels = []
    for schedule in schedules:
        panels.append([result for result in results if result.unavailable is None and result.name != FLOOR
                       and (result.schedule == schedule or result.name == POST)])
    heights = [max(2, len(panel)) for panel in panels]
    fig, axes = plt.subplots(len(panels), figsize=(9, 1.6 + 0.32 * sum(heights) + 0.6 * len(panels)), squeeze=False,
                             sharex=True, gridspec_kw={'height_ratios': heights}, layout='constrained')
    for axis, schedule, panel in zip(axes[:, 0], schedules, panels):
        for place, result in enumerate(panel):
            median = np.median(result.milliseconds)
            low, high = min(result.milliseconds), max(result.milliseconds)
            axis.barh(place, median, xerr=[[median - low], [high - median]], color=_colour(result.name), height=0.7,
                      alpha=1. if result.precision == 'float32' else 0.6, error_kw={'elinewidth': 1, 'capsize': 2})
            axis.text(high, place, '  ' + _milliseconds(median), va='center', fontsize=8)
        for precision, style in zip(PRECISIONS, ('-', '--')):
            floor = _find(results, FLOOR, precision, schedule)
            if floor:
                axis.axvline(np.median(floor.milliseconds), color='black', linestyle=style, linewidth=1,
                             label='floor, ' + precision)
        axis.set_yticks(range(len(panel)))
        axis.set_yticklabels(['%s, %s' % (result.name, result.precision) for result in panel], fontsize=8)
        axis.invert_yaxis()
        axis.set_title(schedule, fontsize=9, loc='left')
        for side in ('top', 'right'):
            axis.spines[side].set_visible(False)
        if axis.get_legend_handles_labels()[0]:
            axis.legend(fontsize=8, loc='lower right', bbox_to_anchor=(1.02, 0.98), ncol=2, frameon=False)
    longest = max([max(result.milliseconds) for panel in panels for result in panel], default=1.)
    axes[-1, 0].set_xlim(0, 1.12 * longest)
    axes[-1, 0].set_xlabel('milliseconds a step: median and range of the windows')
    fig.suptitle('%s, batches of %d, %s' % (recipe, batch_size, device), fontsize=10)
    buffer = io.BytesIO()
    fig.savefig(buffer, format='png', dpi=110)
    plt.close(fig)
    return buffer.getvalue()
