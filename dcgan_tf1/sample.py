"""Makes images with a trained generator.

  python -m dcgan_tf1.sample --run_dir=runs/sparse_softmax-mnist-0 --output=digits.png
  python -m dcgan_tf1.sample --run_dir=runs/sparse_softmax-mnist-0 --output=digits.npy --bn_mode=moving

With --bn_mode=batch, batch norm uses the statistics of the images that are made together (all of them up to
1,000; more are made in equal parts), so an image depends on its companions. With --bn_mode=moving it uses the
averages of training, and each image depends on its own noise alone.
"""
import io
import math
import sys

import numpy as np
import tensorflow.compat.v1 as tf
from absl import app, flags

from dcgan_tf1 import graph, loop, options, plots, randomness
from dcgan_tf1.checkpoints import last_checkpoint, restore
from dcgan_tf1.errors import UserError, exit_status
from dcgan_tf1.run_folder import RunFolder, write

_TOGETHER = 1000  # images made in one batch, at the most


def run(settings):
    """The command, on its flags' settings; returns the exit status. Raises UserError."""
    tf.logging.set_verbosity(tf.logging.ERROR)
    settings = _with_run(settings) if settings.run_dir else settings
    images = generate(settings, _read_noise(settings) if settings.noise else None)
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


def _with_run(settings):
    """What the run was trained with, whatever the flags say, in place of them; its last checkpoint as the default."""
    folder = RunFolder(settings.run_dir)
    config = folder.read_config()
    if not config:
        raise UserError('--run_dir=%s holds no run (no %s): name the folder of a run'
                        % (settings.run_dir, folder.config))
    checkpoint = settings.checkpoint or last_checkpoint(folder)
    if not checkpoint:
        raise UserError('%s has no checkpoint yet: train it first' % settings.run_dir)
    trained = options.trained(config['flags'])
    return settings._replace(checkpoint=checkpoint, bn_mode=settings.bn_mode or trained['bn_mode'], **{
        name: trained[name] for name in ('network', 'noise_dim', 'noise_distribution', 'image_size', 'channels',
                                         'precision', 'kernels')})


def generate(settings, vectors=None):
    """Images of a checkpoint's generator.

    Args:
      vectors: float32 [n, noise_dim]; None: settings.num_images drawn with settings.seed.
    Returns: float32 [n, image_size, image_size, channels] in [−1, 1].
    Raises: UserError.
    """
    batch_mode = settings.bn_mode != 'moving'
    with tf.Graph().as_default():
        noise, is_training, made = graph.build_generator(settings)
        drawn = randomness.noise(settings.noise_distribution, settings.seed, randomness.SAMPLE_NOISE, 0,
                                 settings.num_images, settings.noise_dim)
        with loop.session() as session:
            variables = tf.global_variables()
            restore(session, tf.train.Saver(variables), settings.checkpoint, variables)
            if vectors is None:
                vectors = session.run(drawn)
            if batch_mode and len(vectors) == 1:
                raise UserError('one image alone cannot be made with --bn_mode=batch: it has no batch to take '
                                'statistics of; use --bn_mode=moving, or ask for more')
            return np.concatenate([
                session.run(made, {noise: part, is_training: batch_mode})
                for part in np.array_split(vectors, math.ceil(len(vectors) / _TOGETHER))])


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
