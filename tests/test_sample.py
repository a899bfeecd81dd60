"""`sample` on a small run: grids and arrays, in both modes of batch norm."""
import numpy as np
import pytest
from PIL import Image

from dcgan_tf1 import plots, sample, sampler
from dcgan_tf1.errors import UserError


@pytest.fixture
def folder(trained):
    """Path of a small run."""
    return trained('--dataset=digits', '--batch_size=8', '--sample_size=4', '--steps=4', '--checkpoint_every=2',
                   '--bn_mode=moving').path


@pytest.fixture
def images(folder, sampling_settings, tmp_path):
    """(flags…) → the images that `sample` writes, float32."""
    def make(*args):
        output = str(tmp_path / 'images.npy')
        assert sample.run(sampling_settings('--run_dir=' + folder, '--output=' + output, *args)) == 0
        return np.load(output)
    return make


def test_arrays(images):
    made = images('--num_images=5')
    assert made.shape == (5, 28, 28, 1) and made.dtype == np.float32 and -1 < made.min() < made.max() < 1
    np.testing.assert_array_equal(images('--num_images=5'), made)
    assert not np.array_equal(images('--num_images=5', '--seed=1'), made)


def test_training_grid_is_the_sample(images, folder):
    """Same seed, same count, same mode: the grid that training drew at the end."""
    grid = np.asarray(Image.open(folder + '/samples/step_000004.png'))
    made = plots.grid(plots.to_bytes(images('--num_images=4', '--bn_mode=moving')), scale=2)
    np.testing.assert_array_equal(made, grid)


def test_alone_and_among_others(images, tmp_path):
    """In moving mode an image is its noise's alone; in batch mode it depends on its companions."""
    noise = np.random.RandomState(0).uniform(-1, 1, (6, 100))
    for mode in ('moving', 'batch'):
        np.save(str(tmp_path / 'all.npy'), noise)
        np.save(str(tmp_path / 'some.npy'), noise[:2])
        together = images('--noise=%s/all.npy' % tmp_path, '--bn_mode=' + mode)
        apart = images('--noise=%s/some.npy' % tmp_path, '--bn_mode=' + mode)
        assert np.allclose(together[:2], apart, atol=1e-6) == (mode == 'moving')


def test_one_image(images):
    assert images('--num_images=1', '--bn_mode=moving').shape == (1, 28, 28, 1)
    with pytest.raises(UserError, match='one image alone .* --bn_mode=moving'):
        images('--num_images=1', '--bn_mode=batch')


def test_many_images_are_made_in_parts(images, monkeypatch):
    whole = images('--num_images=10', '--bn_mode=moving')
    monkeypatch.setattr(sampler, '_TOGETHER', 3)
    np.testing.assert_allclose(images('--num_images=10', '--bn_mode=moving'), whole, atol=1e-6)
    assert images('--num_images=4', '--bn_mode=batch').shape[0] == 4  # never one left alone


def test_earlier_checkpoint(images, folder):
    earlier = images('--checkpoint=%s/checkpoints/model-2' % folder)
    assert not np.array_equal(earlier, images())


def test_grid(folder, sampling_settings, tmp_path, images):
    path = str(tmp_path / 'grid.png')
    for reverse in ([], ['--reverse']):
        assert sample.run(sampling_settings('--run_dir=' + folder, '--output=' + path, '--num_images=6',
                                            '--columns=3', '--scale=1', *reverse)) == 0
        picture = np.asarray(Image.open(path))
        assert picture.shape == (2 * 30 + 2, 3 * 30 + 2, 3)
        pixels = plots.to_bytes(images('--num_images=6'))[4, :, :, 0]
        np.testing.assert_array_equal(picture[32:60, 32:60, 0], 255 - pixels if reverse else pixels)


@pytest.mark.parametrize('noise', [np.zeros((3, 99)), np.zeros(100), np.zeros((0, 100)), np.full((2, 100), np.nan),
                                   np.array([[{}] * 100]), 'not an array', np.zeros((2, 100), complex)])
def test_bad_noise_is_refused(noise, images, tmp_path):
    path = str(tmp_path / 'noise.npy')
    if isinstance(noise, str):
        with open(path, 'w') as file:
            file.write(noise)
    else:
        np.save(path, noise)
    with pytest.raises(UserError, match='--noise=' + path):
        images('--noise=' + path)


def test_what_is_not_there(images, sampling_settings, tmp_path, folder):
    with pytest.raises(UserError, match='--noise=nowhere.npy'):
        images('--noise=nowhere.npy')
    with pytest.raises(UserError, match='nowhere is not a readable checkpoint'):
        images('--checkpoint=nowhere')
    with pytest.raises(UserError, match='holds no run'):
        sample.run(sampling_settings('--run_dir=%s' % tmp_path, '--output=x.png'))
