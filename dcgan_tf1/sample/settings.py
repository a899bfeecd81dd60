"""Settings of the commands that use a trained generator."""
import dataclasses
from typing import ClassVar, List, Optional, Tuple

from dcgan_tf1.runs.folder import is_run_checkpoint
from dcgan_tf1.sample import latent
from dcgan_tf1.settings.fields import (
    Role,
    Rule,
    allowed_only_if,
    at_least_one_of,
    boolean,
    choice,
    integer,
    number,
    path,
    text,
)
from dcgan_tf1.settings.train import BN_MODES, TrainSettings, is_decay
from dcgan_tf1.util import image_files

_IMAGE_OUTPUTS = image_files.PICTURES + image_files.ANIMATIONS


@dataclasses.dataclass(frozen=True)
class GeneratorSettings(TrainSettings):
    """Settings of the commands that generate images. They take the flags of training too, to read its flag files."""

    run_dir: Optional[str] = path(
        None, 'folder of the run whose generator to use. The run determines the network, and by default the checkpoint '
        'and the statistics', roles=[Role.CHANGES_ON_RESUME, Role.OF_A_WORKER])
    seed: int = integer(0, 0, 'seed of the latent vectors')
    bn_mode: Optional[str] = choice(
        None, BN_MODES, 'statistics that batch norm uses. batch: those of the images generated together; moving: the '
        'moving averages of the training; standing: those of --standing_batches batches generated with the weights of '
        'the checkpoint. Default: as the run drew its grids')
    checkpoint: Optional[str] = path(
        None, 'checkpoint to generate images with: a step of the run or "best", default its last; or a '
        'checkpoint of any script whose network the other flags describe: its path, one of its files, or the folder '
        'that contains it', or_name=True)
    bn_momentum: Optional[float] = number(
        None, is_decay, 'must be 0 or more and below 1', 'with --bn_mode=moving: use the moving averages of this '
        'momentum, one of the training\'s --extra_bn_momentums')

    HELP_END: ClassVar[str] = (
        'All other flags of the train command are accepted too and change nothing, so that --flagfile can name the '
        'train.flags of a run.')

    @classmethod
    def help_groups(cls) -> List[Tuple[str, List[str]]]:
        """First what only the command itself has, last what a checkpoint without a run needs."""
        known = GeneratorSettings.names()
        of_a_checkpoint = ['network', *cls.names(Role.OF_THE_GENERATOR), 'extra_bn_momentums', 'checkpoint_names']
        return [('Flags', [name for name in cls.names() if name not in known]),
                ('Generator', ['run_dir', 'checkpoint', 'bn_mode', 'bn_momentum', 'standing_batches', 'seed']),
                *cls.more_help_groups(),
                ('Network of a --checkpoint without --run_dir', of_a_checkpoint)]

    @classmethod
    def more_help_groups(cls) -> List[Tuple[str, List[str]]]:
        """Further groups of a command."""
        return []

    RULES: ClassVar[Tuple[Rule, ...]] = (
        *TrainSettings.RULES,
        Rule(lambda settings: settings.bn_momentum is None or settings.bn_mode == 'moving',
             '--bn_momentum needs --bn_mode=moving'),
        Rule(lambda settings: bool(settings.run_dir) or not is_run_checkpoint(settings.checkpoint),
             '--checkpoint needs --run_dir when it is a step or "best"'),
    )


def _writes(settings: 'SampleSettings', suffixes: Tuple[str, ...]) -> bool:
    return settings.output is None or image_files.suffix(settings.output) in suffixes


@dataclasses.dataclass(frozen=True)
class SampleSettings(GeneratorSettings):
    """Settings of `python -m dcgan_tf1.sample`."""

    num_images: int = integer(36, 1, 'number of images to generate', highest=1000000)
    columns: Optional[int] = integer(None, 1, 'images per row of a grid; default: as square as possible')
    padding: int = integer(2, 0, 'pixels between the images of a grid', highest=100)
    interpolation: Optional[str] = choice(
        None, latent.MODES, 'interpolate between latent vectors along straight lines (linear) or great circles '
        '(slerp); --num_images is the number of paths. A .gif shows all paths side by side in a loop; other outputs '
        'have one row of images per path')
    keyframes: int = integer(4, 2, 'with --interpolation: latent vectors that each path goes through', highest=1000)
    frames_per_segment: int = integer(
        12, 1, 'with --interpolation: images from one keyframe to just before the next', highest=1000)
    arithmetic: Optional[str] = text(
        None, 'latent arithmetic with vectors named by their index from 0: "0,3,7-1,4,8+2,5,9" is the mean of three, '
        'minus the mean of three, plus the mean of three',
        lambda value: latent.parse_expression(value) is not None,
        'must look like 0,3,7-1,4,8+2,5,9, with numbers below 1000000')
    noise: Optional[str] = path(
        None, '.npy file of latent vectors [num_images, noise_dim] to use instead of those of --seed, or a .npz file '
        'with such an array, which --output=FILE.npz writes')
    reverse: bool = boolean(False, 'reverse the colors: dark on white')
    scale: int = integer(2, 1, 'width of an image pixel in a picture, in screen pixels', highest=32)
    output: Optional[str] = path(
        None, 'file to write: .png (a grid), .npy (float32 [num_images, height, width, channels] in [-1, 1]) or .npz '
        '(the same, with the latent vectors); with --interpolation also .gif. Without a suffix: a new folder of PNG '
        'files',
        lambda value: image_files.suffix(value) in ('', *image_files.SUFFIXES),
        'must end in %s, or name a folder' % ', '.join(image_files.SUFFIXES), required=True)

    RULES: ClassVar[Tuple[Rule, ...]] = (
        *GeneratorSettings.RULES,
        Rule(lambda settings: settings.interpolation or not _writes(settings, image_files.ANIMATIONS)
             or settings.output is None, '--output: .gif files need --interpolation'),
        Rule(lambda settings: not (settings.interpolation and settings.arithmetic),
             '--interpolation and --arithmetic exclude each other: choose one'),
        *allowed_only_if(['keyframes', 'frames_per_segment'], lambda settings: settings.interpolation,
                         'needs --interpolation'),
        *allowed_only_if(['num_images'], lambda settings: not (settings.noise or settings.arithmetic),
                         'cannot be combined with --noise or --arithmetic, which determine the number of images'),
        *allowed_only_if(['columns', 'padding', 'reverse', 'scale'],
                         lambda settings: _writes(settings, _IMAGE_OUTPUTS),
                         'applies only to an --output that ends in ' + ', '.join(_IMAGE_OUTPUTS)),
        *allowed_only_if(['columns'], lambda settings: not settings.arithmetic and (
            not settings.interpolation or _writes(settings, image_files.ANIMATIONS)),
            'cannot be used where each row is an interpolation path or a term of --arithmetic'),
        at_least_one_of('run_dir', 'checkpoint'),
    )
