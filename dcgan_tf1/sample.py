"""Makes images with a trained generator.

  python -m dcgan_tf1.sample --run_dir=runs/sparse_softmax-mnist-0 --output=digits.png
  python -m dcgan_tf1.sample --run_dir=runs/sparse_softmax-mnist-0 --output=digits.npy --bn_mode=moving

With --bn_mode=batch, batch norm uses the statistics of the images that are made together (all of them up to
1,000; more are made in equal parts), so an image depends on its companions. With --bn_mode=moving it uses the
averages of training, with --bn_mode=standing those of --standing_batches batches made with the finished weights;
either way each image depends on its own noise alone.
"""
import io
import sys

import numpy as np
import tensorflow.compat.v1 as tf
from absl import app, flags

from dcgan_tf1 import options, plots, sampler
from dcgan_tf1.errors import UserError, exit_status
from dcgan_tf1.run_folder import write


def run(settings):
    """The command, on its flags' settings; returns the exit status. Raises UserError."""
    tf.logging.set_verbosity(tf.logging.ERROR)
    settings = sampler.of_run(settings) if settings.run_dir else settings
    noise = _read_noise(settings) if settings.noise else None
    with sampler.Sampler(settings) as generator:
        noise = generator.noise(settings.num_images, settings.seed) if noise is None else noise
        images = generator.images(noise, generator.statistics(
            settings.bn_mode or 'batch', settings.bn_momentum, settings.standing_batches))
    if settings.output.endswith('.npy'):
        file = io.BytesIO()
        np.save(file, images, allow_pickle=False)
        content = file.getvalue()
    else:
        pixels = plots.to_bytes(images)
        content = plots.png(plots.grid(255 - pixels if settings.reverse else pixels, settings.columns,
                                       scale=settings.scale))
    write(settings.output, content)
    print('%d images of %s: %s' % (len(images), settings.checkpoint, settings.output), file=sys.stderr)
    return 0


def _read_noise(settings):
    """float32 [n, noise_dim] of a .npy file; the [n, 1, 1, noise_dim] of the sources is taken as well."""
    try:
        noise = np.load(settings.noise, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise UserError('--noise=%s is not a readable .npy file (%s)' % (settings.noise, error)) from error
    shape = getattr(noise, 'shape', ())
    if (len(shape) not in (2, 4) or not shape[0] or shape[1:] not in (
            (settings.noise_dim,), (1, 1, settings.noise_dim)) or noise.dtype.kind not in 'fiu'
            or not np.isfinite(noise).all()):
        raise UserError('--noise=%s must hold finite numbers of shape [images, %d]'
                        % (settings.noise, settings.noise_dim))
    return noise.reshape(len(noise), -1).astype(np.float32)


def main():
    options.declare_sampling()
    flags.adopt_module_key_flags(options)
    app.run(lambda argv: exit_status(lambda: run(options.settings(argv))))


if __name__ == '__main__':
    main()
