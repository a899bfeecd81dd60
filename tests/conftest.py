"""Fixtures shared by all tests. Every test runs unchanged on TensorFlow 1 and on TensorFlow 2."""
# ruff: noqa: E402
import collections
import contextlib
import functools
import gc
import os
import shutil
import subprocess
import sys

gc.disable()  # until all tests are collected: Python would search the modules of TensorFlow for garbage again and again

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from helpers import BATCH_NORM_RUN, SMALL_RUN, TENSORFLOW, with_few_digits
from tensorflow.python.client.session import BaseSession

from dcgan_tf1.data import Images, mnist_10k
from dcgan_tf1.evaluate.settings import EvaluateSettings
from dcgan_tf1.export import ExportSettings
from dcgan_tf1.runs.folder import RunFolder
from dcgan_tf1.sample.settings import SampleSettings
from dcgan_tf1.settings import cli_flags
from dcgan_tf1.settings.train import TrainSettings
from dcgan_tf1.train.training import train
from scripts.lib import fork_server
from scripts.lib.chromium import EXECUTABLE, Chromium
from scripts.lib.messages import collected

tf.logging.set_verbosity(tf.logging.ERROR)
SECONDS_OF_FILES = collections.Counter()  # {path of a test file: processor seconds}


def pytest_addoption(parser):
    parser.addoption('--mnist-dir', default=os.environ.get('DCGAN_TF1_MNIST_DIR'), help=(
        'folder of the MNIST files (train-images-idx3-ubyte.gz and so on). Default: $DCGAN_TF1_MNIST_DIR, then '
        "Keras's cache. Without MNIST, tests that need it are skipped"))
    parser.addoption('--processor-times', action='store_true', help=(
        'list the processor time of every test file, in seconds and in units of importing TensorFlow, because machines '
        'differ'))


def processor_seconds():
    """The processor time of this process and of its children that have ended."""
    return sum(os.times()[:4])


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item):
    """Takes the time at which a test begins, before its fixtures are set up."""
    item.began = processor_seconds()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Reports the processor time of a test at its end. It includes the fixtures that it is the first to use.

    Replaces what is not Unicode in the output of a test, which pytest-xdist could not report.
    """
    if call.when == 'teardown':
        item.user_properties.append(('processor_seconds', processor_seconds() - item.began))
    outcome = yield
    report = outcome.get_result()
    report.sections = [(name, text.encode('utf-8', 'backslashreplace').decode()) for name, text in report.sections]


def pytest_runtest_logreport(report):
    """Adds up the processor time of every file, also of tests that ran in processes of pytest-xdist."""
    if report.when == 'teardown':
        SECONDS_OF_FILES[report.nodeid.split('::')[0]] += dict(report.user_properties)['processor_seconds']


def pytest_terminal_summary(terminalreporter, config):
    """With --processor-times, lists the files by their processor time."""
    if config.getoption('--processor-times'):
        code = 'import tensorflow, time; print(time.process_time())'
        seconds_of_import = float(subprocess.check_output([sys.executable, '-u', '-c', code],
                                                          stderr=subprocess.DEVNULL))
        terminalreporter.section('processor time: %.0f s, or %.0f times `import tensorflow`' % (
            sum(SECONDS_OF_FILES.values()), sum(SECONDS_OF_FILES.values()) / seconds_of_import))
        for path, seconds in SECONDS_OF_FILES.most_common():
            terminalreporter.write_line('%7.1f s  %6.2f  %s' % (seconds, seconds / seconds_of_import, path))


@pytest.hookimpl(tryfirst=True)  # before -m "not slow" selects
def pytest_collection_modifyitems(items):
    """Marks tests of trained runs as slow, and skips on TensorFlow 1 what works the same on every TensorFlow."""
    for item in items:
        if 'trained' in item.fixturenames:
            item.add_marker(pytest.mark.slow)
    if TENSORFLOW < (2,):
        skip = pytest.mark.skip(reason='does not depend on TensorFlow: tested on TensorFlow 2')
        for item in items:
            if item.get_closest_marker('any_tensorflow'):
                item.add_marker(skip)


def pytest_collection_finish():
    """From here on, Python searches for garbage, but not in what exists now."""
    gc.freeze()
    gc.enable()


@pytest.fixture(scope='session', autouse=True)
def programs_are_forks():
    """Programs in Python that a test starts do not import TensorFlow first, which takes seconds."""
    with pytest.MonkeyPatch.context() as patch:
        if sys.platform == 'linux':
            patch.setattr(subprocess, 'Popen', fork_server.ForkingPopen)
        yield


@pytest.fixture(scope='session', autouse=True)
def original_sessions():
    """Sessions of this process do not optimize graphs, which takes longer than a few steps of a training.

    Those of the processes that tests start do, as for users, and those of tests/oracles/. Yields what makes them do so:
    the original `__init__` of sessions.
    """
    original = BaseSession.__init__

    def init(self, target='', graph=None, config=None):
        fast = tf.ConfigProto()
        fast.graph_options.rewrite_options.disable_meta_optimizer = True
        fast.graph_options.optimizer_options.opt_level = tf.OptimizerOptions.L0
        if config:
            fast.MergeFrom(config)
        original(self, target, graph, fast)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BaseSession, '__init__', init)
        yield original


@pytest.fixture(scope='session')
def mnist_dir(pytestconfig):
    """A folder for --data_dir, with which --dataset=mnist needs no download."""
    folder = pytestconfig.getoption('--mnist-dir')
    if folder:
        if not os.path.isdir(folder):
            raise pytest.UsageError('--mnist-dir or $DCGAN_TF1_MNIST_DIR: %s is not a folder' % folder)
        return folder
    cache = os.path.join(os.path.expanduser(os.environ.get('KERAS_HOME', '~/.keras')), 'datasets')
    if not os.path.isfile(os.path.join(cache, 'mnist.npz')):
        pytest.skip("MNIST is neither in --mnist-dir or $DCGAN_TF1_MNIST_DIR, nor in Keras's cache")
    return cache  # without IDX files there, the loader reads the file in Keras's cache


@pytest.fixture
def graph():
    """An empty default graph."""
    with tf.Graph().as_default() as empty_graph:
        yield empty_graph


@pytest.fixture(scope='session')
def tf_layers():
    """The real `tf.layers`, which recent TensorFlows hide unless a variable is set that users do not set."""
    if TENSORFLOW < (2, 16):
        return tf.layers
    pytest.importorskip('tf_keras', reason='tf_keras, which contains tf.layers, is not installed')
    from tf_keras.api._v1.keras.__internal__.legacy import layers
    return layers


@pytest.fixture
def logged():
    """The messages that the package logs during a test, at the level INFO or above."""
    with collected() as messages:
        yield messages


@pytest.fixture
def training_settings():
    """(flags…) → the settings that `train` has with these flags."""
    return lambda *args: cli_flags.parse(TrainSettings, *args)


@pytest.fixture
def sampling_settings():
    """(flags…) → the settings that `sample` has with these flags."""
    return lambda *args: cli_flags.parse(SampleSettings, *args)


@pytest.fixture
def evaluation_settings():
    """(flags…) → the settings that `evaluate` has with these flags."""
    return lambda *args: cli_flags.parse(EvaluateSettings, *args)


@pytest.fixture
def export_settings():
    """(flags…) → the settings that `export` has with these flags."""
    return lambda *args: cli_flags.parse(ExportSettings, *args)


@pytest.fixture(scope='session')
def trained(tmp_path_factory):
    """(flags…) → the `RunFolder` of a finished run, which is trained once for all tests that ask for these flags.

    Tests must not change it. A test that changes a run copies it, or trains its own.
    """
    @functools.lru_cache(maxsize=None)
    def call(*flags):
        folder = str(tmp_path_factory.mktemp('trained'))
        assert train(cli_flags.parse(TrainSettings, *flags, '--run_dir=' + folder)) == 0
        return RunFolder(folder)
    return call


@pytest.fixture
def train_run(training_settings, tmp_path):
    """(name, flags…) → the `RunFolder` of a finished call of `train`: a new run in this folder, or a resumed one."""
    def call(name, *flags):
        folder = str(tmp_path / name)
        assert train(training_settings(*SMALL_RUN, '--run_dir=' + folder, *flags)) == 0
        return RunFolder(folder)
    return call


@pytest.fixture
def copy_of_run(trained, tmp_path):
    """(name, flags…) → the `RunFolder` of a finished run that the test may resume or damage."""
    return lambda name, *flags: RunFolder(shutil.copytree(trained(*SMALL_RUN, *flags).path, str(tmp_path / name)))


@pytest.fixture
def uninterrupted_run(trained):
    """A run of 8 steps that was never interrupted. Tests must not change it."""
    return trained(*SMALL_RUN, '--steps=8')


@pytest.fixture
def batch_norm_run(trained):
    """A run with checkpoints of steps 3 and 6, and a grid of each step. Tests must not change it."""
    return trained(*BATCH_NORM_RUN)


@pytest.fixture(scope='session')
def classifier_cache(tmp_path_factory):
    """The folder of the classifiers that all tests share, for --cache_dir."""
    return str(tmp_path_factory.mktemp('classifiers'))


@pytest.fixture
def few_digits():
    """In this process, `mnist_10k` has 2,000 images (1,800 and 200 if they are labeled), which is faster."""
    with with_few_digits():
        yield


@pytest.fixture
def few_labeled_digits(monkeypatch):
    """In this process, evaluations with `mnist_10k` use 300 training images and 100 test images. Trainings use all."""
    load_labeled = mnist_10k.load_labeled
    monkeypatch.setattr(mnist_10k, 'load_labeled', lambda **_: [
        part._replace(images=part.images._replace(pixels=part.images.pixels[:count]), labels=part.labels[:count])
        for part, count in zip(load_labeled(), (300, 100))])


@pytest.fixture(scope='session')
def trainings_in_process():
    """() → a context in which scripts train in this process."""
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


@pytest.fixture(scope='session')
def random_images():
    """40 images of uniform noise, 28×28."""
    return Images(np.random.RandomState(0).randint(0, 256, (40, 28, 28, 1)).astype(np.uint8), 'a test')


@pytest.fixture
def make_smooth(monkeypatch):
    """() → None. Replaces every ReLU and leaky ReLU of TensorFlow by an ELU until the test ends.

    In networks of this size, some unit is always within rounding of the kink of a ReLU. There, two correct programs
    compute different gradients.
    """
    def patch():
        monkeypatch.setattr(tf.nn, 'relu', tf.nn.elu)
        monkeypatch.setattr(tf.nn, 'leaky_relu', lambda x, alpha=None: tf.nn.elu(x))
    return patch


@pytest.fixture(scope='session')
def browser(tmp_path_factory):
    """A headless Chromium, shared by all tests that open pages. It keeps what it was told about windows and colors."""
    if not EXECUTABLE:
        pytest.skip('Chromium or Chrome is not installed')
    with Chromium(str(tmp_path_factory.mktemp('chromium'))) as chromium:
        yield chromium
