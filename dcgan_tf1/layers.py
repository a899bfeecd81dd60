"""The layers that DCGANs are made of, on `tf.get_variable` and `tf.nn`.

Variables get exactly the names, shapes and initial distributions that `tf.layers` gives them, so
checkpoints of scripts written with `tf.layers` load by name. Images are NHWC.

Variables and batch statistics are float32. All else is computed in the precision of what comes in: of bfloat16 a layer
makes bfloat16.
"""
import collections
import zlib

import numpy as np
import tensorflow.compat.v1 as tf

from dcgan_tf1 import kernels, randomness

# One moving statistic of one application of a batch norm layer; all of shape [channels].
#   moving: the resource variable;
#   used: the tensor that normalizes where the batch's own does not: feed it to normalize with other statistics;
#   batch: the batch's own;
#   momentum: the share of the old value that an update keeps;
#   bias: a tensor []: a variance's is (n − 1) / n where `batch` is the unbiased one, else 1;
#   extra_bn_momentums: of averages that are kept beside `moving`, in variables of `extra_average_name`.
BatchStatistic = collections.namedtuple('BatchStatistic', 'moving used batch momentum biased_factor extra_momentums')

BATCH_STATISTICS = 'batch_statistics'  # the graph collection that holds them


def glorot_uniform(seed):
    """Uniform on ±sqrt(6 / (fan_in + fan_out)) (Glorot and Bengio 2010), the default of `tf.layers`."""
    return tf.glorot_uniform_initializer(seed=seed)


def normal(stddev, mean=0.):
    """N(mean, stddev²)."""
    return lambda seed: tf.random_normal_initializer(mean, stddev, seed=seed)


def _variable(name, shape, initializer, trainable=True):
    """A float32 resource variable. `initializer` takes an op seed and returns a TF initializer."""
    # The op seed comes from the variable's name, not from its place in the graph: the same weights on
    # every version of TensorFlow, whatever else the graph holds. The graph seed is the user's.
    seed = zlib.crc32((tf.get_variable_scope().name + '/' + name).encode()) & 0x7FFFFFFF
    return tf.get_variable(name, shape, tf.float32, initializer(seed), trainable=trainable,
                           use_resource=True)


def _zeros(_):
    return tf.zeros_initializer()


def _ones(_):
    return tf.ones_initializer()


def dense(x, units, use_bias=True, kernel_initializer=glorot_uniform):
    """x [batch, features] → [batch, units], no activation."""
    with tf.variable_scope(None, default_name='dense'):
        kernel = _variable('kernel', [int(x.shape[-1]), units], kernel_initializer)
        y = tf.matmul(x, tf.cast(kernel, x.dtype))
        return _with_bias(y, units, use_bias)


def conv2d(x, filters, kernel_size, strides, padding='same', use_bias=True,
           kernel_initializer=glorot_uniform):
    """x [batch, height, width, channels] → [batch, height', width', filters], no activation.

    With `padding='same'` the size becomes ceil(size / strides); with `'valid'`
    ceil((size − kernel_size + 1) / strides).
    """
    with tf.variable_scope(None, default_name='conv2d'):
        shape = [kernel_size, kernel_size, int(x.shape[-1]), filters]
        kernel = _variable('kernel', shape, kernel_initializer)
        y = kernels.conv2d(x, tf.cast(kernel, x.dtype), strides, padding.upper())
        return _with_bias(y, filters, use_bias)


def conv2d_transpose(x, filters, kernel_size, strides, padding='same', use_bias=True,
                     kernel_initializer=glorot_uniform):
    """x [batch, height, width, channels] → [batch, height', width', filters], no activation.

    The gradient of `conv2d` with respect to its input. With `padding='same'` the size becomes
    size · strides; with `'valid'` size · strides + max(kernel_size − strides, 0).
    """
    with tf.variable_scope(None, default_name='conv2d_transpose'):
        grow = max(kernel_size - strides, 0) if padding == 'valid' else 0
        shape = [kernel_size, kernel_size, filters, int(x.shape[-1])]
        kernel = _variable('kernel', shape, kernel_initializer)
        y = kernels.conv2d_transpose(x, tf.cast(kernel, x.dtype), [int(size) * strides + grow for size in x.shape[1:3]],
                                     strides, padding.upper())
        return _with_bias(y, filters, use_bias)


def _with_bias(y, units, use_bias):
    return tf.nn.bias_add(y, tf.cast(_variable('bias', [units], _zeros), y.dtype)) if use_bias else y


def batch_norm(x, is_training, momentum=0.99, epsilon=1e-3, gamma_initializer=_ones):
    """Batch normalization over all axes but the last (Ioffe and Szegedy 2015, arXiv 1502.03167).

    Where `is_training` (a boolean tensor [], or a bool) is true, x is normalized with the batch's own mean and
    variance; where it is false, with the moving ones. Either way the moving ones stay as they are:
    what would update them is recorded in the collection `BATCH_STATISTICS`, and
    `update_moving_statistics` makes the update ops of it.

    As in `tf.layers`, images go through the fused op, whose batch variance, *as recorded for the moving
    variance*, is the unbiased one (times n / (n − 1), n = batch · height · width), and vectors
    [batch, features] through plain moments, whose variance is the biased one.

    Args:
      x: [batch, height, width, channels] or [batch, channels].
      momentum: the share of the old moving statistic that one update keeps.
      epsilon: added to the variance.
    Returns: the normalized x, scaled by gamma and moved by beta.
    """
    with tf.variable_scope(None, default_name='batch_normalization'):
        channels = [int(x.shape[-1])]
        gamma = tf.convert_to_tensor(_variable('gamma', channels, gamma_initializer))
        beta = tf.convert_to_tensor(_variable('beta', channels, _zeros))
        moving_mean = _variable('moving_mean', channels, _zeros, trainable=False)
        moving_variance = _variable('moving_variance', channels, _ones, trainable=False)
        # Read here, not in a branch: an op made in a branch would not wait for the schedule's order.
        moving = (moving_mean.read_value(), moving_variance.read_value())
        if x.shape.ndims == 4:
            y, mean, variance = _cond(
                is_training,
                lambda: tf.nn.fused_batch_norm(x, gamma, beta, epsilon=epsilon)[:3],
                lambda: tf.nn.fused_batch_norm(x, gamma, beta, *moving, epsilon=epsilon,
                                               is_training=False)[:1] + moving)
        else:
            exact = full_precision(x)
            mean, variance = _cond(is_training, lambda: tuple(tf.nn.moments(exact, [0])), lambda: moving)
            y = tf.cast(tf.nn.batch_normalization(exact, mean, variance, beta, gamma, epsilon), x.dtype)
        values = tf.cast(tf.reduce_prod(tf.shape(x)[:-1]), tf.float32)  # of a channel
        one = tf.constant(1.)
        for statistic in (BatchStatistic(moving_mean, moving[0], mean, momentum, one, ()),
                          BatchStatistic(moving_variance, moving[1], variance, momentum,
                                         (values - 1) / values if x.shape.ndims == 4 else one, ())):
            tf.add_to_collection(BATCH_STATISTICS, statistic)
        return y


def _cond(chosen, first, second):
    """`tf.cond`, without an op where it is known what is chosen."""
    return (first() if chosen else second()) if isinstance(chosen, bool) else tf.cond(chosen, first, second)


def full_precision(x):
    """x in float32: for what must not be rounded, such as what goes into the layer that makes the logits."""
    return tf.cast(x, tf.float32)


def flatten(x):
    """[batch, …] → [batch, features]; no variables."""
    return tf.reshape(x, [-1, int(np.prod(x.shape.as_list()[1:]))])


def dropout(x, rate, is_training):
    """Where `is_training` is true, each number becomes 0 with probability `rate` and is divided by 1 − rate else.

    The mask is a function of the graph's seed, the global step and the op's name: the same whenever that step is run,
    and another for every application. Needs a graph with both (`tf.set_random_seed`, a global step).
    """
    with tf.name_scope('dropout') as scope:
        rate = tf.where(is_training, rate, 0.)
        step = tf.train.get_global_step().read_value()
        uniform = tf.random.stateless_uniform(tf.shape(x), randomness.derive_seed(
            tf.get_default_graph().seed, randomness.DROPOUT, step, name=scope))
        return tf.where(uniform >= rate, x / tf.cast(1 - rate, x.dtype), tf.zeros_like(x))


def update_moving_statistics(statistics):
    """Update ops for `BatchStatistic`s, added to UPDATE_OPS: moving ← momentum · moving + (1 − momentum) · batch.

    Updates of one variable run in the order given (a list may name the same statistic twice). While
    `is_training` is false they change nothing, since the batch's value is then the moving one.
    The same goes for the averages of further momenta.
    Returns the list of ops.
    """
    latest = {}
    updates = []
    for statistic in statistics:
        for variable, momentum in [(statistic.moving, statistic.momentum)] + [
                (_extra_average(statistic.moving, momentum), momentum) for momentum in statistic.extra_momentums]:
            name = variable.name
            with tf.control_dependencies([latest[name]] if name in latest else []):
                change = (variable.read_value() - statistic.batch) * (1 - momentum)
                latest[name] = variable.assign_sub(change, read_value=False)
            tf.add_to_collection(tf.GraphKeys.UPDATE_OPS, latest[name])
            updates.append(latest[name])
    return updates


def extra_average_name(moving, momentum):
    """Name of the variable that keeps what the one named `moving` keeps, with another momentum than its layer's."""
    return '%s_momentum_%s' % (moving, momentum)


def _extra_average(moving, momentum):
    initializer = _zeros if moving.op.name.endswith('mean') else _ones
    with tf.variable_scope(tf.get_variable_scope(), reuse=tf.AUTO_REUSE):
        return tf.get_variable(extra_average_name(moving.op.name, momentum), moving.shape, tf.float32, initializer(None),
                               trainable=False, use_resource=True)
