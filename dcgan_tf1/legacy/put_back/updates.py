"""Training steps that run the update ops of batch norm, in scripts that never did.

Imports nothing of this package: `--migrate --fix_batch_norm` copies it.
"""
from typing import Any, Iterable, List, Optional, Set

import tensorflow.compat.v1 as tf


def minimize_with_updates(optimizer: Any, loss: Any, *args: Any, **kwargs: Any) -> Any:
    """`optimizer.minimize(loss, …)`, which also runs the update ops of the batch norm layers that it trains."""
    variables = kwargs.get('var_list', args[1] if len(args) > 1 else None)
    with tf.control_dependencies(batch_norm_updates(loss, variables)):
        return optimizer.minimize(loss, *args, **kwargs)


def batch_norm_updates(loss: Any, variables: Optional[Iterable[Any]] = None) -> List[Any]:
    """The update ops of batch norm layers that are trained by a loss.

    A layer counts as trained if one of these variables is in its scope or, without any there, in the scope around it.
    Where the same network is also applied to something else, as for a sampler, the updates of that are left out.
    """
    known = [variable.op.name for variable in tf.trainable_variables()]
    trained = known if variables is None else [variable.op.name for variable in variables]
    of_loss = set(_ancestors(loss.op, set()))
    chosen = []
    for update in tf.get_collection(tf.GraphKeys.UPDATE_OPS):
        op = getattr(update, 'op', update)
        variables_used = (source for source in _ancestors(op, set()) if source.type in ('VarHandleOp', 'VariableV2'))
        scope = next(variables_used, op).name  # of the moving statistic, at first
        while scope and not any(name.startswith(scope + '/') for name in known):
            scope = scope.rpartition('/')[0]
        is_trained = any(name.startswith(scope and scope + '/') for name in trained)
        if is_trained and not any(source.type == 'Mean' or source.type.startswith('FusedBatchNorm')
                                  for source in _ancestors(op, of_loss)):  # these compute the statistics of a batch
            chosen.append(update)
    return chosen


def _ancestors(op: Any, without: Set[Any]) -> List[Any]:
    """The ops that an op depends on, the nearest first; not those in a set, nor what only they depend on."""
    found, pending = [], [op]
    seen = {*without, op}
    while pending:
        current = pending.pop(0)
        found.append(current)
        for source in [*(tensor.op for tensor in current.inputs), *current.control_inputs]:
            if source not in seen:
                seen.add(source)
                pending.append(source)
    return found
