"""Arrangements of images, figures of losses and scores, and the style of all figures."""
import io
import math
import re
import textwrap
from typing import TYPE_CHECKING, Any, List, Mapping, Optional, Sequence, Tuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's palette, which color-blind readers can tell apart, and colors by role.
COLORS = {
    'black': '#000000', 'orange': '#e69f00', 'sky_blue': '#56b4e9', 'green': '#009e73',
    'yellow': '#f0e442', 'blue': '#0072b2', 'vermilion': '#d55e00', 'purple': '#cc79a7',
    'gray': '#767676', 'light_gray': '#cccccc'}
COLORS.update(generator=COLORS['vermilion'], discriminator=COLORS['blue'], reference=COLORS['gray'])
_CYCLE = ('blue', 'vermilion', 'green', 'purple', 'orange', 'sky_blue', 'black', 'yellow')
_CAPTION_SIZE = (6, 15)  # width per character and height of a caption, in pixels of Pillow's built-in font
_CAPTION_BACKGROUND, _CAPTION_COLOR = 24, 255
_EQUATION_BACKGROUND, _EQUATION_COLOR = 204, 0


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


def equation(terms: Sequence[Tuple[int, np.ndarray, np.ndarray]], result: np.ndarray, padding: int = 2,
             scale: int = 1) -> np.ndarray:
    """Draws latent arithmetic as the DCGAN paper does (arXiv 1511.06434, figure 7).

    Each term is a column: its examples, a line, and the image of their mean vector. The operators between the
    terms are beside the means. The result, twice as large, is on the right.

    Args:
      terms: of each term, the sign (1 or −1), its examples (uint8 [n, height, width, 1 or 3]) and the image of
        their mean vector (uint8 [height, width, 1 or 3]). The sign of the first is not drawn.
      result: the image of the result, of the same shape as the mean.
      padding: width of the border around and between the images, in pixels of the images.
      scale: each pixel becomes a square of scale × scale pixels.
    Returns: uint8 [height, width, 3].
    """
    height, width = result.shape[:2]
    line = max(1, height // 28)
    examples_height = max(len(examples) for _, examples, _ in terms) * (height + padding)
    blocks: List[np.ndarray] = []
    for sign, examples, mean in terms:
        if blocks:
            blocks.append(_operator('+' if sign > 0 else '-', height))
        column = np.full((examples_height + line + padding + height, width, 3), _EQUATION_BACKGROUND, np.uint8)
        for row, example in enumerate(reversed(examples), 1):
            top = examples_height - row * (height + padding)
            column[top:top + height] = example
        column[examples_height:examples_height + line] = _EQUATION_COLOR
        column[-height:] = mean
        blocks.append(column)
    enlarged = np.broadcast_to(result, (height, width, 3)).repeat(2, axis=0).repeat(2, axis=1)
    blocks += [_operator('=', height), enlarged]
    canvas_width = sum(padding + block.shape[1] for block in blocks) + padding
    canvas = np.full((len(blocks[0]) + 2 * padding, canvas_width, 3), _EQUATION_BACKGROUND, np.uint8)
    left = padding
    for block in blocks:
        bottom = len(canvas) - padding
        canvas[bottom - len(block):bottom, left:left + block.shape[1]] = block
        left += block.shape[1] + padding
    return canvas.repeat(scale, axis=0).repeat(scale, axis=1)


def _operator(kind: str, size: int) -> np.ndarray:
    """Draws '+', '-' or '=', beside an image that is `size` pixels high: uint8 [size, about half of it, 3]."""
    thickness = max(1, size // 14)
    length = 2 * (size // 7) + thickness  # so that the bars of a plus can cross in the middle
    canvas = np.full((size, length + 2 * (size // 10), 3), _EQUATION_BACKGROUND, np.uint8)
    top, left = (size - thickness) // 2, size // 10

    def bar(offset: int) -> None:
        canvas[top + offset:top + offset + thickness, left:left + length] = _EQUATION_COLOR
    if kind == '=':
        bar(-thickness)
        bar(thickness)
    else:
        bar(0)
    if kind == '+':
        middle = left + (length - thickness) // 2
        canvas[top - size // 7:top - size // 7 + length, middle:middle + thickness] = _EQUATION_COLOR
    return canvas


def with_captions(pictures: Sequence[np.ndarray], captions: Sequence[str]) -> List[np.ndarray]:
    """Adds a strip with a caption below each picture.

    The captions are in large letters, or in small ones if the pictures are too narrow for the longest.

    Args:
      pictures: uint8 [height, width, 3], all of the same size.
      captions: of each picture, in Latin-1 characters.
    Returns: uint8 [height + 15 or 30, width, 3].
    """
    character_width, height = _CAPTION_SIZE
    width = pictures[0].shape[1]
    scale = 2 if 2 * character_width * (max(map(len, captions)) + 1) <= width else 1
    # Pillow's built-in bitmap font, which has the same pixels in all versions. Since Pillow 10.1, `load_default`
    # returns another font.
    font = getattr(ImageFont, 'load_default_imagefont', ImageFont.load_default)()
    captioned = []
    for picture, caption in zip(pictures, captions):
        strip = Image.new('L', (math.ceil(width / scale), height), _CAPTION_BACKGROUND)
        ImageDraw.Draw(strip).text((character_width // 2, 1), caption, font=font, fill=_CAPTION_COLOR)
        pixels = np.asarray(strip).repeat(scale, axis=0).repeat(scale, axis=1)[:, :width, np.newaxis]
        captioned.append(np.concatenate([picture, pixels.repeat(3, axis=2)]))
    return captioned


def png(picture: np.ndarray) -> bytes:
    """Encodes a picture, uint8 [height, width, 3] or [height, width] for gray, as a PNG file."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, format='PNG', optimize=True)
    return file.getvalue()


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


def curves(records: Mapping[str, Sequence[Mapping[str, Any]]], quantities: Mapping[str, str]) -> bytes:
    """Plots quantities of several runs over the steps, one diagram per quantity.

    Args:
      records: {name of the run: records, each with a step and the quantities}.
      quantities: {key in the records: title}, two or four.
    Returns: the content of a PNG file.
    """
    rows = len(quantities) // 2
    drawing = figure(7, 2.4 * rows)
    all_axes = drawing.subplots(rows, 2, sharex=True, squeeze=False)
    for axes, (name, title) in zip(all_axes.flat, quantities.items()):
        for number, (run, logged) in enumerate(records.items()):
            values = np.array([record[name] for record in logged], float)
            _curve(axes, [record['step'] for record in logged], values, COLORS[_CYCLE[number % len(_CYCLE)]],
                   label=plain_text(run), linestyle=('-', '--', ':')[number // len(_CYCLE) % 3],
                   marker='.' if len(values) < 30 else '')
        axes.set_ylim(bottom=0)
        label(axes, textwrap.fill(title, 38), x='Step' if axes in all_axes[-1] else None)
    if len(records) > 1:
        legend_above(drawing, all_axes[0, 0], 2)
    return render(drawing)


def histograms(shares: Mapping[str, Sequence[float]], real: Optional[Sequence[float]]) -> bytes:
    """Plots the shares of the classes, one bar chart per set of images.

    Args:
      shares: {name of the set: share of each class}.
      real: shares of the real images, drawn as a line in each chart, or None.
    Returns: the content of a PNG file.
    """
    columns = 3
    rows = math.ceil(len(shares) / columns)
    drawing = figure(7, 0.4 + 1.9 * rows)
    for number, (title, values) in enumerate(shares.items()):
        axes = drawing.add_subplot(rows, columns, number + 1)
        bars(axes, values, real)
        label(axes, textwrap.fill(plain_text(title), 24))
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
