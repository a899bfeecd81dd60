"""Python 2 source code, converted in memory: by fissix, the maintained 2to3, and with the division of Python 2."""
import ast
import importlib.abc
import importlib.machinery
import importlib.util
import re
import sys
from typing import Any, Optional

import numpy as np

from dcgan_tf1.legacy.put_back.record import Record
from dcgan_tf1.util.errors import UserError

_DIVIDE = '__python2_divide__'
_TRUE_DIVISION = re.compile(r'^from\s+__future__\s+import\s+(\([^)]*|.*)\bdivision\b', re.M)


def compile_source(source: str, path: str, python2: bool = False) -> Any:
    """The code object of a module.

    Args:
        source: its text.
        path: file name for tracebacks.
        python2: whether the text is Python 2.

    Raises:
        UserError: if fissix is needed and missing.
        SyntaxError: if the text is not valid.
    """
    if not python2:
        return compile(source, path, 'exec', dont_inherit=True)
    tree = ast.parse(convert(source, path), path)
    if not _TRUE_DIVISION.search(source):
        tree = _Divisions().visit(tree)
        tree.body.insert(_end_of_header(tree), ast.parse('from %s import divide as %s' % (__name__, _DIVIDE)).body[0])
        ast.fix_missing_locations(tree)
    return compile(tree, path, 'exec', dont_inherit=True)


def convert(source: str, path: str) -> str:
    """Python 2 → Python 3, with the same line numbers as far as 2to3 keeps them. Raises as `compile_source` does."""
    try:
        from fissix import refactor
        from fissix.pgen2.parse import ParseError
        from fissix.pgen2.tokenize import TokenError
    except ImportError as missing:
        raise UserError('--python2 needs fissix (%s): pip install fissix' % missing) from missing
    fixers = [name for name in refactor.get_fixers_from_package('fissix.fixes')]
    error: Optional[Exception] = None
    for options in ({}, {'print_function': True}):
        try:
            return str(refactor.RefactoringTool(fixers, options).refactor_string(_expand_tabs(source) + '\n', path))
        except (ParseError, TokenError) as caught:
            error = error or caught
    raise SyntaxError('%s is neither Python 2 nor Python 3 (%s)' % (path, error))


def _expand_tabs(source: str) -> str:
    """Python 2 takes a tab for up to 8 spaces, Python 3 allows no mixture."""
    lines = source.splitlines()
    return '\n'.join(line[:len(line) - len(line.lstrip())].expandtabs(8) + line.lstrip() for line in lines)


def _end_of_header(tree: ast.Module) -> int:
    """Index of the first statement after the docstring and the imports from `__future__`."""
    for index, node in enumerate(tree.body):
        if not ((isinstance(node, ast.ImportFrom) and node.module == '__future__')
                or (isinstance(node, ast.Expr) and type(node.value).__name__ in ('Str', 'Constant'))):
            return index
    return len(tree.body)


class _Divisions(ast.NodeTransformer):
    """a / b → __python2_divide__(a, b)."""

    def visit_BinOp(self, node: ast.BinOp) -> Any:
        self.generic_visit(node)
        if not isinstance(node.op, ast.Div):
            return node
        name = ast.Name(id=_DIVIDE, ctx=ast.Load())
        return ast.copy_location(ast.Call(func=name, args=[node.left, node.right], keywords=[]), node)

    def visit_AugAssign(self, node: ast.AugAssign) -> Any:
        self.generic_visit(node)
        if isinstance(node.op, ast.Div) and isinstance(node.target, ast.Name):
            value = ast.BinOp(left=ast.Name(id=node.target.id, ctx=ast.Load()), op=node.op, right=node.value)
            return ast.copy_location(ast.Assign(targets=[node.target], value=self.visit(
                ast.copy_location(value, node))), node)
        return node


def divide(a: Any, b: Any) -> Any:
    """a / b as in Python 2: integers are divided without remainder."""
    return a // b if is_integer(a) and is_integer(b) else a / b


def is_integer(value: Any) -> bool:
    """Whether a number, an array, a tensor or a size in a shape is an integer."""
    if isinstance(value, (int, np.integer)) or type(value).__name__ == 'Dimension':
        return True
    dtype = getattr(value, 'dtype', None)  # of NumPy, or of TensorFlow
    return bool(dtype.is_integer) if hasattr(dtype, 'is_integer') else (
        dtype is not None and np.issubdtype(dtype, np.integer))


class Python2Finder(importlib.abc.MetaPathFinder):
    """Converts the modules that a script imports from its own folder."""

    def __init__(self, record: Record) -> None:
        self._record = record

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> Any:
        """Called by Python for every import of a module that is not loaded yet."""
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is None or spec.origin is None or not isinstance(spec.loader, importlib.machinery.SourceFileLoader):
            return None
        if not self._record.is_of_script(spec.origin):
            return None
        spec.loader = _Python2Loader(fullname, spec.origin)
        return spec


class _Python2Loader(importlib.machinery.SourceFileLoader):
    def get_code(self, fullname: str) -> Any:  # bytecode of the unconverted file must not be used
        path = self.get_filename(fullname)
        return compile_source(importlib.util.decode_source(self.get_data(path)), path, python2=True)


def install(record: Record) -> None:
    """Converts every module of the script that is imported from now on."""
    sys.meta_path.insert(0, Python2Finder(record))
