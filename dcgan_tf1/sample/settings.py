"""Settings of all commands but train, most of which use a trained generator."""
import dataclasses
from typing import ClassVar, Optional, Tuple

from dcgan_tf1.evaluate import arrays as given_images
from dcgan_tf1.runs.checkpoints.saving import is_run_checkpoint
from dcgan_tf1.sample import latent
from dcgan_tf1.settings.fields import (
    Rule,
    Settings,
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
from dcgan_tf1.util import images as image_files

_IMAGE_OUTPUTS = image_files.PICTURES + image_files.ANIMATIONS


@dataclasses.dataclass(frozen=True)
class GeneratorSettings(TrainSettings):
    """Settings of the commands that generate images. They take the flags of training too, to read its flag files."""

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
        '(slerp); --num_images is the number of paths. A .gif or .mp4 shows all paths side by side in a loop; other '
        'outputs have one row of images per path')
    keyframes: int = integer(4, 2, 'with --interpolation: latent vectors that each path goes through', highest=1000)
    frames_per_segment: int = integer(
        12, 1, 'with --interpolation: images from one keyframe to just before the next', highest=1000)
    arithmetic: Optional[str] = text(
        None, 'latent arithmetic with vectors named by their index from 0: "0,3,7-1,4,8+2,5,9" is the mean of three, '
        'minus the mean of three, plus the mean of three',
        lambda value: latent.parse_expression(value) is not None, 'must look like 0,3,7-1,4,8+2,5,9')
    noise: Optional[str] = path(
        None, '.npy file of latent vectors [num_images, noise_dim] to use instead of those of --seed')
    reverse: bool = boolean(False, 'reverse the colors: dark on white')
    scale: int = integer(2, 1, 'width of an image pixel in a picture, in screen pixels', highest=32)
    output: Optional[str] = path(
        None, 'file to write: .png (a grid), .npy (float32 [num_images, height, width, channels] in [-1, 1]) or .npz '
        '(the same, with the latent vectors); with --interpolation also .gif or, if ffmpeg is installed, .mp4. '
        'Without a suffix: a new folder of PNG files',
        lambda value: image_files.suffix(value) in ('', *image_files.SUFFIXES),
        'must end in %s, or name a folder' % ', '.join(image_files.SUFFIXES), required=True)

    RULES: ClassVar[Tuple[Rule, ...]] = (
        *GeneratorSettings.RULES,
        Rule(lambda settings: settings.interpolation or not _writes(settings, image_files.ANIMATIONS)
             or settings.output is None, '--output: %s files need --interpolation' % ' and '.join(
                 image_files.ANIMATIONS)),
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


@dataclasses.dataclass(frozen=True)
class EvaluateSettings(GeneratorSettings):
    """Settings of `python -m dcgan_tf1.evaluate`."""

    num_images: int = integer(10000, 1, 'number of images to generate', highest=1000000)
    images: Optional[str] = path(
        None, 'score these images instead, with --run_dir against the data of that run: a folder of image files, or a '
        '.npy or .npz file of numbers [images, height, width, channels]')
    pixel_range: Optional[str] = choice(
        None, given_images.RANGES, 'with --images: range of the values in a .npy or .npz file. Default: decided from '
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


@dataclasses.dataclass(frozen=True)
class ReportSettings(Settings):
    """Settings of `python -m dcgan_tf1.report`."""

    output: Optional[str] = path(None, 'HTML file to write; default: report.html in the first run\'s folder')


@dataclasses.dataclass(frozen=True)
class ExploreSettings(Settings):
    """Settings of `python -m dcgan_tf1.explore`."""

    checkpoint: Optional[str] = path(
        None, 'checkpoint whose generator the page shows: a step of the run or "best", default its last; or '
        'another checkpoint of the same network: its path, one of its files, or the folder that contains it')
    points: int = integer(
        9, 2, 'rows and columns of the slice of latent space; there is one image per point and kind of batch-norm '
        'statistics', highest=31)
    interpolation: str = choice(
        'slerp', latent.MODES, 'how the slice connects the four latent vectors at its corners: along straight lines '
        '(linear) or great circles (slerp)')
    seed: int = integer(0, 0, 'seed of the four latent vectors at the corners of the slice')
    standing_batches: int = integer(
        100, 1, 'number of batches that standing statistics are computed from', highest=100000)
    stages: int = integer(
        30, 2, 'number of steps on the slider through the training, evenly chosen among the grids of the run; all of '
        'them, if there are fewer', highest=1000)
    output: Optional[str] = path(None, 'HTML file to write; default: explore.html in the run folder')


@dataclasses.dataclass(frozen=True)
class LaunchSettings(Settings):
    """Settings of `python -m dcgan_tf1.launch`."""

    workers: int = integer(2, 1, 'number of processes that train together on this machine', highest=64)
    restarts: int = integer(
        0, 0, 'how often to start all workers again after one was lost: the run goes on from its last checkpoint',
        highest=1000)
