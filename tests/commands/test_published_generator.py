"""The generators in results/generators, which readers download."""
import os
import re

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from helpers import ROOT, read_variables, run_script
from PIL import Image

from dcgan_tf1 import api
from scripts import small_checkpoint

GENERATORS = os.path.join(ROOT, 'results', 'generators')
FOLDER = os.path.join(GENERATORS, 'sparse_softmax')


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


@pytest.mark.parametrize('path, most', [
    ('sparse_softmax/saved_model', 4e6), ('graph_mode', 4.25e6), ('machinecurve', 1.55e6)])
def test_sizes(path, most):
    sizes = [os.path.getsize(os.path.join(folder, name)) for folder, _, names in os.walk(os.path.join(GENERATORS, path))
             for name in names if not name.endswith('.npz')]
    assert 1e6 < sum(sizes) <= most


@pytest.mark.parametrize('recipe', ['graph_mode', 'machinecurve'])
def test_the_checkpoint_generates_digits(recipe):
    with api.open_checkpoint(os.path.join(GENERATORS, recipe), recipe) as generator:
        images = generator.images(generator.latent_vectors(64), 'moving') / 255.
    assert images[:, :2].mean() < 0.01 < 0.1 < images.mean() < 0.2


@pytest.mark.slow
def test_a_small_checkpoint_of_a_run(batch_norm_run, tmp_path):
    """It has the generator alone, whose images differ by the rounding of weights to half precision."""
    folder = str(tmp_path / 'small')
    assert run_script(small_checkpoint, '--run_dir=' + batch_norm_run.path, '--output=' + folder) == 0
    assert all(name.startswith('Generator/') for name in read_variables(os.path.join(folder, 'model')))
    with api.open_run(batch_norm_run.path) as generator:
        noise = generator.latent_vectors(8)
        expected = generator.images(noise, 'moving').astype(int)
        network = generator.settings.network
    with api.open_checkpoint(folder, network=network) as generator:
        differences = np.abs(generator.images(noise, 'moving') - expected)
    assert differences.max() <= 2 and differences.mean() < 0.2


@pytest.mark.skipif(tf.__version__.startswith('1.'), reason='the example is for TensorFlow 2')
def test_the_example_in_its_readme(tmp_path, monkeypatch):
    with open(os.path.join(FOLDER, 'README.md'), encoding='utf-8') as file:
        code = re.search('```python\n(.*?)```', file.read(), re.S).group(1)
    monkeypatch.chdir(tmp_path)
    exec(compile(code.replace("'results/", "'%s/results/" % ROOT), 'README.md', 'exec'), {})
    assert Image.open('digits.png').size == (448, 448)
