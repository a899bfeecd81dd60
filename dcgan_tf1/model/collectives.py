"""What a training graph needs to be computed by several replicas: shares of batches, and ops that combine results.

A replica is the training graph on one device. A process has one or more, and there may be several processes. All
replicas hold the same variables. In a step, each computes its share of the rows of every batch, and then all combine
what they computed, so that each updates its variables as one would with the whole batch. One replica is a special case:
it adds nothing to the graph.
"""
import contextlib
import itertools
import threading
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

import tensorflow.compat.v1 as tf
from tensorflow.python.ops import collective_ops

from dcgan_tf1.model.losses import Loss

_GROUP = 1
_keys = itertools.count(1)  # a key must not be used twice in a process, not even in another graph


class Share(NamedTuple):
    """The rows of a batch that one replica computes."""

    rows: tf.Tensor  # int32 scalar, the number of rows of the whole batch
    first: tf.Tensor  # int32 scalar, index of the first row of the share
    count: tf.Tensor  # int32 scalar, the number of its rows
    fractions: tf.Tensor  # float32 [replicas], the fractions of the rows that the replicas compute; their sum is 1


class Replicas:
    """Those that train together, which of them the graph is for, and the ops that combine their results.

    A tensor that contains a share of a batch is noted with `mark`, so that whoever receives it can find the share.

    Attributes:
        rank: number of the replica, from 0. The chief has 0. With several, an int32 scalar that is the only difference
            between their graphs.
        size: number of replicas.
        synchronized: whether batch norm uses the statistics of the whole batch, or those of each replica's share.
        devices: those of this process. The graph is built on the first, for the replica `rank`; `shares.combine` copies
            it to the others, for the next ranks.
    """

    def __init__(self, rank: int = 0, size: int = 1, synchronized: bool = True, devices: Sequence[str] = ('',)) -> None:
        self.size, self.synchronized, self.devices = size, synchronized, devices
        # Not a constant: with it, TensorFlow would infer shapes that differ between the replicas.
        self.rank: Any = rank if size == 1 else tf.placeholder_with_default(rank, [], 'rank')
        self._shares: Dict[str, Share] = {}  # name of a tensor → what share it is
        self._latest: Optional[tf.Operation] = None  # the all-reduce that was created last

    def share(self, rows: tf.Tensor) -> Share:
        """The replica's share of a batch with that many rows (int32 scalar).

        The replicas get as equal numbers of neighboring rows as possible. If there are fewer rows than replicas, each
        computes all of them, and counts only in part.
        """
        rows = tf.convert_to_tensor(rows)
        is_enough = rows >= self.size
        limits = tf.range(self.size + 1) * rows // self.size
        counts = tf.cast(limits[1:] - limits[:-1], tf.float32) / tf.cast(rows, tf.float32)
        first = tf.where(is_enough, limits[self.rank], 0)
        return Share(rows, first, tf.where(is_enough, limits[self.rank + 1], rows) - first,
                     tf.where(is_enough, counts, tf.fill([self.size], 1. / self.size)))

    @staticmethod
    def take(x: tf.Tensor, share: Share) -> tf.Tensor:
        """The rows of a whole batch that belong to a share."""
        return x[share.first:share.first + share.count]

    def mark(self, x: tf.Tensor, share: Optional[Share]) -> tf.Tensor:
        """Notes that x contains this share of a batch. Returns x."""
        if share is not None:
            self._shares[x.name] = share
        return x

    def share_of(self, x: tf.Tensor) -> Optional[Share]:
        """The share that x contains; None with one replica."""
        return self._shares.get(x.name)

    def all_reduce(self, x: tf.Tensor, mean: bool = False) -> tf.Tensor:
        """The sum or the mean of a tensor over all replicas, which is the same on each of them, bit for bit.

        All reductions of a graph run in the order in which they were created. NCCL needs one order on all replicas, and
        this one cannot contradict the order that the data need.
        """
        latest = [] if self._latest is None or self._latest.graph is not tf.get_default_graph() else [self._latest]
        with tf.control_dependencies(latest):
            reduced = collective_ops.all_reduce(x, self.size, _GROUP, next(_keys), 'Add', 'Div' if mean else 'Id')
        reduced.set_shape(x.shape)
        self._latest = reduced.op
        return reduced

    def means(self, tensors: Sequence[tf.Tensor]) -> List[tf.Tensor]:
        """The means of float32 tensors of known shapes over all replicas, in one reduction."""
        if self.size == 1:
            return list(tensors)
        reduced = self.all_reduce(tf.concat([tf.reshape(tensor, [-1]) for tensor in tensors], 0), mean=True)
        parts = tf.split(reduced, [tensor.shape.num_elements() for tensor in tensors])
        return [tf.reshape(part, tensor.shape) for part, tensor in zip(parts, tensors)]

    def mean_gradients(self, gradients: Sequence[Tuple[Optional[tf.Tensor], tf.Variable]]
                       ) -> List[Tuple[Optional[tf.Tensor], tf.Variable]]:
        """The means over all replicas of what `compute_gradients` returns."""
        if self.size == 1:
            return list(gradients)
        present = [(gradient, variable) for gradient, variable in gradients if gradient is not None]
        means = dict(zip([variable.name for _, variable in present], self.means([part for part, _ in present])))
        return [(means.get(variable.name), variable) for _, variable in gradients]

    def whole(self, x: tf.Tensor, share: Share, most_rows: int) -> tf.Tensor:
        """Combines the shares of a batch: [count] → [rows].

        Args:
            x: values of the share's rows.
            share: the share.
            most_rows: the largest number of rows that a batch can have.
        """
        counts = tf.logical_or(share.rows >= self.size, tf.equal(self.rank, 0))
        x = tf.where(tf.fill(tf.shape(x), counts), x, tf.zeros_like(x))
        padded = tf.pad(x, [[share.first, most_rows - share.first - share.count]])
        return self.all_reduce(tf.reshape(padded, [most_rows]))[:share.rows]

    def weighted(self, loss: Loss) -> Loss:
        """A loss of a share whose mean over all replicas is the loss of the whole batch."""
        if self.size == 1:
            return loss

        def real_loss(logits: tf.Tensor) -> tf.Tensor:
            return loss.real_loss(logits) * self._weight(logits)

        def fake_loss(logits: tf.Tensor) -> tf.Tensor:
            return loss.fake_loss(logits) * self._weight(logits)
        return loss._replace(real_loss=real_loss, fake_loss=fake_loss)

    def _weight(self, logits: tf.Tensor) -> tf.Tensor:
        share = self.share_of(logits)
        if share is None:
            raise ValueError('%s is not marked as a share' % logits.name)
        return share.fractions[self.rank] * self.size

    def copy_from_chief(self, variables: Sequence[tf.Variable]) -> tf.Operation:
        """An op that gives all replicas the chief's values of variables. All must run it at the same time."""
        self._latest = None  # otherwise this op would also run all reductions of a step
        copies = []
        for variable in variables:  # those of the others have no values yet
            zeros = tf.zeros(variable.shape, variable.dtype)
            copies.append(self.all_reduce(tf.cond(tf.equal(self.rank, 0), variable.read_value, lambda: zeros)))  # noqa: B023
        return tf.group(*[variable.assign(copy, read_value=False) for variable, copy in zip(variables, copies)])


class _Applied(NamedTuple):
    """What layers are applied to."""

    replicas: Replicas
    share: Share
    scopes: List[str]  # name scopes of the layers that may combine the rows of the share


_innermost = threading.local()  # its `applied` is that of the innermost `apply_to` block of a thread


@contextlib.contextmanager
def apply_to(replicas: Replicas, share: Optional[Share]) -> Iterator[List[str]]:
    """Layers that are built in this block are applied to a share; with None, to a whole batch.

    Yields: the list of the name scopes of layers that may combine the rows of the share, when they are built.
    """
    scopes: List[str] = []
    previous, _innermost.applied = _applied(), None if share is None else _Applied(replicas, share, scopes)
    try:
        yield scopes
    finally:
        _innermost.applied = previous


def _applied() -> Optional[_Applied]:
    return getattr(_innermost, 'applied', None)


def whole_shape(x: tf.Tensor) -> tf.Tensor:
    """The shape that x, which layers are applied to or have computed, would have for the whole batch."""
    applied, shape = _applied(), tf.shape(x)
    return tf.concat([[applied.share.rows], shape[1:]], 0) if applied else shape


def take_share(x: tf.Tensor) -> tf.Tensor:
    """The rows of a whole batch that belong to the share that layers are applied to."""
    applied = _applied()
    return applied.replicas.take(x, applied.share) if applied else x


def may_combine_rows() -> None:
    """Notes that the layer that is being built, in the current name scope, may do so."""
    applied = _applied()
    if applied:
        applied.scopes.append(tf.get_default_graph().get_name_scope())


def is_synchronized() -> bool:
    """Whether batch norm has to combine its statistics with other replicas."""
    applied = _applied()
    return applied is not None and applied.replicas.synchronized


def mean_statistics(statistics: Sequence[tf.Tensor]) -> List[tf.Tensor]:
    """The means over all replicas of the statistics of a batch norm layer that is not synchronized."""
    applied = _applied()
    return applied.replicas.means(statistics) if applied else list(statistics)


def batch_norm(x: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor,
               epsilon: float) -> Tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Batch norm in training mode with the statistics of the whole batch, of which x is a share.

    The variances of the shares are pooled as in Chan, Golub and LeVeque 1979, "Updating formulae and a pairwise
    algorithm for computing sample variances". Unlike E[x²] - E[x]², that is accurate if the mean is large.

    Args:
        x: [count, …, channels], of any floating-point type.
        gamma: float32 [channels].
        beta: float32 [channels].
        epsilon: added to the variance.

    Returns:
        The normalized share; the mean and the biased variance of the whole batch, float32 [channels].
    """
    applied = _applied()
    assert applied is not None
    replicas, fractions = applied.replicas, applied.share.fractions
    axes, channels = list(range(x.shape.ndims - 1)), int(x.shape[-1])
    own = tf.concat(tf.nn.moments(tf.cast(x, tf.float32), axes), 0)
    row = tf.one_hot(replicas.rank, replicas.size, dtype=tf.float32)[:, tf.newaxis]
    moments = replicas.all_reduce(row * own[tf.newaxis])  # [replicas, 2 * channels]; adding zeros changes nothing
    means, variances = moments[:, :channels], moments[:, channels:]
    weights = fractions[:, tf.newaxis]
    mean = tf.reduce_sum(weights * means, 0)
    variance = tf.reduce_sum(weights * (variances + tf.squared_difference(means, mean)), 0)
    mean, variance = tf.stop_gradient(mean), tf.stop_gradient(variance)  # `gradient` takes account of them
    count = tf.cast(tf.reduce_prod(tf.shape(x)[:-1]), tf.float32)
    # What is differentiated is the mean of the losses of all replicas, in which this share has this weight.
    own_weight = fractions[replicas.rank] * replicas.size

    @tf.custom_gradient
    def normalize(x: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor) -> Tuple[tf.Tensor, object]:
        scale = tf.rsqrt(variance + epsilon)

        def gradient(dy: tf.Tensor) -> Tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
            dy = tf.cast(dy, tf.float32)
            normalized = (tf.cast(x, tf.float32) - mean) * scale
            for_beta, for_gamma = tf.reduce_sum(dy, axes), tf.reduce_sum(dy * normalized, axes)
            of_all = [own_weight / count * for_beta, own_weight / count * for_gamma]
            mean_for_beta, mean_for_gamma = replicas.means(of_all)
            dx = gamma * scale * (dy - mean_for_beta - normalized * mean_for_gamma)
            return tf.cast(dx, x.dtype), for_gamma, for_beta
        return tf.cast((tf.cast(x, tf.float32) - mean) * (scale * gamma) + beta, x.dtype), gradient
    return normalize(x, gamma, beta), mean, variance
