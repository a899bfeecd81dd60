"""One of the two networks of a GAN: its variables, its forward passes and its updates."""
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Set, Tuple, Union

import tensorflow.compat.v1 as tf

from dcgan_tf1.model import rows
from dcgan_tf1.model.collectives import Replicas, apply_to
from dcgan_tf1.model.kernels import use_kernels
from dcgan_tf1.model.layers import BATCH_STATISTICS, BatchStatistic, share_casts, update_moving_statistics
from dcgan_tf1.util.errors import UserError

# Types of the ops that are activation functions.
_ACTIVATIONS = ('Elu', 'LeakyRelu', 'Relu', 'Sigmoid', 'Tanh')


class ForwardPass(NamedTuple):
    """The results of applying a network once."""

    output: tf.Tensor  # float32: images [batch, height, width, channels], or logits [batch, …, num_logits]
    statistics: List[BatchStatistic]  # of its batch norm layers, from the input to the output
    activations: List[tf.Tensor]  # outputs of its activation functions, from the input to the output
    other_updates: List[tf.Operation]  # update ops of its layers that are not those of batch norm
    reads: List[tf.Operation]  # ops that read variables


class Generator(NamedTuple):
    """A generator to sample from."""

    noise: tf.Tensor  # placeholder [vectors, noise_dim]
    is_training: Union[bool, tf.Tensor]  # placeholder, a boolean scalar; or a bool if the mode is fixed
    images: tf.Tensor  # float32 [vectors, height, width, channels] in [-1, 1]
    statistics: List[BatchStatistic]  # of its batch norm layers
    other_updates: Sequence[tf.Operation] = ()  # update ops of layers that are not recognized as batch norm


class Discriminator(NamedTuple):
    """A discriminator to inspect."""

    images: tf.Tensor  # placeholder [images, height, width, channels] in [-1, 1]
    is_training: tf.Tensor  # placeholder, a boolean scalar
    logits: tf.Tensor  # float32 [images, …, num_logits]
    statistics: List[BatchStatistic]  # of its batch norm layers
    activations: List[tf.Tensor]  # outputs of its activation functions, from the input to the output
    other_updates: Sequence[tf.Operation] = ()  # as of a `Generator`


class Network:
    """A generator or discriminator. Every forward pass uses the same variables.

    Attributes:
        scope: name of the variable scope.
        gradient_norms: {name: scalar tensor}, the global norm of the gradients of every update.
    """

    def __init__(self, scope: str, function: Callable[[tf.Tensor, Union[bool, tf.Tensor]], tf.Tensor],
                 is_training: Union[bool, tf.Tensor], optimizer: Optional[tf.train.Optimizer] = None,
                 update_ops: bool = True, extra_bn_momentums: Sequence[float] = (),
                 dtype: tf.DType = tf.float32, kernels: str = 'native', replicas: Optional[Replicas] = None) -> None:
        """Creates no ops or variables yet; the first forward pass creates the variables.

        Args:
            scope: name of the variable scope, 'Generator' or 'Discriminator'.
            function: maps (x, is_training) to the output.
            is_training: mode of batch norm and dropout; a bool, or a boolean scalar tensor.
            optimizer: used by `minimize`.
            update_ops: False leaves the moving statistics of batch norm at their initial values.
            extra_bn_momentums: momentums of additional moving averages, kept next to those of the layers.
            dtype: dtype that the input is cast to, and so the layers compute in.
            kernels: the choice for `kernels.use_kernels`. That context manager passes it to `layers.conv2d` and
                `layers.conv2d_transpose`, which have no such argument.
            replicas: those that train the network together. With several, the input of every forward pass must be
                marked as a share.
        """
        self.scope = scope
        self.gradient_norms: Dict[str, tf.Tensor] = {}
        self._function = function
        self._is_training = is_training
        self._optimizer = optimizer
        self._update_ops = update_ops
        self._extra_bn_momentums = extra_bn_momentums
        self._dtype = dtype
        self._kernels = kernels
        self._replicas = replicas or Replicas()
        self._casts: Dict[Any, tf.Tensor] = {}

    def __call__(self, x: tf.Tensor) -> ForwardPass:
        """Applies the network.

        Args:
            x: latent vectors [batch, noise_dim] for a generator, images [batch, height, width, channels] for
                a discriminator.

        Raises:
            ValueError: if the network uses moving statistics of another one.
            UserError: if the network creates variables that this program cannot train, or has several replicas and
                update ops of its own, or ops that combine the rows of a batch.
        """
        statistics_before = len(tf.get_collection(BATCH_STATISTICS))
        updates_before = len(tf.get_collection(tf.GraphKeys.UPDATE_OPS))
        variables_before = {variable.name for variable in tf.global_variables()}
        ops_before = len(tf.get_default_graph().get_operations())
        share = self._replicas.share_of(x)
        with tf.variable_scope(self.scope, reuse=tf.AUTO_REUSE, use_resource=True), \
                use_kernels(self._kernels), share_casts(self._casts), apply_to(self._replicas, share) as scopes:
            output = tf.cast(self._function(tf.cast(x, self._dtype), self._is_training), tf.float32)
        new_ops = tf.get_default_graph().get_operations()[ops_before:]
        collect(new_ops)
        # Layers that are not from `layers.py` put their update ops into the collection at once.
        updates = tf.get_collection(tf.GraphKeys.UPDATE_OPS)[updates_before:]
        if updates and share is not None:
            raise UserError('several devices cannot share the update op %s of the network %s: use dcgan_tf1.layers.'
                            'batch_norm instead of tf.layers.batch_normalization, or train with one device'
                            % (updates[0].name, self.scope))
        mixing = rows.combining(x, output, new_ops, scopes) if share is not None and self._replicas.synchronized else []
        if mixing:
            raise UserError('the op %s combines the rows of a batch, of which each device has only a share: use '
                            'dcgan_tf1.layers.batch_norm, or train with one device, or with --batch_statistics=worker'
                            % mixing[0].name)
        statistics, other_updates = split(updates)
        statistics = [statistic._replace(extra_momentums=self._extra_bn_momentums) for statistic in
                      tf.get_collection(BATCH_STATISTICS)[statistics_before:] + statistics]
        for statistic in statistics:
            if not statistic.moving.name.startswith(self.scope + '/'):
                raise ValueError('the network %s uses %s, which is not a variable of its scope'
                                 % (self.scope, statistic.moving.name))
        self._check_new_variables(variables_before)
        self._replicas.mark(output, share)
        return ForwardPass(output, statistics, [op.outputs[0] for op in new_ops if op.type in _ACTIVATIONS],
                           other_updates, [op for op in new_ops if op.type == 'ReadVariableOp'])

    def _check_new_variables(self, variables_before: Set[str]) -> None:
        new = [variable for variable in tf.global_variables() if variable.name not in variables_before]
        is_first_call = not any(name.startswith(self.scope + '/') for name in variables_before)
        for variable in new:
            if not is_first_call or not variable.name.startswith(self.scope + '/'):
                raise UserError('the network %s creates a new variable %s whenever it is called, instead of using that '
                                'of the first call: use tf.get_variable, or layers'
                                % (self.scope, variable.op.name))
            if variable.trainable and variable.dtype.base_dtype != tf.float32:
                raise UserError('the variable %s has the type %s, but must be float32: use --precision=float32, or the '
                                'layers of dcgan_tf1.layers' % (variable.op.name, variable.dtype.base_dtype.name))

    @property
    def trainable_variables(self) -> List[tf.Variable]:
        """The variables that the optimizer updates."""
        # Keep the slash: "Generator" alone would also match "Generator_1".
        return tf.trainable_variables(self.scope + '/')

    def minimize(self, loss: tf.Tensor, forward_passes: Sequence[ForwardPass]) -> tf.Operation:
        """Creates an op that updates this network once.

        The op first updates the moving statistics, then the trainable variables.

        Args:
            loss: scalar.
            forward_passes: passes whose batch statistics enter the moving statistics, in this order. They may
                include passes of the other network, whose statistics then move with this update.

        Raises:
            ValueError: if the network has no optimizer.
        """
        if self._optimizer is None:
            raise ValueError('the network %s has no optimizer' % self.scope)
        statistics = [statistic for forward_pass in forward_passes for statistic in forward_pass.statistics]
        others = _in_order(forward_passes)
        name = '%s/%s' % (self.scope, tf.get_default_graph().get_name_scope())
        with tf.control_dependencies(update_moving_statistics(statistics) + others if self._update_ops else []):
            # The scope is part of the names of two variables of Adam.
            with tf.name_scope(self.scope + '_update'):
                # GATE_NONE: with gating, the update would also wait for gradients that it does not use.
                gradients = self._optimizer.compute_gradients(loss, self.trainable_variables,
                                                              gate_gradients=tf.train.Optimizer.GATE_NONE)
                gradients = self._replicas.mean_gradients(gradients)
                update = self._optimizer.apply_gradients(gradients)
                self.gradient_norms[name] = tf.global_norm([gradient for gradient, _ in gradients])
                return update


def _in_order(forward_passes: Sequence[ForwardPass]) -> List[tf.Operation]:
    """The `other_updates` of all passes. Each pass sees what those before it have assigned.

    Without an order, two passes would update a variable at the same time, and one update could be lost.
    """
    ordered: List[tf.Operation] = []
    for forward_pass in forward_passes:
        updates = [op for op in forward_pass.other_updates if op not in ordered]
        assigned = {op.inputs[0].name for op in ordered if op.inputs}
        if updates:
            for op in [*updates, *(read for read in forward_pass.reads if read.inputs[0].name in assigned)]:
                op._add_control_inputs(ordered)
        ordered += updates
    return ordered


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
