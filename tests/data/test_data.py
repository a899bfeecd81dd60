"""Datasets: where they are found, how they are verified, and which files are refused."""
import gzip
import hashlib
import os
import struct

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from dcgan_tf1 import data
from dcgan_tf1.data import _idx, fashion_mnist, mnist
from dcgan_tf1.util.errors import UserError

PIXELS = np.random.RandomState(0).randint(0, 256, (12, 28, 28)).astype(np.uint8)
CONTENT = struct.pack('>4I', 2051, 12, 28, 28) + PIXELS.tobytes()
LABELS = (np.arange(12) % 10).astype(np.uint8)
LABELS_CONTENT = struct.pack('>2I', 2049, 12) + LABELS.tobytes()


@pytest.fixture
def small_files(monkeypatch):
    """Makes files of 12 images the expected ones, and downloads by Keras fail. Returns the checksum of the images."""
    monkeypatch.setitem(_idx.SHAPES, _idx.TRAIN, PIXELS.shape)
    monkeypatch.setitem(_idx.SHAPES, _idx.TRAIN_LABELS, LABELS.shape)
    from tensorflow import keras

    def get_file(**_):
        raise OSError('no network here')
    monkeypatch.setattr(keras.utils, 'get_file', get_file)
    return hashlib.md5(CONTENT).hexdigest()


def source(md5, gzip_md5=None):
    return _idx.Source('mnist', md5, gzip_md5 or {}, lambda file: {'fname': 'mnist.npz'})


def load(folder, md5):
    return _idx.load(source({_idx.TRAIN: md5}), str(folder))


def test_reads_idx(tmp_path, small_files):
    (tmp_path / _idx.TRAIN).write_bytes(CONTENT)
    images = load(tmp_path, small_files)
    np.testing.assert_array_equal(images.pixels, PIXELS[..., None])
    assert images.num_examples == 12 and images.image_shape == (28, 28, 1)
    assert images.checksum() == small_files


def test_reads_gzipped_idx(tmp_path, small_files):
    (tmp_path / (_idx.TRAIN + '.gz')).write_bytes(gzip.compress(CONTENT))
    np.testing.assert_array_equal(load(tmp_path, small_files).pixels, PIXELS[..., None])


DAMAGED_CONTENTS = {
    'empty': b'', 'half a header': CONTENT[:7], 'half written': CONTENT[:len(CONTENT) // 2],
    'one byte short': CONTENT[:-1], 'one byte long': CONTENT + b'\0',
    'labels': struct.pack('>4I', 2049, 12, 28, 28) + CONTENT[16:],
    'other sizes': struct.pack('>4I', 2051, 12, 14, 56) + CONTENT[16:],
    'altered': CONTENT[:-1] + bytes([CONTENT[-1] ^ 1]),
}


@pytest.mark.parametrize('suffix', ['', '.gz'])
@pytest.mark.parametrize('fault', sorted(DAMAGED_CONTENTS))
def test_other_files_are_refused(fault, suffix, tmp_path, small_files):
    path = tmp_path / (_idx.TRAIN + suffix)
    path.write_bytes(gzip.compress(DAMAGED_CONTENTS[fault]) if suffix else DAMAGED_CONTENTS[fault])
    with pytest.raises(UserError, match='put the canonical file in its place') as error:
        load(tmp_path, small_files)
    assert str(path) in str(error.value)


@pytest.mark.parametrize('content', [gzip.compress(CONTENT)[:300], gzip.compress(CONTENT)[:5], b'not gzip at all',
                                     gzip.compress(CONTENT)[:200] + b'\xff' * 50 + gzip.compress(CONTENT)[250:]],
                         ids=['cut', 'cut header', 'no gzip', 'damaged'])
def test_damaged_gzip_files_are_refused(content, tmp_path, small_files):
    (tmp_path / (_idx.TRAIN + '.gz')).write_bytes(content)
    with pytest.raises(UserError, match='damaged'):
        load(tmp_path, small_files)


@pytest.mark.slow
def test_a_gzip_bomb_is_not_decompressed(tmp_path, small_files):
    bomb = tmp_path / (_idx.TRAIN + '.gz')
    with gzip.open(str(bomb), 'wb') as file:
        file.write(CONTENT)
        for _ in range(20):
            file.write(bytes(10 ** 6))
    with pytest.raises(UserError, match='more bytes'):
        load(tmp_path, small_files)


def test_missing_data(small_files):
    with pytest.raises(UserError) as error:
        mnist.load(None)
    for part in ('no --data_dir given', '~/.keras/datasets', 'mnist.npz', 'no network here', '--data_dir',
                 '--dataset=mnist_10k'):
        assert part in str(error.value)


def test_a_missing_folder_is_an_error(tmp_path):
    with pytest.raises(UserError, match='--data_dir=.*/nowhere is not a folder'):
        mnist.load(str(tmp_path / 'nowhere'))


@pytest.mark.parametrize('arrays,message', [({'x_train': PIXELS}, None), ({'y_train': PIXELS}, 'damaged'),
                                          ({'x_train': PIXELS[:5]}, 'shape'),
                                          ({'x_train': PIXELS.astype(float)}, 'float64'),
                                          ({'x_train': np.array([{}], object)}, 'damaged')])
def test_the_keras_file_of_mnist(arrays, message, tmp_path, small_files, monkeypatch):
    """It is read without unpickling, and verified like the IDX file."""
    from tensorflow import keras
    path = str(tmp_path / 'mnist.npz')
    np.savez(path, **arrays)
    monkeypatch.setattr(keras.utils, 'get_file', lambda **_: path)
    keras_source = source({_idx.TRAIN: small_files})
    if message:
        with pytest.raises(UserError, match=message):
            _idx.load(keras_source, None)
    else:
        np.testing.assert_array_equal(_idx.load(keras_source, None).pixels, PIXELS[..., None])


def test_the_cache_of_keras(tmp_path, monkeypatch):
    """The real function of Keras takes the file of fashion_mnist from the cache if its checksum is right."""
    from tensorflow import keras
    cache = tmp_path / 'datasets' / 'fashion-mnist'
    cache.mkdir(parents=True)
    content = gzip.compress(CONTENT)
    (cache / (_idx.TRAIN + '.gz')).write_bytes(content)
    monkeypatch.setitem(_idx.SHAPES, _idx.TRAIN, PIXELS.shape)
    original_get_file = keras.utils.get_file

    def get_file(**arguments):
        assert arguments['file_hash'] == '8d4fb7e6c68d591d4c3dfef9ec88bf0d'
        arguments.update(file_hash=hashlib.md5(content).hexdigest(), cache_dir=str(tmp_path))
        return original_get_file(**arguments)
    monkeypatch.setattr(keras.utils, 'get_file', get_file)
    with pytest.raises(UserError, match='not the canonical file of fashion_mnist'):  # the file has 12 images of noise
        fashion_mnist.load(None)


@pytest.mark.slow
def test_real_mnist(mnist_dir):
    full_dataset, images = data.load('mnist', data_dir=mnist_dir)
    assert full_dataset.num_examples == 60000 and images.num_examples == 55000  # without the first 5,000
    np.testing.assert_array_equal(images.pixels[0], full_dataset.pixels[5000])
    assert data.load('mnist', data_dir=mnist_dir, holdout=0)[1].num_examples == 60000
    assert abs(full_dataset.pixels.mean() / 255 - 0.1307) < 1e-4  # the mean that MNIST tutorials use


def test_labels(tmp_path, small_files, monkeypatch):
    for file, train in ((_idx.TEST, _idx.TRAIN), (_idx.TEST_LABELS, _idx.TRAIN_LABELS)):
        monkeypatch.setitem(_idx.SHAPES, file, _idx.SHAPES[train])
    for file, content in ((_idx.TRAIN, CONTENT), (_idx.TEST, CONTENT), (_idx.TRAIN_LABELS, LABELS_CONTENT),
                          (_idx.TEST_LABELS, LABELS_CONTENT)):
        (tmp_path / file).write_bytes(content)
    images, labels = (hashlib.md5(content).hexdigest() for content in (CONTENT, LABELS_CONTENT))
    md5 = {_idx.TRAIN: images, _idx.TEST: images, _idx.TRAIN_LABELS: labels, _idx.TEST_LABELS: labels}
    for part in _idx.load_labeled(source(md5), str(tmp_path)):
        np.testing.assert_array_equal(part.labels, LABELS)
        np.testing.assert_array_equal(part.images.pixels[..., 0], PIXELS)


@pytest.mark.parametrize('content,message', [
    (LABELS_CONTENT[:-1] + b'\x0a', 'contains the label 10'), (LABELS_CONTENT[:-1], 'damaged'),
    (CONTENT, 'damaged'), (LABELS_CONTENT[:-1] + b'\x05', 'not the canonical file')])
def test_invalid_labels_are_refused(content, message, tmp_path, small_files):
    (tmp_path / _idx.TRAIN).write_bytes(CONTENT)
    (tmp_path / _idx.TRAIN_LABELS).write_bytes(content)
    checksum = hashlib.md5(content if 'label' in message else LABELS_CONTENT).hexdigest()
    with pytest.raises(UserError, match=message):
        _idx.load_labeled(source({_idx.TRAIN: small_files, _idx.TRAIN_LABELS: checksum}), str(tmp_path))


def test_files_whose_published_checksum_is_of_the_gzip_file(tmp_path, small_files):
    compressed = gzip.compress(CONTENT)
    gzip_source = source({}, {_idx.TRAIN: hashlib.md5(compressed).hexdigest()})
    (tmp_path / (_idx.TRAIN + '.gz')).write_bytes(compressed)
    np.testing.assert_array_equal(_idx.load(gzip_source, str(tmp_path)).pixels[..., 0], PIXELS)
    (tmp_path / (_idx.TRAIN + '.gz')).write_bytes(gzip.compress(CONTENT, 1))
    with pytest.raises(UserError, match='md5 of the file is'):
        _idx.load(gzip_source, str(tmp_path))
    (tmp_path / _idx.TRAIN).write_bytes(CONTENT)
    with pytest.raises(UserError, match='put that in its place'):
        _idx.load(gzip_source, str(tmp_path))


@pytest.mark.slow
def test_real_labels(mnist_dir):
    training, test = data.load_labeled('mnist', data_dir=mnist_dir)
    # The counts are those of the page on which MNIST was published.
    assert np.bincount(training.labels).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert test.images.num_examples == 10000 and test.labels[:5].tolist() == [7, 2, 1, 0, 4]


def test_folders_have_no_labels():
    assert data.load_labeled('image_folder', data_dir='nowhere') is None


def test_holdout_must_leave_images():
    with pytest.raises(UserError, match='--holdout=10000 leaves none of the 10000 images of --dataset=mnist_10k'):
        data.load('mnist_10k', holdout=10000)


def test_batches_of_images(random_images, graph):
    batches = random_images.batches(tf.data.Dataset.from_tensor_slices([[3, 1], [0, 39]]))
    batch = batches.get_next()
    assert not tf.global_variables()  # or checkpoints would contain the images
    with tf.Session() as session:
        session.run(batches.initializer, batches.feed)
        np.testing.assert_array_equal(session.run(batch), random_images.pixels[[3, 1]])
        np.testing.assert_array_equal(session.run(batch), random_images.pixels[[0, 39]])


def test_the_package_contains_no_other_data():
    package = os.path.dirname(os.path.abspath(data.__file__))
    data_files = [name for _, _, names in os.walk(os.path.dirname(package)) for name in names
                  if name.endswith(('.gz', '.npz', '.npy', 'ubyte'))]
    assert data_files == ['mnist_10k.npz']
