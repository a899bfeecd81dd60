"""Settings of the commands that use a trained generator."""
import dataclasses
from typing import Any, ClassVar, Dict, Iterable, Optional, Tuple, TypeVar

from dcgan_tf1.model import networks
from dcgan_tf1.runs.checkpoints import loading
from dcgan_tf1.runs.checkpoints.saving import is_run_checkpoint, named_checkpoint
from dcgan_tf1.runs.folder import RunFolder
from dcgan_tf1.runs.saved_settings import MEASURED, check_network, differences, read
from dcgan_tf1.sample import latent
from dcgan_tf1.settings.fields import (
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
from dcgan_tf1.util.errors import UserError

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


OF_THE_GENERATOR = ('recipe', 'noise_dim', 'noise_distribution', 'image_size', 'channels', 'batch_size',
                     'precision', 'kernels')


_Train = TypeVar('_Train', bound=TrainSettings)


_Generator = TypeVar('_Generator', bound=GeneratorSettings)


def with_run_values(settings: _Train, run: TrainSettings, names: Iterable[str]) -> _Train:
    """Settings of a command with the run's values of some settings.

    Raises: UserError if the user gave other values for these.
    """
    names = list(names)
    given = {name for name in settings.given if not (name in MEASURED and getattr(settings, name) == 'auto')}
    different = differences(settings, run, given & set(names))
    if different:
        raise UserError('--run_dir=%s is a run with other settings: %s. Remove these flags; the run determines them'
                        % (settings.run_dir, '; '.join(different)))
    values: Dict[str, Any] = {name: getattr(run, name) for name in names}
    return settings.replace(**values)


def for_run(settings: _Generator) -> _Generator:
    """Settings of a command that generates images, with what the run of --run_dir determines.

    By default they select the run's last checkpoint and its own batch-norm mode.
    Raises: UserError if there is no such run or checkpoint, or the user gave settings that contradict the run.
    """
    folder = RunFolder(settings.run_dir)
    run = read(folder)
    # A file with a network may have been moved: it is checked by its content.
    is_moved = 'network' in settings.given and not networks.is_built_in(run.network)
    settings = with_run_values(settings, run, (*OF_THE_GENERATOR, *([] if is_moved else ['network'])))
    check_network(settings.network, folder)
    return settings.replace(checkpoint=named_checkpoint(folder, settings.checkpoint),
                            checkpoint_names=settings.checkpoint_names if settings.checkpoint else None,
                            bn_mode=settings.bn_mode or run.bn_mode)


def for_generator(settings: _Generator) -> _Generator:
    """Settings of a command that generates images, with what --run_dir or --checkpoint determines.

    Raises: UserError as `for_run` and `loading.find` do.
    """
    if settings.run_dir:
        return for_run(settings)
    return settings.replace(checkpoint=loading.find(settings.checkpoint)) if settings.checkpoint else settings
