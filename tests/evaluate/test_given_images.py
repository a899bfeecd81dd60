"""Images of other programs: every type and range of values becomes the same bytes, or an error says why not."""
import pickle
import zipfile

import numpy as np
import pytest
from PIL import Image

from dcgan_tf1.evaluate import arrays as given_images
from dcgan_tf1.util.errors import UserError

pytestmark = pytest.mark.any_tensorflow

BYTES = np.arange(256).repeat(6).reshape(4, 16, 8, 3).astype(np.uint8)


def converted(images, value_range=None):
    return given_images.to_uint8(images, value_range, '--images=a')


@pytest.mark.parametrize('dtype', ['float16', 'float32', 'float64', 'longdouble'])
@pytest.mark.parametrize('value_range', given_images.RANGES)
def test_floats(dtype, value_range, capsys):
    black, white = given_images.RANGES[value_range]
    images = (BYTES / 255 * (white - black) + black).astype(dtype)
    for named in (None, value_range):
        np.testing.assert_array_equal(converted(images, named), BYTES)
        line, = capsys.readouterr().err.splitlines()
        assert 'type %s ' % images.dtype in line and 'read as %s (--pixel_range' % value_range in line


@pytest.mark.parametrize('dtype', ['uint8', 'uint16', 'int16', 'int32', 'int64', 'uint64'])
def test_integers(dtype):
    np.testing.assert_array_equal(converted(BYTES.astype(dtype)), BYTES)


@pytest.mark.parametrize('dtype', ['bool', 'int64', 'float32'])
def test_black_and_white(dtype):
    """Integers up to 1 are not bytes, of which they would all be black. Only uint8 always are."""
    is_white = BYTES > 99
    np.testing.assert_array_equal(converted(is_white.astype(dtype)), is_white * 255)
    np.testing.assert_array_equal(converted(is_white.astype('uint8')), is_white)
    np.testing.assert_array_equal(converted(is_white.astype('uint8'), '0..1'), is_white * 255)
    np.testing.assert_array_equal(converted(is_white.astype('int64') * 2 - 1), is_white * 255)


@pytest.mark.parametrize('images, value_range, message', [
    (np.full([2, 4, 4, 1], 1.2), None, 'values from 1.2 to 1.2, which are not in the range 0..255 or 0..1 or -1..1'),
    (np.linspace(-0.5, 1.5, 32).reshape(2, 4, 4, 1), None, 'from -0.5 to 1.5, which are not in the range -1..1'),
    (np.linspace(0, 300, 32).reshape(2, 4, 4, 1), None, 'from 0 to 300, which'),
    (np.arange(32).reshape(2, 4, 4, 1) * 2000, None, 'from 0 to 62000, which'),
    (np.arange(32).reshape(2, 4, 4, 1).astype(np.int8) - 9, None, 'from -9 to 22, which'),
    (BYTES, '0..1', 'from 0 to 255, which are not in the range 0..1: rescale them$'),
    (BYTES / 255, '-1..1', None), (np.linspace(-0.009, 1.009, 32).reshape(2, 4, 4, 1), '0..1', None),
    (np.float32([[[[0.5]]], [[[np.nan]]]]), None, 'not finite numbers: remove'),
    (np.float32([[[[0.5]]], [[[-np.inf]]]]), '0..1', 'not finite numbers: remove')])
def test_other_values(images, value_range, message):
    if message:
        with pytest.raises(UserError, match='--images=a has .*' + message):
            converted(images, value_range)
    else:
        assert converted(images, value_range).dtype == np.uint8


@pytest.mark.parametrize('shape, message', [
    ((2, 3, 8, 8), r'\[2, 3, 8, 8\], has its channels first: use array.transpose\(0, 2, 3, 1\)'),
    ((2, 1, 8, 8), 'has its channels first'), ((8, 8, 3), r'is a single image: use array\[numpy.newaxis\]'),
    ((8, 8, 1), 'is a single image'), ((2, 8, 8, 4), 'has an alpha channel'), ((2, 64), 'must have the shape'),
    ((2, 8, 8, 8), 'must have the shape'), ((1, 2, 8, 8, 1), 'must have the shape'), ((5,), 'must have the shape'),
    ((0, 8, 8, 1), 'must hold numbers of shape'), ((2, 0, 8, 1), 'must hold numbers')])
def test_other_shapes(shape, message):
    with pytest.raises(UserError, match='--images=a, uint8 .*' + message):
        converted(np.zeros(shape, np.uint8))


def test_gray_images_without_channels():
    np.testing.assert_array_equal(converted(BYTES[..., 0]), BYTES[..., :1])


@pytest.mark.parametrize('dtype', ['complex64', 'U3', 'datetime64[s]'])
def test_other_types(dtype):
    with pytest.raises(UserError, match='must hold numbers'):
        converted(np.zeros([2, 4, 4, 1]).astype(dtype))


def test_archives(tmp_path):
    """The array `images`, as `sample` writes it, or the only one."""
    for number, arrays in enumerate(({'images': BYTES, 'noise': np.zeros(3)}, {'arr_0': BYTES})):
        path = str(tmp_path / ('%d.npz' % number))
        np.savez_compressed(path, **arrays)
        np.testing.assert_array_equal(given_images.read(path, '--images'), BYTES)
    np.savez(str(tmp_path / 'b.npz'), x_train=BYTES, x_test=BYTES)
    with pytest.raises(UserError, match='it has the arrays x_train, x_test, but none with the name images'):
        given_images.read(str(tmp_path / 'b.npz'), '--images')


def test_files_of_other_kinds(tmp_path):
    Image.fromarray(BYTES[0]).save(str(tmp_path / 'a.png'))
    (tmp_path / 'a.pkl').write_bytes(pickle.dumps(BYTES, 2))
    (tmp_path / 'a.txt').write_text('text')
    (tmp_path / 'half.npz').write_bytes(b'PK\3\4 half')
    with zipfile.ZipFile(str(tmp_path / 'a.pt'), 'w') as archive:
        archive.writestr('archive/data.pkl', b'')
    np.save(str(tmp_path / 'objects.npy'), np.array([None]))
    for name, message in {'a.png': 'a single image file: name the folder', 'a.pkl': 'it is a Python pickle',
                          'a.txt': 'it holds no numbers, or is of another kind',
                          'half.npz': r'\(File is not a zip file\)',
                          'a.pt': 'it is a PyTorch file', 'nowhere': r'\(No such file or directory\)',
                          'objects.npy': 'Python objects'}.items():
        with pytest.raises(UserError, match='--images=x is .*' + message):
            given_images.read(str(tmp_path / name), '--images=x')
