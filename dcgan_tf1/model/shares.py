"""What several replicas run in addition to a training step, to end as one would, and to stop together."""
import re
from typing import List, NamedTuple, Optional, Tuple, Union

import tensorflow.compat.v1 as tf

from dcgan_tf1.model.collectives import Replicas
from dcgan_tf1.model.inputs import BatchStart
from dcgan_tf1.model.schedules import Inputs, TrainStep

_Result = Union[tf.Operation, tf.Tensor]


class Cooperation(NamedTuple):
    """What several replicas run in addition to a training step."""

    stop: tf.Tensor  # placeholder, a float32 scalar: 1 if this process was asked to stop; default 0
    is_stopping: tf.Tensor  # boolean scalar: whether any process was
    copy_from_chief: tf.Operation  # gives all replicas the chief's values of all variables


def combine(step: TrainStep, inputs: Inputs, start: BatchStart, batch_size: int,
            replicas: Replicas) -> Tuple[TrainStep, BatchStart, Optional[Cooperation]]:
    """Replaces the losses and logits of a replica's share by those of the whole batch, for all devices of this process.

    With one replica, returns the step and the start as they are, and None.

    Args:
        step: the training step, built for the share of one replica.
        inputs: those of the step.
        start: of their batch plan.
        batch_size: of the whole batch.
        replicas: those that train together.
    """
    if replicas.size == 1:
        return step, start, None
    with tf.name_scope('replicas'):
        stop = tf.placeholder_with_default(0., [], 'stop')
        discriminator_loss, generator_loss, stops = replicas.means([
            step.discriminator_loss, step.generator_loss, stop])
        real_logits, fake_logits = (
            replicas.whole(logits, replicas.share_of(images), batch_size)
            for logits, images in ((step.real_logits, inputs.real_images), (step.fake_logits, inputs.noise)))
        copy_from_chief = replicas.copy_from_chief(tf.global_variables())
        *of_step, is_stopping, copy_from_chief, operation = _on_all_devices(
            [step.train_op, discriminator_loss, generator_loss, real_logits, fake_logits, stops > 0, copy_from_chief,
             start.operation], replicas)
        return (TrainStep(*of_step), start._replace(operation=operation),
                Cooperation(stop, is_stopping, copy_from_chief))


def _on_all_devices(results: List[_Result], replicas: Replicas) -> List[_Result]:
    """Copies the default graph for each further device of this process, so that all compute these results together.

    The variables of a copy are no `tf.Variable`s: checkpoints contain those of the first replica alone.
    """
    graph = tf.get_default_graph()
    definition = graph.as_graph_def()
    definition.ClearField('library')  # functions are already there, and shared
    copies = []
    for number, device in enumerate(replicas.devices[1:], 1):
        copy, scope, same = tf.GraphDef(), 'replica_%d' % number, {replicas.rank.name: replicas.rank + number}
        copy.CopyFrom(definition)
        for node in copy.node:
            if not re.search('Dataset|Iterator', node.op):  # these run on the processor
                node.device = device
            if node.op == 'Placeholder':
                same[node.name + ':0'] = graph.get_tensor_by_name(node.name + ':0')
            if 'shared_name' in node.attr and node.attr['shared_name'].s:  # the name of a variable
                node.attr['shared_name'].s = b'%s/%s' % (scope.encode(), node.attr['shared_name'].s)
        with tf.name_scope(None):
            copies.append(tf.import_graph_def(copy, same, [result.name for result in results], name=scope))
    return [_together(*of_replicas) for of_replicas in zip(results, *copies)]


def _together(first: _Result, *others: _Result) -> _Result:
    """The first result, which waits for the others: a reduction needs all replicas."""
    if isinstance(first, tf.Operation):
        return tf.group(first, *others)
    with tf.control_dependencies(others):
        return tf.identity(first)
