"""Writes a generator as a SavedModel, for programs that do not use this package.

  python -m dcgan_tf1.export --run_dir=runs/sparse_softmax-mnist-0 --output=exported
  python -m dcgan_tf1.export --run_dir=runs/sparse_softmax-mnist-0 --output=exported --bn_mode=moving --pixels=uint8

The signature `serving_default` takes `noise`, float32 [n, noise_dim], and returns `images`, [n, height, width,
channels]: float32 from 0 to 1, or uint8 from 0 to 255. Weights and batch-norm statistics are constants in it. The
statistics are the standing ones (the default) or the moving averages, so an image depends on its latent vector alone.
"""
import dataclasses
import os
from typing import ClassVar, Optional, Tuple

import tensorflow.compat.v1 as tf

from dcgan_tf1.model import graph
from dcgan_tf1.runs.checkpoints.loading import GivenCheckpoint
from dcgan_tf1.sample import sampler
from dcgan_tf1.sample import settings as sample_settings
from dcgan_tf1.sample.settings import GeneratorSettings
from dcgan_tf1.settings import cli
from dcgan_tf1.settings.fields import Rule, at_least_one_of, choice, path
from dcgan_tf1.util import files, terminal
from dcgan_tf1.util.device import create_session


@dataclasses.dataclass(frozen=True)
class ExportSettings(GeneratorSettings):
    """Settings of `python -m dcgan_tf1.export`."""

    pixels: str = choice('float', ('float', 'uint8'), 'type of the images: float32 from 0 to 1, or uint8 from 0 to 255')
    output: Optional[str] = path(None, 'folder to write, which must not exist yet, or be empty', required=True)

    RULES: ClassVar[Tuple[Rule, ...]] = (
        *GeneratorSettings.RULES,
        Rule(lambda settings: settings.bn_mode != 'batch', '--bn_mode must be moving or standing: with batch, an '
             'image would depend on the images generated with it'),
        at_least_one_of('run_dir', 'checkpoint'),
    )


def run(settings: ExportSettings) -> int:
    """The command; returns the exit status. Raises UserError."""
    bn_mode = settings.bn_mode or 'standing'
    settings = sample_settings.for_generator(settings)
    files.prepare_output(settings.output, is_folder=True)
    with sampler.Sampler(settings) as generator:
        statistics = generator.statistics(bn_mode, settings.bn_momentum, settings.standing_batches)
    # The other convolution routes would put op names into the file that only this package knows.
    frozen_graph = _freeze(settings.replace(kernels='native'), generator.checkpoint, statistics)
    with files.new_folder(settings.output) as folder:
        _save(frozen_graph, settings.noise_dim, folder)
    terminal.say('exported %s with %s statistics to %s' % (settings.checkpoint, bn_mode, settings.output))
    return 0


def _freeze(settings: ExportSettings, checkpoint: GivenCheckpoint, statistics: sampler.Statistics) -> tf.GraphDef:
    """A generator from `noise` to `images` with all its variables turned into constants."""
    with tf.Graph().as_default() as built, create_session() as session:
        generator = graph.build_generator(settings, training=False)
        unit_images = (generator.images + 1) / 2
        if settings.pixels == 'float':
            images = tf.identity(unit_images, 'images')
        else:  # as `pixels.to_uint8`
            images = tf.cast(tf.clip_by_value(tf.round(unit_images * 255), 0, 255), tf.uint8, 'images')
        variables = tf.global_variables()
        checkpoint.load(session, variables)
        for variable in variables:
            if variable.op.name in statistics:
                variable.load(statistics[variable.op.name], session)
        return tf.graph_util.convert_variables_to_constants(session, built.as_graph_def(), [images.op.name])


def _save(frozen_graph: tf.GraphDef, noise_dim: int, path: str) -> None:
    with tf.Graph().as_default(), create_session() as session:
        noise = tf.placeholder(tf.float32, [None, noise_dim], 'noise')
        images, = tf.import_graph_def(frozen_graph, {'noise:0': noise}, ['images:0'], name='Generator')
        os.rmdir(path)  # before TensorFlow 1.15, the builder wants to create the folder itself
        builder = tf.saved_model.builder.SavedModelBuilder(path)
        builder.add_meta_graph_and_variables(
            session, [tf.saved_model.tag_constants.SERVING],
            {tf.saved_model.signature_constants.DEFAULT_SERVING_SIGNATURE_DEF_KEY:
             tf.saved_model.signature_def_utils.predict_signature_def({'noise': noise}, {'images': images})})
        builder.save()


def main() -> None:
    """The command."""
    cli.main(run, ExportSettings)


if __name__ == '__main__':
    main()
