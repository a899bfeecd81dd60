"""What a training needs before it can begin: its complete settings, its images and its config.json."""
import math
import os
import platform
from typing import Any, Dict, List, NamedTuple, Optional

import numpy
import tensorflow.compat.v1 as tf

import dcgan_tf1
from dcgan_tf1 import data, metrics
from dcgan_tf1.data import AnyImages
from dcgan_tf1.model import networks, precision
from dcgan_tf1.model.inputs import BatchPlan, batch_plan
from dcgan_tf1.runs import saved_settings
from dcgan_tf1.runs.checkpoints.loading import GivenCheckpoint, find
from dcgan_tf1.runs.checkpoints.saving import last_checkpoint
from dcgan_tf1.runs.folder import RunFolder
from dcgan_tf1.settings.fields import Role
from dcgan_tf1.settings.train import TrainSettings
from dcgan_tf1.train import autotune, training_data
from dcgan_tf1.train.workers.cluster import Cluster
from dcgan_tf1.util.errors import UserError

_Config = Dict[str, Any]


class Run(NamedTuple):
    """What is trained, on what, and where the results go."""

    folder: RunFolder
    settings: TrainSettings
    images: AnyImages  # the training set
    plan: BatchPlan  # of these images
    config: _Config  # what config.json will hold
    earlier_config: Optional[_Config]  # what it holds now; None for a new run
    init_checkpoint: Optional[GivenCheckpoint]  # where the training starts, unless it has checkpoints of its own


def prepare(settings: TrainSettings, cluster: Cluster) -> Run:
    """Completes the settings of a training with those of the run that it resumes, and loads its images.

    Raises: UserError if the settings contradict the run, the images or the other workers.
    """
    folder = RunFolder(saved_settings.run_dir(settings))
    earlier_config = cluster.from_chief(folder.read_config() if cluster.is_chief else None)
    if earlier_config:
        earlier = saved_settings.from_config(earlier_config, folder.config)
        settings = for_resume(settings, earlier)
        if cluster.is_chief:
            _check_same_settings(folder, settings, earlier)
            saved_settings.check_data_dir(folder, settings, earlier)
    _check_best_by(settings)
    precision.check(settings.precision)
    init_checkpoint = None
    if cluster.is_chief:  # refuse what can be refused before all pictures are decoded, for example
        folder.check_can_create()
        if settings.init_checkpoint and not last_checkpoint(folder):
            init_checkpoint = GivenCheckpoint(find(settings.init_checkpoint), settings.checkpoint_names)
    images, data_record = training_data.load(settings, folder.path, earlier_config)
    settings = resolve(settings, images.num_examples)
    _check_images(settings, images)
    config: _Config = {'versions': _versions(), 'data': data_record}
    network_checksum = saved_settings.network_checksum(settings.network)
    if network_checksum:
        config['network_checksum'] = network_checksum
    _check_workers(folder, settings, cluster, config, earlier_config, images)
    if not earlier_config:
        settings = autotune.choose_for_all(settings, cluster)
    config['flags'] = settings.with_absolute_paths().as_dict()
    return Run(folder, settings, images, batch_plan(settings, images.num_examples), config, earlier_config,
               init_checkpoint)


def resolve(settings: TrainSettings, num_examples: int) -> TrainSettings:
    """Settings with the run folder filled in, and the number of steps where only the epochs were given.

    Args:
      num_examples: size of the training set.
    """
    steps = settings.steps
    if steps is None:
        steps = math.ceil(batch_plan(settings, num_examples).steps_in(settings.epochs) / settings.d_steps_per_g_step)
    network = settings.network
    if network.endswith('.py'):
        network = os.path.abspath(network)
    return settings.replace(steps=steps, epochs=0., run_dir=saved_settings.run_dir(settings), network=network)


def for_resume(settings: TrainSettings, run: TrainSettings) -> TrainSettings:
    """Settings with the run's values of what is 'auto', which the user leaves to the run."""
    measured = [name for name in settings.names(Role.MEASURED) if getattr(settings, name) == 'auto']
    return settings.replace(**{name: getattr(run, name) for name in measured})


def changes(settings: TrainSettings, run: TrainSettings) -> List[str]:
    """Describes each setting that differs from the run's and may not: '--seed is 0 there, not 1'."""
    names = set(settings.names()) - set(settings.names(Role.CHANGES_ON_RESUME))
    if not run.evaluate_every:
        names -= set(settings.names(Role.OF_EVALUATIONS))
    if not any(map(networks.is_built_in, (settings.network, run.network))):
        names.remove('network')  # which is identified by its content instead: it may have been moved
    return saved_settings.differences(settings.with_absolute_paths(), run.with_absolute_paths(), names)


def _check_same_settings(folder: RunFolder, settings: TrainSettings, earlier: TrainSettings) -> None:
    different = changes(settings, earlier)
    if different:
        raise UserError('%s holds a run with other settings: %s. To resume that run, use --flagfile=%s; to start '
                        'another, name a new --run_dir' % (folder.path, '; '.join(different), folder.flags))
    saved_settings.check_network(settings.network, folder)


def _check_best_by(settings: TrainSettings) -> None:
    possible = metrics.rankings(data.has_labels(settings.dataset))
    if settings.evaluate_every and settings.best_by not in possible:
        raise UserError('--best_by must be %s, because this --dataset has no labels' % ' or '.join(possible))


def _check_images(settings: TrainSettings, images: AnyImages) -> None:
    if images.num_examples < 2:
        raise UserError('--dataset=%s has only one training image here, and batch norm needs two: add some, or use a '
                        'smaller --holdout' % settings.dataset)
    if settings.batch_size > images.num_examples:
        raise UserError('--batch_size=%d is more than the %d training images: use a smaller one'
                        % (settings.batch_size, images.num_examples))
    if images.image_shape != (settings.image_size, settings.image_size, settings.channels):
        raise UserError('the images of --dataset=%s are %d×%d with %d channel(s), not --image_size=%d with '
                        '--channels=%d: change these flags, or use a recipe for such images'
                        % (settings.dataset, *images.image_shape, settings.image_size, settings.channels))


def _check_workers(folder: RunFolder, settings: TrainSettings, cluster: Cluster, config: _Config,
                   earlier_config: Optional[_Config], images: AnyImages) -> None:
    """Checks that all devices can train together, and notes in the config how many there are if that matters."""
    if settings.batch_size < cluster.size:
        raise UserError('--batch_size=%d is less than the %d devices that train together: use fewer, or larger batches'
                        % (settings.batch_size, cluster.size))
    if settings.batch_statistics == 'worker':
        config['workers'] = cluster.size
        earlier = earlier_config.get('workers') if earlier_config else cluster.size
        if earlier != cluster.size:
            raise UserError('%s holds a run on %s devices with --batch_statistics=worker: resume it on as many, not '
                            'on %d' % (folder.path, earlier, cluster.size))
    own = settings.names(Role.OF_A_WORKER)
    cluster.check_same({**{'--' + name: value for name, value in settings.as_dict().items() if name not in own},
                        **config['versions'], **{'data: ' + name: value for name, value in config['data'].items()},
                        '--network': config.get('network_checksum', settings.network),
                        'data: content of some images': images.content_checksum() if cluster.size > 1 else '',
                        'number of devices': cluster.size})


def _versions() -> Dict[str, str]:
    return {'dcgan_tf1': dcgan_tf1.__version__, 'tensorflow': tf.__version__, 'numpy': numpy.__version__,
            'python': platform.python_version()}
