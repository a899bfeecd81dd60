"""The graph of a run, stage by stage: inputs → networks → loss → train step → `TrainGraph`."""
import collections
import contextlib
import importlib

import tensorflow.compat.v1 as tf

from dcgan_tf1 import kernels, pixels, randomness, schedules, standing_statistics
from dcgan_tf1.errors import UserError
from dcgan_tf1.layers import BATCH_STATISTICS, update_moving_statistics
from dcgan_tf1.losses import LOSSES
from dcgan_tf1.networks import UnsupportedShape

# Placeholders with defaults: a training step feeds nothing, and anyone may still feed, once `start` was called
# (TensorFlow's graph optimizer may let a step wait for the plan's next batch even where images are fed).
#   real_images [images, height, width, channels] in [−1, 1] — the batch of the plan;
#   noise [vectors, noise_dim] — what the discriminator's step generates from;
#   generator_noise [vectors, noise_dim] — what the generator's generates from, where the schedule has it fresh;
#   is_training bool [] (true) — the mode of batch norm and dropout;
#   further: pairs (real_images, noise) of the further discriminator updates of a step.
Inputs = collections.namedtuple('Inputs', 'real_images noise generator_noise is_training extra_d_batches')

# What one application of a network gives: its output, the `BatchStatistic`s of its batch norms, and what its
# activation functions gave, from the input on.
ForwardPass = collections.namedtuple('ForwardPass', 'output statistics activations')

# Ops that are activation functions.
_ACTIVATIONS = ('Elu', 'LeakyRelu', 'Relu', 'Sigmoid', 'Tanh')

# A generator to make images with: placeholders noise [vectors, noise_dim] and is_training []; the images, and the
# `BatchStatistic`s of its batch norms.
Generator = collections.namedtuple('Generator', 'noise is_training images statistics')

# A discriminator to look into: placeholders images [n, height, width, channels] in [−1, 1] and is_training []; its
# verdict (the logits), statistics and activations, as of an `ForwardPass`.
Discriminator = collections.namedtuple('Discriminator', 'images is_training logits statistics activations')

# step: the `TrainStep`, whose train_op also counts global_step; generator: a `Generator` on `inputs.noise`;
# sample_noise [sample_size, noise_dim]: the same for the whole run; standing_batches: `standing_statistics.NoiseBatches`;
# nonfinite_variables: string [n], names of variables that hold a NaN or an infinity; gradient_norms: {name: scalar} of the
# step's updates; histograms: a summary of the variables, and of what the networks make of `inputs.noise`;
# start: a function (session, step) that makes the batch plan go on after that step.
TrainGraph = collections.namedtuple(
    'TrainGraph',
    'inputs step generator sample_noise standing_batches global_step nonfinite_variables gradient_norms histograms start_batches')


class Network:
    """A generator or discriminator: applied any number of times, to one set of variables with one optimizer."""

    def __init__(self, scope, function, is_training, optimizer=None, update_ops=True, extra_bn_momentums=(),
                 computation=(tf.float32, 'native')):
        """`function` (x, is_training) → output; its variables are made under `scope`.

        `update_ops` false leaves the moving statistics of batch norm as they are; `extra_bn_momentums`: of moving
        statistics that are kept beside the layers' own. `computation` is a pair: the dtype that the function's input
        gets (its output is float32 again), and one of `kernels.CHOICES`.
        """
        self.scope = scope
        self._function = function
        self._is_training = is_training
        self._dtype, self._kernels = computation
        self._optimizer = optimizer
        self._update_ops = update_ops
        self._extra_bn_momentums = extra_bn_momentums
        self.gradient_norms = {}  # of every update, {name: scalar}

    def __call__(self, x):
        """Applies the network: an `ForwardPass`. Raises ValueError if it uses a moving statistic not its own."""
        recorded = len(tf.get_collection(BATCH_STATISTICS))
        earlier = len(tf.get_default_graph().get_operations())
        with tf.variable_scope(self.scope, reuse=tf.AUTO_REUSE), kernels.use_kernels(self._kernels):
            output = tf.cast(self._function(tf.cast(x, self._dtype), self._is_training), tf.float32)
        statistics = [statistic._replace(extra_momentums=self._extra_bn_momentums)
                      for statistic in tf.get_collection(BATCH_STATISTICS)[recorded:]]
        for statistic in statistics:
            if not statistic.moving.name.startswith(self.scope + '/'):
                raise ValueError('%s, used by the network %s, is not a variable of it'
                                 % (statistic.moving.name, self.scope))
        activations = [op.outputs[0] for op in tf.get_default_graph().get_operations()[earlier:]
                       if op.type in _ACTIVATIONS]
        return ForwardPass(output, statistics, activations)

    @property
    def trainable_variables(self):
        # With the slash: the bare scope would also match a scope whose name goes on.
        return tf.trainable_variables(self.scope + '/')

    def minimize(self, loss, forward_passes):
        """An op that updates this network once, after the update ops of these forward_passes, in their order.

        The forward_passes may be the other network's too: of passes that moved its statistics in this step.
        """
        statistics = [statistic for application in forward_passes for statistic in application.statistics]
        name = '%s/%s' % (self.scope, tf.get_default_graph().get_name_scope())
        with tf.control_dependencies(update_moving_statistics(statistics) if self._update_ops else []):
            with tf.name_scope(self.scope + '_update'):  # part of the names of Adam's own two variables
                # Ungated: gates would make the step wait for gradients that only the other network could use.
                gradients = self._optimizer.compute_gradients(loss, self.trainable_variables,
                                                              gate_gradients=tf.train.Optimizer.GATE_NONE)
                update = self._optimizer.apply_gradients(gradients)
                self.gradient_norms[name] = tf.global_norm([gradient for gradient, _ in gradients])
                return update


def build_generator(settings, training=None):
    """A `Generator` alone, to sample from.

    With `training` (a bool) it is built for that mode alone, and nothing is chosen when it runs.
    Raises: UserError where the network can't make such images.
    """
    noise = tf.placeholder(tf.float32, [None, settings.noise_dim], 'noise')
    is_training = tf.placeholder(tf.bool, [], 'is_training') if training is None else training
    shape = (settings.image_size, settings.image_size, settings.channels)
    generator = Network('Generator', _generator(settings, shape), is_training, computation=_computation(settings))
    made = generator(noise)
    return Generator(noise, is_training, made.output, made.statistics)


def build_discriminator(settings):
    """A `Discriminator` alone, to look into. Raises: UserError where the network can't take such images."""
    tf.train.get_or_create_global_step()  # dropout draws by it
    images = tf.placeholder(tf.float32, [None, settings.image_size, settings.image_size, settings.channels], 'images')
    is_training = tf.placeholder(tf.bool, [], 'is_training')
    verdict = Network('Discriminator', _discriminator(settings), is_training,
                      computation=_computation(settings))(images)
    return Discriminator(images, is_training, *verdict)


def _computation(settings):
    return tf.as_dtype(settings.precision), settings.kernels


def _module(network):
    return importlib.import_module('dcgan_tf1.networks.' + network)


def _generator(settings, image_shape):
    def function(noise, is_training):
        with _fitting_shape(settings, image_shape[0]):
            return _module(settings.network).generator(noise, is_training, tuple(image_shape))
    return function


def _discriminator(settings, loss=None):
    """Raises, when it is applied, UserError also where a loss is named that takes another number of logits."""
    def function(images, is_training):
        with _fitting_shape(settings, images.shape.as_list()[1]):
            logits = _module(settings.network).discriminator(images, is_training)
        count = logits.shape.as_list()[-1]
        if loss and LOSSES[loss].num_logits != count:
            raise UserError('--loss=%s is of %d logit(s) a score, and --network=%s gives %d: choose --loss=%s, or '
                            'another network' % (loss, LOSSES[loss].num_logits, settings.network, count, ' or '.join(sorted(
                                name for name, other in LOSSES.items() if other.num_logits == count))))
        return logits
    return function


@contextlib.contextmanager
def _fitting_shape(settings, size):
    try:
        yield
    except UnsupportedShape as error:
        raise UserError('--network=%s cannot make images of --image_size=%d: it takes %s'
                        % (settings.network, size, error)) from error


def build_training(settings, images, plan):
    """The whole training graph, in the current default graph.

    Args:
      settings: the flags, see `options`.
      images: the training set, a `data.Images` or the like.
      plan: the `BatchPlan` of these images.
    Returns: a `TrainGraph`.
    Raises: ValueError if a trainable variable belongs to neither network; UserError where the network fits neither the
      images nor the loss, or this TensorFlow can't train in the precision.
    """
    if settings.precision != 'float32' and tf.__version__.startswith('1.'):
        # Its tf.cond passes no gradient on in bfloat16.
        raise UserError('--precision=%s does not train on TensorFlow %s: use --precision=float32, or TensorFlow 2'
                        % (settings.precision, tf.__version__))
    tf.set_random_seed(settings.seed)  # of the initial weights, and of dropout
    # Adam's own variables are resource variables too.
    with tf.variable_scope(tf.get_variable_scope(), use_resource=True):
        global_step = tf.get_variable(
            'global_step', [], tf.int64, tf.zeros_initializer(), trainable=False,
            collections=[tf.GraphKeys.GLOBAL_VARIABLES, tf.GraphKeys.GLOBAL_STEP])
        inputs, start = _inputs(settings, images, plan, global_step.read_value())

        def network(scope, function, learning_rate, extra_bn_momentums=()):
            adam = tf.train.AdamOptimizer(learning_rate, settings.beta1, settings.beta2,
                                          _adam_epsilon(settings, global_step))
            return Network(scope, function, inputs.is_training, adam, settings.update_ops, extra_bn_momentums,
                           _computation(settings))

        generator = network('Generator', _generator(settings, images.image_shape),
                            settings.learning_rate_generator, settings.extra_bn_momentums)
        discriminator = network('Discriminator', _discriminator(settings, settings.loss),
                                settings.learning_rate_discriminator)
        loss = LOSSES[settings.loss]
        updates = schedules.extra_discriminator_updates(generator, discriminator, loss, inputs)
        with tf.control_dependencies(updates):
            step = schedules.SCHEDULES[settings.schedule](generator, discriminator, loss, inputs)
        _check_ownership([generator, discriminator])
        with tf.name_scope('count'), tf.control_dependencies([step.train_op]):
            step = step._replace(train_op=global_step.assign_add(1, read_value=False))
        with tf.name_scope('samples'):
            made = generator(inputs.noise)
            sampled = Generator(inputs.noise, inputs.is_training, made.output, made.statistics)
            sample_noise = randomness.noise(settings.noise_distribution, settings.seed, randomness.SAMPLE_NOISE, 0,
                                            settings.sample_size, settings.noise_dim)
            standing_batches = standing_statistics.NoiseBatches(settings)
            histograms = _histograms([made, discriminator(made.output)])
        with tf.name_scope('not_finite'):
            variables = [variable for variable in tf.global_variables() if variable.dtype.is_floating]
            nonfinite_variables = tf.boolean_mask([variable.op.name for variable in variables], tf.stack(
                [tf.logical_not(tf.reduce_all(tf.is_finite(variable))) for variable in variables]))
        return TrainGraph(inputs, step, sampled, sample_noise, standing_batches, global_step, nonfinite_variables,
                          {**generator.gradient_norms, **discriminator.gradient_norms}, histograms, start)


def _histograms(forward_passes):
    """A summary of all trainable variables, and of the activations of these forward_passes."""
    with tf.name_scope(None), tf.name_scope('variables'):  # the scopes are part of the names in TensorBoard
        summaries = [tf.summary.histogram(variable.op.name, variable) for variable in tf.trainable_variables()]
    with tf.name_scope(None), tf.name_scope('activations'):
        for application in forward_passes:
            for activation in application.activations:
                # One that is not finite would make the summary fail, and with it the run.
                values = tf.boolean_mask(activation, tf.is_finite(activation))
                summaries.append(tf.summary.histogram(activation.op.name.split('/', 1)[1], values))
        return tf.summary.merge(summaries)


def _adam_epsilon(settings, global_step):
    """Adam's epsilon as TensorFlow counts it, beside the square root of the *uncorrected* second moment.

    PyTorch adds it to the corrected one (the first of the two forms in Kingma and Ba, arXiv 1412.6980, section 2):
    the same update, with an epsilon sqrt(1 − β2^t) as large at step t.
    """
    if not settings.corrected_epsilon:
        return settings.epsilon
    count = tf.cast(global_step.read_value() + 1, tf.float64)
    return tf.cast(settings.epsilon * tf.sqrt(1 - tf.pow(tf.constant(settings.beta2, tf.float64), count)), tf.float32)


def _check_ownership(networks):
    owned = {variable.name for network in networks for variable in network.trainable_variables}
    orphans = {variable.name for variable in tf.trainable_variables()} - owned
    if orphans:
        raise ValueError('no network owns the trainable variables ' + ', '.join(sorted(orphans)))


def _inputs(settings, images, plan, step):
    rounds = settings.discriminator_updates  # each takes a batch of the plan
    with tf.name_scope('batch_plan'):
        start_step = tf.placeholder(tf.int64, [], 'start_step')
        source = images.batches(plan.indices(start_step * rounds))
        batches = []
        for _ in range(rounds):
            with tf.control_dependencies(batches[-1:]):  # in the plan's order
                batches.append(source.get_next())
        real_images = [pixels.to_float(tf.cast(batch, tf.float32)) for batch in batches]
        count = settings.batch_size if settings.full_noise_batch else tf.shape(batches[0])[0]

        def noise(stream, name=''):
            return randomness.noise(settings.noise_distribution, settings.seed, stream, step, count,
                                    settings.noise_dim, name)
        noises = [noise(randomness.NOISE, 'further %d' % number if number else '') for number in range(rounds)]
        generator_noise = noise(randomness.GENERATOR_NOISE)

    def start(session, step):
        session.run(source.initializer, {**source.feed, start_step: step})

    def placeholder(name, default, *shape):
        return tf.placeholder_with_default(default, shape, name)

    pairs = [(placeholder('real_images', image, None, *images.image_shape),
              placeholder('noise', noise, None, settings.noise_dim)) for image, noise in zip(real_images, noises)]
    return Inputs(*pairs[0], placeholder('generator_noise', generator_noise, None, settings.noise_dim),
                  placeholder('is_training', True), pairs[1:]), start
