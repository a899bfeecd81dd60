"""Update ops of layers that are not of this package: recognizes batch norm by them, and runs them when a step does."""
from typing import Any, Dict, List, Optional, Sequence, Set, Tuple

import tensorflow.compat.v1 as tf

from dcgan_tf1.model.layers import BatchStatistic


def collect(new_ops: Sequence[tf.Operation]) -> None:
    """Puts updates that the outputs of a forward pass wait for into the collection UPDATE_OPS instead.

    `tf.contrib.layers.batch_norm(updates_collections=None)` and code written by hand create such updates, as control
    dependencies. Left in place, they would also run whenever images are generated.

    Args:
        new_ops: the ops that the forward pass created.
    """
    found: Dict[str, tf.Operation] = {}
    names = {op.name for op in new_ops}
    for op in new_ops:
        inputs = list(op.control_inputs)
        updates = {control.name: _assignments(control, names) for control in inputs}
        # Groups, and updates that wait for other updates, stay as they are.
        if op.type != 'NoOp' and not _assignments(op, names) and any(updates.values()):
            op._remove_all_control_inputs()
            op._add_control_inputs([control for control in inputs if not updates[control.name]])
            found.update((update.name, update) for control in inputs for update in updates[control.name])
    known = [getattr(update, 'op', update) for update in tf.get_collection(tf.GraphKeys.UPDATE_OPS)]
    for update in found.values():
        if update not in known:
            tf.add_to_collection(tf.GraphKeys.UPDATE_OPS, update)


def _assignments(op: tf.Operation, names: Set[str]) -> List[tf.Operation]:
    """The op, if it assigns to a variable, or those in its group; [] for any other op.

    Only ops of these names count: a forward pass may also have to wait for the step before it.
    """
    if op.name not in names:
        return []
    if op.type == 'NoOp':
        return [assignment for control in op.control_inputs for assignment in _assignments(control, names)]
    return [op] if op.type in ('AssignVariableOp', 'AssignAddVariableOp', 'AssignSubVariableOp') else []


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
