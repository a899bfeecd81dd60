"""Lets training steps run the update ops of batch norm, which the script never runs: `--fix_batch_norm`."""
import ast
from typing import Any, Iterator, List, Sequence

from dcgan_tf1.legacy.migrate.calls import argument
from dcgan_tf1.legacy.migrate.targets import COMPAT

_LAYERS = ('batch_norm', 'batch_normalization', 'BatchNormalization')
_NEW = COMPAT + '.minimize_with_updates'
_WITHOUT = 'a training step without the update ops of batch norm: '
_BY_HAND = _WITHOUT + ('create it under tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS, '
                       'scope="NETWORK"))')
_BY_SCRIPT = _WITHOUT + 'the script handles tf.GraphKeys.UPDATE_OPS itself. See whether this step depends on them'
_INFERENCE = ('batch norm without training=…: it always runs in inference mode, and has no update ops. Write training='
              'is_training, a placeholder that is True in training steps')
_KERAS = 'batch norm of Keras: its update ops are in layer.updates. Create the training step of its network under them'


def fix(modules: List[Any]) -> None:
    """Lets each `minimize` of a script run the update ops of the layers that it trains, if the script runs none.

    Args:
        modules: all `rewrite.Module` objects of the script, already rewritten.
    """
    steps = [(module, call) for module in modules for call in _steps(module)]
    layers = [(module, node) for module in modules for node in _uses(module, _LAYERS)]
    by_script = any(getattr(node, 'attr', getattr(node, 'value', '')) in ('UPDATE_OPS', 'update_ops')
                    for module in modules for node in ast.walk(module.tree))
    for module in modules if steps else ():
        for node in _uses(module, _LAYERS, of_keras=True):
            module.leave(node, _KERAS)
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Call) and (module, node.func) in layers and argument(
                    node, 'training', 12) is None and module.path(node.func).endswith('batch_normalization'):
                module.leave(node, _INFERENCE)
    for module, call in steps if layers else ():
        if by_script:
            if not _is_under_dependencies(module, call):
                module.leave(call, _BY_SCRIPT)
        elif call.func.attr == 'minimize':
            optimizer = module.edits.changed_node(call.func.value)
            end = module.edits.text.index('(', module.edits.span(call.func)[1]) + 1
            separator = ',' + ' ' * (not module.edits.text[end].isspace()) if call.args or call.keywords else ''
            module.edits.replace(module.edits.span(call.func)[0], end, '%s(%s%s' % (
                module.expression(_NEW, call), optimizer, separator))
            module.change(call, 'optimizer.minimize(loss) → %s(optimizer, loss)' % _NEW)
        else:
            module.leave(call, _BY_HAND)


def _uses(module: Any, names: Sequence[str], of_keras: bool = False) -> Iterator[ast.AST]:
    """Uses of layers of TensorFlow or tf_slim that leave their update ops to the script; or those of Keras."""
    own = {id(node.func) for node in ast.walk(module.tree) if isinstance(node, ast.Call) and any(
        keyword.arg == 'updates_collections' and getattr(keyword.value, 'value', '') is None
        for keyword in node.keywords)}  # these run their updates themselves
    for node in ast.walk(module.tree):
        if isinstance(node, (ast.Name, ast.Attribute)) and id(node) not in own:
            path = module.path(node).split('.')
            if path[0] in ('tensorflow', 'tf_slim', 'keras') and path[-1] in names and 'nn' not in path and (
                    ('keras' in path) == of_keras):
                yield node


def _steps(module: Any) -> Iterator[Any]:
    """Calls of methods of optimizers."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in (
                'minimize', 'apply_gradients') and not module.path(node.func).startswith('scipy.'):
            yield node


def _is_under_dependencies(module: Any, call: ast.Call) -> bool:
    return any(part is call for node in ast.walk(module.tree) if isinstance(node, ast.With) and any(
        isinstance(item.context_expr, ast.Call) and module.path(item.context_expr.func).endswith('control_dependencies')
        for item in node.items) for part in ast.walk(node))
