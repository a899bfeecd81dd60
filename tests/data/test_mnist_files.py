"""MNIST as people have it: other names, folders, archives; and files that are something else."""
import gzip
import hashlib
import os
import shutil
import struct

import numpy as np
import pytest

from dcgan_tf1.data import _idx, fashion_mnist, mnist
from dcgan_tf1.data._images import idx_md5
from dcgan_tf1.data._sources import FASHION_MNIST, MNIST
from dcgan_tf1.util.errors import UserError

pytestmark = pytest.mark.any_tensorflow

NAMES = (_idx.TRAIN, _idx.TRAIN_LABELS, _idx.TEST, _idx.TEST_LABELS)
RANDOM = np.random.RandomState(0)
ARRAYS = {_idx.TRAIN: RANDOM.randint(0, 256, (12, 28, 28)).astype(np.uint8),
          _idx.TRAIN_LABELS: (np.arange(12) % 10).astype(np.uint8),
          _idx.TEST: RANDOM.randint(0, 256, (7, 28, 28)).astype(np.uint8),
          _idx.TEST_LABELS: (np.arange(7) % 10).astype(np.uint8)}
FASHION = {name: (array if 'labels' in name else 255 - array)[::-1] for name, array in ARRAYS.items()}


def content(array):
    return struct.pack('>%dI' % (1 + array.ndim), 0x0800 | array.ndim, *array.shape) + array.tobytes()


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Makes these arrays the canonical ones, and downloads errors."""
    for name, array in ARRAYS.items():
        monkeypatch.setitem(_idx.SHAPES, name, array.shape)
    of_mnist = MNIST._replace(md5={name: idx_md5(array) for name, array in ARRAYS.items()})
    of_fashion = FASHION_MNIST._replace(
        md5={_idx.TRAIN: idx_md5(FASHION[_idx.TRAIN])},
        gzip_md5={name: hashlib.md5(zipped(array)).hexdigest() for name, array in FASHION.items()})
    for module, name, source in ((mnist, 'MNIST', of_mnist), (fashion_mnist, 'FASHION_MNIST', of_fashion),
                                 (_idx, 'MNIST', of_mnist), (_idx, 'FASHION_MNIST', of_fashion)):
        monkeypatch.setattr(module, name, source)
    from tensorflow import keras
    monkeypatch.setattr(keras.utils, 'get_file', lambda **_: pytest.fail('--data_dir was bypassed'))


def zipped(array):
    """As `gzip.compress`, but always the same bytes."""
    data = gzip.compress(content(array))
    return data[:4] + bytes(4) + data[8:]  # without the time


def write(path, data):
    os.makedirs(os.path.dirname(str(path)), exist_ok=True)
    with open(str(path), 'wb') as file:
        file.write(data)


def assert_loads(folder, arrays=ARRAYS, module=mnist):
    training, test = module.load_labeled(str(folder))
    for part, images, labels in ((training, _idx.TRAIN, _idx.TRAIN_LABELS), (test, _idx.TEST, _idx.TEST_LABELS)):
        np.testing.assert_array_equal(part.images.pixels[..., 0], arrays[images])
        np.testing.assert_array_equal(part.labels, arrays[labels])
    return training.images.source


LAYOUTS = {
    'canonical': '{0}', 'Kaggle and 7-Zip': '{1}', 'in folders of their own names': '{0}/{0}', 'upper case': '{2}',
    'torchvision': 'MNIST/raw/{0}', 'any name': 'a/{0}.bin', 'a copy': '{0} (1)'}


@pytest.mark.parametrize('compress', [False, True, 'without .gz', 'only named .gz'])
@pytest.mark.parametrize('layout', LAYOUTS)
def test_names_and_folders(layout, compress, tmp_path):
    for name, array in ARRAYS.items():
        path = tmp_path / LAYOUTS[layout].format(name, name.replace('-idx', '.idx'), name.upper())
        suffix = '.gz' if compress in (True, 'only named .gz') else ''
        write(str(path) + suffix, zipped(array) if compress in (True, 'without .gz') else content(array))
    source = assert_loads(tmp_path)
    assert source.startswith(str(tmp_path))  # which the training logs


def test_the_folder_above_and_the_folder_itself(tmp_path):
    for name, array in ARRAYS.items():
        write(tmp_path / 'data' / 'MNIST' / 'raw' / name, content(array))
    for folder in ('data', 'data/MNIST', 'data/MNIST/raw'):
        assert_loads(tmp_path / folder)
    with pytest.raises(UserError, match='neither there nor two folders deep .* There are data.'):
        mnist.load(str(tmp_path))


@pytest.mark.parametrize('name', ['mnist.npz', 'a/other.npz'])
def test_archives(name, tmp_path):
    os.makedirs(str(tmp_path / 'a'))
    np.savez(str(tmp_path / name), **{_idx._ARRAYS[file]: array for file, array in ARRAYS.items()})
    assert_loads(tmp_path)


def test_links(tmp_path):
    for name, array in ARRAYS.items():
        write(tmp_path / 'elsewhere' / name, content(array))
    (tmp_path / 'data').mkdir()
    os.symlink(str(tmp_path / 'elsewhere'), str(tmp_path / 'data' / 'MNIST'))
    os.symlink(str(tmp_path / 'data'), str(tmp_path / 'data' / 'loop'))
    assert_loads(tmp_path / 'data')


def test_the_content_decides(tmp_path):
    """Files with the right names may be damaged or of another dataset, while others are right."""
    for name, array in ARRAYS.items():
        write(tmp_path / name, content(array)[:-1])
        write(tmp_path / 'FashionMNIST' / 'raw' / name, content(FASHION[name]))
        write(tmp_path / 'MNIST' / 'raw' / name, content(array))
    assert 'MNIST/raw' in assert_loads(tmp_path)


def test_fashion_mnist(tmp_path):
    """Uncompressed labels have no published checksum; the compressed ones beside them have."""
    for name in NAMES:
        write(tmp_path / 'MNIST' / 'raw' / name, content(ARRAYS[name]))
        write(tmp_path / 'FashionMNIST' / 'raw' / name, content(FASHION[name]))
        write(tmp_path / 'FashionMNIST' / 'raw' / (name + '.gz'), zipped(FASHION[name]))
    assert_loads(tmp_path, FASHION, fashion_mnist)
    assert_loads(tmp_path)


def test_a_mix_up_is_named(tmp_path):
    for folder, arrays, wrong, right in (('a', FASHION, mnist, 'fashion_mnist'), ('b', ARRAYS, fashion_mnist, 'mnist')):
        for name in NAMES:
            write(tmp_path / folder / (name + '.gz'), zipped(arrays[name]))
        with pytest.raises(UserError, match='is of %s, not of .*: use --dataset=%s, or name another' % (right, right)):
            wrong.load(str(tmp_path / folder))
        with pytest.raises(UserError, match='is of %s, not of ' % right):
            wrong.load_labeled(str(tmp_path / folder))


@pytest.mark.parametrize('names', [
    [], ['archive.zip'], ['readme.txt', 'mnist_train.csv'], ['%02d.png' % number for number in range(20)]])
def test_a_folder_without_them(names, tmp_path):
    """Neither the cache nor a download replaces a folder that was given. The error lists what is there."""
    for name in names:
        write(tmp_path / name, b'PK other content')
    write(tmp_path / '.hidden', b'')
    with pytest.raises(UserError) as error:
        mnist.load(str(tmp_path))
    message = str(error.value)
    assert '--data_dir=%s has no %s for --dataset=mnist' % (tmp_path, _idx.TRAIN) in message and 'x_train' in message
    assert all(name in message for name in names[:5]) and len(message) < 700


def test_missing_labels(tmp_path):
    write(tmp_path / _idx.TRAIN, content(ARRAYS[_idx.TRAIN]))
    assert mnist.load(str(tmp_path)).num_examples == 12
    with pytest.raises(UserError, match='has no train-labels-idx1-ubyte'):
        mnist.load_labeled(str(tmp_path))


def test_a_folder_of_many_other_files(tmp_path):
    for number in range(300):
        write(tmp_path / ('%d' % (number % 7)) / ('%d.jpg' % number), b'\xff\xd8' + bytes(50))
    os.mkfifo(str(tmp_path / 'pipe'))  # reading it would block
    with pytest.raises(UserError, match='has no train-images'):
        mnist.load(str(tmp_path))


@pytest.mark.parametrize('damage', [lambda data: data[:100], lambda data: b'<html>404</html>', lambda data: b''])
def test_damaged_files(damage, tmp_path):
    path = tmp_path / (_idx.TRAIN + '.gz')
    write(path, damage(zipped(ARRAYS[_idx.TRAIN])))
    with pytest.raises(UserError, match='%s is damaged or cannot be read' % path):
        mnist.load(str(tmp_path))


@pytest.fixture
def real_mnist(mnist_dir, monkeypatch):
    monkeypatch.undo()
    if not os.path.exists(os.path.join(mnist_dir, _idx.TRAIN + '.gz')):
        pytest.skip('the compressed files of MNIST are needed')
    return mnist_dir


@pytest.mark.slow
def test_real_files_unpacked(real_mnist, tmp_path):
    for name in NAMES:
        folder = tmp_path / name
        folder.mkdir()
        with gzip.open(os.path.join(real_mnist, name + '.gz')) as source, open(str(folder / name), 'wb') as file:
            shutil.copyfileobj(source, file)
    training, test = mnist.load_labeled(str(tmp_path))
    assert training.images.num_examples == 60000 and test.labels[:5].tolist() == [7, 2, 1, 0, 4]
