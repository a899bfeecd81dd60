"""The command `sample`; see `__main__`."""
import functools
import zipfile
from typing import Callable, Optional

import numpy as np

from dcgan_tf1.sample import latent, sampler
from dcgan_tf1.sample.settings import SampleSettings
from dcgan_tf1.util import files, grids, image_files, pixels, terminal
from dcgan_tf1.util.errors import UserError

_FRAME_MS = 110  # of interpolations
_Draw = Callable[[int], np.ndarray]  # how many latent vectors are needed → at least so many, or all of --noise
_Generate = Callable[[np.ndarray], np.ndarray]  # latent vectors → images


def run(settings: SampleSettings) -> int:
    """The command; returns the exit status. Raises UserError."""
    with sampler.open_generator(settings) as generator:
        settings = generator.settings
        files.prepare_output(settings.output, is_folder=not image_files.suffix(settings.output))
        noise_file = read_noise(settings) if settings.noise else None

        def generate(noise: np.ndarray) -> np.ndarray:
            return generator.generate(noise, generator.own_statistics())

        def draw(count: int) -> np.ndarray:
            return generator.latent_vectors(count, settings.seed) if noise_file is None else noise_file

        if settings.interpolation:
            count = _interpolate(settings, draw, generate)
        elif settings.arithmetic:
            count = _arithmetic(settings, draw, generate)
        else:
            noise = draw(settings.num_images)
            image_files.save_images(settings.output, generate(noise), noise, functools.partial(_grid, settings))
            count = len(noise)
    terminal.say('%d images from %s: %s' % (count, settings.checkpoint, settings.output))
    return 0


def _to_uint8(settings: SampleSettings, images: np.ndarray) -> np.ndarray:
    return 255 - pixels.to_uint8(images) if settings.reverse else pixels.to_uint8(images)


def _grid(settings: SampleSettings, images: np.ndarray, columns: Optional[int] = None) -> np.ndarray:
    return grids.grid(_to_uint8(settings, images), columns or settings.columns, settings.padding, settings.scale)


def _interpolate(settings: SampleSettings, draw: _Draw, generate: _Generate) -> int:
    """Writes one row of images per path, or an animation of all paths. Returns how many images were generated."""
    keyframes = draw(settings.num_images * settings.keyframes)
    if len(keyframes) % settings.keyframes:
        raise UserError('--noise=%s holds %d vectors, which is not a multiple of --keyframes=%d: change one of them'
                        % (settings.noise, len(keyframes), settings.keyframes))
    is_animation = image_files.suffix(settings.output) in image_files.ANIMATIONS
    noise = latent.interpolation_path(keyframes.reshape(-1, settings.keyframes, settings.noise_dim),
                                      settings.frames_per_segment, settings.interpolation, closed=is_animation)
    num_paths, num_points = noise.shape[:2]
    noise = noise.reshape(num_paths * num_points, -1)
    images = generate(noise)
    if is_animation:
        images = images.reshape(num_paths, num_points, *images.shape[1:])
        frames = [_grid(settings, images[:, point])
                  for point in terminal.track(range(num_points), 'drawing frames', num_points)]
        image_files.save_animation(settings.output, frames, _FRAME_MS, last_frame_ms=_FRAME_MS)
    else:
        image_files.save_images(settings.output, images, noise, functools.partial(_grid, settings, columns=num_points))
    return num_paths * num_points


def _arithmetic(settings: SampleSettings, draw: _Draw, generate: _Generate) -> int:
    """Writes a picture of the equation: of each term the examples and their mean, then the result. Other files hold
    only the means and the result. Returns how many images were generated.
    """
    terms = latent.parse_expression(settings.arithmetic)
    used = [index for _, indices in terms for index in indices]
    noise = draw(max(used) + 1)
    if len(noise) <= max(used):
        raise UserError('--arithmetic=%s needs vector %d, but --noise=%s has only %d: use lower numbers (they start '
                        'at 0)' % (settings.arithmetic, max(used), settings.noise, len(noise)))
    results = latent.arithmetic(noise, terms)
    images = generate(np.concatenate([noise[used], results]))
    examples, means = np.split(images, [len(used)])

    def render(_: np.ndarray) -> np.ndarray:
        ends = np.cumsum([len(indices) for _, indices in terms])
        examples_of_terms = np.split(_to_uint8(settings, examples), ends[:-1])
        *term_means, result = _to_uint8(settings, means)
        signs = [sign for sign, _ in terms]
        return grids.equation(list(zip(signs, examples_of_terms, term_means)), result, settings.padding,
                               settings.scale)

    image_files.save_images(settings.output, means, results, render)
    return len(images)


def read_noise(settings: SampleSettings) -> np.ndarray:
    """The latent vectors of --noise, float32 [n, noise_dim]. Raises UserError."""
    try:
        noise = (image_files.read_named_array(settings.noise, 'noise') if zipfile.is_zipfile(settings.noise)
                 else image_files.read_array(settings.noise))
    except Exception as error:  # damaged archives make zipfile and NumPy raise many types
        raise UserError('--noise=%s is not a readable .npy or .npz file (%s): name one'
                        % (settings.noise, error)) from error
    return latent.check(noise, settings.noise_dim, '--noise=%s' % settings.noise)
