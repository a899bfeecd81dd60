"""Across TensorFlow 1.15 and today's: the same first steps, and one run that both train in turn."""
import glob
import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from dcgan_tf1 import train
from dcgan_tf1.run_folder import RunFolder

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


@pytest.fixture
def other_python():
    """The Python of an environment of scripts/test.py that has the other TensorFlow."""
    original = sys.version_info[:2] == (3, 7)
    for marker in glob.glob(os.path.join(ROOT, '.venv-3.*', 'installed-for-tests')):
        folder = os.path.dirname(marker)
        if folder.endswith('-3.7') != original:
            return os.path.join(folder, *(('Scripts', 'python.exe') if os.name == 'nt' else ('bin', 'python')))
    return pytest.skip('scripts/test.py has not made the environment of the other TensorFlow yet')


def test_a_run_changes_hands(other_python, training_settings, tmp_path, capsys):
    args = ['--dataset=digits', '--batch_size=16', '--sample_size=4', '--log_every=1', '--checkpoint_every=3']

    def here(name, steps):
        settings = training_settings(*args, '--steps=%d' % steps, '--run_dir=' + str(tmp_path / name))
        assert train.run(settings) == 0
        return RunFolder(settings.run_dir)

    def there(name, steps):
        subprocess.check_call([other_python, '-m', 'dcgan_tf1.train', *args, '--steps=%d' % steps,
                               '--run_dir=' + str(tmp_path / name)], cwd=ROOT)
        return RunFolder(str(tmp_path / name))
    ours, theirs = here('here', 1).read_metrics()[0], there('there', 1).read_metrics()[0]
    # The generator's loss is through an updated discriminator: Adam's first step makes much of little.
    assert ours['discriminator_loss'] == pytest.approx(theirs['discriminator_loss'], rel=1e-5)
    assert ours['generator_loss'] == pytest.approx(theirs['generator_loss'], rel=1e-2)
    here('shared', 3)
    there('shared', 6)
    folder = here('shared', 8)
    assert 'this run began with' not in capsys.readouterr().err  # the last to save was the other, the first was this
    assert [record['step'] for record in folder.read_metrics()] == list(range(1, 9))
    reader = tf.train.load_checkpoint(tf.train.latest_checkpoint(folder.checkpoints))
    assert reader.get_tensor('global_step') == 8
    assert all(np.isfinite(reader.get_tensor(name)).all() for name in reader.get_variable_to_shape_map())
    with open(folder.log) as file:
        assert 'results may differ in the last digits' in file.read()  # said by the other
