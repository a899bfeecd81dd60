"""What the tests share. Each runs unchanged on TensorFlow 1.15 and on today's TensorFlow."""
import contextlib
import functools
import os

# Before TensorFlow is imported: with it, tf_keras brings `tf.layers` to today's TensorFlow.
os.environ['TF_USE_LEGACY_KERAS'] = '1'

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from dcgan_tf1 import cli_flags
from dcgan_tf1.data import Images
from dcgan_tf1.run_folder import RunFolder
from dcgan_tf1.settings import EvaluateSettings, ExportSettings, SampleSettings, TrainSettings
from dcgan_tf1.training import train

tf.logging.set_verbosity(tf.logging.ERROR)

MNIST = os.path.join(os.path.dirname(__file__), '..', '..', 'shared', 'data', 'mnist')


@pytest.fixture
def mnist_dir():
    """Folder of the real MNIST."""
    if not os.path.isdir(MNIST):
        pytest.skip('the real MNIST is not at ../shared/data/mnist')
    return MNIST


@pytest.fixture
def graph():
    """An empty default graph."""
    with tf.Graph().as_default() as new:
        yield new


@pytest.fixture
def tf_layers():
    """The real `tf.layers`, the oracle."""
    try:
        return tf.layers
    except (AttributeError, ImportError):
        pytest.skip('tf.layers is not here: install tf_keras')


@pytest.fixture
def training_settings():
    """(flags…) → settings of a training, as the command line gives them."""
    return lambda *args: cli_flags.parse(TrainSettings, *args)


@pytest.fixture
def sampling_settings():
    """(flags…) → settings of `sample`."""
    return lambda *args: cli_flags.parse(SampleSettings, *args)


@pytest.fixture
def evaluation_settings():
    """(flags…) → settings of `evaluate`."""
    return lambda *args: cli_flags.parse(EvaluateSettings, *args)


@pytest.fixture
def export_settings():
    """(flags…) → settings of `export`."""
    return lambda *args: cli_flags.parse(ExportSettings, *args)


@pytest.fixture(scope='session')
def trained(tmp_path_factory):
    """(flags…) → the `RunFolder` of a finished run, trained once for all tests that ask for these flags.

    For reading only: a test that changes a run takes a copy, or trains its own.
    """
    @functools.lru_cache(maxsize=None)
    def call(*args):
        folder = str(tmp_path_factory.mktemp('trained'))
        assert train(cli_flags.parse(TrainSettings, *args, '--run_dir=' + folder)) == 0
        return RunFolder(folder)
    return call


@pytest.fixture(scope='session')
def trainings_in_process():
    """() → a context in which scripts train in this process. Short runs would mostly wait for TensorFlow to start."""
    @contextlib.contextmanager
    def patched():
        from scripts.lib import trainings

        def train_here(recipe, run_dir, *flags, on_step=None):
            flags = trainings.training_flags(recipe, run_dir, *flags)
            assert train(cli_flags.parse(TrainSettings, *flags)) == 0
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(trainings, 'train', train_here)
            yield
    return patched


@pytest.fixture
def random_images():
    """40 images of noise, 28×28."""
    return Images(np.random.RandomState(0).randint(0, 256, (40, 28, 28, 1)).astype(np.uint8), 'a test')


@pytest.fixture
def make_smooth(monkeypatch):
    """() makes every (leaky) ReLU of TensorFlow an ELU, until the test ends.

    In networks of this size some unit is always within rounding of a kink, where two correct programs part.
    """
    def patch():
        monkeypatch.setattr(tf.nn, 'relu', tf.nn.elu)
        monkeypatch.setattr(tf.nn, 'leaky_relu', lambda x, alpha=None: tf.nn.elu(x))
    return patch
