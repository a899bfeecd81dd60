"""The page that computes images itself. Its images are compared with TensorFlow's in a real browser."""
import os
import re
import textwrap

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from helpers import BATCH_NORM_RUN, TENSORFLOW, run_script
from PIL import Image

from dcgan_tf1.explore import command as explore
from dcgan_tf1.explore import live, rounding
from dcgan_tf1.explore.settings import ExploreSettings
from dcgan_tf1.model import graph
from dcgan_tf1.sample import latent
from dcgan_tf1.sample.sampler import Generator, open_generator
from dcgan_tf1.sample.settings import GeneratorSettings
from dcgan_tf1.settings import cli_flags
from dcgan_tf1.util.device import create_session
from dcgan_tf1.util.errors import UserError
from scripts import record_live
from scripts.benchmarks import live_page
from scripts.lib.chromium import AXE, decode

pytestmark = pytest.mark.slow

BATCHES = 3
SETTINGS = ExploreSettings(live=True, standing_batches=BATCHES, seed=4)
TEXTS = {'title': 'a', 'description': 'b', 'checkpoint': 'c'}
# {network: its other flags}. Filters and sizes are fixed. `paper` has too many weights; `learnopencv_tf` has the ops of
# `learnopencv_torch`.
NETWORKS = {
    'sparse_softmax': {}, 'graph_mode': {}, 'graph_mode_dense': {}, 'machinecurve': {}, 'paperspace': {},
    'learnopencv_torch': {'image_size': 32, 'channels': 3, 'noise_distribution': 'normal'}}
OTHER_OPS = '''
    def generator(z, is_training):
        x = tf.nn.elu(layers.batch_norm(layers.dense(z, 7 * 7 * 6), is_training))
        x = tf.image.resize_nearest_neighbor(tf.reshape(x, [-1, 7, 7, 6]), [14, 14])
        x = layers.batch_norm(layers.conv2d(x, 5, 3, strides=1), is_training, epsilon=0.01)
        x = x * tf.rsqrt(tf.reduce_mean(tf.square(x), axis=-1, keepdims=True) + 1e-3)
        x = tf.image.resize_bilinear(tf.nn.softplus(x) - tf.minimum(x, 0.1), [28, 28])
        x = layers.conv2d_transpose(tf.maximum(x, 0.3 * x), 1, 4, strides=1, padding='same')
        return 2 * tf.sigmoid(x) - 1
'''
TF_LAYERS = '''
    def generator(z, is_training):
        x = tf.layers.dense(z, 7 * 7 * 8)
        x = tf.nn.relu(tf.layers.batch_normalization(x, training=is_training))
        x = tf.layers.conv2d_transpose(tf.reshape(x, [-1, 7, 7, 8]), 4, 5, strides=2, padding='same')
        x = tf.nn.leaky_relu(tf.layers.batch_normalization(x, training=is_training))
        return tf.nn.tanh(tf.layers.conv2d_transpose(x, 1, 5, strides=2, padding='same'))
'''


def write_network(folder, text):
    """The path of a file with this generator."""
    path = folder / 'network.py'
    path.write_text('import tensorflow.compat.v1 as tf\nfrom dcgan_tf1 import layers\n' + textwrap.dedent(text) + '''
def discriminator(images):
    return layers.dense(layers.flatten(images), 1)
''')
    return str(path)


def untrained(network, folder, **flags):
    """The `Generator` of a network with random weights and random moving averages."""
    settings = cli_flags.build(GeneratorSettings, {
        'network': network, 'noise_dim': 10, 'batch_size': 8, **flags, 'checkpoint': str(folder / 'model')})
    random = np.random.RandomState(0)
    with tf.Graph().as_default(), create_session() as session:
        tf.set_random_seed(0)
        graph.build_generator(settings)
        session.run(tf.global_variables_initializer())
        for variable in tf.global_variables():
            if 'moving_' in variable.name or 'beta' in variable.name or 'gamma' in variable.name:
                variable.load(random.uniform(0.1, 0.5, variable.shape.as_list()), session)
        tf.train.Saver().save(session, settings.checkpoint)
    return Generator(settings)


class Expected:
    """What a page has to show, computed with TensorFlow."""

    def __init__(self, generator):
        self.generator = generator
        self.settings = generator.settings.replace(precision='float32', kernels='native')
        self.weights = generator.weights()
        self.noise = generator.latent_vectors(live.BATCH, SETTINGS.seed)
        self.moving = generator.statistics('moving')
        self.standing = generator.statistics('standing', batches=BATCHES) if self.moving else {}
        self.kinds = {'training': None, 'moving': self.moving, 'initial': live.initial(self.moving),
                      'standing': self.standing} if self.moving else {'no batch norm': {}}

        bits = live.choose_bits(self.weights, self.settings.network)
        self.versions = [rounding.rounded(self.weights, bits), self.weights]

    def images(self, statistics, noise=None):
        """Gray levels, with the weights as on the page."""
        return live.images(self.settings, self.versions[:1], self.noise if noise is None else noise, [statistics])[0, 0]


def show(browser, generator, folder):
    """Opens the page of a generator; returns its text."""
    content = live.page(TEXTS, SETTINGS, generator)
    path = folder / 'live.html'
    path.write_bytes(content)
    browser.open(str(path))
    return content.decode()


def select(browser, kind):
    """Selects a kind of statistics."""
    browser.run('document.querySelectorAll("[name=kind]")[%d].click()'
                % ['training', 'moving', 'initial', 'standing'].index(kind))


def shown(browser):
    """The images of the batch, gray levels [16, height, width, 3]."""
    return np.stack([decode(browser.picture('.tile:nth-child(%d) canvas' % (number + 1)))
                     for number in range(live.BATCH)])


def move_to(browser, slider, value):
    """Moves a slider, as a user does."""
    browser.run('Object.assign(document.getElementById("%s"), {value: %s}).dispatchEvent(new Event("input"))'
                % (slider, value))


def assert_equal(images, expected, tolerance=0.):
    """Asserts that images equal those that TensorFlow computes, apart from the rounding to whole gray levels."""
    np.testing.assert_allclose(images.astype(float), np.broadcast_to(expected, images.shape), rtol=0,
                               atol=tolerance + 0.51)


@pytest.mark.parametrize('network', [
    'sparse_softmax', 'OTHER_OPS', 'TF_LAYERS',
    *(pytest.param(name, marks=pytest.mark.any_tensorflow) for name in [*list(NETWORKS)[1:], '8 bits'])])
def test_images_equal_tensorflows(network, browser, tmp_path, request, monkeypatch):
    """For every kind of statistics: exactly with the rounded weights, and within the stated error with the original."""
    flags = NETWORKS.get(network, {})
    if network == 'TF_LAYERS':
        monkeypatch.setattr(tf, 'layers', request.getfixturevalue('tf_layers'), raising=False)
    elif network == '8 bits':
        monkeypatch.setattr(live, 'MAX_BYTES_OF_16_BITS', 0)
        network = 'sparse_softmax'
    name = write_network(tmp_path, globals()[network]) if network.isupper() else network
    with untrained(name, tmp_path, **flags) as generator:
        text = show(browser, generator, tmp_path)
        expected = Expected(generator)
        stated = float(re.search(r'and by at most\s+([0-9.e-]+) \(measured', text).group(1))
        seen = set()
        kinds = expected.kinds
        for kind, rounded, exact in zip(kinds, *live.images(
                expected.settings, expected.versions, expected.noise, list(kinds.values()))):
            if expected.moving:
                select(browser, kind)
            images = shown(browser)
            assert_equal(images, rounded)
            assert_equal(images, exact, 1.06 * stated)  # it has two digits
            seen.add(images.tobytes())
        assert len(seen) == len(kinds)
    assert browser.run('document.getElementById("batch-norm").hidden') == (not expected.moving)
    assert browser.errors == []


@pytest.mark.parametrize('ops,name', [
    ('tf.reverse(tf.nn.tanh(layers.dense(z, 784)), [1])', 'ReverseV2'),
    ('tf.nn.tanh(layers.dense(z, 784) + tf.random.normal([784]))', 'RandomStandardNormal'),
    ('tf.nn.tanh(layers.dropout(layers.dense(z, 784), 0.5, True))', 'Where|Select|GreaterEqual|StatelessRandom'),
    ('tf.nn.tanh(layers.dense(z, 784))[:, ::-1]', 'StridedSlice'),
    ('tf.reshape(tf.nn.tanh(layers.dense(z, 784)), [8, 28, 28, 1])', 'a fixed batch size or an unknown shape in'),
    ('tf.nn.tanh(tf.matmul(layers.dense(z, 784), layers.dense(z, 784), transpose_a=True))', 'a kernel that depends'),
    ('tf.nn.tanh(layers.dense(z, 784) - tf.reduce_mean(layers.dense(z, 784), 0))', 'a statistic of the batch in Mean'),
    ('tf.nn.fused_batch_norm(tf.reshape(layers.dense(z, 784), [-1, 28, 28, 1]), [1.], [0.])[0]',
     r'a statistic of the batch in FusedBatchNorm\w*')])
def test_unknown_ops_are_named(ops, name, tmp_path):
    path = write_network(tmp_path, 'def generator(z):\n    return tf.reshape(%s, [-1, 28, 28, 1])' % ops)
    with untrained(path, tmp_path) as generator, pytest.raises(UserError, match=(
            'the live page cannot compute .*(%s) .*of --network=.*: run explore without --live, or' % name)):
        live.page(TEXTS, SETTINGS, generator)


def test_too_many_weights(tmp_path):
    kernel = np.zeros((4000, 4001))
    assert live.choose_bits({'a': kernel[:3000], 'b': np.zeros(10 ** 7)}, 'paper') == 8
    with pytest.raises(UserError, match='--network=paper has 16.0 million weights, more than the 16 million'):
        live.choose_bits({'a': kernel}, 'paper')


def test_flags_of_the_other_page():
    for flag in ('--points=5', '--stages=3'):
        with pytest.raises(UserError, match='has no effect with --live: remove one of the two'):
            cli_flags.parse(ExploreSettings, '--live', flag)


@pytest.mark.parametrize('bits,error', [(16, 2 ** -11), (8, 0.5 / 127)])
def test_rounding(bits, error):
    values = (np.random.RandomState(0).normal(size=(3, 40, 7)) * 10. ** np.arange(-8, 13, 3)).astype(np.float32)
    values[..., 3] = 0
    rounded = rounding.encode(values, bits).values()
    assert (np.abs(rounded - values) <= 1.01 * error * np.abs(values).max(axis=(0, 1))).all()
    assert 0 < np.abs(rounded - values).max()
    np.testing.assert_array_equal(rounding.encode(rounded, bits).values(), rounded)
    assert rounding.stored(rounded, bits)['type'] == {16: 'float16', 8: 'int8'}[bits]
    assert rounding.stored(values, bits)['type'] == 'float32'


@pytest.fixture(scope='module')
def page_path(trained, tmp_path_factory):
    """The path of a page about a small run, which the command has written."""
    if TENSORFLOW < (2,):
        pytest.skip('the controls do not depend on TensorFlow: tested on TensorFlow 2')
    path = str(tmp_path_factory.mktemp('live') / 'page.html')
    assert explore.run(SETTINGS.replace(output=path), [trained(*BATCH_NORM_RUN).path]) == 0
    return path


@pytest.fixture
def page(browser, page_path):
    """The page in the browser."""
    browser.call('Emulation.clearDeviceMetricsOverride')
    browser.open(page_path)
    yield browser
    assert browser.errors == []
    assert {url.split(':')[0] for url in browser.requests} <= {'file', 'data'}


@pytest.fixture(scope='module')
def expected(trained):
    """What that page has to show."""
    with open_generator(GeneratorSettings(run_dir=trained(*BATCH_NORM_RUN).path)) as generator:
        yield Expected(generator)


def text_of(page, name):
    return page.run('document.getElementById("%s").textContent' % name)


def test_the_page_needs_no_other_file(page_path):
    with open(page_path, encoding='utf-8') as file:
        text = file.read()
    assert os.path.getsize(page_path) < 4000000
    assert not re.findall(r'https?:|\bimport\b|\bfetch\b|<link(?! rel="icon" href="data:,")|\bsrc="(?!data:)', text)
    assert '{{' not in text and 'Recipe sparse_softmax, dataset mnist_10k' in text


def test_the_page_is_in_the_run_folder(copy_of_run):
    run = copy_of_run('run', '--steps=1')
    assert explore.run(SETTINGS, [run.path]) == 0
    assert os.path.exists(os.path.join(run.path, 'live.html'))


def test_every_kind_of_statistics(page, expected):
    for kind, statistics in expected.kinds.items():
        select(page, kind)
        assert_equal(shown(page), expected.images(statistics))
        assert page.run('document.querySelectorAll(".panel:not([hidden])").length') == 1
        assert not page.run('document.getElementById("panel-%s").hidden' % kind)


def test_moving_averages_of_any_age(page, expected):
    select(page, 'moving')
    move_to(page, 'momentum', 2)
    move_to(page, 'updates', 4)
    share = 0.9 ** 10
    initial = live.initial(expected.moving)
    mixed = {name: share * initial[name] + (1 - share) * value for name, value in expected.standing.items()}
    assert text_of(page, 'momentum-value') == '0.9' and text_of(page, 'updates-value') == '10'
    assert 'a weight of 0.9 to the power of 10: 35%' in text_of(page, 'initial-weight')
    assert_equal(shown(page), expected.images(mixed))
    move_to(page, 'updates', 0)
    assert_equal(shown(page), expected.images(initial))
    page.run('document.getElementById("kept").click()')
    assert_equal(shown(page), expected.images(expected.moving))


def test_standing_statistics_of_any_number_of_batches(page, expected):
    assert text_of(page, 'batches-value') == str(BATCHES)
    move_to(page, 'batches', 0)
    assert text_of(page, 'batches-value') == '1'
    assert_equal(shown(page), expected.images(expected.generator.statistics('standing', batches=1)))


def test_the_layer_that_turns_the_picture_gray(page, expected):
    assert text_of(page, 'summary').startswith('None')
    select(page, 'initial')
    assert re.match(r'It begins in layer 1, whose output is [0-9.]+ times too faint\.', text_of(page, 'summary'))
    assert page.run('document.querySelectorAll(".layer.gray").length') == 1
    page.run('document.querySelectorAll(".layer input:not(:checked)").forEach(box => box.click())')
    assert text_of(page, 'summary').startswith('None')
    assert_equal(shown(page), expected.images(None))


def test_an_image_depends_on_its_company_in_training_mode_only(page):
    for kind, target in (('standing', 6), ('training', 8)):
        select(page, kind)
        before = shown(page)
        page.drag_onto('.tile:nth-child(3)', '.tile:nth-child(%d)' % target)
        after = shown(page)
        np.testing.assert_array_equal(after[target - 1], after[2])
        assert (after[0] != before[0]).any() == (kind == 'training')
    for name, count in (('swap', 1), ('swap-all', 15)):
        before, vectors = shown(page), page.run('state.vectors.map(vector => vector.join())')
        page.run('document.getElementById("%s").click()' % name)
        different = [old != new for old, new in zip(vectors, page.run('state.vectors.map(vector => vector.join())'))]
        assert sum(different) == count and not different[0]
        change = np.abs(shown(page)[0].astype(float) - before[0])
        stated = re.findall(r'by ([0-9.]+) (?:of|at most)', text_of(page, 'company'))
        assert [float(number) for number in stated] == pytest.approx([change.mean(), change.max()], abs=1)
        assert change.max() > 1


def test_latent_vectors(page, expected):
    """Random ones, sliders, interpolation and arithmetic, each compared with TensorFlow."""
    def vector(script):
        return np.array([page.run('[...%s]' % script)], np.float32)

    def check(selector, latent_vector):
        image, = expected.images(expected.standing, np.repeat(latent_vector, live.BATCH, axis=0))[:1]
        assert_equal(decode(page.picture(selector)), image)

    page.run('document.getElementById("random").click()')
    check('#picture', vector('state.vectors[0]'))
    directions = vector('directions.flatMap(row => [...row])').reshape(6, -1)
    np.testing.assert_allclose(directions @ directions.T, np.eye(6), atol=1e-4)
    before = vector('state.vectors[0]')
    move_to(page, 'direction-2', 1.5)
    np.testing.assert_allclose(vector('state.vectors[0]') - before, (
        1.5 - before @ directions[2]) * directions[2:3], atol=1e-5)
    check('#picture', vector('state.vectors[0]'))
    page.drag_onto('.tile:nth-child(7)', '#between-row .slot:nth-of-type(1)')
    page.drag_onto('.tile:nth-child(9)', '#sum-row .slot:nth-of-type(2)')
    move_to(page, 'share', 25)
    check('#between-row .result canvas', latent.interpolate(expected.noise[6], expected.noise[1], 0.25, 'slerp')[None])
    check('#sum-row .result canvas', (expected.noise[2] - expected.noise[8] + expected.noise[4])[None])
    page.drag_onto('#sum-row .result', '.tile:nth-child(16)')
    check('.tile:nth-child(16) canvas', (expected.noise[2] - expected.noise[8] + expected.noise[4])[None])
    page.run('document.getElementById("reset").click()')
    assert_equal(shown(page), expected.images(expected.standing))
    page.run('document.getElementById("random-batch").click()')
    values = np.concatenate([vector('state.vectors[%d]' % number) for number in range(live.BATCH)])
    assert np.abs(values).max() <= 1 and abs(values.std() - 3 ** -0.5) < 0.02 and abs(values.mean()) < 0.05


def test_keyboard(page):
    page.run('document.querySelector(".tile input").focus()')
    page.press('ArrowRight')
    assert text_of(page, 'caption').startswith('Image 2, standing')
    assert decode(page.picture('#picture')).tobytes() == shown(page)[1].tobytes()
    before = shown(page)[1]
    page.run('document.getElementById("direction-0").focus()')
    page.press('Home')
    assert (decode(page.picture('#picture')) != before).any()
    page.press('Tab')
    assert page.run('document.activeElement.id') == 'direction-1'
    page.run('document.querySelectorAll("[name=kind]")[3].focus()')
    page.press('ArrowLeft')
    assert text_of(page, 'caption').endswith('never updated')
    assert page.run('getComputedStyle(document.activeElement.closest(".kind")).outlineStyle') == 'solid'
    page.run('document.querySelector("#sum-row .slot").focus()')
    page.press('Enter')
    assert page.picture('#sum-row .slot canvas') == page.picture('#picture')


def test_touch(page):
    page.call('Emulation.setDeviceMetricsOverride', width=400, height=700, deviceScaleFactor=1, mobile=True)
    page.point('.tiles')  # scrolls there
    before, scrolled = shown(page), page.run('scrollY')
    page.touch('.tiles', (0.12, 0.12), (0.88, 0.88))  # from the first to the last
    after = shown(page)
    np.testing.assert_array_equal(after[15], before[0])
    np.testing.assert_array_equal(after[:15], before[:15])
    assert page.run('scrollY') == scrolled > 0


def test_screen_readers(page):
    names = page.accessible_names()
    assert {('radio', 'Image 1 of 16'), ('radio', 'Training mode'), ('slider', 'Direction 1'),
            ('slider', 'Batches of 8'), ('image', 'Image 1, standing'), ('button', 'New random vector'),
            ('group', 'The batch of 16 images'), ('group', 'Statistics in use'),
            ('button', 'From: put the selected image here'),
            ('checkbox', 'Use the statistics of these images in layer 1')} <= set(names)
    assert any(role == 'image' and name.startswith('Variances of layer 2. Output: ') for role, name in names)
    assert 'status' in [role for role, _ in names]


@pytest.mark.skipif(not AXE, reason='axe-core is not installed (scripts/test.py --all installs it)')
@pytest.mark.parametrize('kind', ['training', 'moving', 'initial', 'standing'])
def test_accessibility(page, kind):
    select(page, kind)
    for scheme in ('light', 'dark'):
        page.set_color_scheme(scheme)
        assert page.accessibility_violations() == []


def test_light_dark_and_narrow(page, tmp_path):
    for scheme, brightness in (('light', 230), ('dark', 30)):
        page.set_color_scheme(scheme)
        path = str(tmp_path / 'page.png')
        page.screenshot(path)
        with Image.open(path) as image:
            assert abs(np.asarray(image.convert('L'))[:, :8].mean() - brightness) < 25
    page.call('Emulation.setDeviceMetricsOverride', width=400, height=700, deviceScaleFactor=1, mobile=True)
    assert page.run('document.documentElement.scrollWidth') <= 400
    page.run('scrollTo(0, 3000)')  # the picture stays in the window
    assert page.run('document.getElementById("picture").getBoundingClientRect().top') >= 0


def test_the_page_says_how_long_it_took(page):
    move_to(page, 'direction-0', 1)
    assert re.fullmatch(r'Computed here: one image in \d+ ms, 16 images in \d+ ms', text_of(page, 'time'))


def test_the_time_of_a_page_is_printed(page_path, capsys):
    assert run_script(live_page, '--page=' + page_path) == 0
    printed = capsys.readouterr().out
    assert re.match(re.escape(page_path) + r': 1 image [1-9][0-9]* ms, 16 images [1-9][0-9]* ms\n$', printed), printed


def test_a_recording(page_path, tmp_path, monkeypatch):
    monkeypatch.setattr(record_live, '_SETTLING_SECONDS', 0.1)
    output = tmp_path / 'live.gif'
    assert run_script(record_live, '--page=' + page_path, '--output=%s' % output) == 0
    with Image.open(str(output)) as recording:
        assert recording.n_frames > 15 and output.stat().st_size < 1500000
