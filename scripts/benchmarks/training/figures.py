"""The figure of a recipe: time per step of the main implementations."""
from typing import Any, List, Optional, Sequence, Tuple

from dcgan_tf1.util import charts
from scripts.benchmarks.training.catalog import BOUND, PACKAGE, POST
from scripts.benchmarks.training.comparisons import fastest, median
from scripts.benchmarks.training.race import Result
from scripts.benchmarks.training.report import format_milliseconds

# Labels, and how the names of the implementations begin. The fastest of each group is drawn.
_GROUPS = (("Post's loop", POST), ('Keras 3', 'Keras'), ('PyTorch, fastest', 'PyTorch'),
           ('dcgan_tf1, fastest', PACKAGE), ('GEMM bound', BOUND))
_COLORS = {'float32': charts.COLORS['sky_blue'], 'bfloat16': charts.COLORS['orange']}
_BAR_HEIGHT = 0.4  # a group has a height of 1


def time_per_step(results: Sequence[Result]) -> bytes:
    """A PNG with one panel per schedule; in each, one bar per implementation and precision."""
    schedules = list(dict.fromkeys(result.schedule for result in results))
    panels = [_groups(results, schedule) for schedule in schedules]
    heights = [max(1, len(groups)) for groups in panels]
    figure = charts.figure(7, 0.9 + 0.42 * sum(heights) + 0.35 * len(panels))
    all_axes = figure.subplots(len(panels), sharex=True, squeeze=False,
                               gridspec_kw={'height_ratios': heights})[:, 0]
    for axes, schedule, groups in zip(all_axes, schedules, panels):
        _draw(axes, groups)
        charts.label(axes, 'Schedule ' + schedule)
        axes.grid(False)  # the bars are labeled with their values
    longest = [median(result.milliseconds)[2] for groups in panels for _, bars in groups for result in bars if result]
    all_axes[-1].set_xlim(0, 1.12 * max(longest, default=1.))
    all_axes[-1].set_xlabel('Milliseconds per step: median of the windows, and its 95% interval', fontsize=9)
    drawn = {result.precision for groups in panels for _, bars in groups for result in bars if result}
    handles = {precision: all_axes[0].barh([0], [0], color=_COLORS[precision])
               for precision in _COLORS if precision in drawn}
    all_axes[0].legend(list(handles.values()), list(handles), fontsize=9, frameon=False, loc='lower right')
    return charts.render(figure)


_Group = Tuple[str, List[Optional[Result]]]  # label, a result or None for each precision in _COLORS


def _groups(results: Sequence[Result], schedule: str) -> List[_Group]:
    groups = []
    for label, prefix in _GROUPS:
        bars = [fastest(results, prefix, schedule, precision) for precision in _COLORS]
        if any(bars):
            groups.append((label, bars))
    return groups


def _draw(axes: Any, groups: Sequence[_Group]) -> None:
    for position, (_, bars) in enumerate(groups):
        for precision, offset, result in zip(_COLORS, (-_BAR_HEIGHT / 2, _BAR_HEIGHT / 2), bars):
            if result is None:
                continue
            if not all(bars):
                offset = 0  # a single bar belongs in the middle
            middle, low, high = median(result.milliseconds)
            axes.barh(position + offset, middle, height=_BAR_HEIGHT, color=_COLORS[precision],
                      xerr=[[middle - low], [high - middle]], error_kw={'elinewidth': 1, 'capsize': 2})
            axes.text(high, position + offset, '  ' + format_milliseconds(middle), va='center', fontsize=9)
    axes.set_yticks(range(len(groups)))
    axes.set_yticklabels([label for label, _ in groups])
    axes.set_ylim(len(groups) - 0.5, -0.5)
