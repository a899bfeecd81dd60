"""Batch norm layers as a graph shows them: their moving statistics, update ops and optimizers."""
import collections
import re
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Set, Tuple

import tensorflow.compat.v1 as tf

_MEAN = re.compile(r'(^|/)(moving_mean|pop_mean|mean/EMA)(_\d+)?$')
_VARIANCE = re.compile(r'(^|/)(moving_variance|moving_var|pop_var|pop_variance|variance/EMA)(_\d+)?$')
_ASSIGN = {'Assign', 'AssignSub', 'AssignAdd', 'AssignVariableOp', 'AssignSubVariableOp', 'AssignAddVariableOp'}
# Ops that hand on a value, or change only its shape.
PASS_ON = {'Identity', 'ReadVariableOp', 'Switch', 'RefSwitch', 'Merge', 'RefMerge', 'Enter', 'RefEnter', 'Reshape',
           'Squeeze', 'ExpandDims', 'Cast', 'StopGradient', 'RefIdentity'}
IFS = {'If', 'StatelessIf'}
VARIABLES = {'VariableV2', 'Variable', 'VarHandleOp'}


class Update(NamedTuple):
    """An op that changes a moving statistic: moving ← moving - decay * (moving - batch)."""

    op: Any
    decay: Any  # 1 - momentum, a tensor or a number; None if the op has another form
    batch: Optional[Any]  # tensor [channels], the statistic of the batch
    branch: Optional[bool] = None  # of an `If` op that contains the update: the branch with it


class Statistic(NamedTuple):
    """A moving mean or a moving variance."""

    layer: str  # scope of the layer
    is_variance: bool
    variable: Any
    updates: List[Update]


def variable_op(tensor: Any) -> Optional[Any]:
    """The op of the variable that a tensor is, or is the value of; None for any other tensor."""
    op = tensor.op
    while op.type not in VARIABLES:
        if op.type not in PASS_ON or not op.inputs:
            return None
        op = op.inputs[0].op
    return op


def statistics(graph: Any) -> List[Statistic]:
    """All moving statistics of batch norm layers in a graph, recognized by the names of their variables."""
    found: Dict[Any, Statistic] = {}
    for variable in graph.get_collection(tf.GraphKeys.GLOBAL_VARIABLES):
        name = variable.op.name
        match = _MEAN.search(name) or _VARIANCE.search(name)
        if match:
            layer = name[:match.start()]
            found[variable.op] = Statistic(layer or '(no scope)', bool(_VARIANCE.search(name)), variable, [])
    for op in graph.get_operations():
        if op.type in _ASSIGN:
            target = variable_op(op.inputs[0])
            if target in found and op != found[target].variable.initializer:
                update = _update(op, target)
                if update is not None:
                    found[target].updates.append(update)
        elif op.type in IFS:
            for target, update in _updates_in_branches(op):
                if target in found:
                    found[target].updates.append(update)
    return list(found.values())


def collected(graph: Any) -> Set[Any]:
    """The ops in the collection UPDATE_OPS, also as members of groups."""
    pending = [getattr(item, 'op', item) for item in graph.get_collection(tf.GraphKeys.UPDATE_OPS)]
    found: Set[Any] = set()
    while pending:
        op = pending.pop()
        if op not in found:
            found.add(op)
            if op.type in {'NoOp'} | PASS_ON:
                pending += [*op.control_inputs, *(value.op for value in op.inputs)]
    return found


def _updates_in_branches(op: Any) -> Iterator[Tuple[Any, Update]]:
    """(op of the variable, update) for the updates inside an `If` op, which is the `tf.cond` of TensorFlow 2."""
    for branch, attribute in ((True, 'then_branch'), (False, 'else_branch')):
        definition = function_definition(op.graph, op.get_attr(attribute).name)
        arguments = dict(zip([argument.name for argument in definition.signature.input_arg], list(op.inputs)[1:]))
        nodes = {node.name: node for node in definition.node_def}
        for node in definition.node_def:
            if node.op == 'AssignSubVariableOp' and node.input[0] in arguments:
                target = variable_op(arguments[node.input[0]])
                product = nodes.get(_node_name(node.input[1]))
                if target is not None:
                    yield target, Update(op, *_parts_of_product(product, nodes, arguments), branch)


def _parts_of_product(product: Any, nodes: Dict[str, Any], arguments: Dict[str, Any]) -> Tuple[Any, Any]:
    """(decay, statistic of the batch) from the node that computes decay * (moving - batch)."""
    while product is not None and product.op in ('SelectV2', 'Select', 'Identity'):
        product = nodes.get(_node_name(product.input[1 if product.op.startswith('Select') else 0]))
    decay = batch = None
    for name in product.input if product is not None and product.op == 'Mul' else ():
        node = nodes.get(_node_name(name))
        if node is not None and node.op == 'Const':
            decay = float(tf.make_ndarray(node.attr['value'].tensor))
        elif node is not None and node.op == 'Sub':
            name = node.input[1]
            while _node_name(name) in nodes and nodes[_node_name(name)].op in PASS_ON:
                name = nodes[_node_name(name)].input[0]
            batch = arguments.get(name)
    return decay, batch


def function_definition(graph: Any, name: str) -> Any:
    """The definition of a function of a graph."""
    return graph._get_function(name).definition


def _node_name(reference: str) -> str:
    return reference.lstrip('^').split(':')[0]


def _update(op: Any, target: Any) -> Optional[Update]:
    """The parts of an update op; None if it only restores a value."""
    if 'Sub' not in op.type:
        sources = {source.type for source in _ancestors(op.inputs[1], 50)}
        return None if sources & {'RestoreV2', 'Placeholder'} and len(sources) < 8 else Update(op, None, None)
    product = op.inputs[1].op
    while product.type in ('Select', 'SelectV2', 'Identity', 'Cast'):
        product = product.inputs[1 if product.type.startswith('Select') else 0].op
    if product.type != 'Mul':
        return Update(op, None, None)
    for difference, decay in (product.inputs, reversed(product.inputs)):
        if difference.op.type == 'Sub' and variable_op(difference.op.inputs[0]) == target:
            return Update(op, decay, difference.op.inputs[1])
    return Update(op, None, None)


def _ancestors(tensor: Any, limit: int) -> Iterator[Any]:
    stack, seen = [tensor.op], set()  # type: ignore[var-annotated]
    while stack and len(seen) < limit:
        op = stack.pop()
        if op not in seen:
            seen.add(op)
            yield op
            stack += [value.op for value in op.inputs]


class Optimizers:
    """The optimizers of a graph: which variables each of them changes."""

    def __init__(self, graph: Any) -> None:
        self.of_op: Dict[Any, str] = {}  # {op that applies a gradient: name of its optimizer}
        self.variables: Dict[str, Set[str]] = {}  # {optimizer: names of the variables that it changes}
        for op in graph.get_operations():
            if re.match(r'(Resource|Sparse)*Apply[A-Z]', op.type):
                variable = variable_op(op.inputs[0])
                if variable is not None:
                    # Adam/update_Generator/dense/kernel/ApplyAdam is an op of the optimizer Adam.
                    optimizer = re.split(r'(^|/)update(_|/)', op.name)[0] or op.name
                    self.of_op[op] = optimizer
                    self.variables.setdefault(optimizer, set()).add(variable.name)

    def of_layer(self, layer: str) -> Set[str]:
        """The optimizers that train a layer, or else the network around it."""
        scope = layer
        while True:
            prefix = scope + '/'
            owners = {name for name, variables in self.variables.items()
                      if any(variable.startswith(prefix) for variable in variables)}
            if owners or '/' not in scope:
                return owners
            scope = scope.rsplit('/', 1)[0]


class Plan(NamedTuple):
    """What can be said about a run from its arguments alone."""

    extra: List[Any]  # tensors to fetch: conditions and decays
    conditions: List[Any]  # the ops of the first of them


class Course(NamedTuple):
    """What a run does, once the values of its conditions are known."""

    updated: List[Tuple[Statistic, Update]]  # updates that change a statistic
    inference: List[Statistic]  # moving variances that a layer normalizes with
    assigned: Set[Any]  # variables that anything assigns
    optimizers: Set[str]  # optimizers that apply gradients


class Analysis(NamedTuple):
    """What is known about a graph."""

    graph: Any
    size: int  # number of ops when it was analyzed
    statistics: List[Statistic]
    optimizers: Optimizers
    plans: Dict[Any, Plan]
    courses: Dict[Any, Course]


class History:
    """What happened to the statistics of one graph."""

    def __init__(self) -> None:
        self.updates: Dict[str, int] = collections.Counter()  # {variable: number of updates}
        self.momentum: Dict[str, float] = {}
        self.ran: Set[str] = set()  # optimizers that ran
        self.foreign: Dict[str, Set[str]] = {}  # {variable: optimizers of other networks in whose step it moved}
        self.inference_runs: Dict[str, int] = collections.Counter()  # {variance: runs in inference mode}
        self.initial: Dict[str, bool] = {}  # {variance: whether the statistics were 0 and 1 at the last of them}
        self.restored: Set[str] = set()  # variables that got values from elsewhere
        self.changed: Set[str] = set()  # variables that were assigned since their value was read
