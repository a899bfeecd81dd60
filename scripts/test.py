"""Sets up the environments, then runs the linter, the type checker and the tests on both TensorFlows.

  python3 scripts/test.py                     (all tests that can run with what is installed)
  python3 scripts/test.py --all               (first installs PyTorch, Chromium and axe-core, which some tests need)
  python3 scripts/test.py -m "not slow"       (all other arguments are passed on to pytest)

TensorFlow 2 runs on the Python that runs this script, and TensorFlow 1.15 on Python 3.7, if that is found. The two test
runs share the processor, and the output of the second is shown after that of the first.
"""
import os
import shutil
import subprocess
import sys
import tempfile
from typing import List

import environment

TORCH = 'torch==2.13.0'  # one version for all, so that a new release cannot fail the tests or fill the disk
TORCH_GB = 12  # free disk space that the tests need with PyTorch, which comes with the CUDA libraries from PyPI
MOST_PROCESSES = 4  # each needs up to 2 GB of memory
AXE = 'axe-core@4.14.1'  # one version for all
BROWSERS = ('chromium', 'chromium-browser', 'google-chrome')  # any of them will do


def main() -> int:
    """Returns the exit status: 0 if the linter and all tests passed."""
    arguments = sys.argv[1:]
    install_everything = '--all' in arguments
    if install_everything:
        arguments.remove('--all')
        install_browser()
        install_axe()
    pythons = [environment.prepared(python, tests=True) for python in find_pythons()]
    if install_everything:
        for python in pythons:
            install_torch(python)
    return max(check_code(pythons[0]) + run_tests(pythons, arguments))


def check_code(python: str) -> List[int]:
    """Runs the linter and, where it exists, the type checker; returns the exit statuses."""
    tools = [['ruff', 'check', '.']] + ([['mypy']] if environment.version_of(python) >= (3, 10) else [])
    return [subprocess.call([python, '-m', *tool], cwd=environment.ROOT) for tool in tools]


def find_pythons() -> List[str]:
    """This Python, and Python 3.7 unless this is one or there is none."""
    if environment.version_of(sys.executable) == (3, 7):
        return [sys.executable]
    original = environment.find((3, 7))
    if original:
        return [sys.executable, original]
    print('Python 3.7 was not found: the tests will not run on TensorFlow 1.15.', flush=True)
    return [sys.executable]


def run_tests(pythons: List[str], arguments: List[str]) -> List[int]:
    """Runs pytest with every Python at the same time; returns the exit statuses.

    The first has more processes than there are processors, because some tests wait; the other skips many tests.
    """
    processes = min(os.cpu_count() or 1, MOST_PROCESSES)
    commands = [[python, '-m', 'pytest', '-n%d' % count, '--dist=worksteal', *arguments]
                for python, count in zip(pythons, (processes + 1, processes))]
    with tempfile.TemporaryFile() as output:
        others = [subprocess.Popen(command, cwd=environment.ROOT, stdout=output, stderr=output)
                  for command in commands[1:]]
        print('--- ' + pythons[0], flush=True)
        statuses = [subprocess.call(commands[0], cwd=environment.ROOT)]
        for python, process in zip(pythons[1:], others):
            statuses.append(process.wait())
            print('--- ' + python, flush=True)
            output.seek(0)
            sys.stdout.buffer.write(output.read())
    return statuses


def install_torch(python: str) -> None:
    """Installs PyTorch into an environment, unless it is there or the Python is too old for a current version."""
    if environment.version_of(python) < (3, 10):
        return
    if not subprocess.call([python, '-c',
                            'import importlib.util, sys; sys.exit(not importlib.util.find_spec("torch"))']):
        return
    free = shutil.disk_usage(environment.ROOT).free / 1e9
    if free < TORCH_GB:
        print('PyTorch is not installed, because the tests with it can need %d GB of disk space and only %.1f are '
              'free: tests that need it will be skipped.' % (TORCH_GB, free), flush=True)
        return
    install('PyTorch', [[python, '-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', TORCH]])


def install_browser() -> None:
    """Installs Chromium with apt-get, unless a browser is there."""
    if any(map(shutil.which, BROWSERS)):
        return
    if shutil.which('apt-get') and os.geteuid() == 0:
        install('Chromium', [['apt-get', 'update', '-qq'],
                             ['apt-get', 'install', '-qq', '--yes', '--no-install-recommends', 'chromium']])
    else:
        print('Chromium is not installed, and this script can install it only as root with apt-get: tests that need '
              'it will be skipped.', flush=True)


def install_axe() -> None:
    """Installs axe-core, which checks the accessibility of pages, with npm into node_modules/."""
    if os.path.isdir(os.path.join(environment.ROOT, 'node_modules', 'axe-core')):
        return
    if shutil.which('npm'):
        install('axe-core', [['npm', 'install', '--no-save', '--no-package-lock', '--prefix', environment.ROOT, AXE]])
    else:
        print('axe-core is not installed, because there is no npm: tests that need it will be skipped.', flush=True)


def install(name: str, commands: List[List[str]]) -> None:
    """Runs the commands that install a program. Prints a message if one fails."""
    print('Installing %s for the tests that need it.' % name, flush=True)
    for command in commands:
        if subprocess.call(command, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL):
            print('%s could not be installed ("%s" failed): tests that need it will be skipped.'
                  % (name, ' '.join(command)), flush=True)
            return


if __name__ == '__main__':
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
