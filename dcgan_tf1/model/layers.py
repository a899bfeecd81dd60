"""The layers of a DCGAN, written with `tf.get_variable` and `tf.nn`.

Variables have the same names, shapes and initial distributions as in `tf.layers`, so checkpoints of scripts
that use `tf.layers` can be restored by name. Images are NHWC.

Variables and batch statistics are always float32. Everything else is computed in the dtype of the input: a
layer maps bfloat16 to bfloat16.
"""
import contextlib
import threading
import zlib
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple, Union

import numpy as np
import tensorflow.compat.v1 as tf

from dcgan_tf1.model import collectives, kernels, randomness

# Takes an op seed (an integer, or None) and returns a TensorFlow initializer.
Initializer = Callable[[Any], Any]


class BatchStatistic(NamedTuple):
    """The mean or the variance of one batch norm layer in one forward pass. Arrays have shape [channels]."""

    moving: tf.Variable  # the moving average, a resource variable
    used: Optional[tf.Tensor]  # value of `moving` that inference normalizes with; feed it to use other statistics
    batch: tf.Tensor  # the statistic of the batch; in inference mode the same as `used`
    rate: Union[float, tf.Tensor]  # weight of the batch in an update: 1 - momentum
    biased_factor: tf.Tensor  # scalar: `batch` times this is the biased estimate; (n - 1) / n or 1
    extra_momentums: Sequence[float]  # of further averages, whose variables `extra_average_name` names


# The graph collection of all `BatchStatistic`s: of each layer the mean, followed by the variance.
BATCH_STATISTICS = 'batch_statistics'


def glorot_uniform(seed: Any) -> Any:
    """Uniform on ±sqrt(6 / (fan_in + fan_out)) (Glorot and Bengio 2010), the default of `tf.layers`."""
    return tf.glorot_uniform_initializer(seed=seed)


def normal(stddev: float, mean: float = 0.) -> Initializer:
    """Normal distribution with this mean and standard deviation."""
    return lambda seed: tf.random_normal_initializer(mean, stddev, seed=seed)


def _variable(name: str, shape: Sequence[int], initializer: Initializer,
              trainable: bool = True) -> tf.Variable:
    """A float32 resource variable in the current variable scope."""
    # The op seed is derived from the variable's name, not from its position in the graph. So the initial
    # weights do not depend on the version of TensorFlow or on what else is in the graph. The graph seed is
    # the user's --seed.
    seed = zlib.crc32((tf.get_variable_scope().name + '/' + name).encode()) & 0x7FFFFFFF
    return tf.get_variable(name, shape, tf.float32, initializer(seed), trainable=trainable,
                           use_resource=True)


def _zeros(_: Any) -> Any:
    return tf.zeros_initializer()


def _ones(_: Any) -> Any:
    return tf.ones_initializer()


class _Local(threading.local):
    """What applies to the layers that a thread builds."""

    casts: Optional[Dict[Any, tf.Tensor]] = None  # of the innermost `share_casts`


_local = _Local()


@contextlib.contextmanager
def share_casts(casts: Dict[Any, tf.Tensor]) -> Iterator[None]:
    """Lets the layers that are built in blocks with the same dictionary cast their weights only once per update.

    Args:
        casts: empty at first. The layers keep their casts in it.
    """
    previous, _local.casts = _local.casts, casts
    try:
        yield
    finally:
        _local.casts = previous


def _weights(variable: tf.Variable, dtype: tf.DType) -> tf.Tensor:
    """The value of a variable in the type that a layer computes in."""
    graph = tf.get_default_graph()
    if dtype == tf.float32 or _local.casts is None:
        return tf.cast(variable, dtype)
    # An update changes the value for the ops that wait for it.
    waits_for = frozenset(op.name for op in graph._current_control_dependencies())
    key = variable.name, dtype, graph, graph._get_control_flow_context(), waits_for
    if key not in _local.casts:
        _local.casts[key] = tf.cast(variable, dtype)
    return _local.casts[key]


def dense(x: tf.Tensor, units: int, use_bias: bool = True,
          kernel_initializer: Initializer = glorot_uniform) -> tf.Tensor:
    """Fully connected layer without activation: [batch, features] → [batch, units]."""
    with tf.variable_scope(None, default_name='dense'):
        kernel = _variable('kernel', [int(x.shape[-1]), units], kernel_initializer)
        y = tf.matmul(x, _weights(kernel, x.dtype))
        return _with_bias(y, units, use_bias)


def conv2d(x: tf.Tensor, filters: int, kernel_size: int, strides: int, padding: str = 'same',
           use_bias: bool = True, kernel_initializer: Initializer = glorot_uniform) -> tf.Tensor:
    """Convolution without activation: [batch, height, width, channels] → [batch, height', width', filters].

    With `padding='same'` the size becomes ceil(size / strides), with `'valid'`
    ceil((size - kernel_size + 1) / strides).
    """
    with tf.variable_scope(None, default_name='conv2d'):
        shape = [kernel_size, kernel_size, int(x.shape[-1]), filters]
        kernel = _variable('kernel', shape, kernel_initializer)
        y = kernels.conv2d(x, _weights(kernel, x.dtype), strides, padding.upper())
        return _with_bias(y, filters, use_bias)


def conv2d_transpose(x: tf.Tensor, filters: int, kernel_size: int, strides: int, padding: str = 'same',
                     use_bias: bool = True, kernel_initializer: Initializer = glorot_uniform) -> tf.Tensor:
    """Transposed convolution without activation, from [batch, height, width, channels].

    It is the gradient of `conv2d` with respect to its input, and returns [batch, height', width', filters].
    With `padding='same'` the size becomes size * strides, with `'valid'`
    size * strides + max(kernel_size - strides, 0).
    """
    with tf.variable_scope(None, default_name='conv2d_transpose'):
        grow = max(kernel_size - strides, 0) if padding == 'valid' else 0
        shape = [kernel_size, kernel_size, filters, int(x.shape[-1])]
        kernel = _variable('kernel', shape, kernel_initializer)
        size = [int(length) * strides + grow for length in x.shape[1:3]]
        y = kernels.conv2d_transpose(x, _weights(kernel, x.dtype), size, strides, padding.upper())
        return _with_bias(y, filters, use_bias)


def _with_bias(y: tf.Tensor, units: int, use_bias: bool) -> tf.Tensor:
    return tf.nn.bias_add(y, _weights(_variable('bias', [units], _zeros), y.dtype)) if use_bias else y


def batch_norm(x: tf.Tensor, is_training: Union[bool, tf.Tensor], momentum: float = 0.99,
               epsilon: float = 1e-3, gamma_initializer: Initializer = _ones) -> tf.Tensor:
    """Batch normalization over all axes but the last (Ioffe and Szegedy 2015, arXiv 1502.03167).

    Training mode normalizes with the mean and variance of the batch, inference mode with the moving averages.
    Neither mode updates the moving averages. Instead, the layer records its statistics in the graph
    collection `BATCH_STATISTICS`, and `update_moving_statistics` creates the update ops.

    In training mode with several replicas, `collectives.synchronized` decides whose images the batch consists of.

    As in `tf.layers`, images use the fused op. The batch variance that it *reports for the moving average* is
    the unbiased estimate (multiplied by n / (n - 1), where n = batch * height * width). Vectors [batch,
    channels] use plain moments, whose variance is the biased estimate.

    Args:
        x: [batch, height, width, channels] or [batch, channels].
        is_training: True for training mode, False for inference mode; a bool, or a boolean scalar tensor.
        momentum: fraction of the old moving average that an update keeps.
        epsilon: added to the variance.
        gamma_initializer: initializer of the scale.

    Returns:
        The normalized x, scaled by gamma and shifted by beta, in the shape and dtype of x.
    """
    with tf.variable_scope(None, default_name='batch_normalization'):
        collectives.may_combine_rows()
        channels = [int(x.shape[-1])]
        gamma = tf.convert_to_tensor(_variable('gamma', channels, gamma_initializer))
        beta = tf.convert_to_tensor(_variable('beta', channels, _zeros))
        moving_mean = _variable('moving_mean', channels, _zeros, trainable=False)
        moving_variance = _variable('moving_variance', channels, _ones, trainable=False)
        # Read here and not in a branch, whose ops would not wait for the updates that the schedule put first.
        moving = (moving_mean.read_value(), moving_variance.read_value())
        is_synchronized = collectives.is_synchronized()
        if is_synchronized:
            y, mean, variance = collectives.batch_norm(x, gamma, beta, epsilon)
        elif x.shape.ndims == 4:
            y, mean, variance = _cond(
                is_training,
                lambda: tf.nn.fused_batch_norm(x, gamma, beta, epsilon=epsilon)[:3],
                lambda: tf.nn.fused_batch_norm(x, gamma, beta, *moving, epsilon=epsilon,
                                               is_training=False)[:1] + moving)
        else:
            exact = full_precision(x)
            mean, variance = _cond(is_training, lambda: tuple(tf.nn.moments(exact, [0])), lambda: moving)
            y = tf.cast(tf.nn.batch_normalization(exact, mean, variance, beta, gamma, epsilon), x.dtype)
        shape = collectives.whole_shape(x) if is_synchronized else tf.shape(x)
        values_per_channel = tf.cast(tf.reduce_prod(shape[:-1]), tf.float32)
        one = tf.constant(1.)
        variance_factor = (values_per_channel - 1) / values_per_channel if x.shape.ndims == 4 else one
        if is_synchronized:
            variance = tf.math.divide_no_nan(variance, variance_factor)  # of one value, it is 0, as in the fused op
        else:
            mean, variance = collectives.mean_statistics([mean, variance])
        for statistic in (
                BatchStatistic(moving_mean, moving[0], mean, 1 - momentum, one, ()),
                BatchStatistic(moving_variance, moving[1], variance, 1 - momentum, variance_factor, ())):
            tf.add_to_collection(BATCH_STATISTICS, statistic)
        return y


def _cond(condition: Union[bool, tf.Tensor], if_true: Callable[[], Tuple],
          if_false: Callable[[], Tuple]) -> Tuple:
    """`tf.cond`, which creates no conditional op if the condition is a Python bool."""
    if isinstance(condition, bool):
        return if_true() if condition else if_false()
    return tf.cond(condition, if_true, if_false)


def full_precision(x: tf.Tensor) -> tf.Tensor:
    """x as float32. For values that must not be rounded, such as the input of the layer that computes the
    logits."""
    return tf.cast(x, tf.float32)


def flatten(x: tf.Tensor) -> tf.Tensor:
    """[batch, …] → [batch, features]; no variables."""
    return tf.reshape(x, [-1, int(np.prod(x.shape.as_list()[1:]))])


def dropout(x: tf.Tensor, rate: float, is_training: Union[bool, tf.Tensor]) -> tf.Tensor:
    """In training mode, sets each element to 0 with probability `rate` and divides the others by 1 - rate.

    The mask is a function of the graph's seed, the global step and the name of the op. It is the same
    whenever a step is repeated, and different for every forward pass in the graph. In a graph without a seed
    (`tf.set_random_seed`) or a global step, such as that of a generator that is sampled, these are 0.
    """
    with tf.name_scope('dropout') as scope:
        rate = tf.where(is_training, rate, 0.)
        global_step = tf.train.get_global_step()
        step = tf.constant(0, tf.int64) if global_step is None else global_step.read_value()
        uniform = tf.random.stateless_uniform(collectives.whole_shape(x), randomness.derive_seed(
            tf.get_default_graph().seed or 0, randomness.DROPOUT, step, name=scope))
        uniform = collectives.take_share(uniform)
        return tf.where(uniform >= rate, x / tf.cast(1 - rate, x.dtype), tf.zeros_like(x))


def update_moving_statistics(statistics: Sequence[BatchStatistic]) -> List[tf.Operation]:
    """Creates ops that update moving averages: moving ← (1 - rate) * moving + rate * batch.

    The averages with extra momentums are updated in the same way. Updates of the same variable run in the
    order of the list, which may contain a statistic more than once. In inference mode the updates change
    nothing, because the batch statistic is then the moving average itself.

    Returns:
        The update ops, which are also added to the collection UPDATE_OPS.
    """
    latest: Dict[str, tf.Operation] = {}  # {name of a variable: its most recent update}
    updates = []
    for statistic in statistics:
        averages = [(statistic.moving, statistic.rate)]
        averages += [(_extra_average(statistic.moving, momentum), 1 - momentum)
                     for momentum in statistic.extra_momentums]
        for variable, rate in averages:
            name = variable.name
            with tf.control_dependencies([latest[name]] if name in latest else []):
                change = (variable.read_value() - statistic.batch) * rate
                latest[name] = variable.assign_sub(change, read_value=False)
            tf.add_to_collection(tf.GraphKeys.UPDATE_OPS, latest[name])
            updates.append(latest[name])
    return updates


def extra_average_name(moving: str, momentum: float) -> str:
    """Name of the variable that averages the same statistic as the variable `moving`, with another
    momentum."""
    return '%s_momentum_%s' % (moving, momentum)


def is_extra_average(name: str) -> bool:
    """Whether a variable has a name of `extra_average_name`."""
    return '_momentum_' in name.rpartition('/')[2]


def _extra_average(moving: tf.Variable, momentum: float) -> tf.Variable:
    initializer = _zeros if moving.op.name.endswith('mean') else _ones
    with tf.variable_scope(tf.get_variable_scope(), reuse=tf.AUTO_REUSE):
        return tf.get_variable(extra_average_name(moving.op.name, momentum), moving.shape, tf.float32,
                               initializer(None), trainable=False, use_resource=True)
