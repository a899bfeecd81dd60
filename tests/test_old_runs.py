"""A run folder of version 0.1.0 still resumes, samples, evaluates, exports and reports."""
import json
import os
import shutil

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from dcgan_tf1 import cli_flags, evaluate, export, report, run_settings, sample
from dcgan_tf1.command_settings import EvaluateSettings, ExportSettings, ReportSettings, SampleSettings
from dcgan_tf1.errors import UserError
from dcgan_tf1.run_folder import RunFolder
from dcgan_tf1.settings import TrainSettings
from dcgan_tf1.training import train

FIXTURE = os.path.join(os.path.dirname(__file__), 'fixtures', 'v0_1_0')


@pytest.fixture
def old_run(tmp_path, monkeypatch):
    """A copy of the old run in the current directory."""
    for name in ('run', 'pictures'):
        shutil.copytree(os.path.join(FIXTURE, name), str(tmp_path / name))
    monkeypatch.chdir(tmp_path)
    return RunFolder('run')


def sample_images(*flags):
    """The images of the old run that these flags of `sample` ask for."""
    settings = cli_flags.parse(SampleSettings, '--run_dir=run', '--num_images=4', '--output=images.npy', *flags)
    assert sample.run(settings) == 0
    return np.load('images.npy')


def test_its_settings_are_translated(old_run):
    settings = run_settings.read(old_run)
    assert (settings.recipe, settings.run_name) == ('sparse_softmax', 'small_run')
    assert (settings.shuffle, settings.noise_batch, settings.epsilon_mode) == ('per_epoch', 'match', 'pytorch')
    assert settings.center_crop and settings.d_steps_per_g_step == 2 and settings.extra_bn_momentums == (0.5,)


def test_it_resumes_from_its_own_flag_file(old_run):
    assert train(cli_flags.parse(TrainSettings, '--flagfile=run/train.flags', '--steps=12')) == 0
    with open(os.path.join(FIXTURE, 'expected_metrics.json')) as file:
        expected = json.load(file)
    records = old_run.read_metrics()
    assert [record['step'] for record in records] == [record['step'] for record in expected]
    for record, expected_record in zip(records, expected):
        for name, value in expected_record.items():
            assert record[name] == pytest.approx(value, rel=1e-3), (record['step'], name)


def test_it_resumes_with_the_new_spellings(old_run):
    flags = cli_flags.to_flags(run_settings.read(old_run))
    assert train(cli_flags.parse(TrainSettings, *flags, '--steps=7')) == 0


def test_other_settings_are_refused(old_run):
    with pytest.raises(UserError, match='--shuffle is per_epoch there, not once'):
        train(cli_flags.parse(TrainSettings, '--flagfile=run/train.flags', '--batch_plan=fixed'))


@pytest.mark.parametrize('mode, flags', [
    ('batch', ['--bn_mode=batch']), ('moving', ['--bn_mode=moving', '--bn_momentum=0.5']),
    ('standing', ['--bn_mode=standing', '--standing_batches=3'])])
def test_it_samples(mode, flags, old_run):
    expected = np.load(os.path.join(FIXTURE, 'expected_samples.npz'))[mode]
    np.testing.assert_allclose(sample_images(*flags), expected, atol=1e-4)


def test_interpolation_has_its_old_spellings(old_run):
    old = sample_images('--walk=spherical', '--stops=2', '--frames=3')
    new = sample_images('--interpolation=slerp', '--keyframes=2', '--frames_per_segment=3')
    np.testing.assert_array_equal(old, new)


def test_it_evaluates(old_run, capsys):
    settings = cli_flags.parse(EvaluateSettings, '--run_dir=run', '--checkpoint=best', '--num_images=20')
    before = old_run.read_scores()
    assert evaluate.run(settings) == 0
    after = old_run.read_scores()
    assert len(after) == len(before)  # the same evaluation as the training's, so it replaces that one
    for name, score in after[-1]['scores'].items():
        assert score['value'] == pytest.approx(before[-1]['scores'][name]['value'], rel=1e-3), name
    assert 'sharpness ratio' in capsys.readouterr().out


def test_it_exports(old_run):
    assert export.run(cli_flags.parse(ExportSettings, '--run_dir=run', '--output=exported')) == 0
    with tf.Graph().as_default(), tf.Session() as session:
        tf.saved_model.loader.load(session, [tf.saved_model.tag_constants.SERVING], 'exported')


def test_it_reports(old_run):
    assert report.run(ReportSettings(), ['run']) == 0
    with open('run/report.html', encoding='utf-8') as file:
        page = file.read()
    assert 'sharpness' in page and '--shuffle' in page and 'small_run' in page
