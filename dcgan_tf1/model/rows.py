"""Finds ops that combine the rows of a batch, which do something else where each device has only a share of them."""
from typing import Collection, List, Sequence, Set

import numpy as np
import tensorflow.compat.v1 as tf
from tensorflow.python.framework import tensor_util
from tensorflow.python.ops import control_flow_util

_REDUCTIONS = ('All', 'Any', 'ArgMax', 'ArgMin', 'EuclideanNorm', 'Max', 'Mean', 'Min', 'Prod', 'Sum')
_OF_SHAPES = ('Rank', 'Shape', 'ShapeN', 'Size')  # their results do not depend on the values


def combining(x: tf.Tensor, output: tf.Tensor, ops: Sequence[tf.Operation],
              scopes: Sequence[str]) -> List[tf.Operation]:
    """The ops between a network's input and its output that combine rows, which are along axis 0.

    What is recognized: reductions over axis 0 or over all axes, other programs' fused batch norm, products of a batch
    with itself, and transpositions that move axis 0, as in minibatch discrimination. Loops are passed over, because
    `tf.map_fn` treats rows one by one.

    Args:
        x: the input.
        output: the output.
        ops: all that the network has created, in this order.
        scopes: name scopes of layers that may combine rows.
    """
    computed, found = {x.name}, []  # names of the tensors that depend on x
    for op in ops:
        if op.type not in _OF_SHAPES and any(tensor.name in computed for tensor in op.inputs):
            computed.update(tensor.name for tensor in op.outputs)
            if _combines(op, computed) and not op.name.startswith(tuple(scope + '/' for scope in scopes)):
                found.append(op)
    used = _ancestors(output.op, {op.name for op in ops}) if found else ()
    return [op for op in found if op.name in used]


def _combines(op: tf.Operation, computed: Collection[str]) -> bool:
    if control_flow_util.IsInWhileLoop(op):
        return False
    depends = [tensor.name in computed for tensor in op.inputs]
    if op.type in _REDUCTIONS:
        axes, ndims = tensor_util.constant_value(op.inputs[1]), op.inputs[0].shape.ndims
        return depends[0] and (axes is None or bool({0, -(ndims or 0)} & set(np.ravel(axes))))
    if op.type == 'Transpose':
        axes = tensor_util.constant_value(op.inputs[1])
        return axes is not None and axes[0] != 0
    if op.type == 'MatMul':
        return depends[1] or op.get_attr('transpose_a')
    return op.type == 'L2Loss' or (op.type.startswith('FusedBatchNorm') and op.get_attr('is_training'))


def _ancestors(op: tf.Operation, names: Set[str]) -> Set[str]:
    """The names of the ops, among these names, whose results an op depends on."""
    known, waiting = {op.name}, [op]
    while waiting:
        for tensor in waiting.pop().inputs:
            if tensor.op.name in names and tensor.op.name not in known:
                known.add(tensor.op.name)
                waiting.append(tensor.op)
    return known
