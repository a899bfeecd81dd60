"""Recipe `learnopencv_torch` against the same networks and training step in PyTorch.

PyTorch computes in a process of its own (torch_reference.py).
"""
import importlib.util
import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from training_steps import SCOPES, assert_same_training, record_training

from dcgan_tf1.model.graph import adam

FOLDER = os.path.dirname(os.path.abspath(__file__))
RECIPE = os.path.join(FOLDER, '..', '..', 'flags', 'learnopencv_torch.flags')

needs_torch = pytest.mark.skipif(importlib.util.find_spec('torch') is None,
                                 reason='PyTorch is not installed (scripts/test.py --all installs it)')


@pytest.fixture
def run_torch(tmp_path):
    """(task, arrays) → the arrays that torch_reference.py computes from them."""
    def call(task, **inputs):
        paths = [str(tmp_path / name) for name in ('inputs.npz', 'outputs.npz')]
        np.savez(paths[0], **inputs)
        subprocess.run([sys.executable, os.path.join(FOLDER, 'torch_reference.py'), task, *paths], check=True)
        with np.load(paths[1]) as outputs:
            return dict(outputs)
    return call


def test_the_test_process_never_imports_torch():
    """PyTorch's triton crashes in a process that has imported TensorFlow."""
    assert 'torch' not in sys.modules


@pytest.mark.slow
@needs_torch
@pytest.mark.parametrize('smooth', [False, True])
def test_training_equals_pytorch(smooth, run_torch, training_settings, make_smooth):
    """Images, losses, and all variables after ten steps, which cover the conventions of batch norm and Adam.

    With the recipe's own ReLUs, only the first step is compared: some unit is always within rounding of a kink.
    """
    if smooth:
        make_smooth()
    settings = training_settings('--flagfile=' + RECIPE, '--batch_size=4', '--epsilon=0.1')
    random = np.random.RandomState(0)
    feeds = [(random.uniform(-1, 1, (4, 64, 64, 3)).astype(np.float32), random.randn(4, 100).astype(np.float32))
             for _ in range(10 if smooth else 1)]
    record = record_training(settings, feeds)
    initial = {'%s/%d' % (scope, index): value
               for scope in SCOPES for index, value in enumerate(record.initial[scope])}
    images, noise = map(np.stack, zip(*feeds))
    expected = run_torch('training', smooth=smooth, images=images, noise=noise, **initial)
    np.testing.assert_allclose(record.inference_images, expected['inference_images'], atol=1e-5)
    np.testing.assert_allclose(record.losses, expected['losses'], rtol=1e-5)
    if smooth:
        for scope in SCOPES:
            for index, (name, actual) in enumerate(zip(record.names[scope], record.final[scope])):
                key = '%s/%d' % (scope, index)
                assert_same_training(actual, expected[key], initial[key], name)


@pytest.mark.slow
@needs_torch
def test_epsilon_of_adam(run_torch, training_settings):
    """With gradients as small as epsilon the two conventions differ, and only one is PyTorch's."""
    gradient = np.array([1., 0.01, -0.0001], np.float32)
    expected = run_torch('adam', gradient=gradient, epsilon=0.01)['variable']
    for epsilon_mode in ('pytorch', 'tensorflow'):
        settings = training_settings('--epsilon=0.01', '--epsilon_mode=' + epsilon_mode)
        with tf.Graph().as_default(), tf.Session() as session:
            variable = tf.get_variable('x', [3], initializer=tf.zeros_initializer(), use_resource=True)
            update = adam(settings, 0.1).apply_gradients([(tf.constant(gradient), variable)])
            session.run(tf.global_variables_initializer())
            for _ in range(5):
                session.run(update)
            value = session.run(variable)
        assert np.allclose(value, expected, rtol=1e-5) == (epsilon_mode == 'pytorch')
