"""The discriminator features experiment: features, guided backpropagation, and a small run."""
import json

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from helpers import MAIN_RUN, run_script, script_arguments
from PIL import Image

from dcgan_tf1.data import mnist, mnist_10k
from dcgan_tf1.model.graph import build_training
from dcgan_tf1.model.inputs import BatchPlan
from dcgan_tf1.runs.checkpoints.saving import last_checkpoint
from dcgan_tf1.settings.cli import exit_status
from dcgan_tf1.settings.train import TrainSettings
from dcgan_tf1.util import pixels
from dcgan_tf1.util.errors import UserError
from scripts.experiments.discriminator_features import __main__ as script
from scripts.experiments.discriminator_features import images as labeled_images
from scripts.experiments.discriminator_features import network, report, svm

pytestmark = pytest.mark.any_tensorflow

KERNEL = 'Discriminator/conv2d/kernel'
COLORS = {'blue': (0, 0, 255), 'green': (0, 255, 0), 'red': (255, 0, 0)}


@pytest.fixture
def images():
    """40 images of noise: 28×28, floats."""
    return np.random.RandomState(0).uniform(-1, 1, (40, 28, 28, 1)).astype(np.float32)


@pytest.fixture
def untrained(evaluation_settings, images):
    """(flags…) → a discriminator with its initial weights."""
    def create(*flags):
        settings = evaluation_settings('--images=none', *flags)
        return network.Discriminator(settings, None, [images[:20], images[20:]])
    return create


def make_color_folders(folder, count):
    """Writes image files of one color each, in a folder for each of `COLORS`."""
    for name, color in COLORS.items():
        (folder / name).mkdir(parents=True)
        for number in range(count):
            Image.new('RGB', (8, 8), color).save(str(folder / name / ('%d.png' % number)))


@pytest.mark.slow
def test_a_small_run(trained, tmp_path, capsys):
    run = trained(*MAIN_RUN, '--steps=6')
    run_script(script, '--run_dir=' + run.path, '--train_images=200', '--test_images=100',
               '--output=%s' % tmp_path)
    with open(str(tmp_path / 'features.json')) as file:
        results = json.load(file)
    features = results['features']
    assert {name: values['dimensions'] for name, values in features.items()} == {
        'raw pixels': 784, 'untrained discriminator': 16 * (64 + 128),
        'trained discriminator': 16 * (64 + 128)}
    assert (results['train_images'], results['test_images'], results['standing_batches']) == (200, 100, 25)
    assert results['checkpoint'] == 'model-6'
    for name, values in features.items():
        held_out = values['held_out_accuracy']
        assert held_out[str(values['C'])] == max(held_out.values()), name
        assert values['test_accuracy'] > 0.8, (name, values)
    assert features['trained discriminator'] != features['untrained discriminator']
    table = capsys.readouterr().out
    assert '\n| raw pixels | 784 | ' in table and table.count('\n') == 5
    with open(str(tmp_path / 'README.md'), encoding='utf-8') as file:
        text = file.read()
    assert table in text and 'trained on\n200 labeled images and tested on 100.' in text
    assert ('\npython -m scripts.experiments.discriminator_features --run_dir=runs/sparse_softmax-mnist_10k-0 '
            '--train_images=200 --test_images=100\n') in text
    for name in ('filters.png', 'guided.png'):
        with Image.open(str(tmp_path / name)) as picture:
            assert picture.size[0] == 1400
            # The halves, of two discriminators or of different units, differ.
            left, right = np.array_split(np.asarray(picture.convert('L'))[80:].astype(float), 2, axis=1)
            assert np.abs(left - right).mean() > 1


@pytest.mark.parametrize('size', [14, 7, 32, 4, 5, 13, 3, 2, 1])
def test_pooling(size, graph):
    x = np.random.RandomState(size).normal(size=(2, size, size + 1, 3)).astype(np.float32)

    def cells(length):
        return [slice(int(np.floor(cell * length / 4)), int(np.ceil((cell + 1) * length / 4)))
                for cell in range(4)]
    expected = [[x[:, rows, columns].max(axis=(1, 2)) for columns in cells(size + 1)] for rows in cells(size)]
    with tf.Session() as session:
        pooled = session.run(network.max_pool(tf.constant(x)))
    np.testing.assert_array_equal(pooled, np.array(expected).transpose(2, 0, 1, 3))


def test_pooling_by_hand(graph):
    """14 pixels: cells of 4, which share pixels 3 and 10. 7 pixels: cells of 2, 3, 3, 2."""
    with tf.Session() as session:
        for size, expected in ((14, [3, 6, 10, 13]), (7, [1, 3, 5, 6]), (4, [0, 1, 2, 3]), (8, [1, 3, 5, 7])):
            rising = np.arange(size, dtype=np.float32).reshape(1, size, 1, 1)
            assert session.run(network.max_pool(tf.constant(rising)))[0, :, 0, 0].tolist() == expected


@pytest.mark.parametrize('activation, negative_slope', [
    (tf.nn.relu, 0.), (tf.nn.leaky_relu, 0.2), (tf.nn.elu, None)])
def test_guided_backpropagation_by_hand(activation, negative_slope, graph):
    """Of units with inputs 1, −4 and 2 and output gradients 3, 5 and −6, only the first passes a gradient."""
    x = tf.constant([[2., -1.]])
    weights = tf.constant([[1., -1., 0.5], [1., 2., -1.]])

    def gradient():
        y = activation(tf.matmul(x, weights))
        return tf.gradients(tf.matmul(y, [[3.], [5.], [-6.]]), x)[0]
    with network.guided_backpropagation():
        guided = gradient()
    plain = gradient()
    with tf.Session() as session:
        np.testing.assert_array_equal(session.run(guided), [[3, 3]])
        slope = np.exp(-4) if negative_slope is None else negative_slope
        np.testing.assert_allclose(session.run(plain), [[3 - 5 * slope - 3, 3 + 10 * slope + 6]], rtol=1e-5)


def test_guided_through_two_layers(graph):
    """Negative gradients are stopped at every layer, not only at the last."""
    x = tf.constant([[1., 1.]])
    with network.guided_backpropagation():
        first = tf.nn.relu(x)
        second = tf.nn.leaky_relu(tf.matmul(first, [[2., 1.], [-1., 3.]]), 0.2)  # its inputs are 1 and 4
        guided = tf.gradients(tf.matmul(second, [[1.], [-1.]]), x)[0]  # the first layer gets 2 and −1
    with tf.Session() as session:
        np.testing.assert_array_equal(session.run(guided), [[2, 0]])


@pytest.mark.slow
@pytest.mark.parametrize('name', ['sparse_softmax', 'graph_mode', 'machinecurve', 'paperspace'])
def test_features_depend_on_the_image_only(name, untrained, images):
    """Not on other images, by batch norm, nor on chance, by dropout."""
    with untrained('--network=' + name) as discriminator:
        together = discriminator.features(images)
        alone = discriminator.features(images[:1])
        others = discriminator.features(np.concatenate([images[:1], 3 * images[5:9]]))
        assert len(together) == 2 and all(part.shape[1] % 16 == 0 for part in together)
        for part, one, other in zip(together, alone, others):
            np.testing.assert_allclose(one, part[:1], atol=1e-5)
            np.testing.assert_allclose(other[:1], part[:1], atol=1e-5)
            assert np.abs(part[1] - part[0]).max() > 1e-3


@pytest.mark.slow
def test_responses_and_their_gradients(untrained, images):
    with untrained() as discriminator:
        responses = discriminator.responses(images)
        last = discriminator.features(images)[-1].reshape(40, 4, 4, 128)
        np.testing.assert_array_equal(responses, last.max(axis=(1, 2)))
        fields = discriminator.receptive_fields()
        for unit in (0, 7):
            positions = discriminator.positions(images, unit)
            guided = discriminator.guided_gradients(images, unit, positions)
            assert guided.shape == images.shape
            original = guided.copy()
            for gradient, (row, column) in zip(guided, positions):
                (top, left), (bottom, right) = fields[row, column]
                assert gradient[top:bottom, left:right].any()
                gradient[top:bottom, left:right] = 0
                assert not gradient.any()
            alone = discriminator.guided_gradients(images[3:4], unit, positions[3:4])
            np.testing.assert_allclose(alone[0], original[3], atol=1e-5)


@pytest.mark.slow
def test_receptive_fields(untrained):
    """Two 5×5 convolutions of stride 2 see 13×13 pixels: 5 + 4 · 2. Padding 'same' of 28 pixels is 1 before."""
    with untrained() as discriminator:
        fields = discriminator.receptive_fields()
    assert fields.shape == (7, 7, 2, 2)
    for row in range(7):
        # Unit r sees the rows 2r − 1 to 2r + 3 of the first layer, whose unit q sees the pixels 2q − 1 to 2q + 3.
        first, end = 2 * (2 * row - 1) - 1, 2 * (2 * row + 3) + 3 + 1
        assert fields[row, 3, :, 0].tolist() == fields[3, row, :, 1].tolist() == [max(0, first), min(28, end)]


def test_crop():
    fields = np.array([[[[0, 0], [2, 3]], [[0, 1], [2, 4]]], [[[1, 0], [4, 3]], [[2, 2], [4, 4]]]])
    image = np.arange(1, 17, dtype=np.uint8).reshape(1, 4, 4, 1)

    def patch(row, column):
        return report.crop(image, np.array([[row, column]]), fields)[0, :, :, 0].tolist()
    assert patch(0, 1) == [[128, 128, 128], [2, 3, 4], [6, 7, 8]]
    assert patch(1, 0) == [[5, 6, 7], [9, 10, 11], [13, 14, 15]]
    assert patch(1, 1) == [[11, 12, 128], [15, 16, 128], [128, 128, 128]]


@pytest.mark.slow
def test_patches(untrained, images, monkeypatch):
    """The strongest responses come first. Both discriminators get the same images and positions."""
    pictures = {}
    monkeypatch.setattr(report, '_draw', lambda drawn, row_names: pictures.update(drawn))
    with untrained() as trained, untrained('--seed=1') as other:
        report.guided_figure(trained, other, images)
        best = images[trained.responses(images)[:, 1].argmax()][np.newaxis]
        position = trained.positions(best, 1)
        fields = other.receptive_fields()
        rows = [pixels.to_uint8(best), *(report.to_picture(network.guided_gradients(best, 1, position))
                                         for network in (trained, other))]
    assert list(pictures) == ['Unit %d' % unit for unit in range(6)]
    picture = pictures['Unit 1']
    assert picture.shape == (3 * 14 + 1, 9 * 14 + 1, 3)
    for number, row in enumerate(rows):
        top = 1 + 14 * number
        shown = picture[top:top + 13, 1:14, :1].astype(int)
        np.testing.assert_allclose(shown, report.crop(row, position, fields)[0], atol=1)


@pytest.mark.slow
def test_weights(trained, training_settings, random_images):
    """Untrained weights are the initial ones of a training with this seed, trained ones the checkpoint's."""
    run = trained(*MAIN_RUN, '--steps=6')
    settings, _ = script.read_settings(script_arguments(script, '--run_dir=' + run.path))
    batches = [pixels.to_float(random_images.pixels.astype(np.float32))]
    with tf.Graph().as_default(), tf.Session() as session:
        build_training(training_settings(*MAIN_RUN), random_images, BatchPlan('continuous', 40, 8, 0))
        session.run(tf.global_variables_initializer())
        initial = session.run({variable.op.name: variable for variable in tf.global_variables()})[KERNEL]
    learned = tf.train.load_checkpoint(last_checkpoint(run)).get_tensor(KERNEL)
    weights = {}
    for name, path, seed in (('initial', None, 0), ('other', None, 1), ('learned', settings.checkpoint, 0)):
        with network.Discriminator(settings.replace(seed=seed), path, batches) as discriminator:
            weights[name] = discriminator.filters().transpose(1, 2, 3, 0)
    np.testing.assert_array_equal(weights['initial'], initial)
    np.testing.assert_array_equal(weights['learned'], learned)
    assert min(np.abs(weights[name] - initial).max() for name in ('other', 'learned')) > 1e-3


def test_svm():
    """Features of all layers have the same weight, whatever their scales and offsets."""
    random = np.random.RandomState(0)
    labels, test_labels = np.arange(200) % 4, np.arange(80) % 4
    centers = random.normal(size=(4, 6))

    def features(classes):
        informative = centers[classes] + random.normal(0, 0.8, (len(classes), 6))
        return [informative, random.normal(size=(len(classes), 3))]
    training, test = features(labels), features(test_labels)
    result = svm.classify(training, labels, test, test_labels)
    assert 0.5 < result['test_accuracy'] < 1 and result['dimensions'] == 9
    assert result['held_out_accuracy'][str(result['C'])] == max(result['held_out_accuracy'].values())
    moved = [[part * scale + scale for part, scale in zip(parts, (1000, 0.01))] for parts in (training, test)]
    assert svm.classify(moved[0], labels, moved[1], test_labels) == result
    hopeless = svm.classify(training, random.randint(0, 4, 200), test, random.randint(0, 4, 80))
    assert hopeless['test_accuracy'] < 0.45


@pytest.mark.slow
def test_held_out_images_are_not_used(mnist_dir):
    dataset = TrainSettings(dataset='mnist', data_dir=mnist_dir)
    (training, labels), (test, test_labels) = labeled_images.load(dataset, 50, 100000)
    assert len(training) == len(labels) == 50 and len(test) == len(test_labels) == 10000
    whole = mnist.load(mnist_dir).pixels
    np.testing.assert_array_equal(training[[0, -1]], whole[[5000, -1]])
    (training, _), _ = labeled_images.load(dataset.replace(holdout=59990), 50, 10)
    np.testing.assert_array_equal(training, whole[59990:])


def test_mnist_10k_has_the_split_of_the_classifier():
    expected = mnist_10k.load_labeled()
    for (images, labels), part in zip(labeled_images.load(TrainSettings(dataset='mnist_10k'), 10000, 10000), expected):
        np.testing.assert_array_equal(images, part.images.pixels)
        np.testing.assert_array_equal(labels, part.labels)


@pytest.mark.parametrize('split', [False, True])
def test_folders_are_classes(split, tmp_path, capsys):
    if split:
        make_color_folders(tmp_path / 'train', 6)
        make_color_folders(tmp_path / 'test', 2)
    else:
        make_color_folders(tmp_path, 10)
    dataset = TrainSettings(dataset='image_folder', data_dir=str(tmp_path), image_size=8, channels=3)
    parts = labeled_images.load(dataset, 1000, 1000)
    assert [len(labels) for _, labels in parts] == ([18, 6] if split else [24, 6])
    for images, labels in parts:
        for label, name in enumerate(sorted(COLORS)):
            assert (images[labels == label] == COLORS[name]).all() and (labels == label).any()
    assert bool(capsys.readouterr().err) == (not split)
    # Smaller numbers of images have all classes, too.
    for _, labels in labeled_images.load(dataset, 6, 3):
        assert set(labels) == {0, 1, 2}


@pytest.mark.slow
def test_color_images(trained, tmp_path, capsys):
    make_color_folders(tmp_path / 'images', 20)
    run = trained('--network=learnopencv_torch', '--loss=sigmoid', '--dataset=image_folder',
                  '--image_size=16', '--channels=3', '--batch_size=8', '--steps=1', '--sample_size=2',
                  '--data_dir=%s' % (tmp_path / 'images'))
    run_script(script, '--run_dir=' + run.path, '--test_images=9', '--output=%s' % (tmp_path / 'results'))
    with open(str(tmp_path / 'results' / 'features.json')) as file:
        features = json.load(file)['features']
    assert features['trained discriminator']['dimensions'] == 16 * (64 + 128)
    assert {values['test_accuracy'] for values in features.values()} == {1.}


@pytest.mark.parametrize('fault, message', [
    ('outside', 'must have a folder .* for each of two or more classes.*files outside of folders'),
    ('one', 'two or more classes'),
    ('test', 'the same in test; it has blue, green, red and blue, green, pink, red')])
def test_folders_that_are_not_classes(fault, message, tmp_path):
    if fault == 'test':
        make_color_folders(tmp_path / 'train', 2)
        make_color_folders(tmp_path / 'test', 2)
        (tmp_path / 'test' / 'pink').mkdir()
    else:
        make_color_folders(tmp_path, 2) if fault == 'outside' else (tmp_path / 'pink').mkdir()
    where = {'outside': tmp_path, 'one': tmp_path / 'pink', 'test': tmp_path / 'test' / 'pink'}[fault]
    Image.new('RGB', (8, 8)).save(str(where / 'a.png'))
    with pytest.raises(UserError, match=message):
        labeled_images.load(TrainSettings(dataset='image_folder', data_dir=str(tmp_path)), 10, 10)


@pytest.mark.slow
@pytest.mark.parametrize('arguments, message', [
    (('--train_images=10',), '10 training images .* batch size, 16: raise --train_images'),
    (('--train_images=20',), '--network=graph_mode_dense has no convolutions')])
def test_runs_that_do_not_fit(arguments, message, trained, tmp_path):
    run = trained('--network=graph_mode_dense', '--loss=sigmoid', '--dataset=mnist_10k', '--batch_size=16',
                  '--steps=1', '--sample_size=2')
    with pytest.raises(UserError, match=message):
        run_script(script, '--run_dir=' + run.path, '--output=%s' % tmp_path, *arguments)


def test_no_run(tmp_path, capsys):
    assert exit_status(lambda: run_script(script, '--run_dir=%s' % tmp_path)) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith('error: ') and 'holds no run' in error


@pytest.mark.slow
def test_no_checkpoint(trained, tmp_path):
    with pytest.raises(UserError, match='is not a readable checkpoint'):
        run_script(script, '--run_dir=' + trained(*MAIN_RUN, '--steps=6').path, '--checkpoint=none',
                   '--train_images=20', '--output=%s' % tmp_path)
