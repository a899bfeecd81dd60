"""Evaluations during a training, and the copy of the best checkpoint."""
import json
import os
import shutil

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from helpers import BATCH_NORM_RUN, SMALL_RUN, assert_same_variables, read_variables
from PIL import Image

from dcgan_tf1.evaluate import command as evaluate
from dcgan_tf1.runs.checkpoints import saving as checkpoints
from dcgan_tf1.runs.checkpoints.files import scores_path
from dcgan_tf1.runs.folder import RunFolder
from dcgan_tf1.sample import command as sample
from dcgan_tf1.settings import cli_flags
from dcgan_tf1.settings.train import TrainSettings
from dcgan_tf1.train import best_checkpoint
from dcgan_tf1.train.training import train
from dcgan_tf1.util.errors import UserError

EVALUATED = ['--steps=6', '--evaluate_every=2', '--evaluation_images=30', '--classifier_steps=2']


pytestmark = pytest.mark.usefixtures('few_labeled_digits')


@pytest.fixture
def run(classifier_cache, tmp_path):
    """(name, flags…) → the `RunFolder` of a finished call of `train`."""
    def call(name, *flags):
        folder = str(tmp_path / name)
        assert train(cli_flags.parse(TrainSettings, *SMALL_RUN, '--cache_dir=' + classifier_cache,
                                     '--run_dir=' + folder, *flags)) == 0
        return RunFolder(folder)
    return call


@pytest.mark.slow
def test_the_best_checkpoint_is_kept(run, classifier_cache, evaluation_settings, capsys):
    folder = run('run', *EVALUATED, '--steps=8', '--keep_checkpoints=1')
    distances = {evaluation['checkpoint']: evaluation['scores']['frechet_distance']['value']
                 for evaluation in folder.read_scores()}
    assert list(distances) == ['model-2', 'model-4', 'model-6', 'model-8'] and len(set(distances.values())) == 4
    best = min(distances, key=distances.get)
    assert os.path.basename(checkpoints.best_checkpoint(folder)) == best
    assert {name.split('.')[0] for name in os.listdir(folder.best)} == {best}
    printed, values = capsys.readouterr().err, list(distances.values())
    num_records = sum(value <= min(values[:index + 1]) for index, value in enumerate(values))
    assert 'scores  classifier_score' in printed and printed.count('(the best so far)') == num_records

    # The command computes the same scores from the copy, and replaces those of the training.
    before = folder.read_scores()
    assert evaluate.run(evaluation_settings(
        '--run_dir=' + folder.path, '--cache_dir=' + classifier_cache, *EVALUATED[3:], '--checkpoint=best',
        '--num_images=30')) == 0
    assert sorted(map(str, folder.read_scores())) == sorted(map(str, before))

    scalars = {}
    for name in os.listdir(folder.path):
        if name.startswith('events'):
            for event in tf.train.summary_iterator(os.path.join(folder.path, name)):
                scalars.update({(value.tag, event.step): value.simple_value for value in event.summary.value})
    assert scalars['scores/frechet_distance', int(best.split('-')[1])] == pytest.approx(distances[best])


@pytest.fixture
def evaluated_run(trained, classifier_cache):
    """A run with evaluations after steps 2, 4 and 6. Tests must not change it."""
    return trained(*SMALL_RUN, *EVALUATED, '--cache_dir=' + classifier_cache)


@pytest.fixture
def copy_without(evaluated_run, tmp_path):
    """(name, steps) → a copy of `evaluated_run` without the checkpoints of these steps."""
    def call(name, steps):
        copy = RunFolder(shutil.copytree(evaluated_run.path, str(tmp_path / name)))
        for step in steps:
            os.remove('%s-%d.index' % (copy.checkpoint_prefix, step))
            os.remove('%s-%d.data-00000-of-00001' % (copy.checkpoint_prefix, step))
        return copy
    return call


@pytest.mark.slow
@pytest.mark.any_tensorflow
def test_evaluations_do_not_change_the_training(run, batch_norm_run):
    """Not even if they generate images with batch norm in training mode."""
    evaluated_run = run('evaluated', *BATCH_NORM_RUN, *EVALUATED, '--bn_mode=batch')
    assert_same_variables(read_variables(batch_norm_run.checkpoint_prefix + '-6'),
                          read_variables(evaluated_run.checkpoint_prefix + '-6'))


@pytest.mark.slow
@pytest.mark.any_tensorflow
def test_evaluations_of_a_resumed_run(run, evaluated_run, copy_without):
    """The scores and the best checkpoint do not depend on where the run was interrupted."""
    expected = evaluated_run.read_scores()
    # As if killed before step 4 was saved: step 4 is evaluated again, and its scores are listed once.
    killed = copy_without('killed', [4, 6])
    run('killed', *EVALUATED, '--steps=5')
    run('killed', *EVALUATED)
    assert sorted(map(str, killed.read_scores())) == sorted(map(str, expected))
    assert os.listdir(killed.best) == os.listdir(evaluated_run.best)
    assert_same_variables(read_variables(checkpoints.best_checkpoint(killed)),
                          read_variables(checkpoints.best_checkpoint(evaluated_run)))


@pytest.mark.slow
@pytest.mark.any_tensorflow
def test_a_run_killed_before_an_evaluation(run, evaluated_run, copy_without):
    """If the scores of the last checkpoint are missing, it is evaluated again. Earlier checkpoints are not."""
    expected = evaluated_run.read_scores()
    killed = copy_without('killed', [6])
    os.remove(killed.scores)
    shutil.rmtree(killed.best)
    run('killed', *EVALUATED)
    assert killed.read_scores() == [score for score in expected if score['checkpoint'] != 'model-2']
    # The same after the last step.
    killed_at_the_end = copy_without('killed at the end', [])
    with open(killed_at_the_end.scores, 'w') as file:
        json.dump(expected[:-1], file)
    os.remove(killed_at_the_end.animation)
    run('killed at the end', *EVALUATED)
    assert killed_at_the_end.read_scores() == expected and os.path.exists(killed_at_the_end.animation)


@pytest.fixture
def choose(tmp_path, training_settings, monkeypatch):
    """(classifier, {step: distance} with it, steps…) → the step of the best checkpoint after these were evaluated."""
    folder = RunFolder(str(tmp_path / 'run'))
    folder.create()
    monkeypatch.setattr(best_checkpoint, 'Evaluator', lambda settings: None)
    monkeypatch.setattr(best_checkpoint, 'generate_images', lambda settings: None)

    def call(classifier, distances, *steps):
        def evaluate_images(settings, *_):
            step = checkpoints.step_of(settings.checkpoint)
            return {'checkpoint': 'model-%d' % step, 'bn_mode': 'batch', 'bn_momentum': None, 'seed': 0,
                    'standing_batches': None, 'num_images': 9, 'test_images': 9, 'classifier': classifier,
                    'scores': {'frechet_distance': {'value': distances[step]}}}
        monkeypatch.setattr(best_checkpoint, 'evaluate_images', evaluate_images)
        evaluate_and_keep = best_checkpoint.BestCheckpoint(folder, training_settings(*SMALL_RUN))
        for step in steps:
            for suffix in ('.data-00000-of-00001', '.index'):
                with open('%s-%d%s' % (folder.checkpoint_prefix, step, suffix), 'w') as file:
                    file.write(str(step))
            evaluate_and_keep('%s-%d' % (folder.checkpoint_prefix, step))
        return checkpoints.step_of(checkpoints.best_checkpoint(folder))
    call.folder = folder
    return call


@pytest.mark.any_tensorflow
def test_scores_of_two_classifiers_are_not_compared(choose):
    """The best checkpoint is scored by the new classifier, once."""
    assert choose('one', {2: 5., 4: 3.}, 2, 4) == 4
    assert choose('two', {4: 200., 6: 100.}, 6) == 6
    assert choose('three', {6: 1., 8: 2.}, 8) == 6
    assert choose('three', {8: 0.5}, 8) == 8  # 6 would be a KeyError
    assert sorted(os.listdir(choose.folder.best)) == ['model-8.data-00000-of-00001', 'model-8.index',
                                                      'model-8.scores.json']
    assert [(evaluation['checkpoint'], evaluation['classifier']) for evaluation in choose.folder.read_scores()] == [
        ('model-2', 'one'), ('model-4', 'one'), ('model-6', 'two'), ('model-4', 'two'), ('model-6', 'three'),
        ('model-8', 'three')]


@pytest.mark.any_tensorflow
@pytest.mark.parametrize('content', [None, '{', '{}', '[]', '{"scores": {}}'])
def test_the_score_of_the_best_checkpoint_is_damaged(content, choose):
    """It does not matter what scores.json says."""
    assert choose('one', {2: 5., 4: 3.}, 2, 4) == 4
    os.remove(choose.folder.scores)
    path = scores_path(checkpoints.best_checkpoint(choose.folder))
    if content is None:
        os.remove(path)
    else:
        with open(path, 'w') as file:
            file.write(content)
    assert choose('one', {4: 3., 6: 4.}, 6) == 4
    assert choose('one', {8: 4.}, 8) == 4 and choose('one', {10: 2.}, 10) == 10


@pytest.mark.any_tensorflow
@pytest.mark.slow
def test_names_of_checkpoints(copy_of_run, sampling_settings, tmp_path):
    folder = copy_of_run('run', '--steps=6')
    named = checkpoints.named_checkpoint
    assert named(folder, None) == named(folder, '6') == folder.checkpoint_prefix + '-6'
    assert named(folder, '3').endswith(os.path.join('checkpoints', 'model-3'))
    assert named(folder, 'some/model.ckpt') == 'some/model.ckpt'
    checkpoints.keep_best(folder, folder.checkpoint_prefix + '-6', {})
    os.remove(folder.checkpoint_prefix + '-6.index')
    # The copy in best/ is found by its step, too.
    assert named(folder, '6') == named(folder, 'best') == checkpoints.best_checkpoint(folder)
    with pytest.raises(UserError, match='no checkpoint for --checkpoint=7, only for the steps 3: '):
        named(folder, '7')
    shutil.rmtree(folder.best)
    with pytest.raises(UserError, match='--evaluate_every to keep the best'):
        named(folder, 'best')
    output = str(tmp_path / 'images.npy')
    assert sample.run(sampling_settings('--run_dir=' + folder.path, '--checkpoint=3', '--num_images=4',
                                        '--output=' + output)) == 0
    assert np.load(output).shape == (4, 28, 28, 1)
    with pytest.raises(UserError, match='no checkpoint yet'):
        named(RunFolder(str(tmp_path)), 'best')


@pytest.mark.any_tensorflow
@pytest.mark.slow
def test_a_best_checkpoint_that_cannot_be_written(copy_of_run):
    folder = copy_of_run('run', '--steps=6')
    with open(folder.best, 'wb'):
        pass  # a file in the place of the folder
    with pytest.raises(UserError, match='cannot be copied to .*best .*free disk space'):
        checkpoints.keep_best(folder, folder.checkpoint_prefix + '-3', {})
    assert os.path.exists(folder.checkpoint_prefix + '-3.index')


@pytest.mark.slow
@pytest.mark.any_tensorflow
def test_a_dataset_without_labels(run, tmp_path, random_images):
    (tmp_path / 'pictures').mkdir()
    for number, pixels in enumerate(random_images.pixels):
        Image.fromarray(pixels[..., 0]).save(str(tmp_path / 'pictures' / ('%d.png' % number)))
    flags = [*EVALUATED, '--dataset=image_folder', '--data_dir=%s' % (tmp_path / 'pictures'), '--steps=2']
    with pytest.raises(UserError, match='--best_by must be sharpness_ratio'):
        run('run', *flags)
    folder = run('run', *flags, '--best_by=sharpness_ratio')
    assert checkpoints.best_checkpoint(folder).endswith('model-2')
    assert set(folder.read_scores()[0]['scores']) == {'sharpness', 'sharpness_ratio', 'nearest_median',
                                                      'nearest_percentile'}


@pytest.mark.slow
@pytest.mark.any_tensorflow
def test_evaluations_may_change_on_resume(run, copy_of_run, uninterrupted_run):
    """--evaluate_every may always change; what is scored, only as long as there are no scores."""
    copy_of_run('run', '--steps=3')
    first = ['--classifier_steps=2', '--evaluation_images=30', '--best_by=recall']
    run('run', '--steps=6', '--evaluate_every=3', *first)
    folder = run('run', '--steps=8', '--evaluate_every=1', *first)
    assert [evaluation['checkpoint'] for evaluation in folder.read_scores()] == [
        'model-3', 'model-6', 'model-7', 'model-8']
    for flag in ('--best_by=precision', '--evaluation_images=40'):
        with pytest.raises(UserError, match=flag.split('=')[0]):
            run('run', '--steps=9', '--evaluate_every=1', *first, flag)
    assert_same_variables(*(read_variables(part.checkpoint_prefix + '-8') for part in (folder, uninterrupted_run)))
