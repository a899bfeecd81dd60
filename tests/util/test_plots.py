"""Grids of images, PNG files and plots."""
import io

import numpy as np
import pytest
from PIL import Image

from dcgan_tf1.util import charts, grids, pixels

pytestmark = pytest.mark.any_tensorflow


def test_to_uint8():
    np.testing.assert_array_equal(pixels.to_uint8([-1, -0.5, 0, 1, 3, -9]), [0, 64, 128, 255, 255, 0])
    all_bytes = np.arange(256)
    np.testing.assert_array_equal(pixels.to_uint8(pixels.to_float(all_bytes)), all_bytes)


@pytest.mark.parametrize('columns', [None, 5, 2, 9])
def test_grid(columns):
    images = np.arange(5 * 6 * 5, dtype=np.uint8).reshape(5, 6, 5, 1)
    picture = grids.grid(images, columns, padding=1)
    columns = min(columns or 3, 5)
    assert picture.shape == (-(-5 // columns) * 7 + 1, columns * 6 + 1, 3)
    for index, image in enumerate(images):
        top, left = index // columns * 7 + 1, index % columns * 6 + 1
        for channel in range(3):
            np.testing.assert_array_equal(picture[top:top + 6, left:left + 5, channel], image[..., 0])
    assert (picture[0] == 128).all() and (picture[:, 0] == 128).all()
    np.testing.assert_array_equal(grids.grid(images, columns, 1, scale=3)[1::3, 1::3], picture)


def test_equation():
    """Columns of examples above a line and their mean, operators beside the means, and the result at the right."""
    terms = [(1, np.full((2, 14, 10, 1), 10, np.uint8), np.full((14, 10, 1), 20, np.uint8)),
             (-1, np.full((1, 14, 10, 1), 30, np.uint8), np.full((14, 10, 1), 40, np.uint8))]
    picture = grids.equation(terms, np.full((14, 10, 3), 50, np.uint8), padding=1)[..., 0]
    # One above the other: two examples, the line and the mean, each followed by the padding of 1, except the line.
    assert picture.shape == (1 + 15 + 15 + 1 + 1 + 14 + 1, 1 + 11 + 8 + 11 + 8 + 21)
    first, second, result = picture[:, 5], picture[:, 24], picture[:, 45]
    assert [np.count_nonzero(first == value) for value in (10, 0, 20)] == [28, 1, 14]
    assert [np.count_nonzero(second == value) for value in (30, 0, 40)] == [14, 1, 14]
    assert np.flatnonzero(result == 50).tolist() == list(range(47 - 28, 47))
    minus, equals = picture[33:47, 12:19], picture[33:47, 31:38]
    assert np.count_nonzero((minus == 0).any(axis=1)) == 1 and np.count_nonzero((equals == 0).any(axis=1)) == 2
    plus = grids.equation([terms[0], (1, *terms[1][1:])], terms[0][2], padding=1)[33:47, 12:19, 0]
    np.testing.assert_array_equal(plus.min(axis=0), minus.min(axis=0))
    assert np.count_nonzero(plus == 0) == 9
    np.testing.assert_array_equal(
        grids.equation(terms, np.full((14, 10, 3), 50, np.uint8), 1, scale=3)[1::3, 1::3, 0], picture)


@pytest.mark.parametrize('width, height', [(200, 30), (120, 24), (90, 18), (20, 13)])
def test_captions(width, height):
    """Letters are as large as the longest caption allows. The picture above does not change."""
    pictures = np.full((3, 40, width, 3), 77, np.uint8)
    first, second, longest = grids.with_captions(pictures, ['step 1', 'step 2', 'step 1,200'])
    assert first.shape == second.shape == longest.shape == (40 + height, width, 3)
    assert (first[:40] == 77).all() and first[40:].min() == 24 and first[40:].max() > 128
    assert width == 20 or not np.array_equal(first, second)
    assert (longest[40:, -2:] == 24).all() or width == 20  # nothing is cut off


@pytest.mark.parametrize('count, columns', [(1, 1), (5, 3), (8, 4), (24, 6), (36, 6), (64, 8), (7, 3)])
def test_grids_have_no_empty_cells_where_a_wider_grid_avoids_them(count, columns):
    assert grids.grid(np.zeros((count, 4, 4, 1), np.uint8), padding=0).shape[1] == 4 * columns


def test_png_keeps_every_pixel():
    picture = np.random.RandomState(0).randint(0, 256, (5, 7, 3)).astype(np.uint8)
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(grids.png(picture)))), picture)


@pytest.mark.slow
@pytest.mark.parametrize('count', [1, 2, 50])
def test_losses(count):
    records = [{'step': step, 'generator_loss': step / 10., 'discriminator_loss': 1.} for step in range(count)]
    picture = Image.open(io.BytesIO(charts.losses(records, 'a run')))
    assert picture.size == (1400, 560)
    colors = {'#%02x%02x%02x' % tuple(color) for color in np.asarray(picture.convert('RGB')).reshape(-1, 3)}
    assert count == 1 or {charts.COLORS['generator'], charts.COLORS['discriminator']} <= colors  # both curves are there


def test_running_mean_reaches_both_ends():
    """At the ends, the mean is over the values that there are."""
    axes = charts.figure(1, 1).add_subplot(111)
    values = np.arange(24.)
    assert charts._curve(axes, range(24), values, 'black') == 3
    np.testing.assert_allclose(axes.lines[1].get_ydata(), [0.5, *values[1:-1], 22.5])


def test_render():
    """200 dots per inch, and the palette is drawn as it is."""
    drawing = charts.figure(2, 1)
    drawing.add_subplot(111).axvspan(0, 1, color=charts.COLORS['purple'])
    picture = Image.open(io.BytesIO(charts.render(drawing)))
    assert picture.size == (400, 200)
    assert '#%02x%02x%02x' % picture.convert('RGB').getpixel((200, 100)) == charts.COLORS['purple']
