"""--output: folders are created, nothing is mixed or half written, and what cannot work is an error before the work."""
import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest
from helpers import ROOT, SMALL_RUN

from dcgan_tf1 import export, report
from dcgan_tf1.evaluate import command as evaluate
from dcgan_tf1.explore import command as explore
from dcgan_tf1.explore.settings import ExploreSettings
from dcgan_tf1.report import ReportSettings
from dcgan_tf1.sample import command as sample
from dcgan_tf1.train import training_data
from dcgan_tf1.train.training import train
from dcgan_tf1.util import files
from dcgan_tf1.util.errors import UserError


@pytest.fixture
def run(trained):
    """A small run."""
    return trained(*SMALL_RUN, '--steps=6')


@pytest.fixture
def write(run, sampling_settings, tmp_path):
    """(name, flags…) → the path of what `sample` wrote."""
    def call(name, *flags):
        output = os.path.join(str(tmp_path), name)
        assert sample.run(sampling_settings('--run_dir=' + run.path, '--num_images=4', '--output=' + output,
                                            *flags)) == 0
        return output
    return call


@pytest.mark.any_tensorflow
def test_every_command_creates_the_folder(run, write, evaluation_settings, export_settings, few_labeled_digits,
                                          tmp_path):
    for name in ('a.png', 'a.npy', 'a.npz', 'a'):
        assert os.path.exists(write('sample/%s/%s' % (name, name)))
    assert os.path.exists(write('gif/a.gif', '--interpolation=linear', '--keyframes=2', '--frames_per_segment=2'))
    folder = str(tmp_path / 'new' / 'folder')
    assert export.run(export_settings('--run_dir=' + run.path, '--standing_batches=1', '--output=%s/a' % folder)) == 0
    assert report.run(ReportSettings(output='%s/report/a.html' % folder), [run.path]) == 0
    assert explore.run(ExploreSettings(output='%s/explore/a.html' % folder, points=2), [run.path]) == 0
    assert evaluate.run(evaluation_settings(
        '--run_dir=' + run.path, '--num_images=8', '--classifier_steps=1', '--cache_dir=%s/cache' % folder,
        '--output=%s/evaluate/a.json' % folder)) == 0
    assert set(os.listdir(folder)) == {'a', 'report', 'explore', 'cache', 'evaluate'}


@pytest.mark.any_tensorflow
def test_a_typing_error_creates_no_folder(tmp_path):
    with pytest.raises(UserError, match='holds no run'):
        report.run(ReportSettings(), [str(tmp_path / 'typo')])
    assert not os.listdir(str(tmp_path))


@pytest.mark.any_tensorflow
def test_images_are_not_mixed_with_others(write, tmp_path):
    """Neither with those of an earlier call, of which there may be more, nor with files of the user."""
    folder = write('files', '--num_images=6')
    before = sorted(os.listdir(folder))
    with pytest.raises(UserError, match='--output=.*files exists already: remove it, or name another folder'):
        write('files', '--num_images=3')
    assert sorted(os.listdir(folder)) == before and len(before) == 6
    (tmp_path / 'mine').mkdir()
    (tmp_path / 'mine' / 'notes.txt').touch()
    (tmp_path / 'file').touch()
    for name in ('mine', 'mine/', 'file', '.'):
        with pytest.raises(UserError, match='exists already'):
            write(name)
    (tmp_path / 'empty').mkdir()
    assert len(os.listdir(write('empty'))) == len(os.listdir(write('empty2/'))) == 4


@pytest.mark.any_tensorflow
def test_a_folder_is_complete_or_absent(tmp_path):
    """What a killed process left is deleted later, but no folder of the user."""
    for error in (OSError(28, 'No space left on device'), KeyboardInterrupt()):
        with pytest.raises((UserError, KeyboardInterrupt)), files.new_folder(str(tmp_path / 'a')) as folder:
            open(os.path.join(folder, 'one'), 'w').close()
            assert [re.fullmatch(r'a\.dcgan_tf1-\w{8}\.partial', name) for name in os.listdir(str(tmp_path))] != [None]
            raise error
        assert not os.listdir(str(tmp_path))
    for name in ('a.partial', 'a.0123abcd.partial', 'a.dcgan_tf1-0123abcd.partial', 'b.dcgan_tf1-0123abcd.partial'):
        (tmp_path / name).mkdir()
        (tmp_path / name / 'left').touch()
        if not name.startswith('b'):
            os.utime(str(tmp_path / name), (1, 1))
    files.prepare_output(str(tmp_path / 'a'), is_folder=True)
    with files.new_folder(str(tmp_path / 'a')) as folder:
        open(os.path.join(folder, 'two'), 'w').close()
    assert set(os.listdir(str(tmp_path))) == {'a', 'a.partial', 'a.0123abcd.partial', 'b.dcgan_tf1-0123abcd.partial'}
    assert os.listdir(str(tmp_path / 'a')) == ['two']
    assert os.listdir(str(tmp_path / 'a.partial')) == ['left']


@pytest.mark.any_tensorflow
def test_writers_do_not_disturb_each_other(tmp_path):
    """Each writes a file of its own before it replaces the old one."""
    path = str(tmp_path / 'a')
    with files.replacement(path) as first, files.replacement(path) as second:
        for name, content in ((first, b'first'), (second, b'second')):
            with open(name, 'wb') as file:
                file.write(content)
        assert not os.path.exists(path)
    assert os.listdir(str(tmp_path)) == ['a'] and (tmp_path / 'a').read_bytes() == b'first'


@pytest.mark.slow
@pytest.mark.any_tensorflow
def test_a_killed_process_leaves_no_folder(run, tmp_path):
    process = subprocess.Popen(
        [sys.executable, '-m', 'dcgan_tf1.sample', '--run_dir=' + run.path, '--num_images=30000', '--bn_mode=moving',
         '--output=%s' % (tmp_path / 'a')], cwd=ROOT, stderr=subprocess.DEVNULL)
    # Not the file with which the command tries, at its start, whether it can write.
    while process.poll() is None and not any(path.is_dir() for path in tmp_path.glob('a.*.partial')):
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert list(tmp_path.iterdir()) == list(tmp_path.glob('a.*.partial')) != []


@pytest.mark.any_tensorflow
@pytest.mark.parametrize('name, message', [
    ('file/a.png', r'cannot be written \(.*/file: .*\): make that writable, or name another'),
    ('folder', 'is a folder: name a file in it'), ('new/', 'is a folder: name a file in it'),
    ('x' * 252 + '.png', 'cannot be written .*File name too long'),
    ('/proc/a.png', 'cannot be written .*: No such file'), ('/proc/new/a.png', 'cannot be written .*: No such file')])
def test_places_that_cannot_be_written(name, message, run, evaluation_settings, tmp_path):
    """The error comes before the work, and names the flag."""
    (tmp_path / 'file').touch()
    (tmp_path / 'folder').mkdir()
    settings = evaluation_settings('--run_dir=' + run.path, '--output=' + os.path.join(str(tmp_path), name))
    with pytest.raises(UserError, match='--output=.*' + message):
        evaluate.run(settings)  # with 10,000 images, and a classifier


def test_places_of_a_run_that_cannot_be_written(copy_of_run, evaluation_settings, training_settings, monkeypatch,
                                               tmp_path):
    """The error comes before the work, and names the flag for another place."""
    run = copy_of_run('run', '--steps=6')
    for command, work, call in (
            (report, 'page', lambda: report.run(ReportSettings(), [run.path])),
            (explore, 'page', lambda: explore.run(ExploreSettings(), [run.path])),
            (evaluate, 'Evaluator', lambda: evaluate.run(evaluation_settings('--run_dir=' + run.path)))):
        name = {report: 'report.html', explore: 'explore.html', evaluate: 'scores.json'}[command]
        os.mkdir(os.path.join(run.path, name))
        monkeypatch.setattr(command, work, None)
        with pytest.raises(UserError, match='^--output=.*/%s is a folder: name a file' % name):
            call()
    monkeypatch.setattr(training_data, 'load', None)
    monkeypatch.setattr(os, 'access', lambda *_: False)  # root may write everywhere
    with pytest.raises(UserError, match='^--run_dir=.*/x/y cannot be created .Permission denied.: name a folder'):
        train(training_settings(*SMALL_RUN, '--run_dir=%s' % (tmp_path / 'x' / 'y')))
    assert os.listdir(str(tmp_path)) == ['run']


READ_ONLY = '''
import os, sys
from dcgan_tf1.util import files
os.chdir(sys.argv[1])
if not os.getuid():
    os.setuid(65534)  # root may write everywhere
for path, is_folder in (('file', False), ('folder/a', False), ('folder/a', True), ('folder/new/a', False)):
    try:
        files.prepare_output(path, is_folder)
    except files.UserError as error:
        print(error)
'''


@pytest.mark.any_tensorflow
@pytest.mark.slow
def test_without_permission(tmp_path):
    (tmp_path / 'file').write_text('precious')
    (tmp_path / 'file').chmod(0o444)
    (tmp_path / 'folder').mkdir(mode=0o555)
    folders = [tmp_path, *tmp_path.parents]
    if not os.getuid() and not all(os.stat(str(folder)).st_mode & 1 for folder in folders):
        for folder in folders[:3]:  # pytest's own folders are private
            folder.chmod(0o755)
    printed = subprocess.run([sys.executable, '-c', READ_ONLY, str(tmp_path)], check=True, stdout=subprocess.PIPE,
                             env={**os.environ, 'PYTHONPATH': ROOT}).stdout.decode()
    assert printed.count('Permission denied') == 4 and len(printed.splitlines()) == 4, printed


@pytest.mark.any_tensorflow
def test_devices_and_links_stay_what_they_are(tmp_path):
    """A new file would replace /dev/null for the whole machine."""
    files.write_atomically('/dev/null', b'lost')
    assert files.is_device('/dev/null')
    files.prepare_output('/dev/null')
    link = str(tmp_path / 'link')
    for target in ('new', 'existing'):
        (tmp_path / 'existing').write_bytes(b'old')
        os.symlink(target, link)
        files.write_atomically(link, b'content')
        assert os.path.islink(link) and (tmp_path / target).read_bytes() == b'content'
        os.remove(link)
    os.symlink('/dev/full', link)
    with pytest.raises(OSError, match='No space left on device.*link'):
        files.write_atomically(link, b'content')


@pytest.mark.any_tensorflow
@pytest.mark.slow
@pytest.mark.parametrize('is_file', [False, True])
def test_standard_output(is_file, write, tmp_path):
    """The table comes first, then the scores as JSON, whether it is redirected or read by a pipe."""
    with open(str(tmp_path / 'all'), 'w+') as file:
        process = subprocess.run(
            [sys.executable, '-m', 'dcgan_tf1.evaluate', '--images=' + write('images', '--num_images=8'),
             '--dataset=image_folder', '--data_dir=' + write('others', '--seed=1'), '--output=/dev/stdout'],
            cwd=ROOT, stdout=file if is_file else subprocess.PIPE)
        file.seek(0)
        printed = file.read() if is_file else process.stdout.decode()
    table, brace, scores = printed.partition('{')
    assert table.startswith('| score') and json.loads(brace + scores)['num_images'] == 8


@pytest.mark.any_tensorflow
def test_a_full_disk_leaves_no_partial_file(tmp_path):
    pytest.importorskip('resource')  # not on Windows
    program = ('import resource, sys; from dcgan_tf1.util import files; resource.setrlimit(resource.RLIMIT_FSIZE, '
               '(999, 999)); files.write_atomically(sys.argv[1], bytes(9999))')
    (tmp_path / 'a').write_text('old')
    process = subprocess.run([sys.executable, '-c', program, str(tmp_path / 'a')], cwd=ROOT, stderr=subprocess.PIPE)
    assert b'File too large' in process.stderr
    assert os.listdir(str(tmp_path)) == ['a'] and (tmp_path / 'a').read_text() == 'old'
