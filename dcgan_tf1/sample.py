"""Makes images with a trained generator: grids, single files, arrays, walks from noise to noise, noise arithmetic.

  python -m dcgan_tf1.sample --run_dir=runs/sparse_softmax-mnist-0 --output=digits.png
  python -m dcgan_tf1.sample --run_dir=runs/sparse_softmax-mnist-0 --output=digits.npy --bn_mode=moving
  python -m dcgan_tf1.sample --run_dir=runs/sparse_softmax-mnist-0 --output=walk.gif --walk=spherical --bn_mode=standing
  python -m dcgan_tf1.sample --run_dir=runs/sparse_softmax-mnist-0 --output=sum.png --arithmetic=0,3,7-1,4,8+2,5,9

With --bn_mode=batch, batch norm uses the statistics of the images that are made together (all of them up to
1,000; more are made in equal parts), so an image depends on its companions. With --bn_mode=moving it uses the
averages of training, with --bn_mode=standing those of --standing_batches batches made with the finished weights;
either way each image depends on its own noise alone.
"""
import functools
import sys

import numpy as np
import tensorflow.compat.v1 as tf
from absl import app, flags

from dcgan_tf1 import image_files, latent, options, plots, sampler
from dcgan_tf1.errors import UserError, exit_status


def run(settings):
    """The command, on its flags' settings; returns the exit status. Raises UserError."""
    tf.logging.set_verbosity(tf.logging.ERROR)
    settings = sampler.of_run(settings) if settings.run_dir else settings
    given = _read_noise(settings) if settings.noise else None
    with sampler.Sampler(settings) as generator:
        def draw(count):
            return generator.noise(count, settings.seed) if given is None else given
        make = functools.partial(generator.images, statistics=generator.statistics(
            settings.bn_mode or 'batch', settings.bn_momentum, settings.standing_batches))
        if settings.walk:
            count = _walk(settings, draw, make)
        elif settings.arithmetic:
            count = _arithmetic(settings, draw, make)
        else:
            noise = draw(settings.num_images)
            image_files.save_images(settings.output, make(noise), noise, functools.partial(_grid, settings))
            count = len(noise)
    print('%d images of %s: %s' % (count, settings.checkpoint, settings.output), file=sys.stderr)
    return 0


def _grid(settings, images, columns=None):
    pixels = pixels.to_uint8(images)
    return plots.grid(255 - pixels if settings.reverse else pixels, columns or settings.columns, settings.padding,
                      settings.scale)


def _walk(settings, draw, make):
    """A row of images for each walk, or a film of all walks at once. Returns how many images were made."""
    stops = draw(settings.num_images * settings.stops)
    if len(stops) % settings.stops:
        raise UserError('--noise=%s holds %d vectors, which do not make walks of --stops=%d: give a multiple of that'
                        % (settings.noise, len(stops), settings.stops))
    closed = image_files.suffix(settings.output) in image_files.ANIMATIONS
    noise = latent.interpolation_path(stops.reshape(-1, settings.stops, settings.noise_dim), settings.frames, settings.walk, closed)
    walks, points = noise.shape[:2]
    noise = noise.reshape(walks * points, -1)
    images = make(noise)
    if closed:
        images = images.reshape(walks, points, *images.shape[1:])
        image_files.save_animation(settings.output, [_grid(settings, images[:, point]) for point in range(points)])
    else:
        image_files.save_images(settings.output, images, noise, functools.partial(_grid, settings, columns=points))
    return walks * points


def _arithmetic(settings, draw, make):
    """A row of images for each term, its mean at the end, and the result as the last row; files hold means and result.
    Returns how many images were made.
    """
    terms = latent.parse_expression(settings.arithmetic)
    needed = max(index for _, indices in terms for index in indices) + 1
    noise = draw(needed)
    if len(noise) < needed:
        raise UserError('--arithmetic=%s asks for vector %d of --noise=%s, which has %d: name others (they '
                        'count from 0)' % (settings.arithmetic, needed - 1, settings.noise, len(noise)))
    results = latent.arithmetic(noise, terms)
    used = [index for _, indices in terms for index in indices]
    images = make(np.concatenate([noise[used], results]))
    single, means = np.split(images, [len(used)])

    def table(_):
        columns = max(len(indices) for _, indices in terms) + 1
        rows = np.ones((len(terms) + 1, columns, *images.shape[1:]), np.float32)
        rest = single
        for row, (_, indices), mean in zip(rows, terms, means):
            row[:len(indices)], row[-1] = rest[:len(indices)], mean
            rest = rest[len(indices):]
        rows[-1, -1] = means[-1]
        return _grid(settings, rows.reshape(-1, *images.shape[1:]), columns)
    image_files.save_images(settings.output, means, results, table)
    return len(images)


def _read_noise(settings):
    """float32 [n, noise_dim] of a .npy file; the [n, 1, 1, noise_dim] of the sources is taken as well."""
    try:
        noise = image_files.read_array(settings.noise)
    except (OSError, ValueError) as error:
        raise UserError('--noise=%s is not a readable .npy file (%s): name one' % (settings.noise, error)) from error
    if (len(noise.shape) in (2, 4) and len(noise) and noise.dtype.kind in 'fiu'
            and noise.shape[1:] in ((settings.noise_dim,), (1, 1, settings.noise_dim))):
        with np.errstate(over='ignore'):  # infinite, then
            noise = np.array(noise, np.float32).reshape(len(noise), -1)
        if np.isfinite(noise).all():
            return noise
    raise UserError('--noise=%s must hold finite numbers (as float32) of shape [images, %d]'
                    % (settings.noise, settings.noise_dim))


def main():
    options.declare_sampling()
    flags.adopt_module_key_flags(options)
    app.run(lambda argv: exit_status(lambda: run(options.settings(argv))), flags_parser=options.command_line)


if __name__ == '__main__':
    main()
