"""Writes a generator as a SavedModel, TensorFlow Lite or ONNX file, for programs that do not use this package.

  python -m dcgan_tf1.export --run_dir=runs/sparse_softmax-mnist-0 --output=exported
  python -m dcgan_tf1.export --run_dir=runs/sparse_softmax-mnist-0 --output=exported --bn_mode=moving --pixels=uint8
  python -m dcgan_tf1.export --run_dir=runs/sparse_softmax-mnist-0 --output=digits.tflite --format=tflite

It takes `noise`, float32 [n, noise_dim], and returns `images`, [n, height, width, channels]: float32 from 0 to 1, or
uint8 from 0 to 255. Weights and batch-norm statistics are constants in it. The statistics are the moving averages
(--bn_mode=moving) or the standing ones (otherwise), so an image depends on its latent vector alone.
"""
import dataclasses
from typing import ClassVar, Optional, Tuple

from dcgan_tf1.sample.settings import GeneratorSettings
from dcgan_tf1.settings import cli
from dcgan_tf1.settings.fields import Rule, at_least_one_of, choice, path
from dcgan_tf1.util import files, terminal


@dataclasses.dataclass(frozen=True)
class ExportSettings(GeneratorSettings):
    """Settings of `python -m dcgan_tf1.export`."""

    pixels: str = choice('float', ('float', 'uint8'), 'type of the images: float32 from 0 to 1, or uint8 from 0 to 255')
    format: str = choice('saved_model', ('saved_model', 'tflite', 'onnx'), 'what to write: a SavedModel for '
                         'TensorFlow, or a file for TensorFlow Lite or ONNX, which computes in float32')
    output: Optional[str] = path(None, 'what to write: the file, or for a SavedModel a folder, which must not exist '
                                 'yet, or be empty', required=True)

    RULES: ClassVar[Tuple[Rule, ...]] = (
        *GeneratorSettings.RULES,
        # In a flag file, it says how the training drew its grids.
        Rule(lambda settings: settings.bn_mode != 'batch' or 'bn_mode' not in settings.given_directly,
             '--bn_mode must be moving or standing: with batch, an image would depend on the images generated with it'),
        at_least_one_of('run_dir', 'checkpoint'),
    )


def run(settings: ExportSettings) -> int:
    """The command; returns the exit status. Raises UserError."""
    from dcgan_tf1.sample import converters, sampler, saved_model  # they import TensorFlow, which takes seconds
    bn_mode = 'moving' if settings.bn_mode == 'moving' else 'standing'
    with sampler.open_generator(settings) as generator:
        settings = generator.settings
        files.prepare_output(settings.output, is_folder=settings.format == 'saved_model')
        statistics = generator.statistics(bn_mode, settings.bn_momentum, settings.standing_batches)
        weights = generator.weights()
        noise = generator.latent_vectors(converters.NUM_CHECKED, settings.seed)
    # Alternative kernels would put op names into the file that only this package knows.
    frozen_graph = saved_model.freeze(settings.replace(
        kernels='native', precision=settings.precision if settings.format == 'saved_model' else 'float32'),
        weights, statistics, settings.pixels)
    if settings.format == 'saved_model':
        with files.new_folder(settings.output) as folder:
            saved_model.save(frozen_graph, settings.noise_dim, folder)
    else:
        files.write_atomically(settings.output, converters.convert(settings.format, frozen_graph, noise))
    terminal.say('exported %s with %s statistics to %s' % (settings.checkpoint, bn_mode, settings.output))
    return 0


def main() -> None:
    """The command."""
    cli.main(run, ExportSettings)


if __name__ == '__main__':
    main()
