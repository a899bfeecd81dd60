"""Image folders: which files are found, how they are decoded, and trainings on them."""
import os

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from helpers import TENSORFLOW, assert_same_run
from PIL import Image

from dcgan_tf1 import data
from dcgan_tf1.data import image_folder
from dcgan_tf1.model import graph as graphs
from dcgan_tf1.model.inputs import batch_plan
from dcgan_tf1.runs.folder import RunFolder
from dcgan_tf1.train.training import train
from dcgan_tf1.util.errors import UserError

RANDOM = np.random.RandomState(0)


def random_pixels(*shape):
    return RANDOM.randint(0, 256, shape).astype(np.uint8)


def decode(path, **options):
    """The first image of the folder of this file."""
    options = {'image_size': 8, 'channels': 3, **options}
    return image_folder.load(os.path.dirname(str(path)), **options).first(1)[0]


def test_the_checksum_of_the_content(tmp_path):
    """Of the beginnings and ends of some files, from the first to the last."""
    for number in range(65):
        (tmp_path / ('%02d.png' % number)).write_bytes(bytes(9000))
    known = {image_folder.load(str(tmp_path)).content_checksum()}
    for name, position, is_noticed in (('00', 0, True), ('00', 4096, False), ('64', 8999, True), ('32', 0, False)):
        path = tmp_path / (name + '.png')
        path.write_bytes(path.read_bytes()[:position] + b'?' + path.read_bytes()[position + 1:])
        checksum = image_folder.load(str(tmp_path)).content_checksum()
        assert (checksum not in known) == is_noticed, (name, position)
        known.add(checksum)


def test_finds_the_files_of_a_tree(tmp_path):
    (tmp_path / 'b' / 'c').mkdir(parents=True)
    for name in ('b/c/1.PNG', 'b/2.jpeg', 'a.jpg', 'z.gif', 'b/3.bmp'):
        Image.fromarray(random_pixels(5, 9, 3)).save(str(tmp_path / name))
    for name in ('notes.txt', 'b/thumbs.db', 'x.npy'):
        (tmp_path / name).write_text('not an image')
    images = image_folder.load(str(tmp_path), image_size=8)
    assert images.num_examples == 5 and images.image_shape == (8, 8, 3)
    assert images.first(9).shape == (5, 8, 8, 3) and images.first(2).dtype == np.uint8
    np.testing.assert_array_equal(images.first(5)[1], images.without_first(1).first(1)[0])
    before = images.checksum()
    Image.fromarray(random_pixels(20, 9, 3)).save(str(tmp_path / 'a.jpg'))
    assert image_folder.load(str(tmp_path), image_size=8).checksum() != before


@pytest.mark.parametrize('suffix', ['png', 'bmp', 'gif', 'jpg'])
def test_formats(suffix, tmp_path):
    """An image of the right size is not changed, except for the losses of JPEG and GIF."""
    pixels = np.full((8, 8, 3), (200, 100, 50), np.uint8)
    Image.fromarray(pixels).save(str(tmp_path / ('a.' + suffix)))
    assert np.abs(decode(tmp_path / 'a').astype(int) - pixels).max() <= (0 if suffix in ('png', 'bmp') else 3)


def test_color_modes(tmp_path):
    gray, color = random_pixels(8, 8), random_pixels(8, 8, 3)
    modes = {'gray': Image.fromarray(gray), 'two': Image.fromarray(gray > 127), 'sixteen': Image.fromarray(
        gray.astype(np.uint16) * 256), 'alpha': Image.fromarray(np.dstack([color, np.full((8, 8), 255, np.uint8)])),
        'clear': Image.fromarray(np.dstack([color, np.zeros((8, 8), np.uint8)])),
        'palette': Image.fromarray(color).quantize(16)}
    expected = {'gray': np.dstack([gray] * 3), 'two': np.dstack([(gray > 127) * np.uint8(255)] * 3),
                'sixteen': np.dstack([gray] * 3), 'alpha': color, 'clear': np.full((8, 8, 3), 255),
                'palette': np.asarray(modes['palette'].convert('RGB'))}
    for name, image in modes.items():
        (tmp_path / name).mkdir()
        image.save(str(tmp_path / name / 'a.png'))
        np.testing.assert_array_equal(decode(tmp_path / name / 'a.png'), expected[name], err_msg=name)
        assert decode(tmp_path / name / 'a.png', channels=1).shape == (8, 8, 1)


def test_resizing(tmp_path):
    """The whole image or its center, downscaled with antialiasing as in Pillow, or without as in TensorFlow."""
    pixels = random_pixels(40, 24, 3)
    Image.fromarray(pixels).save(str(tmp_path / 'a.png'))
    np.testing.assert_array_equal(decode(tmp_path / 'a.png'),
                                  np.asarray(Image.fromarray(pixels).resize((8, 8), Image.BILINEAR)))
    np.testing.assert_array_equal(decode(tmp_path / 'a.png', center_crop=True),
                                  np.asarray(Image.fromarray(pixels[8:32]).resize((8, 8), Image.BILINEAR)))
    for crop, part in ((False, pixels), (True, pixels[8:32])):
        if TENSORFLOW < (1, 14):
            break  # it cannot resize from the centers of pixels
        with tf.Graph().as_default(), tf.Session() as session:
            unsmoothed = session.run(tf.image.resize_bilinear(part[None].astype(np.float32), (8, 8),
                                                              half_pixel_centers=True))[0]
        image = decode(tmp_path / 'a.png', antialias=False, center_crop=crop)
        assert np.abs(image - unsmoothed).max() <= 1  # rounding


def test_unreadable_files(tmp_path):
    for name in ('1.png', '3.png'):
        Image.fromarray(random_pixels(8, 8, 3)).save(str(tmp_path / name))
    content = (tmp_path / '1.png').read_bytes()
    for number, damaged in enumerate((b'', b'not an image', content[:60], content[:-40])):
        (tmp_path / '2.png').write_bytes(damaged)
        with pytest.raises(UserError, match=r'2\.png cannot be read as an image .*--skip_unreadable'):
            image_folder.load(str(tmp_path), image_size=8).first(3)
        images = image_folder.load(str(tmp_path), image_size=8, skip_unreadable=True)
        assert len(images.first(3)) == 2
        assert list(images.skipped) == ['2.png'], number
        assert list(images.find_unreadable()) == ['2.png'], number
    for name in ('1.png', '3.png'):
        (tmp_path / name).write_bytes(b'')
    with pytest.raises(UserError, match='no file in .* can be read'):
        image_folder.load(str(tmp_path), image_size=8, skip_unreadable=True).first(1)


def test_folders_without_images(tmp_path):
    with pytest.raises(UserError, match='--dataset=image_folder needs a folder of .* files: name it with --data_dir'):
        image_folder.load()
    with pytest.raises(UserError, match='missing is not a folder: --dataset=image_folder needs a folder'):
        image_folder.load(str(tmp_path / 'missing'))
    with pytest.raises(UserError, match='contains no file that ends in .*: name a folder of image files'):
        image_folder.load(str(tmp_path))
    (tmp_path / 'a.png').write_bytes(b'no picture')
    with pytest.raises(UserError, match='no file in .* can be read as an image: name another folder'):
        image_folder.load(str(tmp_path), skip_unreadable=True).first(1)


@pytest.fixture
def folder(tmp_path):
    """A folder of 30 images."""
    (tmp_path / 'images').mkdir()
    for number in range(30):
        Image.fromarray(random_pixels(20, 24, 3)).save(str(tmp_path / 'images' / ('%02d.jpg' % number)), quality=95)
    return str(tmp_path / 'images')


def test_batches_have_the_requested_order(folder, graph):
    images = data.load('image_folder', data_dir=folder, image_size=16, channels=3)[1]
    batches = images.batches(tf.data.Dataset.from_tensor_slices([[3, 1], [0, 29], [7, 7]]))
    next_batch = batches.get_next()
    all_images = images.first(30)
    with tf.Session() as session:
        session.run(batches.initializer, batches.feed)
        for indices in ([3, 1], [0, 29], [7, 7]):
            np.testing.assert_array_equal(session.run(next_batch), all_images[indices])


SMALL_RUN = ['--dataset=image_folder', '--channels=3', '--batch_size=4', '--shuffle=per_epoch', '--sample_size=4',
         '--log_every=2', '--checkpoint_every=3', '--network=graph_mode_dense', '--loss=sigmoid',
         '--schedule=simultaneous']


@pytest.mark.slow
def test_a_resumed_run_equals_an_uninterrupted_one(folder, tmp_path, training_settings):
    """The resumed part crosses the end of an epoch of 8 batches, of which the last has 2 images."""
    def run(name, steps):
        settings = training_settings(*SMALL_RUN, '--image_size=16', '--data_dir=' + folder, '--steps=%d' % steps,
                                     '--run_dir=' + str(tmp_path / name))
        assert train(settings) == 0
        return RunFolder(settings.run_dir)
    run('resumed', 5)
    resumed, whole = run('resumed', 10), run('whole', 10)
    assert_same_run(resumed, whole)
    assert whole.read_metrics()[-1]['epoch'] == 1.25


@pytest.mark.slow
@pytest.mark.parametrize('network,size', [('sparse_softmax', 64), ('learnopencv_torch', 32)] + [
    pytest.param(network, size, marks=pytest.mark.any_tensorflow) for network, size in (
        ('sparse_softmax', 28), ('graph_mode', 32), ('learnopencv_tf', 64), ('paper', 32), ('learnopencv_torch', 128),
        ('machinecurve', 64))])
def test_image_sizes(network, size, folder, training_settings, graph):
    """One training step, and the shape of generated images."""
    settings = training_settings(*SMALL_RUN, '--image_size=%d' % size, '--network=' + network, '--data_dir=' + folder,
                                 '--loss=%s' % ('sparse_softmax' if network == 'sparse_softmax' else 'sigmoid'))
    images = data.load_for(settings)[1]
    training = graphs.build_training(settings, images, batch_plan(settings, images.num_examples))
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        training.start_batches(session, 0)
        session.run(training.step.train_op)
        noise = session.run(training.sample_noise)
        generated = session.run(training.generator.images, {training.inputs.noise: noise})
    assert generated.shape == (4, size, size, 3) and np.isfinite(generated).all()


@pytest.mark.parametrize('flags,message', [
    (['--network=paper', '--image_size=28'], '--network=paper cannot make .* it supports squares of 8'),
    (['--network=paperspace', '--image_size=30'], '--image_size=30: it supports .*multiples of 4'),
    (['--dataset=mnist_10k', '--image_size=32', '--channels=1'], 'mnist_10k are 28×28 .* not --image_size=32')])
def test_unsupported_image_sizes(flags, message, folder, tmp_path, training_settings):
    data_dir = [] if '--dataset=mnist_10k' in flags else ['--data_dir=' + folder]
    with pytest.raises(UserError, match=message):
        train(training_settings(*SMALL_RUN, *data_dir, '--run_dir=' + str(tmp_path / 'run'), *flags))
    assert not (tmp_path / 'run').exists()


@pytest.mark.slow
def test_an_unreadable_file_stops_the_run(folder, tmp_path, training_settings, capsys):
    with open(os.path.join(folder, '17.jpg'), 'wb') as file:
        file.write(b'half a')
    flags = [*SMALL_RUN, '--image_size=16', '--data_dir=' + folder, '--steps=9']
    with pytest.raises(UserError, match=r'17\.jpg cannot be read as an image'):
        train(training_settings(*flags, '--run_dir=%s/stopped' % tmp_path))
    assert train(training_settings(*flags, '--skip_unreadable', '--run_dir=%s/finished' % tmp_path)) == 0
    assert '1 file that cannot be read or is gone, among them 17.jpg' in capsys.readouterr().err
