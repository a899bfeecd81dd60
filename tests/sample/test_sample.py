"""`sample` on a small run: grids, arrays, single files, interpolations and latent arithmetic."""
import glob
import os
import shutil

import numpy as np
import pytest
from PIL import Image

from dcgan_tf1.runs.folder import RunFolder
from dcgan_tf1.sample import command as sample
from dcgan_tf1.sample import latent, sampler
from dcgan_tf1.sample.preparation import for_run
from dcgan_tf1.util import grids, image_files, pixels
from dcgan_tf1.util.errors import UserError

NOISE_DIM = 100


@pytest.fixture
def folder(batch_norm_run):
    """Path of a small run, whose grids were drawn with moving statistics."""
    return batch_norm_run.path


@pytest.fixture
def write(folder, sampling_settings, tmp_path):
    """(file name, flags…) → the path of what `sample` wrote."""
    def call(name, *flags):
        output = str(tmp_path / name)
        assert sample.run(sampling_settings('--run_dir=' + folder, '--output=' + output, *flags)) == 0
        return output
    return call


@pytest.fixture
def generate(write):
    """(flags…) → the images that `sample` writes to an .npy file."""
    return lambda *flags: np.load(write('images.npy', *flags))


@pytest.fixture
def noise_flag(tmp_path):
    """(latent vectors) → the flag --noise for them."""
    def call(noise):
        path = str(tmp_path / 'noise.npy')
        np.save(path, noise)
        return '--noise=' + path
    return call


@pytest.mark.slow
def test_arrays(generate):
    images = generate('--num_images=5')
    assert images.shape == (5, 28, 28, 1) and images.dtype == np.float32 and -1 < images.min() < images.max() < 1
    np.testing.assert_array_equal(generate('--num_images=5'), images)
    assert not np.array_equal(generate('--num_images=5', '--seed=1'), images)


def test_the_last_grid_of_the_training(generate, folder):
    """With the same seed, number of images and mode, `sample` generates the images of the grid."""
    grid = np.asarray(Image.open(folder + '/samples/step_000006.png'))
    images = pixels.to_uint8(generate('--num_images=4', '--bn_mode=moving'))
    np.testing.assert_array_equal(grids.grid(images, scale=2), grid)


@pytest.mark.slow
@pytest.mark.parametrize('mode', ['moving', 'batch'])
def test_dependence_on_other_images(mode, generate, noise_flag):
    """In moving mode, an image depends on its latent vector alone; in batch mode also on the other images."""
    noise = np.random.RandomState(0).uniform(-1, 1, (6, NOISE_DIM))
    all_images = generate(noise_flag(noise), '--bn_mode=' + mode)
    first_images = generate(noise_flag(noise[:2]), '--bn_mode=' + mode)
    assert np.allclose(all_images[:2], first_images, atol=1e-6) == (mode == 'moving')


@pytest.mark.slow
@pytest.mark.any_tensorflow
def test_one_image(generate):
    assert generate('--num_images=1', '--bn_mode=moving').shape == (1, 28, 28, 1)
    with pytest.raises(UserError, match='a single image .* --bn_mode=moving'):
        generate('--num_images=1', '--bn_mode=batch')


@pytest.mark.slow
@pytest.mark.any_tensorflow
def test_many_images_are_generated_in_parts(generate, monkeypatch):
    images = generate('--num_images=10', '--bn_mode=moving')
    monkeypatch.setattr(sampler, '_MAX_BATCH', 3)
    np.testing.assert_allclose(generate('--num_images=10', '--bn_mode=moving'), images, atol=1e-6)
    assert len(generate('--num_images=4', '--bn_mode=batch')) == 4  # no part consists of a single image


@pytest.mark.slow
@pytest.mark.any_tensorflow
def test_an_earlier_checkpoint(generate, folder):
    assert not np.array_equal(generate('--checkpoint=%s/checkpoints/model-3' % folder), generate())


@pytest.mark.any_tensorflow
@pytest.mark.parametrize('reverse', [False, pytest.param(True, marks=pytest.mark.slow)])
def test_grid(reverse, write, generate):
    path = write('grid.png', '--num_images=6', '--columns=3', '--scale=1', *(['--reverse'] if reverse else []))
    grid = np.asarray(Image.open(path))
    assert grid.shape == (2 * 30 + 2, 3 * 30 + 2, 3)
    fourth = pixels.to_uint8(generate('--num_images=6'))[4, :, :, 0]
    np.testing.assert_array_equal(grid[32:60, 32:60, 0], 255 - fourth if reverse else fourth)


@pytest.mark.any_tensorflow
@pytest.mark.parametrize('noise', [
    np.zeros((3, 99)), np.zeros(NOISE_DIM), np.zeros((0, NOISE_DIM)), np.full((2, NOISE_DIM), np.nan),
    np.array([[{}] * NOISE_DIM]), np.zeros((2, NOISE_DIM), complex)])
def test_invalid_noise_is_refused(noise, generate, noise_flag):
    flag = noise_flag(noise)
    with pytest.raises(UserError, match=flag):
        generate(flag)


@pytest.mark.any_tensorflow
def test_a_noise_file_that_is_not_an_array(generate, tmp_path):
    (tmp_path / 'noise.npy').write_text('not an array')
    with pytest.raises(UserError, match='--noise=%s/noise.npy' % tmp_path):
        generate('--noise=%s/noise.npy' % tmp_path)


@pytest.mark.slow
@pytest.mark.any_tensorflow
def test_missing_files(generate, sampling_settings, tmp_path, folder):
    with pytest.raises(UserError, match='--noise=nowhere.npy'):
        generate('--noise=nowhere.npy')
    with pytest.raises(UserError, match='nowhere is not a readable checkpoint'):
        generate('--checkpoint=nowhere')
    with pytest.raises(UserError, match='holds no run .*: name the folder of a run'):
        sample.run(sampling_settings('--run_dir=%s' % tmp_path, '--output=x.png'))
    with pytest.raises(UserError, match='no checkpoint for --checkpoint=7, only for the steps 3, 6: name one of these'):
        generate('--checkpoint=7')
    with pytest.raises(UserError, match='--network=sparse_softmax cannot make images of --image_size=30: .*multiples'):
        sample.run(sampling_settings('--checkpoint=%s/checkpoints/model-6' % folder, '--image_size=30',
                                     '--output=x.npy'))
    with pytest.raises(UserError, match='has no moving averages of --bn_momentum=0.9: train with --extra_bn_momentums'):
        generate('--bn_mode=moving', '--bn_momentum=0.9')


@pytest.mark.any_tensorflow
def test_flags_that_contradict_the_run(generate):
    """Flags that agree with the run are accepted, as those of the recipe's flag file do."""
    generate('--network=machinecurve', '--num_images=2')
    with pytest.raises(UserError, match='is a run with other settings: --batch_size is 8 there, not 9; --network is '
                       'machinecurve there, not paper. Remove these flags'):
        generate('--network=paper', '--batch_size=9')


def test_arrays_with_their_latent_vectors(write, generate, noise_flag):
    with np.load(write('images.npz', '--num_images=5'), allow_pickle=False) as arrays:
        np.testing.assert_array_equal(generate(noise_flag(arrays['noise'])), arrays['images'])


@pytest.mark.any_tensorflow
def test_a_folder_of_image_files(write, generate, tmp_path):
    """One PNG per image, as programs for other metrics read them."""
    write('files', '--num_images=5')
    names = sorted(path.name for path in (tmp_path / 'files').iterdir())
    assert names == ['%06d.png' % number for number in range(5)]
    for name, image in zip(names, pixels.to_uint8(generate('--num_images=5'))):
        with Image.open(str(tmp_path / 'files' / name)) as picture:
            assert picture.mode == 'L'
            np.testing.assert_array_equal(np.asarray(picture), image[..., 0])


PATHS = ('--num_images=2', '--keyframes=3', '--frames_per_segment=2')


@pytest.mark.slow
@pytest.mark.any_tensorflow
@pytest.mark.parametrize('mode', latent.MODES)
def test_interpolation(mode, write, generate, folder, sampling_settings):
    flag = '--interpolation=' + mode
    with np.load(write('paths.npz', flag, *PATHS), allow_pickle=False) as arrays:
        noise, images = arrays['noise'].reshape(2, 5, NOISE_DIM), arrays['images'].reshape(2, 5, 28, 28, 1)
    settings = for_run(sampling_settings('--run_dir=' + folder, '--output=x.png'))
    with sampler.Generator(settings) as generator:
        np.testing.assert_array_equal(noise[:, ::2].reshape(6, NOISE_DIM), generator.latent_vectors(6, 0))
    np.testing.assert_allclose(images[:, ::2].reshape(6, 28, 28, 1), generate('--num_images=6'), atol=1e-6)
    grid = np.asarray(Image.open(write('paths.png', flag, '--scale=1', '--padding=0', *PATHS)))
    assert grid.shape == (2 * 28, 5 * 28, 3)
    np.testing.assert_array_equal(grid[28:, 56:84, 0], pixels.to_uint8(images[1, 2, :, :, 0]))


def test_gif(write):
    with Image.open(write('paths.gif', '--interpolation=linear', '--scale=1', *PATHS)) as animation:
        assert animation.n_frames == 6 and animation.size == (2 * 30 + 2, 32) and animation.info['loop'] == 0
        animation.seek(3)
        assert np.asarray(animation.convert('RGB')).std() > 0
        for frame in range(6):  # no pause, because the path is closed
            animation.seek(frame)
            assert animation.info['duration'] == 110


@pytest.mark.any_tensorflow
def test_gif_in_color(tmp_path):
    pictures = np.zeros((2, 4, 4, 3), np.uint8)
    pictures[0, ..., 0] = pictures[1, ..., 2] = 255
    image_files.save_animation(str(tmp_path / 'a.gif'), pictures, 100, 500)
    with Image.open(str(tmp_path / 'a.gif')) as animation:
        for frame, color in enumerate([(255, 0, 0), (0, 0, 255)]):
            animation.seek(frame)
            assert animation.convert('RGB').getpixel((2, 2)) == color


@pytest.mark.any_tensorflow
@pytest.mark.parametrize('name, flags, message', [
    ('a.png', ['--arithmetic=0-5'], 'needs vector 5, but .* has only 5'),
    ('a.gif', ['--interpolation=linear', '--keyframes=2'], '5 vectors, which is not a multiple of --keyframes=2')])
def test_what_cannot_work_is_refused_before_the_work(name, flags, message, write, noise_flag, monkeypatch):
    monkeypatch.setattr(sampler.Generator, 'generate', None)
    monkeypatch.setattr(sampler.Generator, 'statistics', None)
    with pytest.raises(UserError, match=message):
        write(name, noise_flag(np.zeros((5, NOISE_DIM))), *flags)


@pytest.mark.any_tensorflow
def test_a_checkpoint_that_a_training_deletes_while_it_is_read(folder, sampling_settings, monkeypatch, tmp_path):
    """The next one is opened. Later, nothing is read any more."""
    run = RunFolder(shutil.copytree(folder, str(tmp_path / 'run')))
    settings = sampling_settings('--run_dir=' + run.path, '--output=a.png', '--bn_mode=standing')
    load = sampler.GivenCheckpoint.load

    def load_while_training(checkpoint, *arguments):
        for path in glob.glob(run.checkpoint_prefix + '-6.*'):
            os.rename(path, path.replace('model-6', 'model-9'))
        load(checkpoint, *arguments)
    monkeypatch.setattr(sampler.GivenCheckpoint, 'load', load_while_training)
    opened = sampler.open_generator(settings)
    assert opened.settings.checkpoint == run.checkpoint_prefix + '-9'
    shutil.rmtree(run.checkpoints)
    with opened:
        for mode, momentum in (('batch', None), ('moving', None), ('moving', 0.5), ('standing', None)):
            statistics = opened.statistics(mode, momentum, 1)
            assert np.isfinite(opened.generate(opened.latent_vectors(2), statistics)).all()
        assert opened.weights()


@pytest.mark.any_tensorflow
def test_a_damaged_checkpoint_is_not_tried_again(folder, sampling_settings, tmp_path):
    run = RunFolder(shutil.copytree(folder, str(tmp_path / 'run')))
    with open(run.checkpoint_prefix + '-6.data-00000-of-00001', 'wb'):
        pass
    for more in ([], ['--checkpoint=6']):
        with pytest.raises(UserError, match='model-6 is damaged'):
            sampler.open_generator(sampling_settings('--run_dir=' + run.path, '--output=a.png', *more))


@pytest.mark.any_tensorflow
@pytest.mark.slow
def test_arithmetic(write, generate, noise_flag, tmp_path):
    expression = '--arithmetic=0,3-1+2'
    write('sum.npz', expression)  # with latent vectors of --seed
    noise = np.random.RandomState(0).uniform(-1, 1, (4, NOISE_DIM)).astype(np.float32)
    with np.load(write('sum.npz', expression, noise_flag(noise)), allow_pickle=False) as arrays:
        np.testing.assert_allclose(arrays['noise'][-1], (noise[0] + noise[3]) / 2 - noise[1] + noise[2], atol=1e-6)
        np.testing.assert_allclose(generate(noise_flag(arrays['noise'])), arrays['images'], atol=1e-6)
        np.testing.assert_allclose(generate('--noise=%s/sum.npz' % tmp_path), arrays['images'], atol=1e-6)
    picture = np.asarray(Image.open(write('sum.png', expression, '--padding=0', '--scale=1', noise_flag(noise))))
    assert picture.shape == (3 * 28 + 1, 3 * 28 + 3 * 14 + 2 * 28, 3)
    plain, reverse = (np.asarray(Image.open(write('sum.png', '--arithmetic=0,3-1+2', '--bn_mode=moving', '--padding=1',
                                                  '--scale=1', *more, noise_flag(noise)))).astype(int)
                      for more in ([], ['--reverse']))
    images = pixels.to_uint8(generate('--bn_mode=moving', noise_flag(noise)))[..., 0]
    np.testing.assert_array_equal(plain[1:29, 1:29, 0], images[0])
    np.testing.assert_array_equal(plain[30:58, 1:29, 0], images[3])
    assert (plain[1:29, 1:29] + reverse[1:29, 1:29] == 255).all()
