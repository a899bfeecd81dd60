"""Divisions that give integers: those of Python 2, and those of sizes in shapes."""
import ast
from typing import Any

_DIVIDE = 'tf1_compat.divide'


def is_float(node: ast.AST) -> bool:
    """Whether an expression is certainly no integer."""
    if isinstance(node, ast.Constant):
        return isinstance(node.value, float)
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id == 'float'
    if isinstance(node, ast.UnaryOp):
        return is_float(node.operand)
    return isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Sub, ast.Mult, ast.Div)) and (
        is_float(node.left) or is_float(node.right))


def _is_integer(node: ast.AST) -> bool:
    """Whether an expression is certainly an integer of Python."""
    if isinstance(node, ast.Constant):
        return isinstance(node.value, int)
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id in ('int', 'len')
    return isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Sub, ast.Mult, ast.FloorDiv)) and (
        _is_integer(node.left) and _is_integer(node.right))


def rewrite(module: Any, node: Any) -> None:
    """Lets / and /= of Python 2 divide integers without remainder.

    Args:
        module: the `rewrite.Module` to change.
        node: any node. What is in it has been rewritten.
    """
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        if is_float(node.left) or is_float(node.right):
            return
        if _is_integer(node.left) and _is_integer(node.right):
            with_floor(module, node)
            return
        left, right = map(module.edits.changed_node, (node.left, node.right))
        module.edits.replace_node(node, '%s(%s, %s)' % (module.expression(_DIVIDE, node), left, right))
        module.change(node, 'a / b of Python 2 → %s(a, b)' % _DIVIDE)
    elif isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Div) and not is_float(node.value):
        if any(isinstance(part, (ast.Call, ast.Slice)) for part in ast.walk(node.target)):
            module.leave(node, 'a /= b of Python 2: write // or /')
            return
        target = module.edits.changed_node(node.target)
        module.edits.replace_node(node, '%s = %s(%s, %s)' % (
            target, module.expression(_DIVIDE + '_in_place', node), target, module.edits.changed_node(node.value)))
        module.change(node, 'a /= b of Python 2 → a = %s_in_place(a, b)' % _DIVIDE)


def with_floor(module: Any, node: ast.BinOp) -> None:
    """Writes // instead of /."""
    start, end = module.edits.span(node.left)[1], module.edits.span(node.right)[0]
    position = module.edits.text.index('/', start, end)
    module.edits.insert(position, '/')
    module.change(node, 'a / b → a // b')


def is_unsure_size(node: ast.AST) -> bool:
    """Whether an expression may be a size such as 100 / 2, which TensorFlow 1 took for 50."""
    return isinstance(node, ast.BinOp) and not is_float(node) and any(
        isinstance(part, ast.BinOp) and isinstance(part.op, ast.Div) and isinstance(part.right, ast.Constant)
        for part in ast.walk(node))


def rewrite_sizes(module: Any, shape: ast.AST) -> None:
    """Lets divisions in [n / 2, 3] give integers."""
    if not isinstance(shape, (ast.List, ast.Tuple)):
        return
    for size in shape.elts:
        for node in ast.walk(size):
            if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and not is_float(node):
                with_floor(module, node)
