"""TensorFlow 1.15 and TensorFlow 2 compute the same first step, and can train the same run in turn."""
import glob
import os
import subprocess

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from helpers import ROOT, final_variables

from dcgan_tf1.runs.folder import RunFolder
from dcgan_tf1.train.training import train


@pytest.fixture
def other_python():
    """The Python of the environment with the other TensorFlow, which scripts/test.py creates."""
    is_tensorflow_1 = tf.__version__.startswith('1.')
    for marker in glob.glob(os.path.join(ROOT, '.venv-3.*', 'installed-for-tests')):
        folder = os.path.dirname(marker)
        if folder.endswith('-3.7') != is_tensorflow_1:
            return os.path.join(folder, *(('Scripts', 'python.exe') if os.name == 'nt' else ('bin', 'python')))
    return pytest.skip('scripts/test.py has not created an environment with the other TensorFlow')


@pytest.mark.slow
@pytest.mark.any_tensorflow  # it starts and resumes runs in both
def test_a_run_can_change_its_tensorflow(other_python, training_settings, tmp_path, capsys):
    settings = {'dataset': 'mnist_10k', 'network': os.path.join(ROOT, 'tests', 'few_filters.py'), 'batch_size': 16,
                'sample_size': 4, 'log_every': 1, 'checkpoint_every': 3, 'kernels': 'native'}
    flags = ['--%s=%s' % item for item in settings.items()]
    this_run, other_run, shared_run = (RunFolder(str(tmp_path / name)) for name in ('this', 'other', 'shared'))

    def train_here(folder, steps):
        assert train(training_settings(*flags, '--steps=%d' % steps, '--run_dir=' + folder.path)) == 0
    train_here(shared_run, 3)
    # One process trains two runs, because starting TensorFlow takes longer.
    program = 'import sys\nfrom dcgan_tf1 import api\n' + ''.join(
        'api.train(**%r)\n' % {**settings, 'steps': steps, 'run_dir': folder.path}
        for folder, steps in ((other_run, 1), (shared_run, 6)))
    subprocess.check_call([other_python, '-c', program], cwd=ROOT)
    train_here(this_run, 1)
    first, other_first = (folder.read_metrics()[0] for folder in (this_run, other_run))
    # The generator's loss depends on an updated discriminator, and Adam's first step magnifies rounding errors.
    assert first['discriminator_loss'] == pytest.approx(other_first['discriminator_loss'], rel=1e-5)
    assert first['generator_loss'] == pytest.approx(other_first['generator_loss'], rel=1e-2)
    train_here(other_run, 2)
    assert 'this run was started with' in capsys.readouterr().err
    train_here(shared_run, 8)
    assert 'this run was started with' not in capsys.readouterr().err  # it was started by this TensorFlow
    assert [record['step'] for record in shared_run.read_metrics()] == list(range(1, 9))
    variables = final_variables(shared_run)
    assert variables['global_step'] == 8 and all(np.isfinite(value).all() for value in variables.values())
    with open(shared_run.log) as file:
        assert 'the last digits of results may differ' in file.read()  # written by the other TensorFlow
