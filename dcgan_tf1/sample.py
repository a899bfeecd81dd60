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
    folder = RunFolder(settings.run_dir)
    config = folder.read_config()
    if not config:
        raise UserError('--run_dir=%s holds no run (no %s): name the folder of a run'
                        % (settings.run_dir, folder.config))
    checkpoint = settings.checkpoint or last_checkpoint(folder)
    if not checkpoint:
        raise UserError('%s has no checkpoint yet: train it first' % settings.run_dir)
    images = generate(config['flags']['network'], config['flags']['noise_dim'], checkpoint, settings)
    if settings.output.endswith('.npy'):
        file = io.BytesIO()
        np.save(file, images, allow_pickle=False)
        content = file.getvalue()
    else:
        pixels = plots.to_bytes(images)
        content = plots.png(plots.grid(255 - pixels if settings.reverse else pixels, settings.columns,
                                       scale=settings.scale))
    write(settings.output, content)
    print('%d images of %s: %s' % (len(images), checkpoint, settings.output), file=sys.stderr)
    return 0


def generate(network, noise_dim, checkpoint, settings):
    """float32 images [n, height, width, channels] in [−1, 1]. Raises UserError."""
    with tf.Graph().as_default():
        noise, is_training, made = graph.build_generator(network, noise_dim)
        fixed = randomness.uniform_noise(settings.seed, randomness.SAMPLE_NOISE, 0, settings.num_images,
                                         noise_dim)
        with loop.session() as session:
            restore(session, tf.train.Saver(), checkpoint, tf.global_variables())
            vectors = _read_noise(settings.noise, noise_dim) if settings.noise else session.run(fixed)
            if settings.bn_mode == 'batch' and len(vectors) == 1:
                raise UserError('one image alone cannot be made with --bn_mode=batch: it has no batch to take '
                                'statistics of; use --bn_mode=moving, or ask for more')
            return np.concatenate([
                session.run(made, {noise: part, is_training: settings.bn_mode == 'batch'})
                for part in np.array_split(vectors, math.ceil(len(vectors) / _TOGETHER))])


def _read_noise(path, noise_dim):
    try:
        noise = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise UserError('--noise=%s is not a readable .npy file (%s)' % (path, error)) from error
    if (getattr(noise, 'ndim', 0) != 2 or noise.shape[1] != noise_dim or not len(noise)
            or noise.dtype.kind not in 'fiu' or not np.isfinite(noise).all()):
        raise UserError('--noise=%s must hold finite numbers of shape [images, %d]' % (path, noise_dim))
    return noise.astype(np.float32)


def main():
    options.declare_sampling()
    flags.adopt_module_key_flags(options)
    app.run(lambda argv: exit_status(lambda: run(options.settings(argv))))


if __name__ == '__main__':
    main()
