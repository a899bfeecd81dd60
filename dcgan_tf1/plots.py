"""Grids of images, and figures of losses and scores."""
import io
import math
from typing import Any, Mapping, Optional, Sequence, Tuple

import numpy as np
from PIL import Image

# Apart in lightness as well as in hue: told apart in grey and by colour-blind eyes.
_COLOURS = {'generator': '#d95f02', 'discriminator': '#1b6ca8'}


def grid(images: np.ndarray, columns: Optional[int] = None, padding: int = 2, scale: int = 1) -> np.ndarray:
    """Arranges images in a grid.

    Args:
      images: uint8 [n, height, width, 1 or 3].
      columns: number of columns. Default: ceil(sqrt(n)), which makes the grid as square as possible.
      padding: width of the gray border around and between the images, in pixels of the images.
      scale: each pixel becomes a square of scale × scale pixels.
    Returns: uint8 [grid height, grid width, 3].
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


def png(picture: np.ndarray) -> bytes:
    """Encodes a picture, uint8 [height, width, 3] or [height, width] for gray, as a PNG file."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, format='PNG', optimize=True)
    return file.getvalue()


def losses(records: Sequence[Mapping[str, Any]], title: str) -> bytes:
    """Plots both losses over the steps.

    Args:
      records: one or more records of metrics.jsonl.
      title: title of the figure.
    Returns: the content of a PNG file.
    """
    figure = canvas(8, 4)
    axes = figure.add_subplot(111)
    steps = [record['step'] for record in records]
    for network, colour in _COLOURS.items():
        values = np.array([record[network + '_loss'] for record in records], float)
        axes.plot(steps, values, color=colour, alpha=0.3, linewidth=1)
        window, middle = _smooth(values)
        axes.plot(steps[window // 2:window // 2 + len(middle)], middle, color=colour, linewidth=1.8,
                  label=network + (' (mean of %d logged steps)' % window if window > 1 else ''))
    axes.set_xlabel('step')
    axes.set_ylabel('loss [nat]')
    axes.set_ylim(bottom=0)
    axes.set_title(title)
    axes.grid(alpha=0.25)
    axes.legend()
    return rendered(figure)


def curves(records: Mapping[str, Sequence[Mapping[str, Any]]], quantities: Mapping[str, str]) -> bytes:
    """Plots quantities of several runs over the steps, one diagram per quantity.

    Args:
      records: {name of the run: records, each with a step and the quantities}.
      quantities: {key in the records: title}, two or four.
    Returns: the content of a PNG file.
    """
    rows = len(quantities) // 2
    figure = canvas(11, 3 * rows)
    grid_of_axes = figure.subplots(rows, 2, sharex=True, squeeze=False)
    for axes, (name, title) in zip(grid_of_axes.flat, quantities.items()):
        for number, (run, logged) in enumerate(records.items()):
            values = np.array([record[name] for record in logged], float)
            window, middle = _smooth(values)
            steps = [record['step'] for record in logged]
            colour = 'C%d' % (number % 10)
            axes.plot(steps, values, color=colour, alpha=0.2, linewidth=1)
            axes.plot(steps[window // 2:window // 2 + len(middle)], middle, color=colour, linewidth=1.6,
                      linestyle=('-', '--', ':')[number // 10 % 3], label=run, marker='.' if len(values) < 30 else '')
        axes.set_title(title, fontsize=10)
        axes.set_ylim(bottom=0)
        axes.grid(alpha=0.25)
    for axes in grid_of_axes[-1]:
        axes.set_xlabel('step')
    if len(records) > 1:
        figure.axes[0].legend(fontsize=8)
    return rendered(figure)


def histograms(shares: Mapping[str, Sequence[float]], real: Optional[Sequence[float]]) -> bytes:
    """Plots the shares of the classes, one bar chart per set of images.

    Args:
      shares: {name of the set: share of each class}.
      real: shares of the real images, drawn as a line in each chart, or None.
    Returns: the content of a PNG file.
    """
    rows = math.ceil(len(shares) / 4)
    figure = canvas(11, 0.4 + 2.1 * rows)
    for number, (name, values) in enumerate(shares.items()):
        axes = figure.add_subplot(rows, 4, number + 1)
        axes.bar(range(len(values)), values, color=_COLOURS['discriminator'])
        if real:
            axes.step(np.arange(len(real) + 1) - 0.5, [*real, real[-1]], where='post', linewidth=1,
                      color=_COLOURS['generator'])
        axes.set_xticks(range(len(values)))
        axes.set_title(name, fontsize=8)
        axes.tick_params(labelsize=7)
    return rendered(figure)


def _smooth(values: np.ndarray) -> Tuple[int, np.ndarray]:
    """(window, running means): the window is an eighth of the values, at most 11."""
    window = max(1, min(11, len(values) // 8))
    return window, np.convolve(values, np.ones(window) / window, 'valid')


def canvas(width, height):
    """An empty matplotlib figure; sizes in hundreds of pixels."""
    # Not pyplot: it keeps global state, and looks for a display.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    figure = Figure(figsize=(width, height), dpi=100)
    FigureCanvasAgg(figure)
    return figure


def rendered(figure, rect=(0, 0, 1, 1)):
    """The bytes of a PNG of a matplotlib figure, its axes filling that part of it: (left, bottom, right, top)."""
    figure.tight_layout(rect=rect)
    file = io.BytesIO()
    figure.savefig(file, format='png')
    return file.getvalue()
