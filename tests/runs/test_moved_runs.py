"""Run folders that were moved, have names of any kind, or are used from another working directory."""
import os
import shutil

import numpy as np
import pytest
from helpers import SMALL_RUN, assert_same_run, assert_same_variables, final_variables
from PIL import Image

from dcgan_tf1 import report
from dcgan_tf1.evaluate.preparation import for_run_and_data
from dcgan_tf1.evaluate.settings import EvaluateSettings
from dcgan_tf1.explore import command as explore
from dcgan_tf1.explore.settings import ExploreSettings
from dcgan_tf1.report import ReportSettings
from dcgan_tf1.runs.folder import RunFolder
from dcgan_tf1.sample import command as sample
from dcgan_tf1.sample.settings import SampleSettings
from dcgan_tf1.settings import cli_flags
from dcgan_tf1.settings.train import TrainSettings
from dcgan_tf1.train.training import train
from dcgan_tf1.util.errors import UserError

NAMES = ['_caf\udce9', 'ひらがな $x_1$ <b>{{data}} 100% [*] ?\\']


def train_with(*flags):
    assert train(cli_flags.parse(TrainSettings, *flags)) == 0


@pytest.fixture
def pictures(tmp_path):
    """(name) → a folder of eight gray images."""
    def call(name):
        folder = str(tmp_path / name)
        os.makedirs(folder)
        for number in range(8):
            Image.fromarray(np.full((28, 28), number * 30, np.uint8)).save(os.path.join(folder, '%d.png' % number))
        return folder
    return call


@pytest.mark.slow
@pytest.mark.any_tensorflow
def test_the_flag_file_of_a_moved_run_resumes_it(tmp_path, monkeypatch, trained):
    monkeypatch.chdir(str(tmp_path))
    train_with(*SMALL_RUN, '--steps=3', '--run_dir=old/run')
    shutil.move('old', 'moved')
    os.mkdir('elsewhere')
    monkeypatch.chdir(str(tmp_path / 'elsewhere'))
    train_with('--flagfile=../moved/run/train.flags', '--steps=5')
    assert not os.path.exists('../old') and not os.listdir('.')
    monkeypatch.chdir('../moved/run')
    train_with('--flagfile=train.flags', '--steps=6')
    assert_same_run(RunFolder('.'), trained(*SMALL_RUN, '--steps=6'))


@pytest.mark.slow
@pytest.mark.any_tensorflow
def test_a_relative_data_folder_is_found_from_another_folder(tmp_path, monkeypatch, pictures):
    pictures('pictures')
    monkeypatch.chdir(str(tmp_path))
    flags = ['--dataset=image_folder', '--data_dir=pictures', *SMALL_RUN[1:], '--batch_size=4']
    train_with(*flags, '--steps=1', '--run_dir=run')
    os.mkdir('elsewhere')
    monkeypatch.chdir(str(tmp_path / 'elsewhere'))
    train_with('--flagfile=../run/train.flags', '--steps=2')
    settings = cli_flags.parse(EvaluateSettings, '--run_dir=../run', '--num_images=10')
    assert for_run_and_data(settings).data_dir == str(tmp_path / 'pictures')
    shutil.move('../pictures', '../moved')
    with pytest.raises(UserError, match=r'config\.json names .*pictures as the folder of the images.*--data_dir'):
        for_run_and_data(settings)
    with pytest.raises(UserError, match='--data_dir'):
        train_with('--flagfile=../run/train.flags', '--steps=3')
    train_with('--flagfile=../run/train.flags', '--steps=3', '--data_dir=../moved')


@pytest.mark.slow
@pytest.mark.any_tensorflow
@pytest.mark.parametrize('name', NAMES, ids=ascii)
def test_any_name_works(name, tmp_path, pictures):
    """In a training, a resume, a plot title, samples, a report and an explore page."""
    try:
        data_dir = pictures(name)
    except OSError:
        pytest.skip('the file system does not allow this name')
    run = str(tmp_path / 'runs' / name)
    train_with('--dataset=image_folder', '--data_dir=' + data_dir, *SMALL_RUN[1:], '--batch_size=4', '--steps=2',
               '--run_dir=' + run)
    train_with('--flagfile=%s' % os.path.join(run, 'train.flags'), '--steps=3')
    folder = RunFolder(run)
    assert folder.read_metrics()[-1]['step'] == 3 and os.path.exists(folder.losses)
    output = os.path.join(run, name + '.png')
    assert sample.run(cli_flags.parse(SampleSettings, '--run_dir=' + run, '--output=' + output)) == 0
    assert os.path.exists(output)
    assert report.run(cli_flags.parse(ReportSettings), [run]) == 0
    assert explore.run(cli_flags.parse(ExploreSettings, '--points=2', '--standing_batches=2'), [run]) == 0
    assert {'report.html', 'explore.html'} <= set(os.listdir(run))


@pytest.mark.slow
@pytest.mark.any_tensorflow
def test_intervals_may_change_on_resume(copy_of_run, train_run, trained):
    """No variable depends on when files are written."""
    folder = copy_of_run('run', '--steps=3')
    train_run('run', '--steps=8', '--log_every=1', '--sample_every=3', '--checkpoint_every=5', '--keep_checkpoints=9')
    whole = trained(*SMALL_RUN, '--steps=8')
    assert_same_variables(final_variables(folder), final_variables(whole))
    assert [record['step'] for record in folder.read_metrics()] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert [folder.step_of(path) for path in folder.grids()][-2:] == [6, 8]
