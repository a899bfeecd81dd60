"""Flag files, which are UTF-8 in every locale; and settings that are paths."""
import os
import subprocess
import sys

import pytest
from helpers import ROOT

from dcgan_tf1.settings import cli_flags
from dcgan_tf1.settings.train import TrainSettings
from dcgan_tf1.util.errors import UserError

pytestmark = pytest.mark.any_tensorflow

ODD_NAMES = ['café', 'caf\udce9', 'a b', ' a', '"quoted"', "a'b", '$x$_', '#a', '\u3042', 'a=b',
             '--seed=1', '\u2028', '\x85', '100%', '~']


@pytest.mark.parametrize('name', ODD_NAMES, ids=ascii)
def test_any_name_survives_a_flag_file(name, tmp_path):
    settings = TrainSettings(data_dir=os.path.join('folder', name), dataset='image_folder')
    (tmp_path / 'train.flags').write_bytes(cli_flags.flag_file(cli_flags.to_flags(settings)))
    assert cli_flags.parse(TrainSettings, '--flagfile=%s' % (tmp_path / 'train.flags')) == settings


@pytest.mark.parametrize('name', ['a b ', 'tab\t', 'line\nbreak', '\r'], ids=ascii)
def test_a_name_that_no_line_can_hold_is_refused(name):
    flags = cli_flags.to_flags(TrainSettings(data_dir=name, dataset='image_folder'))
    with pytest.raises(UserError, match='(?s)--data_dir=.* which a flag file cannot hold'):
        cli_flags.flag_file(flags)


def test_comments_empty_lines_and_nested_files(tmp_path):
    (tmp_path / 'b.flags').write_bytes(b'\xef\xbb\xbf# BOM, as Notepad writes it\r\n\r\n// a comment\r\n--seed=3\r\n')
    (tmp_path / 'a.flags').write_text('--steps=7\n--flagfile=%s\n' % (tmp_path / 'b.flags'))
    for arguments in (['--flagfile=%s' % (tmp_path / 'a.flags')], ['-flagfile', str(tmp_path / 'a.flags')]):
        settings = cli_flags.parse(TrainSettings, *arguments)
        assert (settings.seed, settings.steps) == (3, 7)


@pytest.mark.parametrize('content,message', [
    (b'\0\1', 'not a text file'), (b'--flagfile=%s', 'includes itself'), (None, 'cannot be read')])
def test_unusable_files_are_named(content, message, tmp_path):
    path = tmp_path / 'a.flags'
    if content:
        path.write_bytes(content.replace(b'%s', os.fsencode(str(path))))
    with pytest.raises(UserError, match='--flagfile=.*a.flags.* ' + message):
        cli_flags.parse(TrainSettings, '--flagfile=%s' % path)


@pytest.mark.slow
def test_the_recipes_can_be_read_in_every_locale():
    """As on a Japanese or Korean Windows, whose encodings cannot decode all of our files."""
    code = ('import locale; locale.getpreferredencoding = lambda *_: "ascii"\n'
            'from dcgan_tf1.settings import cli_flags, recipes\nfrom dcgan_tf1.settings.train import TrainSettings\n'
            'for name in recipes.names():\n'
            '    cli_flags.parse(TrainSettings, "--flagfile=" + recipes.flagfile(name))\n'
            '    cli_flags.parse(TrainSettings, "--recipe=" + name)')
    environment = {**os.environ, 'LC_ALL': 'C', 'PYTHONCOERCECLOCALE': '0', 'PYTHONUTF8': '0', 'PYTHONPATH': ROOT}
    subprocess.check_call([sys.executable, '-c', code], env=environment)


def test_a_tilde_is_the_home_folder_in_every_path(monkeypatch, tmp_path):
    monkeypatch.setenv('HOME', str(tmp_path))
    settings = cli_flags.parse(TrainSettings, '--run_dir=~/x', '--data_dir=~/d', '--cache_dir=~/c',
                               '--init_checkpoint=~/i', '--network=~/n.py')
    assert [settings.run_dir, settings.data_dir, settings.cache_dir, settings.init_checkpoint, settings.network] == [
        str(tmp_path / name) for name in ('x', 'd', 'c', 'i', 'n.py')]
    assert cli_flags.build(TrainSettings, {'run_dir': '~'}).run_dir == str(tmp_path)
    assert cli_flags.parse(TrainSettings, '--run_dir=./~').run_dir == './~'


def test_only_paths_become_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(str(tmp_path))
    settings = TrainSettings(network='machinecurve', run_dir='run').with_absolute_paths()
    assert settings == TrainSettings(network='machinecurve', run_dir=os.path.join(os.getcwd(), 'run'))
