"""Trainings on folders in which some files cannot be read, or are removed or damaged later."""
import json
import os
import re
import shutil
import unicodedata

import numpy as np
import pytest
from helpers import SMALL_RUN, assert_same_run
from PIL import Image

from dcgan_tf1.data import image_folder
from dcgan_tf1.evaluate.preparation import for_run_and_data
from dcgan_tf1.evaluate.settings import EvaluateSettings
from dcgan_tf1.settings import cli_flags
from dcgan_tf1.settings.train import TrainSettings
from dcgan_tf1.train import training_data
from dcgan_tf1.train.training import train
from dcgan_tf1.util.errors import UserError

FLAGS = ('--dataset=image_folder', '--channels=1', '--image_size=8', '--batch_size=4', '--sample_size=4',
         '--log_every=1', '--checkpoint_every=4', '--network=graph_mode_dense', '--loss=sigmoid')
RANDOM = np.random.RandomState(0)
GRAY_LEVELS = 10  # distance between the pictures


def add_pictures(folder, count, suffix='.png'):
    """Uniform pictures 00.png, 01.png, … of the gray levels 0, 10, …"""
    folder.mkdir()
    for number in range(count):
        Image.new('L', (8, 8), number * GRAY_LEVELS).save(str(folder / ('%02d%s' % (number, suffix))))


@pytest.fixture
def folder(tmp_path):
    """A folder of 20 pictures."""
    add_pictures(tmp_path / 'images', 20)
    return tmp_path / 'images'


@pytest.fixture
def run(train_run, folder):
    """(name, steps, flags…) → the `RunFolder`, trained to this step."""
    return lambda name, steps, *flags: train_run(name, *FLAGS, '--data_dir=%s' % folder, '--steps=%d' % steps, *flags)


def record(tmp_path, name='run'):
    """`data` of the run's config.json."""
    return json.loads((tmp_path / name / 'config.json').read_text())['data']


@pytest.mark.parametrize('started, now', [('NFC', 'NFD'), ('NFD', 'NFC')])
def test_names_in_the_other_unicode_form(started, now, folder, training_settings):
    """The order of the images would be another, too."""
    def name(form):
        return str(folder / (unicodedata.normalize(form, '\u00e4') + '.png'))
    os.rename(str(folder / '03.png'), name(started))
    settings = training_settings(*FLAGS, '--data_dir=%s' % folder)
    record = training_data.load(settings, 'run', None).record
    config = {'data': record, 'flags': settings.as_dict()}
    assert training_data.load(settings, 'run', config).record == record
    os.rename(name(started), name(now))
    with pytest.raises(UserError, match='are not in the Unicode form %s, as when the run in run .* --%s -r' % (
            started, started.lower())):
        training_data.load(settings, 'run', config)


def test_metadata_of_macos_is_no_data(folder):
    before = image_folder.load(str(folder)).checksum()
    for number in range(20):
        (folder / ('._%02d.png' % number)).write_bytes(b'\0\5\x16\7' + bytes(60))
    images = image_folder.load(str(folder), image_size=8)
    assert images.num_examples == 20 and images.checksum() == before
    assert images.left_out == '20 hidden files (._00.png, …)' and not images.find_unreadable()


@pytest.mark.slow
@pytest.mark.any_tensorflow
def test_unreadable_files_leave_no_trace(folder, tmp_path, run, capsys):
    """A training on a folder with a row of bad files equals one on the others, and so does a resumed one."""
    shutil.copytree(str(folder), str(tmp_path / 'good'))
    bad = ['00a.png', '00b.jpg', '07a.gif', '07b.png', '99.png']
    for name in bad:
        (folder / name).write_bytes(b'no picture')
    whole = run('whole', 12, '--skip_unreadable')
    printed = capsys.readouterr().err
    assert '5 files that cannot be read or are gone, among them 00a.png' in printed
    assert '00a.png: it is a text file; the formats that can be read are JPEG' in printed
    assert_same_run(run('good_only', 12, '--data_dir=%s' % (tmp_path / 'good')), whole)
    data = record(tmp_path, 'whole')
    assert (data['images'], data['trained_on']) == (25, 20)
    assert data['unreadable'] == dict.fromkeys(bad, 10)
    run('resumed', 5, '--skip_unreadable')
    capsys.readouterr()
    assert_same_run(run('resumed', 12, '--skip_unreadable'), whole)
    assert 'checking that' not in capsys.readouterr().err  # once is enough
    assert record(tmp_path, 'resumed') == data


@pytest.mark.slow
@pytest.mark.any_tensorflow
def test_the_holdout_counts_all_files(folder, tmp_path, run):
    for name in ('00.png', '03.png', '10.png'):
        (folder / name).write_bytes(b'')
    run('run', 1, '--skip_unreadable', '--holdout=4')
    data = record(tmp_path)
    assert (data['images'], data['trained_on'], len(data['unreadable'])) == (20, 15, 3)


@pytest.fixture(scope='module')
def original_of_stopped(tmp_path_factory):
    """A folder of 20 pictures, and a run whose file 05.png was damaged after step 3, and which was stopped by it later.

    Yields their parent, and the undamaged content of the file.
    """
    parent = tmp_path_factory.mktemp('stopped')
    add_pictures(parent / 'images', 20)

    def train_to(steps):
        flags = (*SMALL_RUN, *FLAGS, '--data_dir=%s' % (parent / 'images'), '--run_dir=%s' % (parent / 'run'))
        assert train(cli_flags.parse(TrainSettings, *flags, '--steps=%d' % steps)) == 0
    train_to(3)
    file = parent / 'images' / '05.png'
    content = file.read_bytes()
    file.write_bytes(b'x' * len(content))  # of the same size
    with pytest.raises(UserError, match=r'05\.png cannot be read as an image .*: remove it, or skip such files with '):
        train_to(10)
    assert record(parent)['faults'] == {'05.png': len(content)}
    return parent, content


@pytest.fixture
def stopped(original_of_stopped, folder, tmp_path):
    """Copies that run to `run`, and its pictures to `folder`; returns the undamaged content of 05.png."""
    parent, content = original_of_stopped
    shutil.rmtree(str(folder))
    for name in ('images', 'run'):
        shutil.copytree(str(parent / name), str(tmp_path / name))
    return content


def losses(folder):
    """{step: loss} of a run."""
    return {line['step']: line['discriminator_loss'] for line in folder.read_metrics()}


@pytest.mark.slow
@pytest.mark.any_tensorflow
def test_a_file_that_stopped_the_run_stops_it_at_once(stopped, run):
    with pytest.raises(UserError, match=r'05\.png cannot be read as an image .*--skip_unreadable'):
        run('run', 1000000)  # which is checked before the training


@pytest.mark.slow
@pytest.mark.any_tensorflow
def test_a_run_goes_on_after_the_file_was_removed(stopped, folder, tmp_path, run, capsys):
    os.remove(str(folder / '05.png'))
    assert sorted(losses(run('run', 10))) == list(range(1, 11))
    assert '1 file that cannot be read or is gone, among them 05.png' in capsys.readouterr().err
    data = record(tmp_path)
    assert data['unreadable'] == {'05.png': len(stopped)} and 'faults' not in data
    assert (data['images'], data['trained_on']) == (20, 19)
    (folder / '05.png').write_bytes(stopped)  # what was once left out stays left out
    run('run', 11)
    assert record(tmp_path) == data


@pytest.mark.slow
def test_a_run_goes_on_with_skip_unreadable(stopped, folder, tmp_path, run):
    (folder / '11.png').write_bytes(b'x' * os.path.getsize(str(folder / '11.png')))
    run('run', 10, '--skip_unreadable')
    data = record(tmp_path)
    assert sorted(data['unreadable']) == ['05.png', '11.png'] and data['trained_on'] == 18
    run('run', 11)  # without the flag: the same files are left out
    assert record(tmp_path) == data


@pytest.mark.slow
@pytest.mark.any_tensorflow
def test_a_run_goes_on_after_the_file_was_restored(stopped, folder, tmp_path, run):
    """For example from a backup, or because a network share came back: the run equals an uninterrupted one."""
    (folder / '05.png').write_bytes(stopped)
    resumed = run('run', 10)
    assert 'unreadable' not in record(tmp_path) and record(tmp_path)['trained_on'] == 20
    assert_same_run(resumed, run('whole', 10))


@pytest.mark.slow
@pytest.mark.any_tensorflow
def test_a_file_that_was_changed_between_two_calls_is_refused(folder, run):
    run('run', 3)
    (folder / '05.png').write_bytes(b'x')
    with pytest.raises(UserError, match='are not those that the run in'):
        run('run', 4)


@pytest.mark.slow
@pytest.mark.any_tensorflow
def test_a_file_that_becomes_unreadable_after_the_check(folder, tmp_path, run):
    run('run', 3, '--skip_unreadable')
    (folder / '05.png').write_bytes(b'x' * os.path.getsize(str(folder / '05.png')))
    with pytest.raises(UserError, match=r'05\.png .*it was readable before\. Run the same command again to train '):
        run('run', 10, '--skip_unreadable')
    run('run', 10, '--skip_unreadable')
    assert list(record(tmp_path)['unreadable']) == ['05.png'] and record(tmp_path)['trained_on'] == 19


def test_no_file_can_be_read(folder, run):
    for name in os.listdir(str(folder)):
        (folder / name).write_bytes(b'')
    with pytest.raises(UserError, match='no training image in --data_dir=.* can be read: name another folder'):
        run('run', 1, '--skip_unreadable')


@pytest.mark.slow
@pytest.mark.any_tensorflow
def test_runs_inside_the_folder_are_no_data(folder, tmp_path, run, capsys):
    """--data_dir=. with the default run folders inside it."""
    run('images/runs/first', 3)
    run('images/runs/second', 1)
    printed = capsys.readouterr().err
    assert 'left out of %s: 1 run folder (runs%sfirst)' % (folder, os.sep) in printed
    run('images/runs/first', 5)
    assert all(record(folder, 'runs/' + name)['images'] == 20 for name in ('first', 'second'))


@pytest.mark.slow
@pytest.mark.any_tensorflow
def test_the_log_says_what_pictures_become(folder, tmp_path, training_settings, capsys):
    def printed(name, *flags):
        assert train(training_settings('--dataset=image_folder', '--data_dir=%s' % folder, '--steps=1',
                                       '--batch_size=4', '--sample_size=4', '--run_dir=%s/%s' % (tmp_path, name),
                                       *flags)) == 0
        return capsys.readouterr().err
    dense = ('--network=graph_mode_dense', '--loss=sigmoid')
    first = printed('a', *dense)
    assert 'every picture becomes 28×28 pixels, grayscale: --image_size=28 --channels=1' in first
    assert re.search('64×64 pixels in color, use a recipe such as --recipe=learnopencv_torch', first)
    second = printed('b', *dense, '--image_size=8', '--channels=3')
    assert 'every picture becomes 8×8 pixels, in color: --image_size=8 --channels=3' in second
    assert '--recipe=' not in second


@pytest.mark.parametrize('content, kind', [
    (b'\0\0\0\x18ftypheic' + bytes(99), 'a HEIC file'), (b'\0\0\0\x18ftypmif1' + bytes(99), 'a HEIC file'),
    (b'\0\0\0\x1cftypavif' + bytes(99), 'an AVIF file'), (b'\xef\xbb\xbf\n<!DOCTYPE html><title>404', 'an HTML page'),
    (b'<?xml version="1.0"?><svg xmlns="">', 'an SVG file'), (b'<?xml version="1.0"?><Error>', 'an XML or HTML file'),
    (b'\xff\xd8\xff\xe0' + bytes(99), 'a damaged JPEG file'),
    (b'%PDF-1.7', 'a PDF file'), (bytes(999), 'full of zeros'), (b'', 'empty'),
    (b'\x07\x80\x9c' * 99, 'of an unknown kind'),
    (b'version https://git-lfs.github.com/spec/v1\n', 'a Git LFS pointer, in whose place "git lfs pull" puts the file'),
], ids=lambda value: value if isinstance(value, str) else '')
def test_messages_say_what_a_file_is(content, kind, folder):
    (folder / '00.jpg').write_bytes(content)
    with pytest.raises(UserError, match=r'00\.jpg cannot be read as an image .*it is %s' % re.escape(kind)):
        image_folder.load(str(folder), image_size=8).first(1)


@pytest.mark.slow
@pytest.mark.any_tensorflow
def test_an_evaluation_may_read_other_files_than_the_training(tmp_path, run):
    run('run', 1)

    def skips(*flags):
        settings = cli_flags.parse(EvaluateSettings, '--run_dir=%s' % (tmp_path / 'run'), *flags)
        return for_run_and_data(settings).skip_unreadable
    assert not skips() and skips('--skip_unreadable')
    run('run', 2, '--skip_unreadable')
    assert skips() and not skips('--noskip_unreadable')
