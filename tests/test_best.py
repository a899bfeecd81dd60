"""Evaluations while a run trains, and the best checkpoint that it keeps."""
import json
import os
import shutil

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from absl import flags

from dcgan_tf1 import checkpoints, evaluate, options, sample, train
from dcgan_tf1.errors import UserError
from dcgan_tf1.run_folder import RunFolder

SMALL = ['--dataset=digits', '--network=machinecurve', '--loss=sigmoid', '--batch_size=8', '--sample_size=4',
         '--log_every=2', '--sample_every=100', '--checkpoint_every=3']
EVALUATED = ['--evaluate_every=2', '--evaluation_images=30', '--classifier_steps=30']


@pytest.fixture(scope='module')
def cache(tmp_path_factory):
    return '--cache_dir=%s' % tmp_path_factory.mktemp('classifiers')


@pytest.fixture
def run(cache, tmp_path):
    """(name, flags…) → the `RunFolder` of a finished call."""
    def call(name, *args):
        folder = str(tmp_path / name)
        assert train.run(options.parsed(options.declare_training, *SMALL, cache, '--run_dir=' + folder, *args)) == 0
        return RunFolder(folder)
    return call


def variables(checkpoint):
    reader = tf.train.load_checkpoint(checkpoint)
    return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}


def assert_same_variables(checkpoint, other):
    ours, theirs = variables(checkpoint), variables(other)
    assert set(ours) == set(theirs)
    for name in ours:
        np.testing.assert_array_equal(ours[name], theirs[name], err_msg=name)


def test_the_best_is_kept(run, cache, capsys):
    folder = run('run', '--steps=8', '--keep_checkpoints=1', *EVALUATED)
    found = {evaluation['checkpoint']: evaluation['scores']['frechet_distance']['value']
             for evaluation in folder.read_scores()}
    assert list(found) == ['model-2', 'model-4', 'model-6', 'model-8'] and len(set(found.values())) == 4
    best = min(found, key=found.get)
    assert os.path.basename(checkpoints.best_checkpoint(folder)) == best
    assert {name.split('.')[0] for name in os.listdir(folder.best)} == {best}
    told = capsys.readouterr().err
    assert 'scores  classifier_score' in told and told.count('(the best so far)') == sum(
        value <= min(list(found.values())[:number + 1]) for number, value in enumerate(found.values()))

    # The same again by the command, from the copy; it takes the place of the training's.
    before = folder.read_scores()
    assert evaluate.run(options.parsed(options.declare_evaluation, '--run_dir=' + folder.path, cache, *EVALUATED[2:],
                                       '--checkpoint=best', '--num_images=30')) == 0
    assert sorted(map(str, folder.read_scores())) == sorted(map(str, before))

    shown = {}
    for name in os.listdir(folder.path):
        if name.startswith('events'):
            for event in tf.train.summary_iterator(os.path.join(folder.path, name)):
                shown.update({(value.tag, event.step): value.simple_value for value in event.summary.value})
    assert shown['scores/frechet_distance', int(best.split('-')[1])] == pytest.approx(found[best])


def test_evaluations_change_nothing_and_resume(run):
    """A run with evaluations has the variables of one without; stopped between two of them and resumed, it has the same
    scores and the same best checkpoint.
    """
    without = run('without', '--steps=6')
    whole = run('whole', '--steps=6', *EVALUATED)
    assert_same_variables(without.checkpoint_prefix + '-6', whole.checkpoint_prefix + '-6')
    run('resumed', '--steps=5', *EVALUATED)
    resumed = run('resumed', '--steps=6', *EVALUATED)
    assert resumed.read_scores() == whole.read_scores()
    assert os.listdir(resumed.best) == os.listdir(whole.best)
    # Back to step 3, as after a kill: step 4 comes again, and its scores only once.
    shutil.rmtree(resumed.checkpoints)
    shutil.copytree(run('short', '--steps=3', *EVALUATED).checkpoints, resumed.checkpoints)
    resumed = run('resumed', '--steps=6', *EVALUATED)
    assert sorted(map(str, resumed.read_scores())) == sorted(map(str, whole.read_scores()))
    assert_same_variables(checkpoints.best_checkpoint(resumed), checkpoints.best_checkpoint(whole))
    # Killed when step 4 was saved, and not evaluated yet.
    late = run('late', '--steps=4', *EVALUATED)
    os.remove(late.scores)
    shutil.rmtree(late.best)
    assert run('late', '--steps=6', *EVALUATED).read_scores() == [
        evaluation for evaluation in whole.read_scores() if evaluation['checkpoint'] != 'model-2']
    # The same of its last step.
    before = whole.read_scores()
    with open(whole.scores, 'w') as file:
        json.dump(before[:-1], file)
    os.remove(whole.film)
    assert run('whole', '--steps=6', *EVALUATED).read_scores() == before and os.path.exists(whole.film)


def test_checkpoints_by_their_names(run, tmp_path):
    folder = run('run', '--steps=4', '--keep_checkpoints=2', *EVALUATED)
    named = checkpoints.named_checkpoint
    assert named(folder, None) == named(folder, '4') == folder.checkpoint_prefix + '-4'
    assert named(folder, '3').endswith(os.path.join('checkpoints', 'model-3'))
    assert named(folder, 'some/model.ckpt') == 'some/model.ckpt'
    os.remove(folder.checkpoint_prefix + '-4.index')
    if checkpoints.best_checkpoint(folder).endswith('-4'):  # found where it is kept
        assert named(folder, '4') == named(folder, 'best')
    with pytest.raises(UserError, match='no checkpoint of --checkpoint=7, but of the steps 3'):
        named(folder, '7')
    shutil.rmtree(folder.best)
    with pytest.raises(UserError, match='--evaluate_every to have the best kept'):
        named(folder, 'best')
    output = str(tmp_path / 'images.npy')
    assert sample.run(options.parsed(options.declare_sampling, '--run_dir=' + folder.path, '--checkpoint=3',
                                     '--num_images=4', '--output=' + output)) == 0
    assert np.load(output).shape == (4, 28, 28, 1)
    with pytest.raises(UserError, match='no checkpoint yet'):
        named(RunFolder(str(tmp_path)), 'best')


def test_no_room_for_the_best(run, tmp_path):
    folder = run('run', '--steps=3')
    with open(folder.best, 'wb'):
        pass  # a file where the folder should be
    with pytest.raises(UserError, match='cannot be kept in .*best .*make room there'):
        checkpoints.keep_best(folder, folder.checkpoint_prefix + '-3')
    assert os.path.exists(folder.checkpoint_prefix + '-3.index')


def test_data_without_labels(run, tmp_path, random_images):
    from PIL import Image
    os.makedirs(str(tmp_path / 'pictures'))
    for number, pixels in enumerate(random_images.pixels):
        Image.fromarray(pixels[..., 0]).save(str(tmp_path / 'pictures' / ('%d.png' % number)))
    of_folder = ['--dataset=image_folder', '--data_dir=%s' % (tmp_path / 'pictures'), '--steps=2', *EVALUATED]
    with pytest.raises(flags.IllegalFlagValueError, match='--best_by must be sharpness_ratio'):
        run('run', *of_folder)
    folder = run('run', *of_folder, '--best_by=sharpness_ratio')
    assert checkpoints.best_checkpoint(folder).endswith('model-2')
    assert set(folder.read_scores()[0]['scores']) == {'sharpness', 'sharpness_ratio', 'nearest_median',
                                                      'nearest_percentile'}
