"""Settings of a training: name, type, default, help text and validation, each declared once.

The fields of this dataclass are the command-line flags (see `cli_flags.py`), the keyword arguments of the Python API,
and the entries of a run's config.json. Its defaults are the recipe `sparse_softmax`. The settings of the other commands
are in `command_settings.py`.
"""
import dataclasses
import os
import pkgutil
from typing import ClassVar, Dict, List, Optional, Tuple

from dcgan_tf1.settings import recipes
from dcgan_tf1.settings.fields import (
    Role,
    Rule,
    Settings,
    allowed_only_if,
    boolean,
    choice,
    integer,
    number,
    numbers,
    one_of_integers,
    path,
    text,
)
from dcgan_tf1.util import renames

BN_MODES = ('batch', 'moving', 'standing')
PRECISIONS = ('float32', 'bfloat16')
RANKINGS = ('classifier_score', 'frechet_distance', 'precision', 'recall', 'sharpness_ratio', 'total_variation')
BATCH_STATISTICS = ('all', 'worker')
SHUFFLES = ('continuous', 'per_epoch', 'once')
DISTRIBUTIONS = ('uniform', 'normal')
LOSSES = ('clipped', 'double_sigmoid', 'log_epsilon', 'sigmoid', 'sparse_softmax')
KERNELS = ('native', 'alternative')
SCHEDULES = ('discriminator_then_generator', 'discriminator_then_generator_same_images', 'generator_then_discriminator',
             'real_then_fake_then_generator', 'simultaneous')


def module_names(package: str) -> List[str]:
    """Names of the public modules in a folder of this package, such as 'data', which are the values of a setting."""
    folder = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), *package.split('.'))
    return [module.name for module in pkgutil.iter_modules([folder]) if not module.name.startswith('_')]


def _is_folder_name(name: str) -> bool:
    return bool(name.strip()) and not set(name) & set('/\\\0') and name[0] != '.'


def _is_network(name: str) -> bool:
    return name.endswith('.py') or all(part.isidentifier() for part in name.split('.'))


def is_decay(value: float) -> bool:
    return 0 <= value < 1


def _is_positive(value: float) -> bool:
    return value > 0


@dataclasses.dataclass(frozen=True)
class TrainSettings(Settings):
    """Settings of `python -m dcgan_tf1.train`."""

    # Recipe and name
    recipe: str = text(
        'sparse_softmax', 'recipe to train, one of %s. Its settings (flags/RECIPE.flags) become the defaults of all '
        'others' % ', '.join(recipes.names()), _is_folder_name, 'must be a plain name', roles=[Role.OF_THE_GENERATOR])
    run_name: Optional[str] = text(
        None, 'name of the run, part of its default folder runs/NAME-DATASET-SEED; default: the recipe',
        _is_folder_name, 'must be a plain name without slashes, because it becomes part of a folder name',
        roles=[Role.CHANGES_ON_RESUME, Role.OF_A_WORKER])

    # Model
    network: str = path(
        'sparse_softmax', 'architecture of generator and discriminator: one of %s; or your own, a Python file '
        '(my_gan.py) or a module that can be imported (my_package.my_gan) with the functions generator and '
        'discriminator' % ', '.join(module_names('model.networks')), _is_network,
        'must be one of %s, or a Python file (its name ends in .py) or module' % ', '.join(
            module_names('model.networks')), or_name=True,
        roles=[Role.OF_A_WORKER])
    loss: str = choice('sparse_softmax', LOSSES, 'loss of generator and discriminator')
    schedule: str = choice(
        'discriminator_then_generator', SCHEDULES, 'order of the updates within a step')
    update_ops: bool = boolean(
        True, 'update the moving statistics of batch norm; false leaves them at mean 0 and variance 1')
    extra_bn_momentums: Tuple[float, ...] = numbers(
        is_decay, 'must be distinct numbers, each 0 or more and below 1',
        'comma-separated momentums: keep a further moving average of the generator\'s batch-norm statistics for each, '
        'which --bn_momentum of the sample command can use')

    # Data
    dataset: str = choice(
        'mnist', module_names('data'), 'what to train on; mnist_10k is built in', roles=[Role.OF_THE_DATA])
    data_dir: Optional[str] = path(
        None, 'folder of the dataset. mnist and fashion_mnist: their files, under any names, up to two folders deep; '
        'default: Keras\'s cache, which is filled by a download. image_folder: any folder '
        'tree of JPEG, PNG, WebP, GIF and BMP files. tfrecords: files of examples with image/encoded. The flags below '
        'for image_folder hold for both', roles=[Role.CHANGES_ON_RESUME, Role.OF_A_WORKER])
    image_size: int = integer(
        28, 8, 'height and width of the images in pixels', highest=256, roles=[Role.OF_THE_GENERATOR])
    channels: int = one_of_integers(
        1, (1, 3), '1 for grayscale images, 3 for color', roles=[Role.OF_THE_GENERATOR])
    center_crop: bool = boolean(
        False, 'image_folder: cut out the largest centered square before resizing; false squeezes the whole picture, '
        'as the sources do', roles=[Role.OF_THE_DATA])
    antialias: bool = boolean(
        True, 'image_folder: smooth before downscaling, as PyTorch does; false does not, as TensorFlow',
        roles=[Role.OF_THE_DATA])
    fast_jpeg: bool = boolean(
        True, 'image_folder: decode JPEG files at a half, quarter or eighth of their size if that is still 4 times '
        '--image_size or more; false decodes all of it', roles=[Role.OF_THE_DATA])
    skip_unreadable: bool = boolean(
        False, 'image_folder: check all files first, and leave out those that cannot be read; false stops at the first',
        roles=[Role.CHANGES_ON_RESUME, Role.OF_THE_FILES])
    follow_links: bool = boolean(
        False, 'image_folder: also read links to files outside of --data_dir; false treats them as unreadable',
        roles=[Role.CHANGES_ON_RESUME, Role.OF_THE_FILES])
    pack_dir: Optional[str] = path(
        None, 'image_folder: folder on a fast disk for the decoded images. The first run writes it, and all runs with '
        'the same images read it, which is much faster than decoding the files again; the results are the same',
        roles=[Role.CHANGES_ON_RESUME])
    holdout: Optional[int] = integer(
        None, 0, 'number of training images to leave out, counted from the first; default: 5000 for mnist and '
        'fashion_mnist, as in the loader of the TensorFlow tutorials, and 0 for other datasets')

    # Length and batches
    steps: Optional[int] = integer(
        10000, 1, 'length of the whole run in steps, including the steps before a resume', optional=True,
        roles=[Role.CHANGES_ON_RESUME])
    epochs: float = number(
        0., lambda value: value >= 0, 'must be 0 or more',
        'length of the whole run in passes over the data, used when --steps is not given',
        roles=[Role.CHANGES_ON_RESUME])
    batch_size: int = integer(
        128, 2, 'images per step (batch norm needs 2 or more)', roles=[Role.OF_THE_GENERATOR])
    shuffle: str = choice(
        'continuous', SHUFFLES, 'how images are assigned to batches. continuous: a new order every epoch, with no gap '
        'between epochs; per_epoch: a new order every epoch, whose last batch may be smaller; once: the same batches '
        'in the same order every epoch')
    noise_dim: int = integer(
        100, 1, 'length of a latent vector', highest=100000, roles=[Role.OF_THE_GENERATOR])
    noise_distribution: str = choice(
        'uniform', DISTRIBUTIONS, 'distribution of the latent vectors: uniform on [-1, 1), or standard normal',
        roles=[Role.OF_THE_GENERATOR])
    noise_batch: str = choice(
        'full', ('full', 'match'), 'latent vectors for a smaller last batch: full uses --batch_size of them, match as '
        'many as there are images')

    # Schedule and optimizer
    d_steps_per_g_step: int = integer(
        1, 1, 'discriminator updates per generator update, each on a batch of its own', highest=100)
    learning_rate_generator: float = number(
        0.002, _is_positive, 'must be above 0', 'Adam\'s learning rate for the generator')
    learning_rate_discriminator: float = number(
        0.002, _is_positive, 'must be above 0', 'Adam\'s learning rate for the discriminator')
    beta1: float = number(0.5, is_decay, 'must be 0 or more and below 1', 'Adam\'s decay of the first moment')
    beta2: float = number(0.999, is_decay, 'must be 0 or more and below 1', 'Adam\'s decay of the second moment')
    epsilon: float = number(1e-8, _is_positive, 'must be above 0', 'Adam\'s epsilon')
    epsilon_mode: str = choice(
        'tensorflow', ('tensorflow', 'pytorch'), 'where Adam adds epsilon. tensorflow: to the root of the uncorrected '
        'second moment ("epsilon hat"), as Keras does too; pytorch: to the root of the bias-corrected one')

    # Speed and seed
    precision: str = choice(
        'float32', (*PRECISIONS, 'auto'), 'precision of convolutions and dense layers; variables, batch statistics, '
        'logits, losses and Adam are always float32. auto: what is faster here; the training times steps of both, and '
        'records its choice. (float16 is not offered, because it needs loss scaling)',
        roles=[Role.MEASURED, Role.OF_THE_GENERATOR])
    kernels: str = choice(
        'native', (*KERNELS, 'auto'), 'native: TensorFlow\'s own kernels. alternative: compute some convolutions '
        'and gradients in other ways, which are faster on some processors. auto: on CPUs, what is faster here; the '
        'training times steps of both, and records its choice', roles=[Role.MEASURED, Role.OF_THE_GENERATOR])
    batch_statistics: str = choice(
        'all', BATCH_STATISTICS, 'with several devices (--num_gpus, TF_CONFIG): whose images batch norm takes its '
        'statistics from in a step. all: the whole batch, as with one device; worker: the share of each device')
    num_gpus: int = integer(
        1, -1, 'GPUs of this machine that train together; -1: all. Without a GPU, so many parts of the processor do, '
        'which is useful to try it out', highest=64, roles=[Role.CHANGES_ON_RESUME])
    xla: bool = boolean(False, 'let XLA compile what runs on a GPU')
    seed: int = integer(0, 0, 'seed of the initial weights, the order of the images and all noise')

    # Run folder and logging
    run_dir: Optional[str] = path(
        None, 'run folder; default: runs/NAME-DATASET-SEED. A run that is already there is resumed',
        roles=[Role.CHANGES_ON_RESUME, Role.OF_A_WORKER])
    log_every: int = integer(100, 1, 'steps between logged losses', roles=[Role.CHANGES_ON_RESUME])
    sample_every: int = integer(500, 1, 'steps between grids of generated images', roles=[Role.CHANGES_ON_RESUME])
    sample_size: int = integer(64, 1, 'images per grid', highest=10000)
    bn_mode: Optional[str] = choice(
        'batch', BN_MODES, 'statistics that batch norm uses for the grids. batch: those of the images generated '
        'together; moving: the moving averages of the training; standing: those of --standing_batches batches '
        'generated with the current weights')
    standing_batches: int = integer(
        100, 1, 'number of batches of --batch_size images that standing statistics are computed from', highest=100000)
    checkpoint_every: int = integer(500, 1, 'steps between checkpoints', roles=[Role.CHANGES_ON_RESUME])
    keep_checkpoints: int = integer(5, 1, 'number of most recent checkpoints to keep', roles=[Role.CHANGES_ON_RESUME])

    # Evaluation
    evaluate_every: int = integer(
        0, 0, 'steps between evaluations, each like the evaluate command, with a checkpoint of its own; the best '
        'checkpoint is kept. 0: never', roles=[Role.CHANGES_ON_RESUME])
    evaluation_images: int = integer(
        5000, 10, 'images to generate for an evaluation', highest=1000000, roles=[Role.OF_EVALUATIONS])
    best_by: str = choice(
        'frechet_distance', RANKINGS, 'score that selects the best checkpoint. sharpness_ratio (best when '
        'closest to 1) is the only one that needs no labels', roles=[Role.OF_EVALUATIONS])
    cache_dir: str = path(
        os.path.join('runs', 'classifiers'), 'folder of the trained classifiers that evaluations use',
        roles=[Role.CHANGES_ON_RESUME, Role.OF_A_WORKER])
    classifier_steps: int = integer(
        2345, 1, 'training steps of such a classifier, each on 128 images', roles=[Role.OF_EVALUATIONS])

    # Checkpoints of other programs
    init_checkpoint: Optional[str] = path(
        None, 'checkpoint whose weights the training starts from: of another run, or of a TF1 script that used '
        'tf.layers. Its path, one of its files, or the folder that contains it', roles=[Role.OF_A_WORKER])
    checkpoint_names: Optional[str] = text(
        None, 'names of a checkpoint of another program: GAN=,weights=kernel removes the scope GAN and turns each '
        'weights into kernel. The error about a checkpoint that does not fit suggests a value',
        lambda value: renames.parse(value) is not None, 'must look like GAN=,weights=kernel', roles=[Role.OF_A_WORKER])

    # {the first setting of a group: title of the group in --help}
    GROUPS: ClassVar[Dict[str, str]] = {
        'recipe': 'Recipe and name', 'network': 'Model', 'dataset': 'Data', 'steps': 'Length and batches',
        'd_steps_per_g_step': 'Schedule and optimizer', 'precision': 'Speed and seed',
        'run_dir': 'Run folder and logging', 'evaluate_every': 'Evaluation',
        'init_checkpoint': 'Checkpoints of other programs'}

    @classmethod
    def help_groups(cls) -> List[Tuple[str, List[str]]]:
        """The groups of `GROUPS`."""
        groups: List[Tuple[str, List[str]]] = []
        for name in TrainSettings.names():
            if name in cls.GROUPS:
                groups.append((cls.GROUPS[name], []))
            groups[-1][1].append(name)
        return groups

    RULES: ClassVar[Tuple[Rule, ...]] = (
        Rule(lambda settings: settings.num_gpus != 0,
             '--num_gpus must not be 0: to train on the processor, set CUDA_VISIBLE_DEVICES=-1'),
        Rule(lambda settings: settings.recipe in recipes.names(),
             '--recipe must be one of %s. To name a run of your own, use --run_name' % ', '.join(recipes.names())),
        Rule(lambda settings: settings.pack_dir is None or settings.dataset in ('image_folder', 'tfrecords'),
             '--pack_dir needs --dataset=image_folder or tfrecords: images of other datasets are in memory'),
        Rule(lambda settings: settings.steps is not None or settings.epochs > 0, 'give --steps, or --epochs above 0'),
        *allowed_only_if(['epochs'], lambda settings: settings.epochs > 0 or 'steps' in settings.given,
                         'must be above 0 when --steps is not given'),
        Rule(lambda settings: not settings.checkpoint_names or settings.init_checkpoint or getattr(
            settings, 'checkpoint', None), '--checkpoint_names needs --checkpoint or --init_checkpoint'),
        Rule(lambda settings: settings.update_ops or not settings.extra_bn_momentums,
             '--extra_bn_momentums needs --update_ops: without update ops no average is ever updated'),
        Rule(lambda settings: settings.bn_mode != 'batch' or settings.sample_size > 1,
             '--sample_size=1 needs --bn_mode=moving or standing: a single image has no batch statistics'),
    )
