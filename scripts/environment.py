"""Creates virtual environments, such as `.venv-3.11`, in the root of the repository.

Runs before anything is installed: uses only the standard library, on Python 3.7 or later.
"""
import glob
import hashlib
import os
import shutil
import subprocess
import sys
from typing import Any, List, Optional, Tuple

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SUPPORTED = tuple((3, minor) for minor in range(7, 14))  # requirements.txt has a TensorFlow for these Pythons
ORIGINAL = 'tensorflow==1.15.5'  # what Python 3.7 gets here, so that the tests run on a TensorFlow 1
_Version = Tuple[int, int]


def prepared(python: str = sys.executable, tests: bool = False) -> str:
    """Returns the path of the Python in a virtual environment, which is created if necessary.

    The packages are installed again whenever requirements.txt or pyproject.toml change.

    Args:
      python: the Python to create the environment with.
      tests: install what the tests need, not only what training needs.
    Raises:
      SystemExit: if there is no TensorFlow for this Python, or an installation fails.
    """
    version = version_of(python)
    if version not in SUPPORTED:
        sys.exit('error: no TensorFlow supports Python %s here: use Python 3.7 to 3.13'
                 % ('%d.%d' % version if version else python))
    folder = os.path.join(ROOT, '.venv-%d.%d' % version)
    venv_python = python_in(folder)
    uses = ('tests',) if tests else ('tests', 'training')  # what is installed for tests is enough for training
    markers = [os.path.join(folder, 'installed-for-' + use) for use in uses]
    fingerprint = _fingerprint()
    exists = version_of(venv_python) == version
    if exists and fingerprint in map(_read, markers):
        return venv_python
    print('Setting up %s. TensorFlow is large, so this takes some minutes, once.' % os.path.relpath(folder),
          flush=True)
    if not exists:
        create(python, folder)
    packages = ['-e', '.[test]'] if tests else ['-r', 'requirements.txt']
    _run([venv_python, '-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', *packages,
          *([ORIGINAL] if version == (3, 7) else [])])
    with open(markers[-1], 'w') as file:
        file.write(fingerprint)
    return venv_python


def python_in(folder: str) -> str:
    """The path of the Python in a virtual environment."""
    return os.path.join(folder, *(('Scripts', 'python.exe') if os.name == 'nt' else ('bin', 'python')))


def version_of(python: str) -> Optional[_Version]:
    """The (major, minor) version of a Python, or None if it does not run."""
    try:
        output = subprocess.check_output([python, '-c', 'import sys; print(*sys.version_info[:2])'],
                                         stderr=subprocess.DEVNULL)
        major, minor = map(int, output.split())
        return major, minor
    except (OSError, ValueError, subprocess.CalledProcessError):
        return None


def find(version: _Version) -> Optional[str]:
    """The path of a Python of a (major, minor) version, from PATH or pyenv, or None if there is none."""
    name = 'python%d.%d' % version
    candidates = [shutil.which(name)]
    pyenv = os.environ.get('PYENV_ROOT', os.path.expanduser('~/.pyenv'))
    candidates += sorted(glob.glob(os.path.join(pyenv, 'versions', '%d.%d*' % version, 'bin', name)))
    return next((path for path in candidates if path and version_of(path) == version), None)


def _fingerprint() -> str:
    digest = hashlib.sha256()
    for name in ('requirements.txt', 'pyproject.toml'):
        with open(os.path.join(ROOT, name), 'rb') as file:
            digest.update(file.read())
    return digest.hexdigest()


def create(python: str, folder: str) -> None:
    """Creates an empty virtual environment. Raises SystemExit if that fails."""
    if subprocess.call([python, '-m', 'venv', '--clear', folder], stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL) == 0:
        return
    # Some systems ship Python without parts that venv needs. virtualenv contains them.
    tools = folder + '-tools'
    _run([python, '-m', 'pip', 'install', '--quiet', '--target', tools, 'virtualenv'])
    _run([python, '-m', 'virtualenv', '--quiet', '--clear', folder], env={**os.environ, 'PYTHONPATH': tools})
    shutil.rmtree(tools)


def _run(command: List[str], **options: Any) -> None:
    status = subprocess.call(command, cwd=ROOT, **options)
    if status:
        sys.exit('error: "%s" failed with status %d: see its output above' % (' '.join(command), status))


def _read(path: str) -> Optional[str]:
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return None
