"""`evaluate` for a run, for an array and for a folder, against labeled and unlabeled datasets."""
import json
import os
import shutil
import threading

import numpy as np
import pytest
from helpers import CLASSIFIER_STEPS, SMALL_RUN
from PIL import Image

from dcgan_tf1 import data
from dcgan_tf1.evaluate import command as evaluate
from dcgan_tf1.evaluate import evaluator
from dcgan_tf1.evaluate.classifier import Classifier
from dcgan_tf1.evaluate.evaluator import Evaluator
from dcgan_tf1.evaluate.preparation import for_evaluation_during_training, for_run_and_data
from dcgan_tf1.runs import saved_settings
from dcgan_tf1.runs.folder import RunFolder
from dcgan_tf1.util.errors import UserError


@pytest.fixture
def evaluated(classifier_cache, evaluation_settings, tmp_path, capsys):
    """(flags…) → (the evaluation that the command writes, the table that it prints)."""
    def call(*flags):
        output = str(tmp_path / 'scores.json')
        assert evaluate.run(evaluation_settings(
            '--cache_dir=' + classifier_cache, CLASSIFIER_STEPS, '--output=' + output, *flags)) == 0
        with open(output) as file:
            printed, call.errors = capsys.readouterr()
            return json.load(file), printed
    return call


@pytest.fixture
def write_pictures(tmp_path):
    """(folder, uint8 [n, height, width, channels]) → the path of a folder with these images."""
    def call(folder, images):
        (tmp_path / folder).mkdir()
        for number, image in enumerate(images):
            Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(
                str(tmp_path / folder / ('%d.png' % number)))
        return str(tmp_path / folder)
    return call


@pytest.fixture
def small_pictures(write_pictures):
    """Flags for a dataset of 6 gray pictures, which are brighter at the left. It needs no classifier."""
    pixels = np.random.RandomState(0).randint(0, 128, (6, 8, 8, 1)).astype(np.uint8)
    pixels[:, :, :4] += 128
    return '--dataset=image_folder', '--data_dir=' + write_pictures('small', pixels), '--image_size=8'


@pytest.mark.any_tensorflow
@pytest.mark.slow
def test_scores_of_real_images(few_digits, evaluated, tmp_path):
    _, test = data.load_labeled('mnist_10k')
    np.save(str(tmp_path / 'real.npy'), test.images.pixels)
    evaluation, table = evaluated('--images=%s/real.npy' % tmp_path, '--dataset=mnist_10k')
    assert evaluation['num_images'] == evaluation['test_images'] == 200 and evaluation['real_images'] == 1800
    assert evaluation['classifier_accuracy'] > 0.9
    for name, score in evaluation['scores'].items():
        # A generator is trained on the test images of this dataset, too.
        assert score['value'] == (0 if name.startswith('nearest') else score['real']), name
        assert score['real'] and score['enough'] == (200 >= score['samples_needed']), name
    scores = {name: score['value'] for name, score in evaluation['scores'].items()}
    assert scores['classifier_score'] > 7 and scores['precision'] > 0.8 and scores['modes'] == 10
    assert 'too few images: 200, needs 1000' in table and '| precision |' in table


@pytest.mark.slow
@pytest.mark.any_tensorflow
def test_scores_of_bad_images(few_digits, evaluation_settings, classifier_cache):
    """Blur, noise, a single class, and copies of training images each show in the score made for them."""
    training, test = data.load_labeled('mnist_10k')
    pixels = test.images.pixels
    compared = Evaluator(evaluation_settings('--images=a', '--dataset=mnist_10k', CLASSIFIER_STEPS,
                                              '--cache_dir=' + classifier_cache))

    def scores(images):
        return {name: score.value for name, score in compared.scores(images).items()}
    real = scores(pixels)
    blurred = scores(np.stack([np.asarray(Image.fromarray(image[..., 0]).resize((7, 7), Image.BILINEAR).resize(
        (28, 28), Image.BILINEAR))[..., np.newaxis] for image in pixels]))
    assert blurred['sharpness_ratio'] < 0.5 * real['sharpness_ratio']
    noise = scores(np.random.RandomState(0).randint(0, 100, pixels.shape).astype(np.uint8))
    assert noise['precision'] < 0.1 and noise['frechet_distance'] > 20 * real['frechet_distance']
    ones = scores(training.images.pixels[training.labels == 1])
    assert ones['most_frequent_share'] > 0.8 and ones['classifier_score'] < 3 and ones['total_variation'] > 0.7
    assert ones['recall'] < 0.5 * real['recall']
    # Also copies of test images, on which a generator is trained, too.
    assert scores(training.images.pixels[:100])['nearest_median'] == real['nearest_median'] == 0
    assert compared.references(len(pixels))['nearest_percentile'].value > 0
    compared.close()


@pytest.mark.slow
@pytest.mark.any_tensorflow
def test_evaluations_of_a_run(batch_norm_run, few_labeled_digits, evaluation_settings, classifier_cache, tmp_path):
    """Defaults come from the run. scores.json keeps one evaluation per checkpoint and batch-norm mode."""
    run = RunFolder(shutil.copytree(batch_norm_run.path, str(tmp_path / 'run')))

    def call(*flags):
        assert evaluate.run(evaluation_settings(
            '--run_dir=' + run.path, '--cache_dir=' + classifier_cache, '--classifier_steps=2', '--num_images=40',
            *flags)) == 0
        with open(run.scores) as file:
            return json.load(file)
    first, = call()
    assert (first['checkpoint'], first['bn_mode'], first['dataset'], first['num_images']) == (
        'model-6', 'moving', 'mnist_10k', 40)
    assert first['scores']['frechet_distance']['value'] > first['scores']['frechet_distance']['real'] > 0
    assert call() == [first]
    both = call('--bn_mode=batch')
    assert both[0] == first and both[1]['bn_mode'] == 'batch' and both[1]['scores'] != first['scores']
    assert len(call('--checkpoint=%s/model-3' % run.checkpoints)) == 3
    standing = call('--bn_mode=standing', '--standing_batches=2')
    assert standing[-1]['standing_batches'] == 2 and len(standing) == 4
    # Scores of another classifier are listed beside those that they cannot be compared with.
    other = call('--classifier_steps=1')
    assert other[:4] == standing and other[4]['classifier'] != first['classifier'] and len(other) == 5


def test_settings_that_the_run_determines(trained, evaluation_settings):
    run = trained(*SMALL_RUN, '--steps=2', '--classifier_steps=9', '--bn_mode=standing', '--standing_batches=2')

    def values(*flags):
        settings = for_run_and_data(evaluation_settings('--run_dir=' + run.path, *flags))
        return settings.bn_mode, settings.standing_batches, settings.classifier_steps
    assert values() == ('standing', 2, 9)
    assert values('--standing_batches=5', '--classifier_steps=7') == ('standing', 5, 7)
    during_training = for_evaluation_during_training(saved_settings.read(run))
    assert (during_training.standing_batches, during_training.classifier_steps) == (2, 9)


@pytest.mark.any_tensorflow
@pytest.mark.parametrize('content', ['{', '[1]', '[{}]'])
def test_damaged_scores(content, tmp_path):
    """Every evaluation of the run reads scores.json before it adds its own scores."""
    folder = RunFolder(str(tmp_path))
    with open(folder.scores, 'w') as file:
        file.write(content)
    with pytest.raises(UserError, match='scores.json cannot be read .*: fix or delete it'):
        folder.add_scores({}, identity_keys=())


@pytest.mark.any_tensorflow
def test_processes_that_add_scores_at_the_same_time(tmp_path):
    """None loses what another one has added. They run in turns: each starts when the one before has read the file."""
    folder, entries = RunFolder(str(tmp_path)), [
        {'checkpoint': 'model-%d' % step, 'bn_mode': 'batch', 'num_images': 9, 'test_images': 9, 'scores': {}}
        for step in range(3)]
    threads = []

    class Interrupted(RunFolder):
        def read_scores(self):
            evaluations = super().read_scores()
            if len(threads) < 2:
                add(Interrupted(self.path), entries[len(threads) + 1])
                threads[-1].join(0.1)  # it waits for the lock
            return evaluations

    def add(run, entry):
        threads.append(threading.Thread(target=run.add_scores, args=(entry, ['checkpoint'])))
        threads[-1].start()
    Interrupted(folder.path).add_scores(entries[0], ['checkpoint'])
    for thread in threads:
        thread.join()
    assert sorted(map(str, folder.read_scores())) == sorted(map(str, entries))


@pytest.mark.any_tensorflow
def test_a_dataset_that_contradicts_the_run(trained, evaluation_settings):
    with pytest.raises(UserError, match='other settings: --dataset is mnist_10k there, not mnist. Remove these'):
        evaluate.run(evaluation_settings('--run_dir=' + trained(*SMALL_RUN, '--steps=6').path, '--dataset=mnist'))


def test_a_folder_against_unlabeled_images(write_pictures, evaluated):
    pixels = np.random.RandomState(0).randint(0, 256, (9, 32, 32, 3)).astype(np.uint8)
    evaluation, _ = evaluated('--images=' + write_pictures('generated', pixels[:3]), '--dataset=image_folder',
                              '--data_dir=' + write_pictures('real', pixels[3:]), '--image_size=32', '--channels=3')
    assert evaluation['classifier_accuracy'] is None and evaluation['num_images'] == 3
    assert set(evaluation['scores']) == {'sharpness', 'sharpness_ratio', 'nearest_median', 'nearest_percentile'}
    assert evaluation['scores']['sharpness']['real'] is None


@pytest.mark.any_tensorflow
def test_pictures_of_other_sizes(small_pictures, write_pictures, evaluated, monkeypatch):
    """Where the dataset has one size, they are refused, before the work; where it resizes its own, it is said."""
    folder = write_pictures('grids', np.zeros((3, 30, 40, 1), np.uint8))
    evaluated('--images=' + folder, *small_pictures)
    assert '3 of 3 pictures in --images=%s are not 8×8, such as 0.png with 40×30: they are resized' % folder in (
        evaluated.errors)
    evaluated('--images=' + small_pictures[1].split('=')[1], *small_pictures)
    assert 'resized' not in evaluated.errors
    monkeypatch.setattr(evaluate, 'Evaluator', None)
    with pytest.raises(UserError, match='^3 of 3 pictures in --images=.* are not 28×28, such as 0.png with 40×30: '):
        evaluated('--images=' + folder, '--dataset=mnist_10k')


@pytest.mark.any_tensorflow
def test_images_score_as_bytes(small_pictures, evaluated, tmp_path):
    """Also floats of either range, as `sample` and an exported generator write them, and gray stored as color."""
    pixels = np.random.RandomState(1).randint(0, 256, (5, 8, 8, 1)).astype(np.uint8)
    pixels[0, 0, :2, 0] = 0, 255
    scores = []
    for images in (pixels, (pixels.astype(np.float32) - 127.5) / 127.5, pixels / 255, pixels[..., 0],
                   pixels.repeat(3, axis=3)):
        np.save(str(tmp_path / 'images.npy'), images)
        scores.append(evaluated('--images=%s/images.npy' % tmp_path, *small_pictures)[0]['scores'])
    assert scores == scores[:1] * 5


@pytest.mark.any_tensorflow
def test_negatives(small_pictures, evaluated, tmp_path):
    pixels = np.zeros((3, 8, 8, 1), np.uint8)
    pixels[:, :, :4] = 200
    for name, images, is_negative in (('a.npy', pixels, False), ('b.npy', 255 - pixels, True)):
        np.save(str(tmp_path / name), images)
        evaluated.errors = ''
        evaluated('--images=%s/%s' % (tmp_path, name), *small_pictures)
        assert ('look like negatives' in evaluated.errors) == is_negative


@pytest.mark.any_tensorflow
def test_errors_about_a_folder_name_the_flag(evaluated, tmp_path):
    with pytest.raises(UserError, match='--images=%s ' % tmp_path) as error:
        evaluated('--images=%s' % tmp_path, '--dataset=mnist_10k')
    assert '--data_dir' not in str(error.value)
    with pytest.raises(UserError, match='--images=%s is a folder.*remove --pixel_range' % tmp_path):
        evaluated('--images=%s' % tmp_path, '--dataset=mnist_10k', '--pixel_range=0..1')


@pytest.mark.any_tensorflow
@pytest.mark.parametrize('images', [
    np.zeros((2, 784)), np.full((2, 28, 28, 1), 1.5), np.full((2, 28, 28, 1), np.nan), np.zeros((0, 28, 28, 1)),
    np.array({}), None])
def test_invalid_images_are_refused(images, evaluated, tmp_path):
    path = str(tmp_path / 'images.npy')
    if images is not None:
        np.save(path, images)
    with pytest.raises(UserError, match='--images=' + path):
        evaluated('--images=' + path, '--dataset=mnist_10k')


@pytest.mark.any_tensorflow
def test_images_of_another_shape(small_pictures, evaluated, tmp_path):
    np.save(str(tmp_path / 'images.npy'), np.zeros((3, 32, 32, 1), np.uint8))
    with pytest.raises(UserError, match=r'the images are \(32, 32, 1\), but those of --dataset are \(8, 8, 1\)'):
        evaluated('--images=%s/images.npy' % tmp_path, *small_pictures)


@pytest.mark.any_tensorflow
def test_images_that_do_not_fit_are_refused_before_the_work(evaluated, monkeypatch, tmp_path):
    monkeypatch.setattr(evaluator, 'Classifier', None)
    np.save(str(tmp_path / 'images.npy'), np.zeros((3, 32, 32, 3), np.uint8))
    with pytest.raises(UserError, match=r'the images are \(32, 32, 1\), but those of --dataset are \(28, 28, 1\)'):
        evaluated('--images=%s/images.npy' % tmp_path, '--dataset=mnist_10k')


@pytest.mark.slow
def test_a_classifier_is_trained_once(logged, tmp_path):
    def labeled(count):
        labels = np.arange(count) % 3  # where a bright bar is
        pixels = np.random.RandomState(count).randint(0, 100, (count, 8, 8, 1)) + 150 * (
            np.arange(8) // 3 == labels[:, np.newaxis])[:, np.newaxis, :, np.newaxis]
        return data.LabeledImages(data.Images(pixels.astype(np.uint8), 'a test'), labels)
    training, test = labeled(200), labeled(25)
    first = Classifier(training, test, str(tmp_path), 10)
    assert len(logged) == 2 and '200 images' in logged[0] and first.accuracy > 0.9
    outputs = first(test.images.pixels)
    first.close()
    cached = Classifier(training, test, str(tmp_path), 10)
    assert len(logged) == 2 and cached.accuracy == first.accuracy
    for output, cached_output in zip(outputs, cached(test.images.pixels)):
        np.testing.assert_array_equal(output, cached_output)
    assert outputs[0].shape == (25, 128) and outputs[1].shape == (25, 3)
    cached.close()
    # Other training images need another classifier. One whose training did not finish does not count.
    fewer = training._replace(images=training.images.without_first(9), labels=training.labels[9:])
    Classifier(fewer, test, str(tmp_path), 10).close()
    os.remove(cached.folder.config)
    Classifier(training, test, str(tmp_path), 10).close()
    assert len(logged) == 6


@pytest.mark.slow
@pytest.mark.any_tensorflow
def test_the_classifier_of_mnist(mnist_dir, tmp_path):
    """A tenth of its training steps, on a third of the images, is enough for an accuracy of 97%."""
    training, test = data.load_labeled('mnist', data_dir=mnist_dir)
    few = training._replace(images=training.images._replace(pixels=training.images.pixels[:20000]),
                            labels=training.labels[:20000])
    classifier = Classifier(few, test, str(tmp_path), 220)
    assert classifier.accuracy > 0.97
    classifier.close()
