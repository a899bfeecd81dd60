"""The files of a release: they are built, and the commands of the README run from them in an empty folder."""
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile

import pytest
from test_docs import commands, read

import dcgan_tf1

pytestmark = pytest.mark.any_tensorflow

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = 'from setuptools import build_meta; build_meta.build_sdist("dist"); build_meta.build_wheel("dist")'
# Each command in a process of its own; TensorFlow is imported once.
RUN = '''
import os, runpy, sys
import dcgan_tf1
import tensorflow.compat.v1
print(dcgan_tf1.__file__)
for sys.argv in %r:
    child = os.fork()
    if not child:
        runpy.run_module(sys.argv[0], run_name='__main__')
        sys.exit()
    if os.waitpid(child, 0)[1]:
        sys.exit('failed: %%s' %% sys.argv)
'''
FEWER = {'train': ['--steps=1', '--batch_size=8', '--sample_size=4'],
         'evaluate': ['--num_images=16', '--classifier_steps=2']}


def build(folder):
    """Paths of the source archive and of the wheel of a source tree."""
    process = subprocess.run([sys.executable, '-u', '-W', 'ignore', '-c', BUILD], cwd=str(folder),
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.returncode == 0, process.stdout
    version = dcgan_tf1.__version__
    return [str(folder / 'dist' / name) for name in (
        'dcgan_tf1-%s.tar.gz' % version, 'dcgan_tf1-%s-py3-none-any.whl' % version)]


@pytest.fixture(scope='module')
def archives(tmp_path_factory):
    pytest.importorskip('setuptools', minversion='70.1')  # the first that builds wheels without another package
    folder = tmp_path_factory.mktemp('source')
    for name in ('dcgan_tf1', 'flags'):
        shutil.copytree(os.path.join(ROOT, name), str(folder / name), ignore=shutil.ignore_patterns('__pycache__'))
    for name in ('pyproject.toml', 'requirements.txt', 'README.md', 'LICENSE', 'MANIFEST.in'):
        shutil.copy(os.path.join(ROOT, name), str(folder))
    return build(folder)


@pytest.mark.slow
def test_the_source_archive_makes_the_same_wheel(archives, tmp_path):
    source, wheel = archives
    with tarfile.open(source) as archive:
        archive.extractall(str(tmp_path))
    _, again = build(tmp_path / os.path.basename(source)[:-len('.tar.gz')])
    contents = []
    for path in (wheel, again):
        with zipfile.ZipFile(path) as archive:
            contents.append({name: archive.read(name) for name in archive.namelist() if not name.endswith('RECORD')})
    assert contents[0] == contents[1]
    assert {'dcgan_tf1/py.typed', 'dcgan_tf1/flags/paper.flags', 'dcgan_tf1/data/mnist_10k.npz',
            'dcgan_tf1/explore/page.html'} <= set(contents[0])


@pytest.mark.slow
def test_the_commands_of_the_readme_run_from_the_wheel_in_an_empty_folder(archives, tmp_path):
    installed, empty = tmp_path / 'installed', tmp_path / 'empty'
    empty.mkdir()
    with zipfile.ZipFile(archives[1]) as archive:
        archive.extractall(str(installed))
    lines = [re.sub(r'\bmnist\b', 'mnist_10k', line).split(' ')[2:] for line in commands('README.md')
             if line.startswith('python -m dcgan_tf1')]
    programs = [[module, *flags, *FEWER.get(module.split('.')[1], [])] for module, *flags in lines]
    process = subprocess.run([sys.executable, '-u', '-W', 'ignore', '-c', RUN % programs], cwd=str(empty),
                             env={**os.environ, 'PYTHONPATH': str(installed)},
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.returncode == 0, process.stdout
    assert process.stdout.startswith(str(installed)) and (empty / 'digits.png').exists()


def test_one_version_and_one_set_of_authors():
    version = dcgan_tf1.__version__
    for name, pattern in (('CITATION.cff', r'^version: (.*)$'), ('docs/related-projects.md', r'version = \{(.*)\}'),
                          ('CHANGELOG.md', r'^## \[(.*)\]')):
        assert re.search(pattern, read(name), re.M).group(1) == version, name
    for name in ('CITATION.cff', 'pyproject.toml', 'LICENSE'):
        assert 'The dcgan_tf1 authors' in read(name), name


def test_nobody_is_told_to_install_the_package_from_an_index():
    for folder, _, names in [*os.walk(os.path.join(ROOT, 'docs')), *os.walk(os.path.join(ROOT, 'dcgan_tf1')),
                             (ROOT, [], ['README.md', 'CONTRIBUTING.md'])]:
        for name in names:
            if name.endswith(('.md', '.py', '.ipynb')):
                text = read(os.path.join(folder, name))
                assert not re.search(r'''pip install ["']?dcgan''', text), name
