"""The 10,000 MNIST digits that are part of the package."""
import os
import shutil

import numpy as np
import pytest

from dcgan_tf1 import data
from dcgan_tf1.data import mnist, mnist_10k
from dcgan_tf1.util.errors import UserError


def test_every_sixth_image_of_mnist(mnist_dir):
    images, labels = mnist.load_labeled(mnist_dir)[0]
    training, test = mnist_10k.load_labeled()
    np.testing.assert_array_equal(mnist_10k.load().pixels, images.pixels[::6])
    restored = np.empty(10000, np.uint8)
    is_test = np.arange(10000) % 10 == 9
    restored[~is_test], restored[is_test] = training.labels, test.labels
    np.testing.assert_array_equal(restored, labels[::6])


def test_shapes():
    full_dataset, to_train_on = data.load('mnist_10k')
    assert full_dataset.pixels.shape == to_train_on.pixels.shape == (10000, 28, 28, 1)
    training, test = data.load_labeled('mnist_10k')
    assert (training.images.num_examples, test.images.num_examples) == (9000, 1000)
    assert len(training.labels) == 9000 and set(test.labels) == set(range(10))


def test_the_file_is_small_and_licensed():
    assert os.path.getsize(mnist_10k._FILE) < 1.8e6
    with open(mnist_10k._FILE.replace('.npz', '.md'), encoding='utf-8') as file:
        assert 'ShareAlike 3.0' in file.read()


@pytest.mark.parametrize('damage', ['flip', 'truncate', 'delete'])
def test_damage_is_noticed(damage, tmp_path, monkeypatch):
    path = str(tmp_path / 'digits.npz')
    shutil.copyfile(mnist_10k._FILE, path)
    monkeypatch.setattr(mnist_10k, '_FILE', path)
    if damage == 'delete':
        os.remove(path)
    else:
        with open(path, 'r+b') as file:
            file.seek(700000)
            if damage == 'flip':
                byte = file.read(1)
                file.seek(700000)
                file.write(bytes([byte[0] ^ 255]))
            else:
                file.truncate()
    with pytest.raises(UserError, match='digits.npz is damaged .*install this package again'):
        mnist_10k.load()


def test_missing_mnist_mentions_it(tmp_path, monkeypatch):
    from tensorflow import keras

    def no_network(**_):
        raise OSError('no network')
    monkeypatch.setattr(keras.utils, 'get_file', no_network)
    with pytest.raises(UserError, match='or use --dataset=mnist_10k'):
        mnist.load(str(tmp_path))
