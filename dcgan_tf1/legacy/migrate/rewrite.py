"""One module of a script, from its old text to its new text."""
import ast
import sys
from typing import Any, List, NamedTuple, Optional, Sequence, Set

from dcgan_tf1.legacy import python2
from dcgan_tf1.legacy.migrate import calls, compat, division
from dcgan_tf1.legacy.migrate.edits import Edits
from dcgan_tf1.legacy.migrate.scopes import Scopes
from dcgan_tf1.legacy.migrate.targets import COMPAT, V1, Target, Targets

_PREPARE = ('import tensorflow.compat.v1 as tf', 'tf.disable_v2_behavior()')
# What a script may have to call at its start, in the module beside it: {function: what for}.
_PREPARATIONS = {calls.FLOAT_SIZES: 'such as 100 / 2 in a shape',
                 calls.SLOTS: 'new variables of optimizers and moving averages, also with `reuse`'}
_KERAS2_LINE = "os.environ['TF_USE_LEGACY_KERAS'] = '1'  # before TensorFlow is imported: tf.layers needs Keras 2"


class Note(NamedTuple):
    """Something that a person should know, and where."""

    line: int
    text: str


class Module:
    """A module of the script.

    Args:
        text: its source code, in Python 3.
        scopes: what its names mean.
        targets: where these names are today.
        integer_division: whether / divides integers as in Python 2.
    """

    def __init__(self, text: str, tree: ast.Module, scopes: Scopes, targets: Targets, integer_division: bool) -> None:
        self.edits, self.scopes, self.tree = Edits(text), scopes, tree
        self._targets, self.integer_division = targets, integer_division
        self.changes: List[Note] = []
        self.left: List[Note] = []  # what could not be decided, or has no place today
        self.used: Set[str] = set()  # names of the module beside the script
        self.preparations: Set[str] = set()  # names in _PREPARATIONS
        self._imports: List[str] = []  # lines to add
        self._changed_imports: List[ast.AST] = []
        self._visit(tree)

    def finish(self, header: Sequence[str] = ()) -> str:
        """The new text.

        Args:
            header: lines that prepare TensorFlow, for the script itself: they come before anything imports it.
        """
        place = self._first_changed_import()
        lines = [*header, *(line for line in self._imports if line not in header)]
        if header and isinstance(place, ast.Import) and [alias.name for alias in place.names] == ['tensorflow'] and (
                self._is_alone(place)):  # the header takes its place
            name = place.names[0].asname or 'tensorflow'
            self.edits.replace_node(place, '\n'.join(line.replace('as tf', 'as ' + name).replace('tf.', name + '.')
                                                     if line in _PREPARE else line for line in lines))
        elif lines:
            self.edits.insert(self._beginning(place), ''.join(line + '\n' for line in lines))
        return self.edits.result()

    def _first_changed_import(self) -> Optional[ast.stmt]:
        """The first statement that imports a module of the script, or something that is elsewhere today."""
        return next((node for node in self.tree.body if any(
            part in self._changed_imports or self.scopes.is_local(part) for part in ast.walk(node))), None)

    def _is_alone(self, node: ast.stmt) -> bool:
        """Whether nothing else is in the line of a statement, but for a comment."""
        start, end = self.edits.span(node)
        before, after = self.edits.text[self.edits.offset(node.lineno, 0):start], self.edits.text[end:].split('\n')[0]
        return not before.strip() and not after.partition('#')[0].strip()

    def imports_tensorflow(self) -> bool:
        """Whether it imports TensorFlow, or Keras."""
        names = [name for node in ast.walk(self.tree) for name in (
            [alias.name for alias in node.names] if isinstance(node, ast.Import)
            else [str(node.module)] if isinstance(node, ast.ImportFrom) else [])]
        return any(name.split('.')[0] in ('tensorflow', 'keras') for name in names)

    def path(self, node: ast.AST) -> str:
        """The old full name of an expression; '' if it is none of a library."""
        return self.scopes.path(node) or ''

    def change(self, node: Any, text: str) -> None:
        """Notes a change for the user."""
        self.changes.append(Note(node.lineno, text))

    def leave(self, node: Any, text: str) -> None:
        """Notes something that is left alone."""
        if Note(node.lineno, text) not in self.left:
            self.left.append(Note(node.lineno, text))

    def expression(self, path: str, node: Any) -> str:
        """How to write a name of today in the place of a node. Imports what is missing."""
        if path.startswith('builtins.'):
            return path[len('builtins.'):]
        if path.startswith(COMPAT + '.'):
            self.used.add(path.split('.')[1])
        best = max((name for name in self.scopes.global_imports(node.lineno) if self._is_bound_to(name, path)),
                   key=lambda name: len(self._new_path(name)), default=None)
        if best is not None:
            return best + path[len(self._new_path(best)):]
        if path.startswith(V1):
            self._add_import(_PREPARE[0])
            return 'tf' + path[len(V1):]
        if path.split('.')[0] == compat.TF_SLIM:
            self._add_import('from %s import %s' % (COMPAT, compat.TF_SLIM))
            self.used.add(compat.TF_SLIM)
            return path
        self._add_import('import ' + path.rpartition('.')[0])
        return path

    def _is_bound_to(self, name: str, path: str) -> bool:
        """Whether a name of this module is a module of today that contains a path, so that `name.rest` means it."""
        new = self._new_path(name)
        if not new or not (path + '.').startswith(new + '.') or (new == COMPAT and name != COMPAT):
            return False
        return path.rpartition('.')[0] == new or new in (V1, compat.TF_SLIM, 'scipy', 'collections')

    def _new_path(self, name: str) -> str:
        old = self.scopes.global_path(name)
        target = self._targets.find(old) if old else None
        return target.path if target else old or ''

    def _add_import(self, line: str) -> None:
        if line not in self._imports:
            self._imports.append(line)

    def _beginning(self, place: Optional[ast.stmt]) -> int:
        """The start of a statement; without one, of the first after the docstring and imports from `__future__`."""
        if place is None:
            place = next((node for node in self.tree.body if not (
                (isinstance(node, ast.ImportFrom) and node.module == '__future__')
                or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)))), None)
        if place is None:
            return len(self.edits.text)
        decorators = getattr(place, 'decorator_list', [])
        return self.edits.offset(min([place.lineno, *(decorator.lineno for decorator in decorators)]), 0)

    def _visit(self, node: ast.AST) -> None:
        """Rewrites what a node contains, then the node."""
        if isinstance(node, ast.JoinedStr) and sys.version_info < (3, 12):  # it does not say where its parts are
            self._leave_changed_names(node)
            return
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            self._rewrite_import(node)
            return
        if isinstance(node, (ast.Name, ast.Attribute)) and isinstance(node.ctx, ast.Load) and self.path(node):
            self._rewrite_name(node)
            return
        if isinstance(node, ast.Name) and node.id in python2.NAMES and not self.scopes.is_bound(node):
            self.leave(node, '%s, which only Python 2 has: put --python2 before the script' % node.id)
        for child in ast.iter_child_nodes(node):
            self._visit(child)
        if isinstance(node, ast.Call):
            calls.rewrite(self, node)
        elif isinstance(node, ast.Attribute):
            calls.rewrite_attribute(self, node)
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and (
                self.path(node.value.func) == 'matplotlib.pyplot.hold'):
            self.edits.replace_node(node, 'pass')
            self.change(node, 'plt.hold was removed')
        elif self.integer_division:
            division.rewrite(self, node)

    def _leave_changed_names(self, node: ast.AST) -> None:
        for part in ast.walk(node):
            path = self.path(part)
            target = self._targets.find(path) if path else None
            if target is not None and target.path not in (path, V1 + path[len('tensorflow'):]):
                self.leave(node, '%s in an f-string: write %s' % (path, target.path or 'something else'))

    def _rewrite_name(self, node: Any) -> None:
        path = self.path(node)
        target = self._targets.find(path)
        if target is None:
            return
        if not target.path:
            self.leave(node, target.problem or '%s was removed: write it in another way' % path)
            return
        root = node
        while isinstance(root, ast.Attribute):
            root = root.value
        old_root = self.path(root)
        rest = path[len(old_root):]
        root_target = self._targets.find(old_root)
        if target.path.startswith(COMPAT + '.'):
            self.used.add(target.path.split('.')[1])
        if (root_target.path if root_target else old_root) + rest != target.path:
            new = self.expression(target.path, node)
            self.change(node, '%s → %s' % (self.edits.changed_node(node), new))
            self.edits.replace_node(node, new)

    def _rewrite_import(self, node: Any) -> None:
        kept: List[str] = []
        new: List[str] = []
        for alias in node.names:
            text = alias.name + (' as ' + alias.asname if alias.asname else '')
            if isinstance(node, ast.Import):
                lines = self._import_lines(node, alias)
            else:
                lines = None if node.level else self._from_lines(node, alias)
            if lines is None:
                kept.append(text)
            else:
                new += lines
        if len(kept) == len(node.names):
            return
        if kept:
            new.insert(0, ('import ' if isinstance(node, ast.Import) else 'from %s import ' % node.module)
                       + ', '.join(kept))
        self._changed_imports.append(node)
        start, end = self.edits.span(node)
        self.change(node, '%s → %s' % (' '.join(self.edits.text[start:end].split()), '; '.join(new) or 'left out'))
        if not new and self._is_alone(node) and node in self.tree.body:
            self.edits.replace(start, min(end + 1, len(self.edits.text)), '')
        else:
            separator = '\n' + ' ' * node.col_offset if self._is_alone(node) else '; '
            self.edits.replace(start, end, separator.join(new or ['pass']))

    def _import_lines(self, node: ast.Import, alias: ast.alias) -> Optional[List[str]]:
        """What to write for `import a.b [as c]`; None if it stays."""
        top = alias.name.split('.')[0]
        bound = alias.name if alias.asname else top
        target = self._targets.find(bound)
        if not alias.asname and '.' in alias.name:
            whole = self._targets.find(alias.name)
            if whole is not None and whole.problem:
                self.leave(node, whole.problem)
                return None
            if target is None and whole is not None:
                return ['import ' + top]
        if target is None or target.problem:
            if target is not None:
                self.leave(node, target.problem)
            return None
        if target.path == bound:
            return None
        return self._lines_for(node, target, alias.asname or top)

    def _from_lines(self, node: ast.ImportFrom, alias: ast.alias) -> Optional[List[str]]:
        """What to write for `from a import b [as c]`; None if it stays."""
        if alias.name == '*':
            target = self._targets.find(str(node.module))
            if target is None or target.path == node.module:
                return None
            if target.path.split('.')[0] == compat.TF_SLIM:
                self.expression(target.path, node)
            elif target.path == COMPAT or not target.path:
                self.leave(node, target.problem or 'from %s import *: name what you need' % node.module)
                return None
            return ['from %s import *' % target.path]
        path = '%s.%s' % (node.module, alias.name)
        target = self._targets.find(path)
        if target is None or target.path == path:
            return None
        if target.problem:
            self.leave(node, target.problem)
            return None
        return self._lines_for(node, target, alias.asname or alias.name)

    def _lines_for(self, node: ast.stmt, target: Target, name: str) -> List[str]:
        """Statements that bind `name` to what a target is."""
        path = target.path
        if not path:  # a package whose parts are in different places: each use is rewritten
            return []
        keras = V1 + '.keras'
        if (path + '.').startswith(keras + '.'):  # its modules can only be imported from where it is
            path = self._targets.keras_package + path[len(keras):]
        if path == V1:
            return ['import %s as %s' % (V1, name)]
        module, _, last = path.rpartition('.')
        as_name = '' if last == name else ' as ' + name
        if path == compat.TF_SLIM:
            self.used.add(path)
            return ['from %s import %s%s' % (COMPAT, path, '' if path == name else ' as ' + name)]
        if path.startswith((V1 + '.', compat.TF_SLIM + '.', 'builtins.')):
            new = self.expression(path, node)
            return [] if new == name else ['%s = %s' % (name, new)]
        if path == COMPAT:
            return ['import %s as %s' % (COMPAT, name)]
        if module == COMPAT:
            self.used.add(last)
        return ['from %s import %s%s' % (module, last, as_name)] if module else [
            'import %s%s' % (last, as_name)]


def header(text: str, needs_keras2: bool, preparations: Set[str]) -> List[str]:
    """The lines that prepare TensorFlow in a script with this text."""
    lines: List[str] = []
    if needs_keras2 and 'TF_USE_LEGACY_KERAS' not in text:
        lines += ['import os', _KERAS2_LINE]
    lines += _PREPARE if 'disable_v2_behavior' not in text else _PREPARE[:1]
    if preparations:
        lines.append('import ' + COMPAT)
    return lines + ['%s.%s()  # %s' % (COMPAT, name, _PREPARATIONS[name]) for name in sorted(preparations)]
