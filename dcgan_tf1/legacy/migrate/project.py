"""The command `--migrate`: finds the modules of a script, rewrites them, and writes them to a folder."""
import ast
import difflib
import os
import re
import shlex
from types import SimpleNamespace
from typing import Any, Dict, List, NamedTuple, Optional

from dcgan_tf1.legacy import python2, source
from dcgan_tf1.legacy.migrate import batch_norm, compat, rewrite
from dcgan_tf1.legacy.migrate.scopes import Scopes
from dcgan_tf1.legacy.migrate.targets import COMPAT, Targets
from dcgan_tf1.legacy.put_back.record import MissingModule
from dcgan_tf1.util.errors import UserError

DIFF = 'CHANGES.diff'
_PACKAGE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_MAX_PLACES = 6  # line numbers listed for each change
_PATH_FUNCTIONS = ('path', 'join', 'dirname', 'abspath', 'realpath', 'normpath', 'pardir', 'curdir', 'getcwd')
_ENCODING = re.compile(r'\A((?:.*\n)?#.*coding[:=]\s*)[-\w.]+')


class _File(NamedTuple):
    """A module of the script."""

    old: str  # its text
    python3: str  # the same in Python 3
    tree: ast.Module
    scopes: Scopes
    divides_integers: bool  # whether / is that of Python 2


class Project:
    """A script and the modules of it, which it imports.

    Raises:
        UserError: if a file cannot be read, or needs --python2.
    """

    def __init__(self, script: str, is_python2: bool) -> None:
        self.script = os.path.realpath(script)
        self._is_python2 = is_python2
        self._folders = [source.folder(script), *filter(None, os.environ.get('PYTHONPATH', '').split(os.pathsep))]
        self.files: Dict[str, _File] = {}  # {path: file}
        self.unread: List[str] = []  # why modules that it may import were not read
        self._read(self.script)

    def root(self) -> str:
        """The folder that contains all modules."""
        return os.path.commonpath([os.path.dirname(path) for path in self.files])

    def name(self, path: str) -> str:
        """Where a module is in the new folder: a notebook becomes a script."""
        return os.path.relpath(path, self.root()).replace('.ipynb', '.py')

    def _read(self, path: str) -> Scopes:
        path = os.path.realpath(path)
        if path in self.files:
            return self.files[path].scopes
        parts = source.read(path)
        futures = parts[-1].futures if parts else frozenset()
        old = '\n'.join(part.text for part in parts)
        if path.endswith('.ipynb') and re.search(r'\bdisplay\(', old):
            old = 'display = print  # as notebooks have it\n' + old
        old = ''.join('from __future__ import %s\n' % name for name in sorted(futures)) + old
        python3 = _ENCODING.sub(r'\1utf-8', old)
        if self._is_python2:
            folder = os.path.dirname(path)
            in_package = os.path.exists(os.path.join(folder, '__init__.py')) and folder not in map(
                os.path.realpath, self._folders)
            python3 = python2.convert(python3, path, python2.has_future(old, 'print_function'), in_package)
        try:
            tree = ast.parse(python3, path)
        except SyntaxError as error:
            raise UserError('%s:%s: %s. If the script is Python 2, put --python2 before it' % (
                os.path.basename(path), error.lineno, error.msg)) from error
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and ast.get_source_segment(python3, node.func) in (
                    'sys.path.append', 'sys.path.insert'):
                self._add_to_search_path(node.args[-1], path)
        scopes = Scopes(tree, lambda module, level: self._find(module, level, path))
        self.files[path] = _File(old, python3, tree, scopes,
                                 self._is_python2 and not python2.has_future(old, 'division'))
        for node in ast.walk(tree):
            function = getattr(node, 'func', None)
            if getattr(function, 'attr', getattr(function, 'id', '')) in ('import_module', '__import__'):
                self._read_all(node)
            if isinstance(node, ast.Import):
                for alias in node.names:
                    self._find(alias.name, 0, path)
            elif isinstance(node, ast.ImportFrom):
                self._find(node.module or '', node.level, path)
                for alias in node.names:
                    self._find('.'.join(filter(None, [node.module, alias.name])), node.level, path)
        return scopes

    def _read_all(self, node: Any) -> None:
        """Reads what is imported by a name; if that is computed, all modules beside the script and in its packages."""
        argument = next(iter(node.args), None)
        if isinstance(argument, ast.Constant):
            self._find(str(argument.value), 0, self.script)
            return
        for folder, subfolders, names in os.walk(self._folders[0]):
            subfolders[:] = [name for name in sorted(subfolders)
                             if os.path.isfile(os.path.join(folder, name, '__init__.py'))]
            for name in sorted(names):
                if name.endswith('.py'):
                    try:
                        self._read(os.path.join(folder, name))
                    except UserError as error:  # it may be of another program
                        self.unread.append(str(error))

    def _find(self, module: str, level: int, importer: str) -> Optional[Scopes]:
        """The names of a module that a module imports; None if it is none of the script."""
        if level:
            folders = [os.path.dirname(importer)]
            for _ in range(level - 1):
                folders = [os.path.dirname(folders[0])]
        else:
            folders = self._folders
        names = module.split('.') if module else []
        for folder in folders:
            place = os.path.join(os.path.abspath(folder), *names)
            path = place + '.py' if names and os.path.isfile(place + '.py') else os.path.join(place, '__init__.py')
            is_library = path.startswith(os.path.join(_PACKAGE, 'dcgan_tf1')) or '-packages' in path
            if os.path.isfile(path) and not is_library:
                for count in range(1, len(names)):  # the packages that contain it
                    package = os.path.join(os.path.abspath(folder), *names[:count], '__init__.py')
                    if os.path.isfile(package):
                        self._read(package)
                return self._read(path)
        return None

    def _add_to_search_path(self, node: ast.expr, path: str) -> None:
        """The folder of `sys.path.append(…)` or `sys.path.insert(0, …)`, if the source says which it is."""
        allowed = (ast.Call, ast.Attribute, ast.Name, ast.Constant, ast.Load)
        if not all(isinstance(part, allowed) and getattr(part, 'attr', 'path') in _PATH_FUNCTIONS
                   for part in ast.walk(node)):
            return
        try:
            os_only = SimpleNamespace(path=os.path, getcwd=os.getcwd, pardir=os.pardir, curdir=os.curdir)
            code = compile(ast.Expression(node), path, 'eval')
            folder = eval(code, {'__builtins__': {}, 'os': os_only, '__file__': path})
            folder = os.path.join(os.path.dirname(path), os.fspath(folder))
        except Exception:  # an expression of the script
            return
        if os.path.isdir(folder) and folder not in self._folders:
            self._folders.append(folder)


def migrate(words: List[str], folder: str, is_python2: bool, fix_batch_norm: bool) -> str:
    """Writes a script and its modules, rewritten, to a new folder.

    Args:
        words: the script, and arguments for it.
        folder: the folder to write to.
        is_python2: whether the script is Python 2.
        fix_batch_norm: let training steps run the update ops of batch norm, if none does.
    Returns: what to tell the user.
    Raises: UserError if the folder has files, or a module cannot be read.
    """
    if os.path.lexists(folder) and (not os.path.isdir(folder) or os.listdir(folder)):
        raise UserError('--migrate=%s is not empty: name a new folder, or empty it' % folder)
    project = Project(words[0], is_python2)
    try:
        targets = Targets()
        modules = {path: rewrite.Module(file.python3, file.tree, file.scopes, targets, file.divides_integers)
                   for path, file in project.files.items()}
    except MissingModule as error:
        raise UserError('%s' % error) from error
    if fix_batch_norm:
        batch_norm.fix(list(modules.values()))
    uses_tensorflow = any(module.imports_tensorflow() for module in modules.values())
    preparations = set().union(*(module.preparations for module in modules.values())) if uses_tensorflow else set()
    modules[project.script].used |= preparations
    new = {}
    for path, module in modules.items():
        is_script = path == project.script and uses_tensorflow
        new[path] = module.finish(rewrite.header(project.files[path].python3, targets.needs_keras2, preparations)
                                  if is_script else ())
    used = set().union(*(module.used for module in modules.values())) & compat.names()
    texts = {project.name(path): text for path, text in new.items()}
    old = {project.name(path): file.old for path, file in project.files.items()}
    if used:
        name = os.path.join(os.path.dirname(project.name(project.script)), COMPAT + '.py')
        if name in texts:
            raise UserError('%s of the script has the name of the module that --migrate writes: rename it' % name)
        texts[name] = compat.text(used)
    report = _report(project, modules, used)
    texts[DIFF] = '\n'.join(['# ' + line for line in report]) + '\n' + _diff(old, texts)
    for name, text in texts.items():
        _write(os.path.join(folder, name), text)
    return '\n'.join([*report, '', _how_to_run(project, words, folder)])


def _report(project: Project, modules: Dict[str, rewrite.Module], used: set) -> List[str]:
    """What was changed, and what was left."""
    lines: List[str] = []
    for title, attribute in (('Changed:', 'changes'), ('Left alone, because the source does not say enough, or '
                                                       'nothing replaces it:', 'left')):
        places: Dict[str, List[str]] = {}
        for path, module in modules.items():
            for note in getattr(module, attribute):
                place = '%s:%d' % (project.name(path), note.line)
                if place not in places.setdefault(note.text, []):
                    places[note.text].append(place)
        if places:
            lines.append(title)
        for text, where in places.items():
            more = len(where) - _MAX_PLACES
            lines.append('  %s  (%s%s)' % (text, ', '.join(where[:_MAX_PLACES]),
                                           ' and %d more' % more if more > 0 else ''))
    lines += ['Not read: ' + error for error in project.unread]
    if used:
        lines.append('New: %s.py, which has: %s' % (COMPAT, ', '.join(sorted(used))))
    return lines


def _diff(old: Dict[str, str], new: Dict[str, str]) -> str:
    parts: List[str] = []
    for name in sorted(new):
        before = old.get(name, '').splitlines(True)
        lines = difflib.unified_diff(before, new[name].splitlines(True), 'a/' + name if before else '/dev/null',
                                     'b/' + name)
        for line in lines:
            parts.append(line if line.endswith('\n') else line + '\n\\ No newline at end of file\n')
    return ''.join(parts)


def _write(path: str, text: str) -> None:
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'w', encoding='utf-8', newline='\n') as file:
            file.write(text)
    except OSError as error:
        raise UserError('--migrate: %s cannot be written (%s): name another folder' % (path, error.strerror)) from error


def _how_to_run(project: Project, words: List[str], folder: str) -> str:
    script = os.path.join(folder, project.name(project.script))
    place = os.path.dirname(project.script)
    modules = {os.path.relpath(path, place).split(os.sep)[0] for path in project.files}
    others = [name for name in os.listdir(place)
              if not name.endswith(('.py', '.pyc')) and not name.startswith(('.', '__')) and name not in modules]
    lines = ['Run it:  python %s' % shlex.join([script, *words[1:]])]
    if others:
        lines.append('Only its modules were written. If it reads what else is beside the old script (%s), copy or link '
                     'that.' % (', '.join(sorted(others)[:_MAX_PLACES]) + ', …' * (len(others) > _MAX_PLACES)))
    lines.append('Review the changes:  %s' % os.path.join(folder, DIFF))
    return '\n'.join(lines)
