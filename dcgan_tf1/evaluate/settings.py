"""Settings of evaluations."""
import dataclasses
from typing import ClassVar, List, Optional, Tuple

from dcgan_tf1.evaluate import arrays
from dcgan_tf1.sample.settings import GeneratorSettings
from dcgan_tf1.settings.fields import Role, Rule, allowed_only_if, at_least_one_of, choice, integer, path


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

    @classmethod
    def more_help_groups(cls) -> List[Tuple[str, List[str]]]:
        """The dataset, and the classifier."""
        return [('Data to compare with', ['dataset', 'data_dir', *(
            name for role in (Role.OF_THE_DATA, Role.OF_THE_FILES) for name in cls.names(role) if name != 'dataset')]),
                ('Classifier', ['cache_dir', 'classifier_steps'])]

    RULES: ClassVar[Tuple[Rule, ...]] = (
        *GeneratorSettings.RULES,
        *allowed_only_if(['checkpoint', 'num_images', 'bn_momentum'], lambda settings: not settings.images,
                         'describes images to generate: remove it, or remove --images'),
        *allowed_only_if(['pixel_range'], lambda settings: settings.images, 'needs --images'),
        at_least_one_of('run_dir', 'checkpoint', 'images'),
    )
