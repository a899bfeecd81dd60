"""The module that is written beside a script: what it uses of `put_back/`, without this package."""
import ast
import importlib
import inspect
from typing import Any, Dict, List, NamedTuple, Set, Tuple

_MODULES = tuple('dcgan_tf1.legacy.put_back.' + name for name in (
    'division', 'old_functions', 'images', 'hparams', 'input_data', 'shapes', 'slim_names', 'slots', 'updates'))
_OF_PYTHON = ('collections', 'gzip', 'importlib', 'inspect', 'json', 'operator', 'os', 're', 'struct', 'sys', 'typing')
TF_SLIM = 'tf_slim'  # the name of the library, if its names have been put back
_HEADER = '''"""What this program uses of old libraries, and what newer ones no longer have.

From dcgan_tf1, copyright (c) 2026 the dcgan_tf1 authors, MIT license, which wrote it with --migrate.
"""
'''


class _Definition(NamedTuple):
    text: str  # with the comments above it
    uses: Set[str]  # names


class _Source:
    """The definitions and imports of a module."""

    def __init__(self, module: Any) -> None:
        text = inspect.getsource(module)
        self._lines = text.splitlines()
        self.definitions: Dict[str, _Definition] = {}
        self.imports: Dict[str, List[Tuple[str, str]]] = {}  # {name: [(module, what is imported from it)]}
        for node in ast.parse(text).body:
            if isinstance(node, ast.Import):
                for alias in node.names:
                    self.imports.setdefault(alias.asname or alias.name.split('.')[0], []).append(
                        (alias.name + (' as ' + alias.asname if alias.asname else ''), ''))
            elif isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    self.imports[alias.asname or alias.name] = [(str(node.module), alias.name)]
            else:
                self._add(node)

    def _add(self, node: Any) -> None:
        targets = getattr(node, 'targets', [getattr(node, 'target', None)])
        names = [node.name] if hasattr(node, 'name') else [
            target.id for target in targets if isinstance(target, ast.Name)]
        first = min([node.lineno, *[decorator.lineno for decorator in getattr(node, 'decorator_list', ())]]) - 1
        while self._lines[first - 1].startswith('#'):
            first -= 1
        uses = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
        for name in names:
            self.definitions[name] = _Definition('\n'.join(self._lines[first:node.end_lineno]), uses)


def names() -> Set[str]:
    """Everything that the module may contain."""
    return {TF_SLIM, *(name for source in _sources() for name in source.definitions)}


def text(used: Set[str]) -> str:
    """The text of the module with what a script uses.

    Args:
        used: names of definitions in `put_back/`.
    """
    imports: Dict[str, Set[str]] = {}  # {module: what is imported from it; '' for itself}
    definitions: List[str] = []
    for source in _sources():
        needed = {*used, *(['import_tf_slim'] if TF_SLIM in used else [])} & {*source.definitions}
        waiting = [*needed]
        while waiting:
            for name in source.definitions[waiting.pop()].uses:
                if name in source.definitions and name not in needed:
                    needed.add(name)
                    waiting.append(name)
                for module, imported in source.imports.get(name, ()):
                    imports.setdefault(module, set()).add(imported)
        definitions += [definition.text for name, definition in source.definitions.items() if name in needed]
    lines = {True: [], False: []}  # type: Dict[bool, List[str]]
    for module in sorted(imports, key=lambda module: ('' not in imports[module], module)):
        line = 'import ' + module if '' in imports[module] else 'from %s import %s' % (
            module, ', '.join(sorted(imports[module])))
        lines[module.split('.')[0] in _OF_PYTHON].append(line)
    if TF_SLIM in used:
        definitions.append('%s = import_tf_slim()' % TF_SLIM)
    blocks = ['\n'.join(lines[is_python]) for is_python in (True, False) if lines[is_python]]
    return _HEADER + '\n\n'.join(blocks) + _joined(definitions)


def _joined(definitions: List[str]) -> str:
    """Definitions with the usual distances: two lines around functions and classes."""
    result, before = '', 'def'
    for definition in definitions:
        is_long = any(part.split(' ')[0] in ('def', 'class', '@') or part.startswith(('def ', 'class '))
                      for part in (definition, before))
        result += ('\n\n\n' if is_long else '\n') + definition
        before = definition
    return result + '\n'


def _sources() -> List[_Source]:
    return [_Source(importlib.import_module(module)) for module in _MODULES]
