"""The graph of a run, built stage by stage: inputs → networks → loss → training step → `TrainGraph`."""
import contextlib
from typing import (
    Any,
    Dict,
    Iterator,
    NamedTuple,
    Optional,
    Sequence,
    Union,
)

import tensorflow.compat.v1 as tf

from dcgan_tf1.data import AnyImages
from dcgan_tf1.model import networks, randomness, schedules
from dcgan_tf1.model.collectives import Replicas
from dcgan_tf1.model.inputs import BatchPlan, BatchStart, build_inputs
from dcgan_tf1.model.losses import LOSSES
from dcgan_tf1.model.network import Discriminator, ForwardPass, Generator, Network
from dcgan_tf1.model.networks import UnsupportedShapeError
from dcgan_tf1.model.schedules import Inputs
from dcgan_tf1.model.shares import Cooperation, combine
from dcgan_tf1.model.standing_statistics import NoiseBatches
from dcgan_tf1.settings.train import TrainSettings
from dcgan_tf1.util.errors import UserError


class TrainGraph(NamedTuple):
    """Everything that a training runs."""

    inputs: Inputs
    step: schedules.TrainStep  # its train_op also increments global_step
    generator: Generator  # samples from inputs.noise
    sample_noise: tf.Tensor  # [sample_size, noise_dim], the same vectors during the whole run
    standing_batches: NoiseBatches  # latent vectors for standing statistics
    global_step: tf.Variable  # int64 scalar, the number of completed steps
    gradient_norms: Dict[str, tf.Tensor]  # {name: scalar} for the updates of a step
    histograms: tf.Tensor  # serialized summary of the variables, and of the activations for inputs.noise
    start_batches: BatchStart  # (session, step) starts the batch plan after `step`
    cooperation: Optional[Cooperation]  # None with one replica


class Networks:
    """The networks that the settings select. Each can be applied any number of times; its variables are shared."""

    def __init__(self, settings: TrainSettings):
        """Raises UserError if the network cannot be loaded."""
        self._settings = settings
        self._functions = networks.load(settings.network)
        # A training has replaced 'auto' with what it measured. Without a training, nothing is measured.
        precision = 'float32' if settings.precision == 'auto' else settings.precision
        self._computation: Dict[str, Any] = {'dtype': tf.as_dtype(precision), 'kernels': settings.kernels}

    def generator(self, is_training: Union[bool, tf.Tensor], **options: Any) -> Network:
        """The generator, from latent vectors to images. `options` are further arguments of `Network`."""
        return Network('Generator', self._generate, is_training, **options, **self._computation)

    def discriminator(self, is_training: Union[bool, tf.Tensor], for_loss: bool = False, **options: Any) -> Network:
        """The discriminator, from images to logits.

        Args:
            is_training: the mode of batch norm and dropout.
            for_loss: whether to raise UserError if the loss of the settings takes another number of logits.
            **options: further arguments of `Network`.
        """
        function = self._discriminate_for_loss if for_loss else self._discriminate
        return Network('Discriminator', function, is_training, **options, **self._computation)

    def _generate(self, noise: tf.Tensor, is_training: Union[bool, tf.Tensor]) -> tf.Tensor:
        size = self._settings.image_size
        with self._shape_errors(size):
            return self._functions.generator(noise, is_training, (size, size, self._settings.channels))

    def _discriminate(self, images: tf.Tensor, is_training: Union[bool, tf.Tensor]) -> tf.Tensor:
        with self._shape_errors(images.shape.as_list()[1]):
            return self._functions.discriminator(images, is_training)

    def _discriminate_for_loss(self, images: tf.Tensor, is_training: Union[bool, tf.Tensor]) -> tf.Tensor:
        logits, loss = self._discriminate(images, is_training), self._settings.loss
        num_logits = logits.shape.as_list()[-1]
        if LOSSES[loss].num_logits != num_logits:
            suitable = sorted(name for name, other in LOSSES.items() if other.num_logits == num_logits)
            advice = 'change the network'
            if suitable:
                advice = 'choose --loss=%s, or another network' % ' or '.join(suitable)
            raise UserError('--loss=%s takes %d logit(s) per score, but --network=%s outputs %s: %s' % (
                loss, LOSSES[loss].num_logits, self._settings.network, num_logits, advice))
        return logits

    @contextlib.contextmanager
    def _shape_errors(self, size: int) -> Iterator[None]:
        """Turns `UnsupportedShapeError` into a `UserError` that names the flags."""
        try:
            yield
        except UnsupportedShapeError as error:
            raise UserError('--network=%s cannot make images of --image_size=%d: it supports %s'
                            % (self._settings.network, size, error)) from error


def build_generator(settings: TrainSettings, training: Optional[bool] = None) -> Generator:
    """Builds a generator in the current default graph, to sample from.

    Args:
        settings: settings of the training.
        training: builds the generator for training mode (True) or inference mode (False) only. By default,
            the placeholder `is_training` selects the mode.

    Raises:
        UserError: if the network does not support the image size.
    """
    noise = tf.placeholder(tf.float32, [None, settings.noise_dim], 'noise')
    is_training = tf.placeholder(tf.bool, [], 'is_training') if training is None else training
    fake = Networks(settings).generator(is_training)(noise)
    return Generator(noise, is_training, fake.output, fake.statistics, fake.other_updates)


def build_discriminator(settings: TrainSettings) -> Discriminator:
    """Builds a discriminator in the current default graph, to inspect it.

    Raises:
        UserError: if the network does not support the image size.
    """
    tf.train.get_or_create_global_step()  # dropout needs it
    image_shape = [settings.image_size, settings.image_size, settings.channels]
    images = tf.placeholder(tf.float32, [None, *image_shape], 'images')
    is_training = tf.placeholder(tf.bool, [], 'is_training')
    real = Networks(settings).discriminator(is_training)(images)
    return Discriminator(images, is_training, real.output, real.statistics, real.activations, real.other_updates)


def build_training(settings: TrainSettings, images: AnyImages, plan: BatchPlan,
                   replicas: Optional[Replicas] = None) -> TrainGraph:
    """Builds the whole training graph in the current default graph.

    Args:
        settings: settings of the training.
        images: the training set, `data.Images` or an object with the same interface.
        plan: the batch plan of these images.
        replicas: those that train together; default: one alone.

    Raises:
        ValueError: if a trainable variable belongs to neither network.
        UserError: if the network does not fit the images or the loss.
    """
    replicas = replicas or Replicas()
    tf.set_random_seed(settings.seed)  # seeds the initial weights and dropout
    # The scope makes Adam's own variables resource variables too.
    with tf.variable_scope(tf.get_variable_scope(), use_resource=True):
        global_step = tf.get_variable(
            'global_step', [], tf.int64, tf.zeros_initializer(), trainable=False,
            collections=[tf.GraphKeys.GLOBAL_VARIABLES, tf.GraphKeys.GLOBAL_STEP])
        inputs, start_batches = build_inputs(settings, images, plan, global_step.read_value(), replicas)
        # Networks that are not built in are trained in training mode, whatever the placeholder says: see `networks`.
        # So are those of several replicas, because all-reduce does not work in a conditional op.
        mode = inputs.is_training if networks.is_built_in(settings.network) and replicas.size == 1 else True
        both = Networks(settings)
        generator = both.generator(
            mode, optimizer=adam(settings, settings.learning_rate_generator), update_ops=settings.update_ops,
            extra_bn_momentums=settings.extra_bn_momentums, replicas=replicas)
        discriminator = both.discriminator(
            mode, for_loss=True, optimizer=adam(settings, settings.learning_rate_discriminator),
            update_ops=settings.update_ops, replicas=replicas)
        loss = replicas.weighted(LOSSES[settings.loss])
        updates = schedules.extra_discriminator_updates(generator, discriminator, loss, inputs)
        with tf.control_dependencies(updates):
            step = schedules.SCHEDULES[settings.schedule](generator, discriminator, loss, inputs)
        _check_ownership([generator, discriminator])
        with tf.name_scope('count'), tf.control_dependencies([step.train_op]):
            step = step._replace(train_op=global_step.assign_add(1, read_value=False))
        step, start_batches, cooperation = combine(step, inputs, start_batches, settings.batch_size, replicas)
        with tf.name_scope('samples'):
            fake = both.generator(inputs.is_training)(inputs.noise)
            sample_noise = randomness.noise(
                settings.noise_distribution, settings.seed, randomness.SAMPLE_NOISE, 0, settings.sample_size,
                settings.noise_dim)
            standing_batches = NoiseBatches(settings)
            # Not `discriminator`: with several replicas, its inputs are shares of a batch, and these images are none.
            histograms = _histograms([fake, both.discriminator(mode)(fake.output)])
        return TrainGraph(
            inputs=inputs, step=step,
            generator=Generator(inputs.noise, inputs.is_training, fake.output, fake.statistics, fake.other_updates),
            sample_noise=sample_noise, standing_batches=standing_batches, global_step=global_step,
            gradient_norms={**generator.gradient_norms, **discriminator.gradient_norms},
            histograms=histograms, start_batches=start_batches, cooperation=cooperation)


def adam(settings: TrainSettings, learning_rate: float) -> tf.train.Optimizer:
    """A new optimizer with a state of its own, for any number of updates per step."""
    optimizer = tf.train.AdamOptimizer if settings.epsilon_mode == 'tensorflow' else _AdamOfPyTorch
    return optimizer(learning_rate, settings.beta1, settings.beta2, settings.epsilon)


class _AdamOfPyTorch(tf.train.AdamOptimizer):
    """Adam with epsilon where PyTorch has it.

    TensorFlow adds epsilon to the square root of the *uncorrected* second moment. PyTorch adds it to that of
    the bias-corrected one (the first of the two forms in Kingma and Ba, arXiv 1412.6980, section 2). With
    epsilon multiplied by sqrt(1 - beta2^t) at update t, TensorFlow's update equals PyTorch's.
    """

    def _prepare(self) -> None:
        super()._prepare()
        _, beta2_power = self._get_beta_accumulators()  # beta2^t of the update that is being built
        self._epsilon_t *= tf.sqrt(1 - beta2_power.read_value())


def _check_ownership(networks: Sequence[Network]) -> None:
    owned = {variable.name for network in networks for variable in network.trainable_variables}
    orphans = {variable.name for variable in tf.trainable_variables()} - owned
    if orphans:
        raise ValueError('no network owns the trainable variables ' + ', '.join(sorted(orphans)))


def _histograms(forward_passes: Sequence[ForwardPass]) -> tf.Tensor:
    """A summary of all trainable variables and of the activations of these forward passes."""
    # The name scopes become part of the names in TensorBoard.
    with tf.name_scope(None), tf.name_scope('variables'):
        summaries = [tf.summary.histogram(variable.op.name, variable)
                     for variable in tf.trainable_variables()]
    with tf.name_scope(None), tf.name_scope('activations'):
        for forward_pass in forward_passes:
            for activation in forward_pass.activations:
                # A value that is not finite would make the summary op fail, and the run with it.
                values = tf.gather_nd(activation, tf.where(tf.is_finite(activation)))
                summaries.append(tf.summary.histogram(activation.op.name.split('/', 1)[1], values))
        return tf.summary.merge(summaries)
