"""Which names of libraries the names in a module mean: `relu` after `from tensorflow.nn import relu`, for example."""
import ast
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Set, Tuple, Union

Chain = Union[ast.Name, ast.Attribute]
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


class Imported(NamedTuple):
    """What an import statement binds a name to."""

    module: str
    level: int  # dots before the module
    name: str  # '' for the module itself


class _Scope:
    """The names of a module, class, function or comprehension: everything that each is bound to."""

    def __init__(self, parent: Optional['_Scope'], is_class: bool = False) -> None:
        self.parent, self.is_class = parent, is_class
        self.bindings: Dict[str, List[Union[Imported, Chain, None]]] = {}
        self.stars: List[Imported] = []
        self.imports: Dict[str, int] = {}  # {name: the first line that imports it}
        self.module_names: Set[str] = set()  # declared `global`

    def bind(self, name: str, value: Union[Imported, Chain, None]) -> None:
        scope = self
        while name in self.module_names and scope.parent is not None:
            scope = scope.parent
        scope.bindings.setdefault(name, []).append(value)


class Scopes:
    """The names of a module.

    Args:
        tree: its syntax tree.
        find_local: returns the names of another module of the script, for an import; None if it is of a library.
    """

    def __init__(self, tree: ast.Module, find_local: Callable[[str, int], Optional['Scopes']]) -> None:
        self._find_local = find_local
        self._scope_of: Dict[ast.AST, _Scope] = {}
        self._busy: Set[Tuple[str, int]] = set()  # what is being looked up, to end at circles
        self._top = _Scope(None)
        self._visit(tree, self._top)

    def path(self, node: ast.AST) -> Optional[str]:
        """The full name in a library that `a.b.c` means, such as 'tensorflow.nn.relu'; None if it means none."""
        names: List[str] = []
        while isinstance(node, ast.Attribute):
            names.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name) or node not in self._scope_of:
            return None
        root = self._look_up(node.id, self._scope_of[node])
        return None if root is None else '.'.join([root, *reversed(names)])

    def is_local(self, node: ast.AST) -> bool:
        """Whether a statement imports a module of the script."""
        return (isinstance(node, ast.ImportFrom) and self._find_local(node.module or '', node.level) is not None) or (
            isinstance(node, ast.Import) and any(self._find_local(alias.name, 0) for alias in node.names))

    def global_path(self, name: str) -> Optional[str]:
        """The same for a name of the module itself."""
        return self._look_up(name, self._top)

    def global_imports(self, line: int) -> List[str]:
        """Names that the module has imported before a line."""
        return [name for name, first in self._top.imports.items() if first < line]

    def is_bound(self, node: ast.AST) -> bool:
        """Whether a node is a name that the module binds, or may bind by `from … import *`."""
        scope = self._scope_of.get(node)
        if not isinstance(node, ast.Name):
            return False
        while scope is not None:
            if node.id in scope.bindings:
                return True
            scope = scope.parent
        return bool(self._top.stars)

    def _look_up(self, name: str, scope: _Scope) -> Optional[str]:
        first, current = scope, scope
        while name not in current.bindings or (current.is_class and current is not first):
            if current.parent is None:
                return self._look_up_in_stars(name)
            current = current.parent
        key = (name, id(current))
        if key in self._busy:
            return None
        self._busy.add(key)
        try:
            bindings = current.bindings[name]
            paths = [self._path_of(binding) for binding in bindings]
        finally:
            self._busy.remove(key)
        known = {path for path in paths if path is not None}
        # A name that is imported and also set to something else is so if the import fails.
        is_sure = None not in paths or any(isinstance(binding, Imported) for binding in bindings)
        return known.pop() if len(known) == 1 and is_sure else None

    def _look_up_in_stars(self, name: str) -> Optional[str]:
        for star in self._top.stars:
            local = self._find_local(star.module, star.level)
            if local is not None and ('*', id(local)) not in self._busy and not name.startswith('_'):
                self._busy.add(('*', id(local)))
                try:
                    path = local.global_path(name)
                finally:
                    self._busy.remove(('*', id(local)))
                if path is not None:
                    return path
        return None

    def _path_of(self, binding: Union[Imported, Chain, None]) -> Optional[str]:
        if not isinstance(binding, Imported):
            return None if binding is None else self.path(binding)
        local = self._find_local(binding.module, binding.level)
        if local is not None:
            return local.global_path(binding.name) if binding.name else None
        return None if binding.level else '.'.join(filter(None, [binding.module, binding.name]))

    def _visit(self, node: Any, scope: _Scope) -> None:
        """Notes what a node and everything in it bind, and the scope of every name."""
        if isinstance(node, ast.Name):
            self._scope_of[node] = scope
            if not isinstance(node.ctx, ast.Load):
                scope.bind(node.id, None)
        elif isinstance(node, ast.Global):
            scope.module_names.update(node.names)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                name = alias.asname or alias.name.split('.')[0]
                scope.imports.setdefault(name, node.lineno)
                scope.bind(name, Imported(alias.name if alias.asname else name, 0, ''))
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                imported = Imported(node.module or '', node.level, alias.name)
                if alias.name == '*':
                    scope.stars.append(imported)
                else:
                    scope.imports.setdefault(alias.asname or alias.name, node.lineno)
                    scope.bind(alias.asname or alias.name, imported)
        elif isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name) and (
                isinstance(node.value, (ast.Name, ast.Attribute))):
            self._scope_of[node.targets[0]] = scope
            scope.bind(node.targets[0].id, node.value)
            self._visit(node.value, scope)
        elif isinstance(node, (*_FUNCTIONS, ast.ClassDef, *_COMPREHENSIONS)):
            self._visit_inner(node, scope)
        else:
            if isinstance(node, ast.ExceptHandler) and node.name:
                scope.bind(node.name, None)
            for child in ast.iter_child_nodes(node):
                self._visit(child, scope)

    def _visit_inner(self, node: Any, scope: _Scope) -> None:
        """A node with names of its own."""
        inner = _Scope(scope, is_class=isinstance(node, ast.ClassDef))
        if hasattr(node, 'name'):
            scope.bind(node.name, None)
        body = node.body if isinstance(getattr(node, 'body', None), list) else []
        if isinstance(node, ast.Lambda):
            body = [node.body]
        if isinstance(node, _COMPREHENSIONS):
            body = list(ast.iter_child_nodes(node))
        if isinstance(node, _FUNCTIONS):
            for argument in ast.walk(node.args):
                if isinstance(argument, ast.arg):
                    inner.bind(argument.arg, None)
        for statement in body:  # `global` counts in the whole function
            for part in ast.walk(statement):
                if isinstance(part, ast.Global):
                    inner.module_names.update(part.names)
        for child in ast.iter_child_nodes(node):
            self._visit(child, inner if any(child is part for part in body) else scope)
