"""The page to explore a generator."""
import json
import os
import re
import shutil

import numpy as np
import pytest
from helpers import ALL_LAYERS, BATCH_NORM_RUN, SMALL_RUN
from PIL import Image

from dcgan_tf1.explore import command as explore
from dcgan_tf1.explore import page as explore_page
from dcgan_tf1.explore import tiles
from dcgan_tf1.explore.settings import ExploreSettings
from dcgan_tf1.explore.tiles import Slice, Stage
from dcgan_tf1.runs.folder import RunFolder
from dcgan_tf1.sample import latent
from dcgan_tf1.sample.preparation import for_run
from dcgan_tf1.sample.sampler import Generator
from dcgan_tf1.sample.settings import GeneratorSettings
from dcgan_tf1.util import image_files, pixels
from dcgan_tf1.util.errors import UserError
from scripts.lib.chromium import AXE, decode

pytestmark = [pytest.mark.any_tensorflow, pytest.mark.slow]

POINTS = 5
SETTINGS = ExploreSettings(points=POINTS, standing_batches=3)
KINDS = ['training mode', 'moving', 'never updated', 'standing']
TEXTS = {'title': 'a', 'description': 'b', 'checkpoint': 'c', 'bn_mode': 'd', 'seed': 'e'}


@pytest.fixture(scope='module')
def run_folder(trained, tmp_path_factory):
    """A copy of a small run, to which pages and standing statistics may be added."""
    path = str(tmp_path_factory.mktemp('explore') / 'run <0> & co')
    return RunFolder(shutil.copytree(trained(*BATCH_NORM_RUN).path, path))


@pytest.fixture
def broken_run(run_folder, tmp_path):
    """A copy of the run that a test may damage."""
    return RunFolder(shutil.copytree(run_folder.path, str(tmp_path / 'run')))


@pytest.fixture(scope='module')
def page_path(run_folder):
    """The path of a page about the run."""
    assert explore.run(SETTINGS, [run_folder.path]) == 0
    return os.path.join(run_folder.path, 'explore.html')


def read_page(path):
    """The text of a page, and the data in it."""
    with open(path, encoding='utf-8') as file:
        text = file.read()
    return text, json.loads(re.search('<script id="data" type="application/json">(.*?)</script>', text).group(1))


@pytest.mark.parametrize('mode', latent.MODES)
def test_plane(mode):
    corners = np.random.RandomState(0).normal(size=(4, 10)).astype(np.float32)
    plane = latent.plane(corners, 5, mode)
    assert plane.shape == (5, 5, 10) and plane.dtype == np.float32
    np.testing.assert_allclose(plane[[0, 0, -1, -1], [0, -1, 0, -1]], corners, rtol=1e-5)
    np.testing.assert_allclose(plane[2, 0], latent.interpolate(corners[0], corners[2], 0.5, mode), rtol=1e-5)
    np.testing.assert_allclose(plane[2, 1], latent.interpolate(plane[2, 0], plane[2, -1], 0.25, mode), rtol=1e-4)


def test_the_page_needs_no_other_file(page_path):
    text, _ = read_page(page_path)
    assert os.path.getsize(page_path) < 5000000
    assert not re.findall(r'https?:|\bimport\b|<link(?! rel="icon" href="data:,")|\bsrc="(?!data:)', text)
    assert '{{' not in text


def test_texts(page_path):
    text, _ = read_page(page_path)
    assert '<title>Explore run &lt;0&gt; &amp; co</title>' in text
    assert 'Recipe sparse_softmax, dataset mnist_10k, seed 0, 28×28 pixels.' in text
    assert 'Checkpoint of step 6 of 6.' in text and 'not finished' not in text


def test_stages(page_path, run_folder):
    _, data = read_page(page_path)
    assert [stage['step'] for stage in data['stages']] == [0, 1, 2, 3, 4, 5, 6]
    for stage in data['stages']:
        grid = image_files.read_image(run_folder.grid(stage['step']))
        np.testing.assert_array_equal(decode(stage['image']), grid[::2, ::2])


def test_slices(page_path, run_folder):
    """The sheets contain the images that the generator makes with each kind of statistics."""
    _, data = read_page(page_path)
    assert [part['name'] for part in data['slices']] == KINDS
    with Generator(for_run(GeneratorSettings(run_dir=run_folder.path))) as generator:
        noise = latent.plane(generator.latent_vectors(4, 0), POINTS, 'slerp').reshape(POINTS ** 2, -1)
        moving = generator.statistics('moving')
        initial = {name: np.full_like(value, name.endswith('variance')) for name, value in moving.items()}
        statistics = [generator.statistics('standing', batches=1), moving, initial,
                      generator.statistics('standing', batches=3)]
        expected = [pixels.to_uint8(generator.generate(noise, values)) for values in statistics]
    assert len({images.tobytes() for images in expected}) == 4
    for part, images in zip(data['slices'], expected):
        picture = decode(part['image'])
        for index, image in enumerate(images):
            top, left = index // POINTS * 28, index % POINTS * 28
            np.testing.assert_array_equal(picture[top:top + 28, left:left + 28, :1], image)


def test_a_generator_without_batch_norm(trained, tmp_path):
    run = trained(*SMALL_RUN, '--steps=6')
    output = str(tmp_path / 'page.html')
    assert explore.run(SETTINGS.replace(output=output), [run.path]) == 0
    _, data = read_page(output)
    assert [part['name'] for part in data['slices']] == ['no batch norm']
    assert 'no statistics to choose' in data['slices'][0]['description']


def test_an_unfinished_training_without_update_ops_and_grids(trained, tmp_path):
    flags = (*SMALL_RUN, ALL_LAYERS, '--steps=1', '--update_ops=false')
    run = RunFolder(shutil.copytree(trained(*flags).path, str(tmp_path / 'run')))
    config = run.read_config()
    config['flags']['steps'] = 5000
    run.write_config(config)
    shutil.rmtree(run.samples)
    assert explore.run(SETTINGS, [run.path]) == 0
    text, data = read_page(str(tmp_path / 'run' / 'explore.html'))
    assert 'Checkpoint of step 1 of 5,000. The training was not finished at this step.' in text
    assert 'no update ops' in text and data['stages'] == []
    images = {part['name']: part['image'] for part in data['slices']}
    assert images['moving'] == images['never updated'] != images['standing']


def test_stages_are_evenly_chosen(run_folder):
    assert [stage.step for stage in tiles.stages(run_folder, 28, 3)] == [0, 3, 6]


def test_large_images_are_compressed_until_they_fit(monkeypatch):
    monkeypatch.setattr(explore_page, 'MAX_BYTES', 100000)
    noise = np.random.RandomState(0).randint(0, 256, (1, 1, 120, 120, 3)).astype(np.uint8)
    slices = [Slice(name, '', noise) for name in KINDS[:2]]
    content = explore_page.page(TEXTS, [Stage(0, noise[0, 0])], slices)
    assert b'image/jpeg' in content and len(content) <= 100000
    with pytest.raises(UserError, match=r'would have .* MB, more than 0.1: use a smaller --points or --stages'):
        explore_page.page(TEXTS, [], [Slice('', '', noise)] * 20)


@pytest.mark.parametrize('channels', [1, 3])
def test_shrink(channels):
    picture = np.full((300, 200, channels), 7, np.uint8)
    shrunk = tiles.shrink(picture, 150)
    assert shrunk.shape == (150, 100, channels) and (shrunk == 7).all()
    assert tiles.shrink(picture, 300) is picture


def test_texts_cannot_end_the_script():
    hostile = '</script><img src=x>'
    noise = np.zeros((1, 1, 4, 4, 1), np.uint8)
    content = explore_page.page({**TEXTS, 'title': hostile}, [], [Slice(hostile, hostile, noise)]).decode()
    assert hostile not in content and content.count('</script>') == 2


@pytest.mark.parametrize('paths', [[], ['a', 'b']])
def test_one_folder_is_needed(paths):
    with pytest.raises(UserError, match='name the folder of one run'):
        explore.run(SETTINGS, paths)


def test_bad_runs(broken_run, tmp_path):
    with pytest.raises(UserError, match='holds no run'):
        explore.run(SETTINGS, [str(tmp_path / 'nothing')])
    with pytest.raises(UserError, match='no checkpoint for --checkpoint=4'):
        explore.run(SETTINGS.replace(checkpoint='4'), [broken_run.path])
    with open(broken_run.grid(2), 'wb') as file:
        file.write(b'no image')
    with pytest.raises(UserError, match='step_000002.png cannot be read as an image'):
        explore.run(SETTINGS, [broken_run.path])
    shutil.rmtree(broken_run.checkpoints)
    with pytest.raises(UserError, match='has no checkpoint yet'):
        explore.run(SETTINGS, [broken_run.path])


@pytest.fixture
def page(browser, page_path):
    """The page in the browser, as it is after loading."""
    browser.open(page_path)
    browser.run('new Promise(done => (function wait() { '
                'document.querySelector(".selected") ? done() : setTimeout(wait, 10) })())')
    yield browser
    assert browser.errors == []
    assert {url.split(':')[0] for url in browser.requests} <= {'file', 'data'}


def position(page):
    return page.run('document.getElementById("position").textContent')


def test_slider_through_the_training(page, page_path):
    stages = read_page(page_path)[1]['stages']

    def shown():
        np.testing.assert_array_equal(decode(page.picture('#stage')), decode(page.run(
            'document.getElementById("stage").src')))
        return page.run('document.getElementById("step").textContent'), page.picture('#stage')

    page.run('document.getElementById("slider").focus()')
    seen = [shown()]
    for _ in stages[1:]:
        page.press('ArrowLeft')
        seen.append(shown())
    assert [step for step, _ in seen] == ['Step %d' % stage['step'] for stage in reversed(stages)]
    assert len({image for _, image in seen}) == len(stages)
    page.drag('#slider', (0.01, 0.5), (0.99, 0.5))  # with the mouse, back to the end
    assert shown() == seen[0]
    page.drag('#slider', (0.5, 0.5), (0.5, 0.5))
    assert shown() == seen[3]


def test_switch_between_statistics(page):
    pictures = {}
    for number, kind in enumerate(KINDS, 1):
        page.drag('.kind:nth-child(%d)' % number, (0.5, 0.4), (0.5, 0.4))
        assert position(page) == 'Row 3 of 5, column 3 of 5, %s statistics' % kind
        pictures[kind] = page.picture('#sheet')
    assert len(set(pictures.values())) == 4
    page.press('ArrowUp')
    assert position(page).endswith('never updated statistics')
    assert page.picture('#sheet') == pictures['never updated']


def test_slice_with_the_keyboard(page):
    page.run('document.getElementById("slider").focus()')
    page.press('Tab')
    assert page.run('document.activeElement.id') == 'plane'
    seen = [page.picture('.selected canvas')]
    for key, place in (('ArrowUp', (2, 3)), ('ArrowLeft', (2, 2)), ('ArrowDown', (3, 2)), ('Home', (3, 1)),
                       ('End', (3, 5)), ('PageUp', (1, 5)), ('PageDown', (5, 5))):
        page.press(key)
        assert position(page) == 'Row %d of 5, column %d of 5, standing statistics' % place, key
        seen.append(page.picture('.selected canvas'))
    assert len(set(seen)) == len(seen)
    page.press('ArrowRight')  # beyond the edge
    assert position(page).startswith('Row 5 of 5, column 5 of 5')
    assert page.run('getComputedStyle(document.activeElement).outlineStyle') == 'solid'


@pytest.mark.parametrize('device', ['drag', 'touch'])
def test_slice_with_mouse_and_touch(page, device):
    before = page.picture('.selected canvas')
    page.point('#plane')  # scrolls there
    scrolled = page.run('scrollY')
    getattr(page, device)('#plane', (0.5, 0.5), (0.9, 0.1))
    assert page.run('scrollY') == scrolled
    assert position(page).startswith('Row 1 of 5, column 5 of 5')
    after = page.picture('.selected canvas')
    assert after != before
    # It is that part of the sheet.
    np.testing.assert_array_equal(decode(after), decode(page.picture('#sheet'))[:28, -28:])
    boxes = page.run('["cursor", "plane"].map(id => document.getElementById(id).getBoundingClientRect())'
                     '.flatMap(box => [box.right, box.top])')
    assert boxes[:2] == pytest.approx(boxes[2:], abs=1)


def test_screen_readers(page):
    names = page.accessible_names()
    assert {('slider', 'Training step'), ('image', 'Images generated at step 6'),
            ('application', 'Slice of latent space'), ('group', 'Batch-norm statistics'),
            ('radio', 'Training mode'), ('radio', 'Moving'), ('radio', 'Never updated'), ('radio', 'Standing'),
            ('region', 'Through the training'), ('region', 'Through latent space')} <= set(names)
    assert 'status' in [role for role, _ in names]
    assert page.run('document.getElementById("position").getAttribute("aria-live")') == 'polite'
    assert page.run('document.getElementById("slider").getAttribute("aria-valuetext")') == 'Step 6'


@pytest.mark.skipif(not AXE, reason='axe-core is not installed (scripts/test.py --all installs it)')
@pytest.mark.parametrize('scheme', ['light', 'dark'])
def test_accessibility(page, scheme):
    page.set_color_scheme(scheme)
    assert page.accessibility_violations() == []


def test_light_and_dark(page, tmp_path):
    brightness = {}
    for scheme in ('light', 'dark'):
        page.set_color_scheme(scheme)
        path = str(tmp_path / (scheme + '.png'))
        page.screenshot(path)
        with Image.open(path) as image:
            assert len(image.convert('RGB').getcolors(2 ** 24)) > 200
            brightness[scheme] = np.asarray(image.convert('L'))[:, :10].mean()
    assert brightness['light'] > 200 and brightness['dark'] < 50


def test_narrow_windows_need_no_horizontal_scrolling(page):
    page.call('Emulation.setDeviceMetricsOverride', width=320, height=600, deviceScaleFactor=1, mobile=True)
    assert page.run('document.documentElement.scrollWidth') <= 320
    page.call('Emulation.clearDeviceMetricsOverride')
