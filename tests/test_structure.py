"""The structure that CONTRIBUTING.md describes: who may import whom, and how large functions and modules may be."""
import ast
import os
import re

import pytest

pytestmark = pytest.mark.any_tensorflow

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PACKAGE = os.path.join(ROOT, 'dcgan_tf1')

# Each package may import those before it. What is not listed (the other commands and the API) may import all of them,
# and nothing imports it.
ORDER = ['util', 'metrics', 'settings', 'data', 'model', 'runs', 'sample', 'evaluate', 'train']
FILES_OF_A_RUN = {'config.json', 'train.flags', 'metrics.jsonl', 'train.log', 'scores.json', 'losses.png',
                  'training.gif', 'reals.png'}


def python_files(*folders):
    for top in folders:
        for folder, _, names in os.walk(os.path.join(ROOT, top)):
            for name in sorted(names):
                if name.endswith('.py'):
                    yield os.path.join(folder, name)


def tree(path):
    with open(path, encoding='utf-8') as file:
        return ast.parse(file.read())


def is_for_type_checkers(node):
    return isinstance(node, ast.If) and getattr(node.test, 'id', '') == 'TYPE_CHECKING'


def imports(node):
    """Full names of all modules and names that a tree imports when it runs."""
    if is_for_type_checkers(node):
        return
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield alias.name
    elif isinstance(node, ast.ImportFrom):
        for alias in node.names:
            yield '%s.%s' % (node.module, alias.name)
    for child in ast.iter_child_nodes(node):
        yield from imports(child)


def module_name(path):
    """'loop' for dcgan_tf1/loop.py, 'networks' for everything in dcgan_tf1/networks/."""
    return os.path.relpath(path, PACKAGE).split(os.sep)[0].replace('.py', '')


MODULES = {}  # {module: names of the package's modules that it imports}
LIBRARIES = {}  # {module: other libraries that it imports}
for module_path in python_files('dcgan_tf1'):
    for imported in imports(tree(module_path)):
        parts = imported.split('.')
        if parts[0] == 'dcgan_tf1':
            MODULES.setdefault(module_name(module_path), set()).add(parts[1] if len(parts) > 1 else '')
        else:
            LIBRARIES.setdefault(module_name(module_path), set()).add(parts[0])


@pytest.mark.parametrize('package', ORDER)
def test_packages_import_only_those_before_them(package):
    assert MODULES[package] <= {'', *ORDER[:ORDER.index(package) + 1]}


def test_nothing_imports_the_other_commands_and_the_api():
    for module, imported in MODULES.items():
        assert imported <= {*ORDER, module, ''}, module


def test_graphs_know_nothing_of_flags_and_pictures():
    assert not LIBRARIES['model'] & {'absl', 'io', 'shutil', 'PIL'}


def test_nothing_imports_tensorflow_before_the_process_is_prepared():
    assert MODULES['__init__'] == {'util'}


def test_only_run_folder_names_the_files_of_a_run():
    for path in python_files('dcgan_tf1'):
        if module_name(path) not in ('runs', 'util', 'settings'):
            constants = {node.value for node in ast.walk(tree(path)) if isinstance(node, ast.Constant)
                         and isinstance(node.value, str)} if hasattr(ast, 'Constant') else set()
            assert not constants & FILES_OF_A_RUN, path


def test_networks_use_only_layers():
    for path in python_files('dcgan_tf1/model/networks'):
        for imported in imports(tree(path)):
            if imported.startswith('dcgan_tf1.'):
                assert imported.startswith((
                    'dcgan_tf1.util.errors', 'dcgan_tf1.model.layers', 'dcgan_tf1.model.networks')), (path, imported)


def test_no_script_imports_a_test():
    for path in python_files('scripts'):
        assert not [name for name in imports(tree(path)) if name.split('.')[0] in ('tests', 'conftest')], path


@pytest.mark.parametrize('word', ['sys.path.append', 'sys.path.insert', 'matplotlib.pyplot', 'import pyplot',
                                  'matplotlib.use('])
def test_no_script_or_module_changes_global_state(word):
    for path in python_files('dcgan_tf1', 'scripts'):
        # This subpackage prepares a process for somebody else's script, and nothing else imports it.
        if module_name(path) != 'legacy':
            with open(path, encoding='utf-8') as file:
                assert word not in file.read(), path


def test_functions_and_modules_are_short():
    for path in python_files('dcgan_tf1', 'scripts'):
        with open(path, encoding='utf-8') as file:
            lines = len(file.readlines())
        assert lines <= 300, '%s has %d lines' % (path, lines)
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.FunctionDef):
                first = min([node.lineno] + [decorator.lineno for decorator in node.decorator_list])
                length = max(getattr(child, 'lineno', 0) for child in ast.walk(node)) - first + 1
                assert length <= 60, '%s: %s has %d lines' % (path, node.name, length)


def test_no_guillemets():
    for path in python_files('dcgan_tf1', 'scripts', 'tests'):
        with open(path, encoding='utf-8') as file:
            assert not set(file.read()) & {chr(171), chr(187)}, path


def test_the_wheel_has_every_subpackage():
    with open(os.path.join(ROOT, 'pyproject.toml'), encoding='utf-8') as file:
        packages = set(re.findall(r'"(dcgan_tf1[^"]*)"', re.search(
            r'^packages = (.*?\])$', file.read(), re.M | re.S).group(1)))
    folders = {os.path.dirname(os.path.relpath(path, ROOT)).replace(os.sep, '.') for path in python_files('dcgan_tf1')}
    assert packages == folders | {'dcgan_tf1.flags'}
