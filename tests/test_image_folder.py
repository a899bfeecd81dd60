"""Image folders: what is found, how it is decoded, and that the order is a function of (seed, step)."""
import os

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from PIL import Image

from dcgan_tf1 import data, train
from dcgan_tf1.data import image_folder
from dcgan_tf1.errors import UserError
from dcgan_tf1.run_folder import RunFolder

RANDOM = np.random.RandomState(0)


def picture(*shape):
    return RANDOM.randint(0, 256, shape).astype(np.uint8)


def decode(path, **how):
    how = {'image_size': 8, 'channels': 3, **how}
    return image_folder.load(os.path.dirname(str(path)), **how).first(1)[0]


def test_finds_the_files_of_a_tree(tmp_path):
    (tmp_path / 'b' / 'c').mkdir(parents=True)
    for name in ('b/c/1.PNG', 'b/2.jpeg', 'a.jpg', 'z.gif', 'b/3.bmp'):
        Image.fromarray(picture(5, 9, 3)).save(str(tmp_path / name))
    for name in ('notes.txt', 'b/thumbs.db', 'x.npy'):
        (tmp_path / name).write_text('not an image')
    images = image_folder.load(str(tmp_path), image_size=8)
    assert images.num_examples == 5 and images.image_shape == (8, 8, 3)
    assert images.first(9).shape == (5, 8, 8, 3) and images.first(2).dtype == np.uint8
    np.testing.assert_array_equal(images.first(5)[1], images.without_first(1).first(1)[0])
    before = images.checksum()
    Image.fromarray(picture(20, 9, 3)).save(str(tmp_path / 'a.jpg'))
    assert image_folder.load(str(tmp_path), image_size=8).checksum() != before


@pytest.mark.parametrize('suffix', ['png', 'bmp', 'gif', 'jpg'])
def test_decodes(suffix, tmp_path):
    """An image of the right size is not touched (JPEG and GIF lose a little themselves)."""
    pixels = np.full((8, 8, 3), (200, 100, 50), np.uint8)
    Image.fromarray(pixels).save(str(tmp_path / ('a.' + suffix)))
    assert np.abs(decode(tmp_path / 'a').astype(int) - pixels).max() <= (0 if suffix in ('png', 'bmp') else 3)


def test_grey_and_transparent(tmp_path):
    grey, colour = picture(8, 8), picture(8, 8, 3)
    modes = {'grey': Image.fromarray(grey), 'two': Image.fromarray(grey > 127), 'sixteen': Image.fromarray(
        grey.astype(np.uint16) * 256), 'alpha': Image.fromarray(np.dstack([colour, np.full((8, 8), 255, np.uint8)])),
        'clear': Image.fromarray(np.dstack([colour, np.zeros((8, 8), np.uint8)])),
        'palette': Image.fromarray(colour).quantize(16)}
    expected = {'grey': np.dstack([grey] * 3), 'two': np.dstack([(grey > 127) * np.uint8(255)] * 3),
                'sixteen': np.dstack([grey] * 3), 'alpha': colour, 'clear': np.full((8, 8, 3), 255),
                'palette': np.asarray(modes['palette'].convert('RGB'))}
    for name, image in modes.items():
        (tmp_path / name).mkdir()
        image.save(str(tmp_path / name / 'a.png'))
        np.testing.assert_array_equal(decode(tmp_path / name / 'a.png'), expected[name], err_msg=name)
        assert decode(tmp_path / name / 'a.png', channels=1).shape == (8, 8, 1)


def test_resizing(tmp_path):
    """The whole picture squeezed, or its middle; smoothed as Pillow does, or not as TensorFlow doesn't."""
    pixels = picture(40, 24, 3)
    Image.fromarray(pixels).save(str(tmp_path / 'a.png'))
    np.testing.assert_array_equal(decode(tmp_path / 'a.png'),
                                  np.asarray(Image.fromarray(pixels).resize((8, 8), Image.BILINEAR)))
    np.testing.assert_array_equal(decode(tmp_path / 'a.png', centre_crop=True),
                                  np.asarray(Image.fromarray(pixels[8:32]).resize((8, 8), Image.BILINEAR)))
    for crop, part in ((False, pixels), (True, pixels[8:32])):
        with tf.Graph().as_default(), tf.Session() as session:
            unsmoothed = session.run(tf.image.resize_bilinear(part[None].astype(np.float32), (8, 8),
                                                              half_pixel_centers=True))[0]
        found = decode(tmp_path / 'a.png', antialias=False, centre_crop=crop)
        assert np.abs(found - unsmoothed).max() <= 1  # rounding


def test_unreadable_files(tmp_path):
    for name in ('1.png', '3.png'):
        Image.fromarray(picture(8, 8, 3)).save(str(tmp_path / name))
    content = (tmp_path / '1.png').read_bytes()
    for number, damaged in enumerate((b'', b'not an image', content[:60], content[:-40])):
        (tmp_path / '2.png').write_bytes(damaged)
        with pytest.raises(UserError, match=r'2\.png cannot be read as an image .*--skip_unreadable'):
            image_folder.load(str(tmp_path), image_size=8).first(3)
        images = image_folder.load(str(tmp_path), image_size=8, skip_unreadable=True)
        made = images.first(3)
        np.testing.assert_array_equal(made[1], made[2])  # the next that can be read, in its place
        assert list(images.unreadable) == [str(tmp_path / '2.png')], number
    for name in ('1.png', '3.png'):
        (tmp_path / name).write_bytes(b'')
    with pytest.raises(UserError, match='no file in .* can be read'):
        image_folder.load(str(tmp_path), image_size=8, skip_unreadable=True).first(1)


def test_nothing_there(tmp_path):
    for folder in (None, str(tmp_path / 'nowhere')):
        with pytest.raises(UserError, match='is not a folder'):
            image_folder.load(folder)
    with pytest.raises(UserError, match='holds no file that ends in .*: name a folder with such'):
        image_folder.load(str(tmp_path))
    (tmp_path / 'a.png').write_bytes(b'no picture')
    with pytest.raises(UserError, match='no file in --data_dir=.* can be read as an image: name another folder'):
        image_folder.load(str(tmp_path), skip_unreadable=True).first(1)


@pytest.fixture
def folder(tmp_path):
    """30 pictures."""
    (tmp_path / 'pictures').mkdir()
    for number in range(30):
        Image.fromarray(picture(20, 24, 3)).save(str(tmp_path / 'pictures' / ('%02d.jpg' % number)), quality=95)
    return str(tmp_path / 'pictures')


def test_batches_in_the_order_asked_for(folder, graph):
    images = data.load('image_folder', data_dir=folder, image_size=16, channels=3)[1]
    batches = images.batches(tf.data.Dataset.from_tensor_slices([[3, 1], [0, 29], [7, 7]]))
    following = batches.get_next()
    everything = images.first(30)
    with tf.Session() as session:
        session.run(batches.initializer, batches.feed)
        for indices in ([3, 1], [0, 29], [7, 7]):
            np.testing.assert_array_equal(session.run(following), everything[indices])


SMALL = ['--dataset=image_folder', '--channels=3', '--batch_size=4', '--batch_plan=epochs', '--sample_size=4',
         '--log_every=2', '--checkpoint_every=3', '--network=paperspace', '--loss=sigmoid', '--schedule=simultaneous']


def test_a_resumed_run_equals_the_uninterrupted(folder, tmp_path, training_settings):
    """With dropout in it, over the end of an epoch (8 batches, the last of 2)."""
    def run(name, steps):
        settings = training_settings(*SMALL, '--image_size=16', '--data_dir=' + folder, '--steps=%d' % steps,
                                     '--run_dir=' + str(tmp_path / name))
        assert train.run(settings) == 0
        return RunFolder(settings.run_dir)
    run('resumed', 5)
    resumed, whole = run('resumed', 10), run('whole', 10)
    readers = [tf.train.load_checkpoint(tf.train.latest_checkpoint(one.checkpoints)) for one in (resumed, whole)]
    for name in readers[0].get_variable_to_shape_map():
        np.testing.assert_array_equal(*(reader.get_tensor(name) for reader in readers), err_msg=name)
    losses = [[(record['step'], record['epoch'], record['generator_loss']) for record in one.read_metrics()]
              for one in (resumed, whole)]
    assert losses[0] == losses[1] and losses[0][-1][1] == 1.25


@pytest.mark.parametrize('network,size', [('sparse_softmax', 28), ('sparse_softmax', 64), ('graph_mode', 32),
                                          ('learnopencv_torch', 32), ('learnopencv_tf', 64), ('paper', 32),
                                          ('learnopencv_torch', 128), ('machinecurve', 64)])
def test_image_sizes(network, size, folder, tmp_path, training_settings):
    settings = training_settings(*SMALL, '--image_size=%d' % size, '--network=' + network, '--data_dir=' + folder,
                                 '--loss=%s' % ('sparse_softmax' if network == 'sparse_softmax' else 'sigmoid'),
                                 '--steps=1', '--run_dir=' + str(tmp_path / 'run'))
    assert train.run(settings) == 0
    assert Image.open(RunFolder(settings.run_dir).grid(1)).size == (2 * (2 * (size + 2) + 2),) * 2


@pytest.mark.parametrize('args,fault', [
    (['--network=paper', '--image_size=28'], '--network=paper cannot make images of --image_size=28: .*squares of 8'),
    (['--image_size=30'], '--image_size=30: it takes sizes that are multiples of 4'),
    (['--dataset=digits', '--image_size=32', '--channels=1'], 'digits are 28×28 .* not --image_size=32')])
def test_sizes_that_cannot_be(args, fault, folder, tmp_path, training_settings):
    where = [] if '--dataset=digits' in args else ['--data_dir=' + folder]
    with pytest.raises(UserError, match=fault):
        train.run(training_settings(*SMALL, *where, '--run_dir=' + str(tmp_path / 'run'), *args))
    assert not (tmp_path / 'run').exists()


def test_an_unreadable_file_ends_the_run_by_its_name(folder, tmp_path, training_settings, capsys):
    with open(os.path.join(folder, '17.jpg'), 'wb') as file:
        file.write(b'half a')
    args = [*SMALL, '--image_size=16', '--data_dir=' + folder, '--steps=9', '--run_dir=' + str(tmp_path / 'run')]
    with pytest.raises(UserError, match=r'17\.jpg cannot be read as an image'):
        train.run(training_settings(*args))
    args[-1] += '-again'
    assert train.run(training_settings(*args, '--skip_unreadable')) == 0
    assert '1 of the files could not be read and were passed over, the first: ' in capsys.readouterr().err
