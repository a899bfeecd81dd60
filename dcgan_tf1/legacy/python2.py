"""Python 2 source code, converted in memory: by fissix, the maintained 2to3, and with the division of Python 2."""
import __future__

import ast
import copy
import functools
import importlib.abc
import importlib.machinery
import importlib.util
import operator
import pickle
import re
import sys
from typing import Any, FrozenSet, List, Optional

from dcgan_tf1.legacy.put_back import division
from dcgan_tf1.legacy.put_back.record import Record
from dcgan_tf1.util.errors import UserError

_DIVIDE, _DIVIDE_IN_PLACE = '__python2_divide__', '__python2_divide_in_place__'
_OBJECT, _INDEX = '__python2_object__', '__python2_index__'
# What 2to3 converts of `sort` and `sorted`. Others are np.sort(x), array.sort(axis) and the like.
_SORTS = re.compile(r'\s*sorted\b|[^(]*\.sort\s*\(\s*(lambda|cmp)\b')
# Modules and functions that only Python 2 has.
NAMES = frozenset((
    'ConfigParser', 'HTMLParser', 'Queue', 'StringIO', 'Tkinter', '__builtin__', 'cPickle', 'cStringIO', 'commands',
    'httplib', 'thread', 'urllib2', 'urlparse', 'basestring', 'raw_input', 'reduce', 'unichr', 'unicode', 'xrange'))
_FUTURE = r'^from\s+__future__\s+import\s+(\([^)]*|.*)\b%s\b'


def compile_source(source: str, path: str, python2: bool = False, futures: FrozenSet[str] = frozenset(),
                   in_package: bool = False) -> Any:
    """The code object of a module.

    Args:
        source: its text.
        path: file name for tracebacks.
        python2: whether the text is Python 2.
        futures: names that count as imported from `__future__`.
        in_package: whether the module is one of a package, so that Python 2 also searches there what it imports.

    Raises:
        UserError: if fissix is needed and missing.
        SyntaxError: if the text is not valid.
    """
    flags = functools.reduce(operator.or_, [getattr(__future__, name).compiler_flag for name in futures], 0)
    if not python2:
        return compile(source, path, 'exec', flags, dont_inherit=True)
    tree = ast.parse(convert(source, path, 'print_function' in futures, in_package), path)
    if not has_future(source, 'division') and 'division' not in futures:
        tree = _Divisions().visit(tree)
        tree.body.insert(_end_of_header(tree), ast.parse('from %s import divide as %s, divide_in_place as %s' % (
            division.__name__, _DIVIDE, _DIVIDE_IN_PLACE)).body[0])
        ast.fix_missing_locations(tree)
    return compile(tree, path, 'exec', flags, dont_inherit=True)


def convert(source: str, path: str, print_function: bool, in_package: bool) -> str:
    """Python 2 → Python 3, with the same line numbers as far as 2to3 keeps them. Raises as `compile_source` does."""
    converted = _refactored(source, path, print_function, in_package)
    try:
        ast.parse(converted)
    except IndentationError:  # Python 3 allows no mixture of tabs and spaces
        return _refactored(_expand_tabs(source), path, print_function, in_package)
    except SyntaxError:  # of the script
        pass
    return converted


def _refactored(source: str, path: str, print_function: bool, in_package: bool) -> str:
    try:
        from fissix import refactor
        from fissix.pgen2.parse import ParseError
        from fissix.pgen2.tokenize import TokenError
    except ImportError as missing:
        raise UserError('--python2 needs fissix (%s): pip install fissix' % missing) from missing
    fixers = [name for name in refactor.get_fixers_from_package('fissix.fixes')
              if in_package or not name.endswith('.fix_import')]
    error: Optional[Exception] = None
    for options in ({'print_function': print_function}, {'print_function': not print_function}):
        tool = refactor.RefactoringTool(fixers, options)
        for fixer in [*tool.pre_order, *tool.post_order]:
            if type(fixer).__name__ == 'FixSorted':
                fixer.match = lambda node, match=fixer.match: bool(_SORTS.match(str(node))) and match(node)
        try:
            return str(tool.refactor_string(source + '\n' * (not source.endswith('\n')), path))
        except (ParseError, TokenError) as caught:
            error = error or caught
    raise SyntaxError('%s is neither Python 2 nor Python 3 (%s)' % (path, error))


def has_future(source: str, name: str) -> bool:
    """Whether a module imports a name from `__future__`."""
    return re.search(_FUTURE % name, source, re.M) is not None


def _expand_tabs(source: str) -> str:
    """Python 2 takes a tab for up to 8 spaces."""
    lines = source.splitlines(True)
    return ''.join(line[:len(line) - len(line.lstrip())].expandtabs(8) + line.lstrip() if line.strip() else line
                   for line in lines)


def _end_of_header(tree: ast.Module) -> int:
    """Index of the first statement after the docstring and the imports from `__future__`."""
    for index, node in enumerate(tree.body):
        if not ((isinstance(node, ast.ImportFrom) and node.module == '__future__')
                or (isinstance(node, ast.Expr) and type(node.value).__name__ in ('Str', 'Constant'))):
            return index
    return len(tree.body)


class _Divisions(ast.NodeTransformer):
    """a / b → __python2_divide__(a, b), and a /= b → a = __python2_divide_in_place__(a, b)."""

    def visit_BinOp(self, node: ast.BinOp) -> Any:
        self.generic_visit(node)
        return _call(_DIVIDE, node.left, node.right, node) if isinstance(node.op, ast.Div) else node

    def visit_AugAssign(self, node: ast.AugAssign) -> Any:
        self.generic_visit(node)
        if not isinstance(node.op, ast.Div):
            return node
        target: Any = node.target
        statements: List[ast.stmt] = []

        def once(value: ast.expr, name: str) -> ast.expr:
            """Puts a value that the target contains into a variable, so that it is computed once."""
            statements.append(ast.Assign(targets=[ast.Name(id=name, ctx=ast.Store())], value=value))
            return ast.Name(id=name, ctx=ast.Load())
        if not isinstance(target, ast.Name):
            target.value = once(target.value, _OBJECT)
        if isinstance(target, ast.Subscript):
            holder: Any = target.slice if type(target.slice).__name__ == 'Index' else target  # before Python 3.9
            name = 'value' if holder is not target else 'slice'
            index = getattr(holder, name)
            if not any(type(part).__name__ in ('Slice', 'ExtSlice') for part in ast.walk(index)):
                setattr(holder, name, once(index, _INDEX))
        old = copy.deepcopy(target)
        old.ctx = ast.Load()
        statements.append(ast.Assign(targets=[target], value=_call(_DIVIDE_IN_PLACE, old, node.value, node)))
        return [ast.copy_location(statement, node) for statement in statements]


def _call(name: str, left: ast.expr, right: ast.expr, place: ast.AST) -> ast.Call:
    return ast.copy_location(ast.Call(func=ast.Name(id=name, ctx=ast.Load()), args=[left, right], keywords=[]), place)


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
        return compile_source(importlib.util.decode_source(self.get_data(path)), path, python2=True,
                              in_package='.' in fullname or self.is_package(fullname))


def install(record: Record) -> None:
    """Converts every module of the script that is imported from now on.

    `pickle` takes files that were opened as text, and reads strings of Python 2.
    """
    dump, load = pickle.dump, pickle.load
    module: Any = pickle
    module.dump = lambda value, file, *args, **keywords: dump(value, getattr(file, 'buffer', file), *args, **keywords)
    module.load = lambda file, **keywords: load(getattr(file, 'buffer', file), **{'encoding': 'latin1', **keywords})
    sys.meta_path.insert(0, Python2Finder(record))
