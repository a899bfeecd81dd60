"""Pictures: grids of images, and the one style of all figures."""
import io
import math

import numpy as np
from PIL import Image

# Okabe and Ito's palette, which color-blind readers can tell apart, and colors by role.
COLORS = {
    'black': '#000000', 'orange': '#e69f00', 'sky_blue': '#56b4e9', 'green': '#009e73', 'yellow': '#f0e442',
    'blue': '#0072b2', 'vermilion': '#d55e00', 'purple': '#cc79a7', 'gray': '#767676', 'light_gray': '#cccccc'}
COLORS.update(generator=COLORS['vermilion'], discriminator=COLORS['blue'], reference=COLORS['gray'])
_CYCLE = ('blue', 'vermilion', 'green', 'purple', 'orange', 'sky_blue', 'black', 'yellow')


def to_bytes(images):
    """float [−1, 1] → uint8 [0, 255], rounded; values outside are clipped."""
    return np.clip(np.rint((np.asarray(images) + 1) * 127.5), 0, 255).astype(np.uint8)


def grid(images, columns=None, padding=2, scale=1):
    """One picture of many.

    Args:
      images: uint8 [n, height, width, 1 or 3].
      columns: default: as square as can be, ceil(sqrt(n)).
      padding: pixels of mid-grey around and between the images.
      scale: each pixel becomes scale × scale.
    Returns: uint8 [height', width', 3].
    """
    count, height, width = images.shape[:3]
    columns = min(columns or math.ceil(math.sqrt(count)), count)
    rows = math.ceil(count / columns)
    canvas = np.full((rows * (height + padding) + padding, columns * (width + padding) + padding, 3),
                     128, np.uint8)
    for index, image in enumerate(images):
        top = padding + index // columns * (height + padding)
        left = padding + index % columns * (width + padding)
        canvas[top:top + height, left:left + width] = image
    return canvas.repeat(scale, axis=0).repeat(scale, axis=1)


def png(picture):
    """uint8 [height, width, 3], or [height, width] of grey, → the bytes of a PNG file."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, format='PNG', optimize=True)
    return file.getvalue()


def losses(records, title):
    """The losses of a run against the step, each in a panel of its own.

    Args:
      records: dicts as in metrics.jsonl, one or more.
      title: of the figure.
    Returns: the bytes of a PNG file.
    """
    drawing = figure(7, 2.8)
    drawing.suptitle(title, fontsize=10)
    steps = [record['step'] for record in records]
    for axes, network in zip(drawing.subplots(1, 2), ('generator', 'discriminator')):
        values = np.array([record[network + '_loss'] for record in records], float)
        window = _curve(axes, steps, values, COLORS[network])
        axes.set_ylim(bottom=0)
        label(axes, x='Step' if window == 1 else 'Step (line: mean of %d logged steps)' % window,
              y=network.capitalize() + ' loss')
    return render(drawing)


def curves(records, quantities):
    """Quantities of several runs against the step.

    Args:
      records: {run: dicts, each with a step and quantities}.
      quantities: {name in the records: title}, two or four.
    Returns: the bytes of a PNG file.
    """
    rows = len(quantities) // 2
    drawing = figure(7, 2.4 * rows)
    for axes, (name, title) in zip(drawing.subplots(rows, 2, sharex=True, squeeze=False).flat, quantities.items()):
        for number, (run, logged) in enumerate(records.items()):
            values = np.array([record[name] for record in logged], float)
            _curve(axes, [record['step'] for record in logged], values, COLORS[_CYCLE[number % len(_CYCLE)]], label=run,
                   linestyle=('-', '--', ':')[number // len(_CYCLE) % 3], marker='.' if len(values) < 30 else '')
        axes.set_ylim(bottom=0)
        label(axes, title)
    for axes in drawing.axes[-2:]:
        label(axes, axes.get_title(loc='left'), 'Step')
    if len(records) > 1:
        drawing.axes[0].legend(fontsize=9)
    return render(drawing)


def histograms(shares, real):
    """Shares of the classes, in panels.

    Args:
      shares: {title: shares of the classes}.
      real: shares to compare with, drawn as a line, or None.
    Returns: the bytes of a PNG file.
    """
    columns = 3
    rows = math.ceil(len(shares) / columns)
    drawing = figure(7, 0.4 + 1.7 * rows)
    for number, (title, values) in enumerate(shares.items()):
        axes = drawing.add_subplot(rows, columns, number + 1)
        bars(axes, values, real)
        label(axes, title)
    return render(drawing)


def bars(axes, shares, real=None):
    """Draws shares of the classes as bars, and `real` shares to compare with as a line."""
    axes.bar(range(len(shares)), shares, color=COLORS['sky_blue'])
    if real:
        axes.step(np.arange(len(real) + 1) - 0.5, [*real, real[-1]], where='post', linewidth=1.2,
                  color=COLORS['vermilion'])
    axes.set_xticks(range(len(shares)))


def _curve(axes, steps, values, color, **style):
    """Draws values, faint, and their centered running mean; returns the mean's window."""
    window = max(1, min(11, len(values) // 8))
    kernel = np.ones(window)
    means = np.convolve(values, kernel, 'same') / np.convolve(np.ones(len(values)), kernel, 'same')
    axes.plot(steps, values, color=color, alpha=0.25, linewidth=1)
    axes.plot(steps, means, color=color, linewidth=1.6, **style)
    return window


def figure(width, height):
    """An empty matplotlib figure of this size in inches, with 200 dots per inch.

    Figures are drawn for a final width of 7 inches. Matplotlib's default text has 10 points there; use no less than 9.
    """
    # Not pyplot, which keeps global state and looks for a display.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    new = Figure(figsize=(width, height), dpi=200)
    FigureCanvasAgg(new)
    return new


def label(axes, title=None, x=None, y=None):
    """Labels axes in the style of all figures: a title on the left, a faint grid, no frame at the top and right."""
    if title:
        axes.set_title(title, fontsize=10, loc='left')
    axes.set_xlabel(x or '', fontsize=9)
    axes.set_ylabel(y or '', fontsize=9)
    axes.tick_params(labelsize=9)
    axes.grid(alpha=0.25)
    axes.set_axisbelow(True)
    for side in ('top', 'right'):
        axes.spines[side].set_visible(False)


def legend_above(figure, axes, columns):
    """Adds the legend of these axes at the top of a figure; `render` leaves room for it."""
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc='upper center', ncol=columns, fontsize=9, frameon=False)


def render(figure):
    """The bytes of a PNG file of a matplotlib figure, laid out tightly below its legend."""
    top = 1.
    for legend in figure.legends:
        top = 1 - legend.get_window_extent(figure.canvas.get_renderer()).height / figure.bbox.height
    figure.tight_layout(rect=(0, 0, 1, top))
    file = io.BytesIO()
    figure.savefig(file, format='png')
    return file.getvalue()
