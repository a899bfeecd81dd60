"""What images are compared with: real images of all classes, by a classifier that is trained once."""
import os
import threading

import numpy as np
import pytest
from PIL import Image

from dcgan_tf1 import data
from dcgan_tf1.evaluate import evaluator
from dcgan_tf1.evaluate.classifier import Classifier
from dcgan_tf1.util.errors import UserError


def test_references_are_of_all_classes(monkeypatch, evaluation_settings, logged, tmp_path):
    """Also if there are more images than are used, and the folders of classes are read one after the other."""
    for name, gray in (('a', 10), ('b', 200)):
        (tmp_path / name).mkdir()
        for number in range(6):
            Image.fromarray(np.full((8, 8), gray + number, np.uint8)).save(str(tmp_path / name / ('%d.png' % number)))
    monkeypatch.setattr(evaluator, '_MAX_UNLABELED', 4)
    compared = evaluator.Evaluator(evaluation_settings(
        '--images=a', '--dataset=image_folder', '--data_dir=%s' % tmp_path, '--image_size=8', '--channels=1'))
    assert [int(pixels.mean()) for pixels in compared._real.pixels] == [10, 14, 201, 205]
    assert 'comparing with 4 of the 12 images, at even distances: copies of others are not noticed' in logged


@pytest.fixture
def labeled():
    """A training set and a test set of two classes."""
    labels = (np.arange(40) % 2).astype(np.uint8)
    pixels = np.random.RandomState(0).randint(0, 100, (40, 8, 8, 1)) + 150 * labels[:, None, None, None]
    images = data.LabeledImages(data.Images(pixels.astype(np.uint8), 'a test'), labels)
    return images, images


@pytest.mark.slow
def test_evaluations_that_start_together_train_one_classifier(labeled, logged, tmp_path):
    accuracies = []

    def load():
        classifier = Classifier(*labeled, str(tmp_path), 3)
        accuracies.append(classifier.accuracy)
        classifier.close()
    threads = [threading.Thread(target=load) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(accuracies) == 3 and len(set(accuracies)) == 1
    assert len([message for message in logged if message.startswith('Training a classifier')]) == 1


@pytest.mark.slow
@pytest.mark.parametrize('suffix', ['.index', '.data-00000-of-00001', 'config.json'])
def test_a_damaged_classifier_is_trained_again(suffix, labeled, logged, tmp_path):
    first = Classifier(*labeled, str(tmp_path), 3)
    first.close()
    path = first.folder.config if suffix == 'config.json' else first.folder.checkpoint_prefix + '-3' + suffix
    with open(path, 'r+b') as file:
        file.truncate(9)
    again = Classifier(*labeled, str(tmp_path), 3)
    again.close()
    assert again.accuracy == first.accuracy
    assert len([message for message in logged if message.startswith('Training a classifier')]) == 2


def test_a_cache_that_cannot_be_written(labeled, tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(UserError, match='--cache_dir=.*file cannot be written .*: name a folder that you can write to'):
        Classifier(*labeled, str(tmp_path / 'file'), 3)
    assert os.listdir(str(tmp_path)) == ['file']
