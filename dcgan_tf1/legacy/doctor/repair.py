"""Writes a checkpoint with standing statistics for layers whose moving statistics were never updated."""
import collections
from typing import Any, Deque, Dict, List, Optional, Tuple

import numpy as np
import tensorflow.compat.v1 as tf

from dcgan_tf1.legacy import session_runs
from dcgan_tf1.legacy.doctor import graph as doctor_graph
from dcgan_tf1.legacy.doctor import run as doctor_run
from dcgan_tf1.legacy.doctor.doctor import Doctor
from dcgan_tf1.legacy.doctor.findings import INITIAL, NEVER_UPDATED
from dcgan_tf1.model.standing_statistics import PooledMoments

BATCHES = 100  # batches that the statistics are computed from
_MAX_BYTES = 2 ** 28  # of fed arrays that are kept
Layer = Tuple[doctor_graph.Statistic, doctor_graph.Statistic, Any, Any]  # mean, variance, and both of a batch


class Repairing(session_runs.Listener):
    """The doctor, which also remembers what the script fed while it trained."""

    def __init__(self, doctor: Doctor, prefix: str) -> None:
        self._doctor, self._prefix = doctor, prefix
        self._feeds: Deque[Dict[Any, np.ndarray]] = collections.deque()
        self._session: Optional[Any] = None  # the last one that trained
        self._layers: List[str] = []
        self._message = ''

    def before_run(self, session: Any, fetches: Any, feed_dict: Any) -> List[Any]:
        """As the doctor."""
        return self._doctor.before_run(session, fetches, feed_dict)

    def after_run(self, session: Any, fetches: Any, feed_dict: Any, extra: List[Any]) -> None:
        """As the doctor. Keeps what was fed to a training step."""
        self._doctor.after_run(session, fetches, feed_dict, extra)
        analysis = self._doctor.analysis(session.graph)
        if not analysis.statistics or not self._doctor.applied_gradients:
            return
        self._session = session
        feed = {session.graph.as_graph_element(key): np.array(value) for key, value in (feed_dict or {}).items()}
        self._feeds.append(feed)
        while len(self._feeds) > BATCHES or (len(self._feeds) > 1 and sum(map(_size, self._feeds)) > _MAX_BYTES):
            self._feeds.popleft()

    def before_close(self, session: Any) -> None:
        """Repairs the variables of this session, and writes the checkpoint."""
        if session is not self._session or self._message:
            return
        wanted = {layer for finding in self._doctor.findings() if finding.kind in (INITIAL, NEVER_UPDATED)
                  for layer in finding.layers}
        layers = [layer for layer in _pairs(self._doctor.analysis(session.graph)) if layer[0].layer in wanted]
        if not layers:
            self._message = 'Repair: %s; %s was not written.' % (
                'the graph has no batch statistics of %s' % ', '.join(sorted(wanted)) if wanted
                else 'no layer needs it', self._prefix)
            return
        try:
            statistics = self._standing_statistics(session, layers)
        except (tf.errors.OpError, ValueError) as error:
            self._message = 'Repair: failed, nothing was written (%s).' % str(error).splitlines()[0]
            return
        values = _values(session)
        values.update(statistics)
        _write(self._prefix, values)
        names = sorted({mean.layer for mean, *_ in layers if mean.variable.op.name in statistics})
        self._message = 'Repair: wrote %s, with standing statistics for %s.' % (self._prefix, ', '.join(names))

    def finish(self) -> None:
        """Repairs the variables of a session that is still open."""
        if self._session is not None and not self._message and not getattr(self._session, '_closed', True):
            self.before_close(self._session)

    def text(self) -> str:
        """What was repaired."""
        return self._message or 'Repair: the script trained nothing that has batch norm; nothing was written.'

    def _standing_statistics(self, session: Any, layers: List[Layer]) -> Dict[str, np.ndarray]:
        """{variable: value}, with equal weights for all batches."""
        pools: Dict[str, PooledMoments] = {}
        for index in range(BATCHES):
            feed = self._feeds[index % len(self._feeds)]
            usable = [layer for layer in layers if _placeholders(layer) <= {key.op for key in feed}]
            values = session.run([layer[2:] for layer in usable], feed)
            for (mean, *_), batch_moments in zip(usable, values):
                pools.setdefault(mean.layer, PooledMoments()).add(*batch_moments)
        result = {}
        for mean, variance, *_ in layers:
            if mean.layer in pools:
                result[mean.variable.op.name], result[variance.variable.op.name] = pools[
                    mean.layer].mean_and_variance()
        return result


def _size(feed: Dict[Any, np.ndarray]) -> int:
    return sum(value.nbytes for value in feed.values())


def _pairs(analysis: Any) -> List[Layer]:
    """Layers with the tensors of their batch statistics, from the same application of the layer."""
    by_layer: Dict[str, Dict[bool, doctor_graph.Statistic]] = {}
    for statistic in analysis.statistics:
        by_layer.setdefault(statistic.layer, {})[statistic.is_variance] = statistic
    pairs = []
    for both in by_layer.values():
        if len(both) == 2:
            for mean, variance in zip(both[False].updates, both[True].updates):
                if mean.batch is not None and variance.batch is not None:
                    pairs.append((both[False], both[True], _outside(mean.batch), _outside(variance.batch)))
                    break
    return pairs


def _outside(tensor: Any) -> Any:
    """The same value outside of the conditional that only runs the update in training mode."""
    while tensor.op.type in ('Switch', 'Identity') and tensor.op._get_control_flow_context() is not None:
        tensor = tensor.op.inputs[0]
    return tensor


def _placeholders(layer: Layer) -> Any:
    ops = doctor_run.executed([layer[2].op, layer[3].op], frozenset(), {})
    return {op for op in ops if op.type == 'Placeholder'}


def _values(session: Any) -> Dict[str, np.ndarray]:
    """The values of all variables that have one."""
    values = {}
    for variable in session.graph.get_collection(tf.GraphKeys.GLOBAL_VARIABLES):
        try:
            values[variable.op.name] = session.run(variable)
        except tf.errors.FailedPreconditionError:
            pass  # never initialized
    return values


def _write(prefix: str, values: Dict[str, np.ndarray]) -> None:
    """Writes a checkpoint from a graph of its own: that of the script may be finalized."""
    with tf.Graph().as_default():
        placeholders = [tf.placeholder(value.dtype, value.shape) for value in values.values()]
        save = tf.raw_ops.SaveV2(prefix=prefix, tensor_names=list(values), shape_and_slices=[''] * len(values),
                                 tensors=placeholders)
        with tf.Session() as session:
            session.run(save, dict(zip(placeholders, values.values())))
