"""Measures one version: installs it, runs tests, trains, and exchanges checkpoints with the oldest version."""
import datetime
import json
import os
import shutil
import subprocess
import xml.etree.ElementTree
from typing import Any, Dict, List, Sequence

from scripts import environment
from scripts.versions.catalog import Version

# The quick tests of what depends most on TensorFlow: layers, gradients, input pipelines, and checkpoints. All quick
# tests would take several times as long.
TESTS = [
    *('tests/model/test_%s.py' % name for name in ('layers', 'losses', 'kernels', 'precision', 'batches')),
    'tests/data/test_image_folder.py', 'tests/train/test_resume.py', 'tests/commands/test_export.py',
    'tests/legacy/test_legacy_parts.py', 'tests/oracles/test_sparse_softmax.py']
RECIPES = ('sparse_softmax', 'graph_mode', 'machinecurve')  # the first also exchanges checkpoints
STEPS = 4
_TIME_LIMIT = 3600  # seconds for each process

Measured = Dict[str, Any]


class StepFailed(Exception):
    """A process failed. The message is the end of its output."""


class Workplace:
    """The folder with the environments and runs of all versions."""

    def __init__(self, folder: str):
        """Creates the folder, unless it exists."""
        self.folder = os.path.abspath(folder)
        os.makedirs(self.folder, exist_ok=True)

    def environment(self, version: Version) -> str:
        """The folder of a version's environment."""
        return os.path.join(self.folder, 'tensorflow-%s-python%d.%d' % (version.tensorflow, *version.python))

    def runs(self, version: Version) -> str:
        """The folder of a version's runs."""
        return self.environment(version) + '-runs'

    def python(self, version: Version) -> str:
        """The Python of a version's environment."""
        return environment.python_in(self.environment(version))

    def install(self, version: Version) -> None:
        """Creates or completes the environment of a version."""
        folder = self.environment(version)
        if environment.version_of(self.python(version)) != version.python:
            base = environment.find(version.python)
            if not base:
                raise StepFailed('Python %d.%d is not installed' % version.python)
            environment.create(base, folder)
        # Compiling every file of every package takes longer than compiling those that are imported.
        _run([self.python(version), '-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-compile',
              '-e', '.[test]', *version.packages])

    def delete_environment(self, version: Version) -> None:
        """Frees the 1 to 3 GB of an environment."""
        shutil.rmtree(self.environment(version), ignore_errors=True)

    def delete_runs(self, version: Version) -> None:
        """Frees the 500 MB of the runs of a version."""
        shutil.rmtree(self.runs(version), ignore_errors=True)

    def perform(self, version: Version, actions: Sequence[Sequence[Any]]) -> None:
        """Performs actions of `in_environment` with the TensorFlow of a version, in one process."""
        _run([self.python(version), '-m', 'scripts.versions.in_environment', json.dumps(actions)])


def measure(workplace: Workplace, version: Version, oldest: Version) -> Measured:
    """Measures a version. The oldest must have been measured before, and its environment must exist.

    Raises: StepFailed if it cannot be installed, or does not train or exchange checkpoints.
    """
    workplace.install(version)
    measured: Measured = {
        'tensorflow': version.tensorflow, 'python': '%d.%d' % version.python, 'packages': version.packages,
        'commit': subprocess.check_output(['git', 'rev-parse', '--short', 'HEAD'],
                                          cwd=environment.ROOT).decode().strip(),
        'date': datetime.date.today().isoformat()}
    measured['tests'] = _run_tests(workplace.python(version), workplace.environment(version) + '-tests.xml')
    measured.update(_train(workplace, version))
    if version != oldest:
        measured.update(_exchange_checkpoints(workplace, version, oldest))
    return measured


def _train(workplace: Workplace, version: Version) -> Measured:
    """Trains each recipe, and the first one in bfloat16, too."""
    runs = workplace.runs(version)
    shutil.rmtree(runs, ignore_errors=True)
    os.makedirs(runs)
    first, bfloat16 = os.path.join(runs, RECIPES[0]), os.path.join(runs, 'bfloat16')
    workplace.perform(version, [
        *(['train', os.path.join(runs, recipe), STEPS, recipe] for recipe in RECIPES),
        ['sample', first, STEPS, os.path.join(runs, 'own')],
        ['train_in_bfloat16', bfloat16, RECIPES[0], bfloat16 + '.json']])
    records = {recipe: _metrics(os.path.join(runs, recipe)) for recipe in RECIPES}
    return {'numpy': _read_json(os.path.join(first, 'config.json'))['versions']['numpy'],
            'steps': {recipe: len(records[recipe]) for recipe in RECIPES},
            'first_losses': {recipe: records[recipe][0]['discriminator_loss'] for recipe in RECIPES},
            'bfloat16': _read_json(bfloat16 + '.json')}


def _exchange_checkpoints(workplace: Workplace, version: Version, oldest: Version) -> Measured:
    """The oldest version's run is resumed here and then there again; each samples the other's checkpoint."""
    runs, oldest_runs = workplace.runs(version), workplace.runs(oldest)
    own_run, shared_run = os.path.join(runs, RECIPES[0]), os.path.join(runs, 'shared')
    here, there = os.path.join(runs, 'here'), os.path.join(runs, 'there')
    shutil.copytree(os.path.join(oldest_runs, RECIPES[0]), shared_run)
    workplace.perform(version, [['sample', shared_run, STEPS, here],
                                ['train', shared_run, 2 * STEPS, RECIPES[0]]])
    workplace.perform(oldest, [['train', shared_run, 3 * STEPS, RECIPES[0]], ['sample', own_run, STEPS, there]])
    return {'with': oldest.tensorflow,
            'steps_there_here_there': len(_metrics(shared_run)),
            'gray_levels_here': _largest_difference(os.path.join(oldest_runs, 'own'), here),
            'gray_levels_there': _largest_difference(os.path.join(runs, 'own'), there)}


def _run_tests(python: str, report: str) -> Measured:
    process = subprocess.run([python, '-m', 'pytest', '-q', '-m', 'not slow', '-p', 'no:cacheprovider',
                              '--junitxml=' + report, *TESTS], cwd=environment.ROOT, timeout=_TIME_LIMIT,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if process.returncode not in (0, 1):  # 1: tests failed
        raise StepFailed(_last_lines(process.stdout))
    return count_tests(report)


def count_tests(report: str) -> Measured:
    """Counts the outcomes in a JUnit file."""
    outcomes: Dict[str, List[str]] = {'passed': [], 'failed': [], 'skipped': []}
    for case in xml.etree.ElementTree.parse(report).iter('testcase'):
        tags = {element.tag for element in case}
        outcome = 'failed' if tags & {'failure', 'error'} else 'skipped' if 'skipped' in tags else 'passed'
        outcomes[outcome].append('%s::%s' % (case.get('classname'), case.get('name')))
    return {**{name: len(cases) for name, cases in outcomes.items()}, 'failures': sorted(outcomes['failed'])}


def _metrics(run_dir: str) -> List[Measured]:
    with open(os.path.join(run_dir, 'metrics.jsonl')) as file:
        return [json.loads(line) for line in file]


def _read_json(path: str) -> Any:
    with open(path, encoding='utf-8') as file:
        return json.load(file)


def _largest_difference(path: str, other: str) -> int:
    """The largest difference between the bytes of two files of the same length."""
    with open(path, 'rb') as first, open(other, 'rb') as second:
        content, other_content = first.read(), second.read()
    assert len(content) == len(other_content) > 0
    return max(abs(a - b) for a, b in zip(content, other_content))


def _run(command: List[str]) -> None:
    process = subprocess.run(command, cwd=environment.ROOT, timeout=_TIME_LIMIT, stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if process.returncode:
        raise StepFailed(_last_lines(process.stdout))


def _last_lines(output: bytes, count: int = 15) -> str:
    return '\n'.join(output.decode(errors='replace').strip().splitlines()[-count:])
