"""Makes the virtual environments that the scripts run in: `.venv-3.11` and the like, beside README.md.

Standard library alone, on Python 3.7 or later: it runs before anything is installed.
"""
import glob
import hashlib
import os
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SUPPORTED = ((3, 7), (3, 10), (3, 11), (3, 12), (3, 13))  # the Pythons that requirements.txt has a TensorFlow for


def prepared(python=sys.executable, tests=False):
    """Path of the Python in an environment made with `python`, with what training needs, or the tests too.

    Made at the first call, and again when requirements.txt or pyproject.toml have changed.
    Exits with a message where the Python has no TensorFlow, or something can't be installed.
    """
    version = version_of(python)
    if version not in SUPPORTED:
        sys.exit('error: there is no TensorFlow for Python %s here: run this with Python 3.10 to 3.13 '
                 '(TensorFlow 2.21) or 3.7 (TensorFlow 1.15.5)' % ('%d.%d' % version if version else python))
    folder = os.path.join(ROOT, '.venv-%d.%d' % version)
    inside = os.path.join(folder, *(('Scripts', 'python.exe') if os.name == 'nt' else ('bin', 'python')))
    markers = [os.path.join(folder, 'installed-for-' + use) for use in ('tests', 'training')[:1 if tests else 2]]
    wanted = _fingerprint()
    runs = version_of(inside) == version
    if runs and wanted in map(_read, markers):
        return inside
    print('Setting up %s (TensorFlow is large: this takes minutes, once) …' % os.path.relpath(folder), flush=True)
    if not runs:
        _make_environment(python, folder)
    packages = ['-e', '.[test]'] if tests else ['-r', 'requirements.txt']
    _run([inside, '-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', *packages])
    with open(markers[-1], 'w') as file:
        file.write(wanted)
    return inside


def version_of(python):
    """(major, minor) of a Python, or None where it does not run."""
    try:
        told = subprocess.check_output([python, '-c', 'import sys; print(*sys.version_info[:2])'],
                                       stderr=subprocess.DEVNULL)
        return tuple(map(int, told.split()))
    except (OSError, ValueError, subprocess.CalledProcessError):
        return None


def find(version):
    """Path of a Python of that (major, minor) version on this machine, or None: on PATH, or one of pyenv's."""
    name = 'python%d.%d' % version
    candidates = [shutil.which(name)]
    pyenv = os.environ.get('PYENV_ROOT', os.path.expanduser('~/.pyenv'))
    candidates += sorted(glob.glob(os.path.join(pyenv, 'versions', '%d.%d*' % version, 'bin', name)))
    return next((path for path in candidates if path and version_of(path) == version), None)


def _fingerprint():
    digest = hashlib.sha256()
    for name in ('requirements.txt', 'pyproject.toml'):
        with open(os.path.join(ROOT, name), 'rb') as file:
            digest.update(file.read())
    return digest.hexdigest()


def _make_environment(python, folder):
    if subprocess.call([python, '-m', 'venv', '--clear', folder], stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL) == 0:
        return
    # Some systems ship Python without what venv needs; virtualenv brings its own.
    tools = folder + '-tools'
    _run([python, '-m', 'pip', 'install', '--quiet', '--target', tools, 'virtualenv'])
    _run([python, '-m', 'virtualenv', '--quiet', '--clear', folder], env={**os.environ, 'PYTHONPATH': tools})
    shutil.rmtree(tools)


def _run(command, **options):
    status = subprocess.call(command, cwd=ROOT, **options)
    if status:
        sys.exit('error: «%s» failed (status %d): see its output above' % (' '.join(command), status))


def _read(path):
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return None
