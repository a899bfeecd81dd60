"""Figures of losses and scores, and the style of all figures."""
import io
import re
import textwrap
from typing import TYPE_CHECKING, Any, Mapping, Optional, Sequence

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's palette, which color-blind readers can tell apart, and colors by role.
COLORS = {
    'black': '#000000', 'orange': '#e69f00', 'sky_blue': '#56b4e9', 'green': '#009e73',
    'yellow': '#f0e442', 'blue': '#0072b2', 'vermilion': '#d55e00', 'purple': '#cc79a7',
    'gray': '#767676', 'light_gray': '#cccccc'}
COLORS.update(generator=COLORS['vermilion'], discriminator=COLORS['blue'], reference=COLORS['gray'])
_PANEL = (4.6, 2.7)  # inches, of a diagram of a page, where it may be 370 pixels wide
_CYCLE = ('blue', 'vermilion', 'green', 'purple', 'orange', 'sky_blue', 'black', 'yellow')


def losses(records: Sequence[Mapping[str, Any]], title: str) -> bytes:
    """Plots both losses over the steps, each in a diagram of its own.

    Args:
      records: one or more records of metrics.jsonl.
      title: title of the figure.
    Returns: the content of a PNG file.
    """
    drawing = figure(7, 2.8)
    drawing.suptitle(plain_text(title), fontsize=10)
    # A fixed layout, because to compute one takes as long as to draw.
    drawing.subplots_adjust(left=0.085, right=0.965, bottom=0.17, top=0.89, wspace=0.27)
    steps = [record['step'] for record in records]
    for axes, network in zip(drawing.subplots(1, 2), ('generator', 'discriminator')):
        values = np.array([record[network + '_loss'] for record in records], float)
        window = _curve(axes, steps, values, COLORS[network])
        axes.set_ylim(bottom=0)
        label(axes, x='Step' if window == 1 else 'Step (line: mean of %d logged steps)' % window,
              y=network.capitalize() + ' loss')
    return _png_file(drawing)


def curves(records: Mapping[str, Sequence[Mapping[str, Any]]], quantity: str, title: str,
           highest: Optional[float] = None) -> bytes:
    """Plots a quantity of several runs over the steps.

    Args:
      records: {name of the run: records, each with a step and the quantity}.
      quantity: its key in the records.
      title: of the diagram.
      highest: its largest possible value, if it has one.
    Returns: the content of a PNG file.
    """
    drawing = figure(*_PANEL)
    axes = drawing.subplots()
    for number, (run, logged) in enumerate(records.items()):
        values = np.array([record[quantity] for record in logged], float)
        _curve(axes, [record['step'] for record in logged], values, COLORS[_CYCLE[number % len(_CYCLE)]],
               label=textwrap.fill(plain_text(run), 50), linestyle=('-', '--', ':')[number // len(_CYCLE) % 3],
               marker='.' if len(values) < 30 else '')
    largest = max((record[quantity] for logged in records.values() for record in logged), default=1.)
    axes.set_ylim(0, 1.05 * (highest or largest or 1.))
    label(axes, title, x='Step')
    if len(records) > 1:
        legend_above(drawing, axes, 1)
    return render(drawing)


def shares(values: Sequence[float], real: Optional[Sequence[float]], title: str) -> bytes:
    """Plots the share of each class as a bar chart, and those of real images, if given, as a line: a PNG file."""
    drawing = figure(*_PANEL)
    axes = drawing.subplots()
    bars(axes, values, real)
    label(axes, textwrap.fill(plain_text(title), 50), x='Class', y='Share')
    return render(drawing)


def bars(axes: 'Axes', shares: Sequence[float], real: Optional[Sequence[float]] = None) -> None:
    """Draws the share of each class as a bar, and those of the real images as a line."""
    axes.bar(range(len(shares)), shares, color=COLORS['sky_blue'])
    if real:
        axes.step(np.arange(len(real) + 1) - 0.5, [*real, real[-1]], where='post', linewidth=1.2,
                  color=COLORS['vermilion'])
    axes.set_xticks(range(len(shares)))


def _curve(axes: 'Axes', steps: Sequence[int], values: np.ndarray, color: str, **style: Any) -> int:
    """Draws values, faint, and their centered running mean. Returns the number of values in a mean."""
    window = max(1, min(11, len(values) // 8))
    kernel = np.ones(window)
    # At both ends, the mean of the values that there are.
    means = np.convolve(values, kernel, 'same') / np.convolve(np.ones(len(values)), kernel, 'same')
    axes.plot(steps, values, color=color, alpha=0.25, linewidth=1)
    axes.plot(steps, means, color=color, linewidth=1.6, **style)
    return window


def plain_text(name: str) -> str:
    """A name, such as that of a folder, for labels and titles, which give $ and a leading _ a special meaning.

    Characters that cannot be printed, and bytes that are not UTF-8, become escapes.
    """
    text = ''.join(character if character.isprintable() else ascii(character)[1:-1] for character in name)
    return re.sub('^_', ' _', text.replace('$', r'\$'))


def figure(width: float, height: float) -> 'Figure':
    """An empty matplotlib figure of this size in inches, with 200 dots per inch.

    Figures are drawn for a final width of 7 inches. Their text has 9 or 10 points (matplotlib's default).
    """
    # Not pyplot, which keeps global state and looks for a display.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    new = Figure(figsize=(width, height), dpi=200)
    FigureCanvasAgg(new)
    return new


def label(axes: 'Axes', title: Optional[str] = None, x: Optional[str] = None,
          y: Optional[str] = None) -> None:
    """Labels axes in the style of all figures: a title on the left, a faint grid, and half a frame."""
    if title:
        axes.set_title(title, fontsize=10, loc='left')
    axes.set_xlabel(x or '', fontsize=9)
    axes.set_ylabel(y or '', fontsize=9)
    axes.tick_params(labelsize=9)
    axes.grid(alpha=0.25)
    axes.set_axisbelow(True)
    for side in ('top', 'right'):
        axes.spines[side].set_visible(False)


def legend_above(figure: 'Figure', axes: 'Axes', columns: int) -> None:
    """Adds the legend of these axes at the top of a figure. `render` leaves room for it."""
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc='upper center', ncol=columns, fontsize=9, frameon=False)


def render(figure: 'Figure') -> bytes:
    """Lays out a figure tightly, below its legend, and returns the content of a PNG file."""
    top = 1.
    for legend in figure.legends:
        renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
        top = 1 - legend.get_window_extent(renderer).height / figure.bbox.height
    figure.tight_layout(rect=(0, 0, 1, top))
    return _png_file(figure)


def _png_file(figure: 'Figure') -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format='png')
    return file.getvalue()
