"""Migrates public TensorFlow 1 GANs, and compares what they compute with what they compute under the command.

  python -m scripts.experiments.legacy.migrated --code_dir=my/clones --data_dir=my/mnist --image_dir=my/pictures

Each script of repositories.json runs three times, by first_runs.py, in copies of its repository: with the command; as
`--migrate` has written it, without this package; and as tf_upgrade_v2 has, which TensorFlow ships. The results are
added to measurements.json and unseen.json, which `python -m scripts.experiments.legacy` writes; the page has them, too.
Scripts that do not run with the command are left out, and those that have been compared already, except those that
--only names.
"""
import os
import shutil
import sys
import tempfile
from typing import Any, Dict, List

import numpy as np

from dcgan_tf1.data import _idx
from dcgan_tf1.settings import cli
from scripts.experiments.legacy import __main__ as command
from scripts.experiments.legacy import clones
from scripts.experiments.legacy.page import name_of, page
from scripts.lib import paths
from scripts.lib.measurements import read_json, write_json, write_page

_FIRST_RUNS = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'first_runs.py')
_ARRAYS = {_idx.TRAIN: 'x_train', _idx.TRAIN_LABELS: 'y_train', _idx.TEST: 'x_test', _idx.TEST_LABELS: 'y_test'}
_OTHER, _VARIES = 'other numbers', 'numbers vary, with the command, too'
# What `tf_upgrade_v2 --infile FILE --outfile FILE` does, for several files.
_UPGRADE = '''
import sys
from tensorflow.tools.compatibility import ast_edits, ipynb, tf_upgrade_v2
for path in sys.argv[1:]:
    upgrader = ast_edits.ASTCodeUpgrader(tf_upgrade_v2.TFAPIChangeSpec())
    if path.endswith('.ipynb'):
        ipynb.process_file(path, path, upgrader)
    else:
        upgrader.process_file(path, path)
'''


def main(arguments: command.LegacyArguments) -> int:
    """The script; returns the exit status."""
    files = {unseen: os.path.join(arguments.output, name) for unseen, name in command.FILES.items()}
    stored = {unseen: read_json(path, {}) for unseen, path in files.items()}
    repositories = clones.repositories()
    with tempfile.TemporaryDirectory() as folder:
        mnist = os.path.join(folder, 'mnist.npz')
        np.savez(mnist, **{name: _idx.read(os.path.join(str(arguments.data_dir), file + '.gz'), file)
                           for file, name in _ARRAYS.items()})
        for repository in repositories:
            unseen = bool(repository.get('unseen'))
            results = stored[unseen]
            for entry in repository['scripts']:
                name = name_of(repository, entry)
                if results.get(name, {}).get('good') and ((arguments.only in name) if arguments.only
                                                          else 'migrated' not in results[name]):
                    print(name, flush=True)
                    with tempfile.TemporaryDirectory() as place:
                        results[name].update(Comparison(repository, entry, place, mnist, arguments).measure())
                    print('  %(migrated)s | %(upgraded)s' % results[name], flush=True)
                    write_json(files[unseen], results, sort_keys=True)
    write_page(arguments.output, page(repositories, {**stored[False], **stored[True]}, command._MODULE,
                                      arguments.max_runs))
    return 0


class Comparison:
    """A script, in a new copy of its repository.

    Args:
        repository, entry: what repositories.json says of it.
        place: an empty folder.
        mnist: a .npz file.
        arguments: the arguments of this program.
    """

    def __init__(self, repository: Dict[str, Any], entry: Dict[str, Any], place: str, mnist: str,
                 arguments: command.LegacyArguments) -> None:
        self._entry, self._place, self._mnist, self._arguments = entry, place, mnist, arguments
        self._flags = ['--python2'] if entry.get('python2') else []
        self._words = [os.path.basename(entry['script']), *entry.get('arguments', [])]
        self._old = os.path.join(place, 'old')
        self._beginning = os.path.dirname(entry['script'])  # the folder of the repository that is migrated
        clones.copy(repository, self._old, str(arguments.code_dir), arguments.clone)
        for folder, kind in repository['data'].items():
            command.provide(os.path.join(self._old, folder), kind, arguments)

    def measure(self) -> Dict[str, Any]:
        """{'migrated': what became of the migrated script, 'upgraded': and of that of tf_upgrade_v2}."""
        expected = self._with_command('first')
        migrated, upgraded = _compared(self._migrated(), expected), _compared(self._upgraded(), expected)
        if migrated == _OTHER and self._with_command('second') != expected:
            migrated = _VARIES
        return {'migrated': migrated, 'upgraded': upgraded}

    def _with_command(self, name: str) -> Dict[str, Any]:
        tree = os.path.join(self._place, name)
        shutil.copytree(self._old, tree)  # the migrated script must not find what the original has written
        return self._first_runs('command', tree, self._words, [
            '--data_dir=' + os.path.abspath(str(self._arguments.data_dir)), *self._flags])

    def _migrated(self) -> Dict[str, Any]:
        """The first runs of the script that --migrate writes, or why it does not write it."""
        new, tree = os.path.join(self._place, 'new'), os.path.join(self._place, 'migrated')
        status, output = clones.run(
            [sys.executable, '-m', 'dcgan_tf1.legacy', '--migrate=' + new, *self._flags, *self._words],
            self._folder(self._old), self._environment(self._old), self._arguments.seconds)
        if status != 0:
            return {'error': command.last_line(output)}
        shutil.copytree(self._old, tree)
        script = os.path.splitext(self._entry['script'])[0] + '.py'
        inside = next(name for name in _ends(script) if os.path.isfile(os.path.join(new, name)))
        self._beginning = script[:-len(inside)]
        shutil.copytree(new, os.path.join(tree, self._beginning), dirs_exist_ok=True)
        return self._first_runs('plain', tree, [os.path.basename(script), *self._words[1:]])

    def _upgraded(self) -> Dict[str, Any]:
        """The first runs of the script that tf_upgrade_v2 writes, with the modules that --migrate has found."""
        tree, new = os.path.join(self._place, 'upgraded'), os.path.join(self._place, 'new')
        shutil.copytree(self._old, tree)
        modules = {os.path.join(self._folder(tree), self._words[0])}
        for folder, _, names in os.walk(new):
            place = os.path.join(tree, self._beginning, os.path.relpath(folder, new))
            modules.update(os.path.join(place, name) for name in names)
        files = [path for path in sorted(modules) if os.path.isfile(path) and path.endswith(('.py', '.ipynb'))]
        clones.run([sys.executable, '-c', _UPGRADE, *files], self._place, dict(os.environ), self._arguments.seconds)
        words = self._words
        if words[0].endswith('.ipynb'):
            with open(os.path.join(self._folder(tree), 'notebook.py'), 'w', encoding='utf-8') as file:
                file.write(command._NOTEBOOK % words[0])
            words = ['notebook.py', *words[1:]]
        return self._first_runs('plain', tree, words)

    def _first_runs(self, mode: str, tree: str, words: List[str], flags: Any = ()) -> Dict[str, Any]:
        output = os.path.join(self._place, 'runs.json')
        if os.path.exists(output):
            os.remove(output)
        if not os.path.exists(os.path.join(self._folder(tree), words[0])):
            return {'error': 'no output'}
        clones.run([sys.executable, _FIRST_RUNS, output, self._mnist, mode, *flags, *words], self._folder(tree),
                   self._environment(tree), self._arguments.seconds)
        return read_json(output, {'error': 'more than %d s' % self._arguments.seconds})

    def _folder(self, tree: str) -> str:
        return os.path.dirname(os.path.join(tree, self._entry['script']))

    def _environment(self, tree: str) -> Dict[str, str]:
        """Variables with which a program computes the same each time: one thread, and a fixed order of operations."""
        folders = [paths.ROOT, *(os.path.join(tree, self._entry[key]) for key in ('path',) if key in self._entry)]
        environment = {**os.environ, 'PYTHONPATH': os.pathsep.join(folders), 'PYTHONWARNINGS': 'ignore',
                       'PYTHONHASHSEED': '0', 'TF_CPP_MIN_LOG_LEVEL': '3', 'TF_NUM_INTRAOP_THREADS': '1',
                       'TF_NUM_INTEROP_THREADS': '-1'}
        environment.pop('TF_USE_LEGACY_KERAS', None)
        return environment


def _ends(path: str) -> List[str]:
    """'a/b/c.py' → ['a/b/c.py', 'b/c.py', 'c.py']"""
    parts = path.split('/')
    return ['/'.join(parts[first:]) for first in range(len(parts))]


def _compared(actual: Dict[str, Any], expected: Dict[str, Any]) -> str:
    """How the numbers of a script compare with those under the command."""
    if actual.get('error') and actual['error'] != expected.get('error'):
        return command.last_line(str(actual['error']))
    if not any(expected.get('runs', [])):
        return 'the command fails, too'
    if not any(actual.get('runs', [])):
        return 'nothing was fetched'  # tf_upgrade_v2 leaves an empty file if it cannot read one
    return 'equal' if actual.get('runs') == expected['runs'] else _OTHER


if __name__ == '__main__':
    cli.main(main, command.LegacyArguments)
