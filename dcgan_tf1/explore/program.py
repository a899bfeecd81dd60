"""A generator's graph as a list of operations, which a live page computes in the browser.

It is made from the graph, not from the recipe, so networks of your own become programs, too: whatever depends on the
latent vectors must be an operation that `live_engine.js` knows, and everything else is computed now and stored.
"""
from typing import Any, Dict, List, NamedTuple, NoReturn, Sequence, Set

import numpy as np
import tensorflow.compat.v1 as tf

from dcgan_tf1.model.network import Generator
from dcgan_tf1.util.errors import UserError

# Operations on single elements, which need no attributes.
_UNARY = ('Abs', 'Elu', 'Exp', 'Neg', 'Relu', 'Relu6', 'Rsqrt', 'Selu', 'Sigmoid', 'Softplus', 'Sqrt', 'Square', 'Tanh')
_BINARY = ('Add', 'AddV2', 'Div', 'Maximum', 'Minimum', 'Mul', 'RealDiv', 'SquaredDifference', 'Sub')
_UNCHANGED = ('Identity', 'StopGradient', 'PreventGradient')
_RESHAPES = ('ExpandDims', 'Reshape', 'Squeeze', 'StridedSlice')  # as long as they keep all elements
_FUSED_BATCH_NORM = ('FusedBatchNorm', 'FusedBatchNormV2', 'FusedBatchNormV3')
_RESIZES = ('ResizeBilinear', 'ResizeNearestNeighbor')
_VARIABLES = ('VarHandleOp', 'ReadVariableOp', 'Variable', 'VariableV2')


class Layer(NamedTuple):
    """A batch norm layer."""

    mean: str  # name of the variable with its moving mean
    variance: str
    epsilon: float


class Program(NamedTuple):
    """What a live page computes.

    Each node is {'op': type, 'inputs': [numbers of earlier nodes], …} with the attributes of the operation. The first
    is the placeholder of the latent vectors, the last the images. A node with {'constant': n} has the value
    `constants[n]`. One with {'layer': n} is the fused batch norm of `layers[n]`; {'statistic': [n, 0]} computes the
    mean of that layer, and {'statistic': [n, 1]} its variance.
    """

    nodes: List[Dict[str, Any]]
    constants: List[np.ndarray]
    layers: List[Layer]


def convert(session: tf.Session, generator: Generator, network: str) -> Program:
    """The program of a generator.

    Args:
      session: a Session with its weights.
      generator: built with `training=True`, so that it normalizes with the statistics of the batch.
      network: its name, for errors.
    Raises: UserError if it has an operation that is not known.
    """
    converter = _Converter(session, generator.noise, network)
    converter.number(generator.images)
    pairs = list(zip(generator.statistics[::2], generator.statistics[1::2]))
    layers = [Layer(mean.moving.op.name, variance.moving.op.name,
                    converter.mark_statistics(number, mean.batch, variance.batch))
              for number, (mean, variance) in enumerate(pairs)]
    converter.check(generator)
    return Program(converter.nodes, session.run(converter.constants), layers)


class _Converter:
    """Adds nodes for tensors, and before them nodes for what these are computed from."""

    def __init__(self, session: tf.Session, noise: tf.Tensor, network: str) -> None:
        self.nodes: List[Dict[str, Any]] = [{'op': 'Placeholder', 'inputs': []}]
        self.constants: List[tf.Tensor] = []
        self._session = session
        self._network = network
        self._numbers = {noise.name: 0}
        self._dependent = _depending_on(noise)
        self._over_images: List[tf.Operation] = []  # those that compute something of all images together

    def number(self, tensor: tf.Tensor) -> int:
        """The number of the node that computes a tensor."""
        if tensor.name not in self._numbers:
            op = tensor.op
            if op.name in self._dependent and self._leaves_unchanged(op):
                self._numbers[tensor.name] = self.number(op.inputs[0])
            else:
                node = self._node(tensor) if op.name in self._dependent else self._constant(tensor)
                self._numbers[tensor.name] = len(self.nodes)
                self.nodes.append(node)
        return self._numbers[tensor.name]

    def mark_statistics(self, layer: int, mean: tf.Tensor, variance: tf.Tensor) -> float:
        """Marks the nodes that compute the statistics of a batch norm layer; returns its epsilon."""
        op = mean.op
        if op.type in _FUSED_BATCH_NORM and op.outputs[0].name in self._numbers:
            self.nodes[self._numbers[op.outputs[0].name]]['layer'] = layer
            return op.get_attr('epsilon')
        for index, tensor in enumerate((mean, variance)):
            if tensor.name not in self._numbers:
                self._refuse(tensor.op, 'statistics of batch norm that it does not normalize with,')
            self.nodes[self._numbers[tensor.name]]['statistic'] = [layer, index]
        sums = [consumer for consumer in variance.consumers() if consumer.type in ('Add', 'AddV2')]
        return float(self._value(sums[0].inputs[1])) if sums else 0.

    def check(self, generator: Generator) -> None:
        """Refuses a generator whose images depend on each other otherwise than by statistics that are marked."""
        if generator.other_updates:
            self._refuse(generator.other_updates[0], 'a layer with the update op')
        if len(self._over_images) > sum('layer' in node or 'statistic' in node for node in self.nodes):
            self._refuse(self._over_images[-1], 'a statistic of the batch in')

    def _leaves_unchanged(self, op: tf.Operation) -> bool:
        return op.type in _UNCHANGED or (op.type == 'Cast' and op.get_attr('SrcT') == op.get_attr('DstT'))

    def _constant(self, tensor: tf.Tensor) -> Dict[str, Any]:
        for op in _ancestors(tensor.op):
            # Ops with a state that are no variables are random, or read files.
            if op.op_def is not None and op.op_def.is_stateful and op.type not in _VARIABLES:
                self._refuse(op)
        self.constants.append(tensor)
        return {'op': 'Const', 'inputs': [], 'constant': len(self.constants) - 1}

    def _node(self, tensor: tf.Tensor) -> Dict[str, Any]:
        op, kind = tensor.op, tensor.op.type
        inputs = list(op.inputs)
        attributes: Dict[str, Any] = {}
        if tensor.dtype.base_dtype != tf.float32:
            self._refuse(op)
        if kind in _RESHAPES:
            inputs, attributes = inputs[:1], {'shape': self._kept_shape(op)}
            kind = 'Reshape'
        elif kind == 'BiasAdd':
            kind = 'Add'
        elif kind == 'MatMul':
            attributes = {'transpose': op.get_attr('transpose_b')}
            self._check_kernel(op)
            if op.get_attr('transpose_a'):
                self._refuse(op, 'a transposed input of')
        elif kind in ('Conv2D', 'Conv2DBackpropInput'):
            attributes = self._convolution(op)
            inputs = [inputs[0 if kind == 'Conv2D' else 2], inputs[1]]
        elif kind in _FUSED_BATCH_NORM:
            kind, inputs, attributes = 'FusedBatchNorm', inputs[:3], {'epsilon': op.get_attr('epsilon')}
            self._over_images.append(op)
            if not op.get_attr('is_training') or tensor is not op.outputs[0]:
                self._refuse(op)
        elif kind in ('Mean', 'Sum'):
            rank = inputs[0].shape.ndims
            axes = {int(axis) % rank for axis in np.ravel(self._value(inputs[1]))}
            inputs, attributes = inputs[:1], {'axes': sorted(axes), 'keep': op.get_attr('keep_dims')}
            self._over_images += [op] * (0 in axes)
        elif kind in _RESIZES:
            inputs = inputs[:1]
            attributes = {'size': self._shape(op)[1:3], 'centers': _attribute(op, 'half_pixel_centers')}
            if op.get_attr('align_corners'):
                self._refuse(op, 'align_corners in')
        elif kind == 'LeakyRelu':
            attributes = {'alpha': op.get_attr('alpha')}
        elif kind not in _UNARY and kind not in _BINARY:
            self._refuse(op)
        if _attribute(op, 'data_format') not in (None, b'NHWC'):
            self._refuse(op, 'the data format %s of' % _attribute(op, 'data_format').decode())
        return {'op': kind, 'inputs': [self.number(value) for value in inputs], **attributes}

    def _convolution(self, op: tf.Operation) -> Dict[str, Any]:
        """The attributes of a convolution or a transposed one."""
        strides, padding = op.get_attr('strides'), op.get_attr('padding').decode()
        if padding not in ('SAME', 'VALID') or set(op.get_attr('dilations')) != {1} or strides[1] != strides[2]:
            self._refuse(op, 'dilations, padding or strides of')
        self._check_kernel(op)
        return {'strides': strides[1], 'padding': padding, 'size': self._shape(op)[1:3]}

    def _check_kernel(self, op: tf.Operation) -> None:
        if op.inputs[1].op.name in self._dependent:
            self._refuse(op, 'a kernel that depends on the latent vectors in')

    def _kept_shape(self, op: tf.Operation) -> Sequence[int]:
        """The shape of the output of an op that only reshapes. The first number is -1 if it is that of the images."""
        before, after = [tensor.shape.as_list() if tensor.shape.ndims else [None, None]
                         for tensor in (op.inputs[0], op.outputs[0])]
        if op.type == 'StridedSlice' and ((self._value(op.inputs[3]) < 0).any() or before[1:].count(None)
                                          or np.prod(before[1:], dtype=int) != np.prod(after[1:], dtype=int)):
            self._refuse(op)
        return after if before[0] is not None and None not in after else [-1, *self._shape(op)[1:]]

    def _shape(self, op: tf.Operation) -> List[int]:
        """The static shape of the output of an op, of which only the first dimension may be unknown, and must be."""
        shape = op.outputs[0].shape.as_list() if op.outputs[0].shape.ndims else [0]
        if shape[0] is not None or None in shape[1:]:
            self._refuse(op, 'a fixed batch size or an unknown shape in')
        return shape

    def _value(self, tensor: tf.Tensor) -> Any:
        if tensor.op.name in self._dependent:
            self._refuse(tensor.op)
        return self._session.run(tensor)

    def _refuse(self, op: tf.Operation, what: str = 'the op') -> NoReturn:
        raise UserError('the live page cannot compute %s %s (%s) of --network=%s: run explore without --live, or '
                        'change that op' % (what, op.type, op.name, self._network))


def _attribute(op: tf.Operation, name: str) -> Any:
    """The value of an attribute, or None if the op has none of this name."""
    return op.get_attr(name) if name in op.node_def.attr else None


def _depending_on(tensor: tf.Tensor) -> Set[str]:
    """The names of all ops that are computed from a tensor."""
    found: Set[str] = set()
    waiting = list(tensor.consumers())
    while waiting:
        op = waiting.pop()
        if op.name not in found:
            found.add(op.name)
            waiting += [consumer for output in op.outputs for consumer in output.consumers()]
    return found


def _ancestors(op: tf.Operation) -> List[tf.Operation]:
    """An op and all those that it is computed from."""
    found, waiting = {op.name: op}, [op]
    while waiting:
        for value in waiting.pop().inputs:
            if value.op.name not in found:
                found[value.op.name] = value.op
                waiting.append(value.op)
    return list(found.values())
