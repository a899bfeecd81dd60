"""What one call of `Session.run` executes: which ops, in which branches of conditionals."""
from typing import Any, Dict, Iterable, List, NamedTuple, Optional, Set, Tuple

import numpy as np
import tensorflow.compat.v1 as tf

from dcgan_tf1.legacy.doctor.graph import IFS, PASS_ON, VARIABLES, function_definition

Predicates = Dict[Any, bool]  # {op that computes a condition: its value}


class Request(NamedTuple):
    """The ops that a run was asked for, and the ops whose outputs were fed."""

    ops: Tuple[Any, ...]
    fed: frozenset


def request(graph: Any, fetches: Any, feed_dict: Any) -> Request:
    """Reads the arguments of `Session.run`."""
    ops: List[Any] = []
    for fetch in _flat(fetches):
        try:
            element = graph.as_graph_element(fetch, allow_tensor=True, allow_operation=True)
        except (TypeError, ValueError, KeyError):
            values = getattr(fetch, 'values', None)  # sparse tensors
            if isinstance(values, tf.Tensor):
                ops.append(values.op)
            continue
        ops.append(element if isinstance(element, tf.Operation) else element.op)
    fed = set()
    for key in feed_dict or {}:
        try:
            fed.add(graph.as_graph_element(key, allow_tensor=True, allow_operation=False).op)
        except (TypeError, ValueError, KeyError):
            pass
    return Request(tuple(ops), frozenset(fed))


def _flat(fetches: Any) -> Iterable[Any]:
    if isinstance(fetches, dict):
        fetches = list(fetches.values())
    if isinstance(fetches, (list, tuple)):
        return [value for fetch in fetches for value in _flat(fetch)]
    return [] if fetches is None else [fetches]


def root(tensor: Any) -> Any:
    """The op outside of conditionals whose value a condition has."""
    op = tensor.op
    while op.type in ('Identity', 'Switch') and op.inputs:
        op = op.inputs[0].op
    return op


def condition(op: Any) -> Optional[Any]:
    """The tensor that decides which branch an `If` op or a `Switch` takes; None for other ops."""
    if op.type in IFS:
        return op.inputs[0]
    if op.type in ('Switch', 'RefSwitch'):
        return op.inputs[1]
    return None


def _is_dead(op: Any, known: Predicates) -> bool:
    """Whether an op is in a branch of `tf.cond` that is not taken."""
    context = op._get_control_flow_context()
    while context is not None:
        predicate, branch = getattr(context, 'pred', None), getattr(context, 'branch', None)
        if predicate is not None and branch is not None:
            value = known.get(root(predicate))
            if value is not None and value != bool(branch):
                return True
        context = context.outer_context
    return False


def inputs_used(op: Any, known: Predicates) -> List[Any]:
    """The input tensors that the value of an op depends on."""
    if op.type.startswith('FusedBatchNorm') and 'Grad' not in op.type and op.get_attr('is_training'):
        return list(op.inputs)[:3]  # it ignores the moving statistics
    if op.type in IFS:
        value = known.get(root(op.inputs[0]))
        branches = [] if value is False else [op.get_attr('then_branch')]
        branches += [] if value is True else [op.get_attr('else_branch')]
        used = {index for branch in branches for index in _arguments_used(op.graph, branch.name)}
        return [op.inputs[0]] + [tensor for index, tensor in enumerate(list(op.inputs)[1:]) if index in used]
    return list(op.inputs)


def _arguments_used(graph: Any, name: str) -> Set[int]:
    """Indices of the arguments that the results of a function depend on."""
    definition = function_definition(graph, name)
    nodes = {node.name: node for node in definition.node_def}
    names = [argument.name for argument in definition.signature.input_arg]
    stack, seen = list(definition.ret.values()), set()
    while stack:
        current = stack.pop().lstrip('^').split(':')[0]
        if current in seen:
            continue
        seen.add(current)
        if current in nodes:
            node = nodes[current]
            # Intermediate values that are only handed to the gradient are not used here.
            inputs = [] if node.op == 'OptionalFromValue' else list(node.input)
            if node.op.startswith('FusedBatchNorm') and 'Grad' not in node.op and node.attr['is_training'].b:
                inputs = inputs[:3]
            stack += inputs
    return {index for index, argument in enumerate(names) if argument in seen}


def executed(ops: Iterable[Any], fed: frozenset, known: Predicates) -> Set[Any]:
    """All ops that a run executes, as far as conditions are known."""
    stack, seen = list(ops), set()
    while stack:
        op = stack.pop()
        if op in seen or _is_dead(op, known):
            continue
        seen.add(op)
        if op in fed:
            continue
        stack += [tensor.op for tensor in inputs_used(op, known)]
        stack += list(op.control_inputs)
    return seen


def reads(tensor: Any, known: Predicates, fed: frozenset) -> Set[Any]:
    """The ops of the variables whose values a tensor has, changed at most in shape.

    Args:
        tensor: the tensor.
        known: conditions of the run.
        fed: ops whose outputs are fed.
    """
    found, seen = set(), set()
    stack = [tensor]
    while stack:
        op = stack.pop().op
        if op in seen or op in fed or _is_dead(op, known):
            continue
        seen.add(op)
        if op.type in VARIABLES:
            found.add(op)
        elif op.type in PASS_ON or op.type in IFS:
            decides = condition(op)
            stack += [value for value in inputs_used(op, known) if value is not decides]
    return found


def constant(tensor: Any) -> Optional[float]:
    """The value of a scalar tensor that depends on nothing but constants, or of a number; None for others."""
    if tensor is None or isinstance(tensor, float):
        return tensor
    from tensorflow.python.framework import tensor_util
    try:
        value = tensor_util.constant_value(tensor)
    except (TypeError, ValueError, NotImplementedError):
        return None
    if value is None and tensor.op.type in ('Identity', 'Cast'):
        return constant(tensor.op.inputs[0])
    if value is None and tensor.op.type == 'Sub':
        left, right = (constant(part) for part in tensor.op.inputs)
        return None if left is None or right is None else left - right
    return None if value is None or np.ndim(value) else float(value)
