"""The generator in results/generator, which readers download."""
import os
import re

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from helpers import ROOT
from PIL import Image

FOLDER = os.path.join(ROOT, 'results', 'generator')
MAX_BYTES = 4e6


def images_of(noise):
    """What the SavedModel generates, in graph mode on either TensorFlow."""
    with tf.Graph().as_default(), tf.Session() as session:
        loaded = tf.saved_model.load(session, ['serve'], os.path.join(FOLDER, 'saved_model'))
        signature = loaded.signature_def['serving_default']
        return session.run(signature.outputs['images'].name, {signature.inputs['noise'].name: noise})


def test_it_generates_digits():
    """In float32, single images equal those of a batch, and most of their border is black, as in MNIST."""
    noise = np.random.RandomState(0).uniform(-1, 1, (64, 100)).astype(np.float32)
    images = images_of(noise)
    assert images.shape == (64, 28, 28, 1) and images.dtype == np.float32
    assert -1e-6 <= images.min() < 0.01 and 0.99 < images.max() <= 1 + 1e-6
    assert images[:, :2].mean() < 0.01 < 0.1 < images.mean() < 0.2  # the mean of MNIST is 0.13
    np.testing.assert_allclose(images_of(noise[:1]), images[:1], atol=1e-3)


def test_its_size():
    sizes = [os.path.getsize(os.path.join(folder, name))
             for folder, _, names in os.walk(os.path.join(FOLDER, 'saved_model')) for name in names]
    assert 0 < sum(sizes) <= MAX_BYTES


@pytest.mark.skipif(tf.__version__.startswith('1.'), reason='the example is for TensorFlow 2')
def test_the_example_in_its_readme(tmp_path, monkeypatch):
    with open(os.path.join(FOLDER, 'README.md'), encoding='utf-8') as file:
        code = re.search('```python\n(.*?)```', file.read(), re.S).group(1)
    monkeypatch.chdir(tmp_path)
    exec(compile(code.replace("'results/", "'%s/results/" % ROOT), 'README.md', 'exec'), {})
    assert Image.open('digits.png').size == (448, 448)
