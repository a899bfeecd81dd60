"""Settings of evaluations."""
import dataclasses
from typing import ClassVar, Optional, Tuple

from dcgan_tf1.evaluate import arrays
from dcgan_tf1.runs.folder import RunFolder
from dcgan_tf1.runs.saved_settings import check_data_dir, read
from dcgan_tf1.sample.settings import OF_THE_GENERATOR, GeneratorSettings, for_run, with_run_values
from dcgan_tf1.settings.fields import Rule, allowed_only_if, at_least_one_of, choice, integer, path
from dcgan_tf1.settings.train import TrainSettings

_OF_THE_DATA = ('dataset', 'center_crop', 'antialias', 'fast_jpeg')


# Which files of the dataset are read. A file may have become unreadable after the training.
_OF_THE_FILES = ('skip_unreadable', 'follow_links')


@dataclasses.dataclass(frozen=True)
class EvaluateSettings(GeneratorSettings):
    """Settings of `python -m dcgan_tf1.evaluate`."""

    num_images: int = integer(10000, 1, 'number of images to generate', highest=1000000)
    images: Optional[str] = path(
        None, 'score these images instead, with --run_dir against the data of that run: a folder of image files, or a '
        '.npy or .npz file of numbers [images, height, width, channels]')
    pixel_range: Optional[str] = choice(
        None, arrays.RANGES, 'with --images: range of the values in a .npy or .npz file. Default: decided from '
        'the type and the values, and printed')
    output: Optional[str] = path(
        None, 'JSON file to write; default: scores.json in the run folder, if there is one')

    RULES: ClassVar[Tuple[Rule, ...]] = (
        *GeneratorSettings.RULES,
        *allowed_only_if(['checkpoint', 'num_images', 'bn_momentum'], lambda settings: not settings.images,
                         'describes images to generate: remove it, or remove --images'),
        *allowed_only_if(['pixel_range'], lambda settings: settings.images, 'needs --images'),
        at_least_one_of('run_dir', 'checkpoint', 'images'),
    )


def for_run_and_data(settings: EvaluateSettings) -> EvaluateSettings:
    """Settings of an evaluation: those of `for_run`, and the dataset that the run was trained on.

    --data_dir says where the data lie, --skip_unreadable and --follow_links which of their files are read; by default
    as for the training.
    """
    settings = for_run(settings)
    folder = RunFolder(settings.run_dir)
    run = read(folder)
    names = [*_OF_THE_DATA, *(name for name in _OF_THE_FILES if name not in settings.given)]
    settings = with_run_values(settings.replace(data_dir=settings.data_dir or run.data_dir), run, names)
    check_data_dir(folder, settings, run)
    return settings


def for_evaluation_during_training(settings: TrainSettings) -> EvaluateSettings:
    """The settings with which the `evaluate` command scores a run of these settings, except for the checkpoint."""
    values = {name: getattr(settings, name) for name in (
        *OF_THE_GENERATOR, *_OF_THE_DATA, *_OF_THE_FILES, 'network', 'run_dir', 'data_dir', 'bn_mode', 'cache_dir',
        'classifier_steps')}
    return EvaluateSettings(num_images=settings.evaluation_images, **values)
