"""Recognizes batch norm layers other than those of this package by the update ops that they leave in UPDATE_OPS."""
from typing import Any, List, Optional, Sequence, Tuple

import tensorflow.compat.v1 as tf

from dcgan_tf1.layers import BatchStatistic


def split(update_ops: Sequence[Any]) -> Tuple[List[BatchStatistic], List[tf.Operation]]:
    """Finds the update ops that are moving averages, as `tf.layers` creates them.

    Args:
        update_ops: the ops that a forward pass added to the collection UPDATE_OPS.

    Returns:
        The statistics of the batch norm layers, for each layer the mean, followed by the variance; and the update
        ops that are none.
    """
    # Scripts also add tensors and assigned variables.
    ops = [op if isinstance(op, tf.Operation) else op.op for op in update_ops]
    statistics, others = [], []
    for op in ops:
        statistic = _moving_average(op)
        if statistic:
            statistics.append(statistic)
        else:
            others.append(op)
    statistics.sort(key=lambda statistic: statistic.moving.name)  # …/moving_mean before …/moving_variance
    names = [statistic.moving.op.name for statistic in statistics]
    is_paired = all(mean.endswith('moving_mean') and variance == mean[:-len('mean')] + 'variance'
                    for mean, variance in zip(names[::2], names[1::2]))
    if len(names) % 2 or not is_paired:
        return [], ops
    return statistics, others


def _moving_average(op: tf.Operation) -> Optional[BatchStatistic]:
    """The statistic of an op `variable.assign_sub((variable - batch) * rate)`; None for any other op."""
    if op.type != 'AssignSubVariableOp' or op.inputs[1].op.type != 'Mul':
        return None
    handle, change = op.inputs
    difference, rate = change.op.inputs
    variable = next((variable for variable in tf.global_variables() if variable.op.name == handle.op.name), None)
    if difference.op.type != 'Sub' or variable is None:
        return None
    read, batch = difference.op.inputs
    if read.op.type != 'ReadVariableOp' or read.op.inputs[0].op.name != handle.op.name:
        return None
    # The value that inference mode uses is read inside of a conditional op, where it cannot be fed.
    return BatchStatistic(moving=variable, used=None, batch=batch, rate=rate, biased_factor=tf.constant(1.),
                          extra_momentums=())
