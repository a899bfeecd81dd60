"""`sample` on a small run: grids and arrays, in both modes of batch norm."""
import shutil

import numpy as np
import pytest
from absl import flags
from PIL import Image

from dcgan_tf1 import latent, plots, sample, sampler
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
    with pytest.raises(UserError, match='holds no run .*: name the folder of a run'):
        sample.run(sampling_settings('--run_dir=%s' % tmp_path, '--output=x.png'))
    with pytest.raises(UserError, match='no checkpoint of --checkpoint=7, but of the steps 2, 4: name one of these'):
        images('--checkpoint=7')
    with pytest.raises(UserError, match='--network=sparse_softmax cannot make images of --image_size=30: .*multiples'):
        sample.run(sampling_settings('--checkpoint=%s/checkpoints/model-4' % folder, '--image_size=30',
                                     '--output=x.npy'))
    with pytest.raises(UserError, match='keeps no moving statistics of --bn_momentum=0.9: train with --further_'):
        images('--bn_mode=moving', '--bn_momentum=0.9')


def test_what_contradicts_the_run(images):
    """Flags that say the same as it are taken, as a recipe's flagfile does."""
    images('--network=sparse_softmax', '--num_images=2')
    with pytest.raises(UserError, match='is a run with other flags: --batch_size is 8 there, not 9; --network is '
                       'sparse_softmax there, not paper; leave those out'):
        images('--network=paper', '--batch_size=9')


def run(sampling_settings, folder, output, *args):
    assert sample.run(sampling_settings('--run_dir=' + folder, '--output=' + output, *args)) == 0


def test_arrays_with_their_noise(folder, sampling_settings, tmp_path, images):
    path = str(tmp_path / 'images.npz')
    run(sampling_settings, folder, path, '--num_images=5')
    with np.load(path, allow_pickle=False) as arrays:
        np.save(str(tmp_path / 'noise.npy'), arrays['noise'])
        np.testing.assert_array_equal(images('--noise=%s/noise.npy' % tmp_path), arrays['images'])


def test_folder_of_files(folder, sampling_settings, tmp_path, images):
    """What tools for other metrics read: one PNG an image."""
    run(sampling_settings, folder, str(tmp_path / 'files'), '--num_images=5')
    names = sorted(path.name for path in (tmp_path / 'files').iterdir())
    assert names == ['%06d.png' % number for number in range(5)]
    pixels = plots.to_bytes(images('--num_images=5'))
    for name, image in zip(names, pixels):
        with Image.open(str(tmp_path / 'files' / name)) as picture:
            assert picture.mode == 'L'
            np.testing.assert_array_equal(np.asarray(picture), image[..., 0])


WALK = ('--num_images=2', '--stops=3', '--frames=2')


@pytest.mark.parametrize('kind', latent.WALKS)
def test_walk(kind, folder, sampling_settings, tmp_path, images):
    run(sampling_settings, folder, str(tmp_path / 'walk.npz'), '--walk=' + kind, *WALK)
    with np.load(str(tmp_path / 'walk.npz'), allow_pickle=False) as arrays:
        noise, made = arrays['noise'].reshape(2, 5, 100), arrays['images'].reshape(2, 5, 28, 28, 1)
    with sampler.Sampler(sampler.of_run(sampling_settings('--run_dir=' + folder, '--output=x.png'))) as generator:
        np.testing.assert_array_equal(noise[:, ::2].reshape(6, 100), generator.noise(6, 0))
    np.testing.assert_allclose(made[:, ::2].reshape(6, 28, 28, 1), images('--num_images=6'), atol=1e-6)
    run(sampling_settings, folder, str(tmp_path / 'walk.png'), '--walk=' + kind, '--scale=1', '--padding=0', *WALK)
    grid = np.asarray(Image.open(str(tmp_path / 'walk.png')))
    assert grid.shape == (2 * 28, 5 * 28, 3)
    np.testing.assert_array_equal(grid[28:, 56:84, 0], plots.to_bytes(made[1, 2, :, :, 0]))


def test_film(folder, sampling_settings, tmp_path):
    path = str(tmp_path / 'walk.gif')
    run(sampling_settings, folder, path, '--walk=linear', '--scale=1', *WALK)
    with Image.open(path) as film:
        assert film.n_frames == 6 and film.size == (2 * 30 + 2, 32) and film.info['loop'] == 0
        film.seek(3)
        assert np.asarray(film.convert('RGB')).std() > 0


def test_mp4(folder, sampling_settings, tmp_path, monkeypatch):
    path = str(tmp_path / 'walk.mp4')
    if shutil.which('ffmpeg'):
        run(sampling_settings, folder, path, '--walk=linear', '--padding=1', '--scale=1', *WALK)
        assert (tmp_path / 'walk.mp4').read_bytes()[4:8] == b'ftyp'
    monkeypatch.setenv('PATH', str(tmp_path))
    with pytest.raises(UserError, match='needs ffmpeg, .* name a .gif'):
        run(sampling_settings, folder, path, '--walk=linear', *WALK)
    (tmp_path / 'ffmpeg').write_text('#!/bin/sh\necho no such codec\nexit 1\n')
    (tmp_path / 'ffmpeg').chmod(0o755)
    with pytest.raises(UserError, match=r'could not write --output=\S*walk.mp4: .* name a .gif .*no such codec'):
        run(sampling_settings, folder, path, '--walk=linear', *WALK)


def test_arithmetic(folder, sampling_settings, tmp_path, images):
    term = '--arithmetic=0,3-1+2'
    run(sampling_settings, folder, str(tmp_path / 'sum.npz'), term)
    noise = np.random.RandomState(0).uniform(-1, 1, (4, 100)).astype(np.float32)
    np.save(str(tmp_path / 'noise.npy'), noise)
    run(sampling_settings, folder, str(tmp_path / 'given.npz'), term, '--noise=%s/noise.npy' % tmp_path)
    with np.load(str(tmp_path / 'given.npz'), allow_pickle=False) as arrays:
        np.testing.assert_allclose(arrays['noise'][-1], (noise[0] + noise[3]) / 2 - noise[1] + noise[2], atol=1e-6)
        np.save(str(tmp_path / 'noise.npy'), arrays['noise'])
        np.testing.assert_allclose(images('--noise=%s/noise.npy' % tmp_path), arrays['images'], atol=1e-6)
    run(sampling_settings, folder, str(tmp_path / 'sum.png'), '--arithmetic=0,1-2+2', '--padding=0', '--scale=1')
    assert np.asarray(Image.open(str(tmp_path / 'sum.png'))).shape == (4 * 28, 3 * 28, 3)
    np.save(str(tmp_path / 'few.npy'), noise[:3])
    with pytest.raises(UserError, match='asks for vector 3 of .* which has 3'):
        run(sampling_settings, folder, str(tmp_path / 'sum.png'), term, '--noise=%s/few.npy' % tmp_path)


def test_walks_need_enough_vectors(folder, sampling_settings, tmp_path):
    np.save(str(tmp_path / 'noise.npy'), np.zeros((5, 100)))
    with pytest.raises(UserError, match='5 vectors, which do not make walks of --stops=2'):
        run(sampling_settings, folder, str(tmp_path / 'walk.gif'), '--walk=linear', '--stops=2',
            '--noise=%s/noise.npy' % tmp_path)


@pytest.mark.parametrize('arguments,message', [
    (['--output=x.jpg'], 'must end in .npy, .npz, .png, .gif, .mp4, or name a folder'),
    (['--output=x.gif'], r'.gif and .mp4 are for a --walk'), (['--output=x.png', '--arithmetic=1-'], 'must be like'),
    (['--output=x.png', '--walk=linear', '--arithmetic=1'], 'choose --walk or --arithmetic'),
    (['--output=x.png', '--stops=1'], 'stops'), (['--output=x.png', '--frames=0'], 'frames'),
    (['--output=x.png', '--padding=-1'], 'padding')])
def test_flags(arguments, message, sampling_settings):
    with pytest.raises(flags.IllegalFlagValueError, match=message):
        sampling_settings('--run_dir=x', *arguments)
