"""Functions shared by tests of trainings."""
import contextlib
import os
import subprocess
import sys
import time

import few_filters
import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from dcgan_tf1.data import LabeledImages, mnist_10k
from dcgan_tf1.settings import cli_flags
from dcgan_tf1.settings.fields import Settings
from scripts.lib.measurements import Measurements, read_json
from scripts.lib.paths import results_folder

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

TENSORFLOW = tuple(map(int, tf.__version__.split('.')[:2]))
# A run of the network that trains fastest; and the flag for a network with convolutions, batch norm and dropout.
SMALL_RUN = ('--dataset=mnist_10k', '--batch_size=8', '--sample_size=4', '--log_every=2', '--sample_every=4',
             '--checkpoint_every=3', '--network=graph_mode_dense', '--loss=sigmoid')
ALL_LAYERS = '--network=machinecurve'
# A run of the main recipe.
MAIN_RUN = ('--dataset=mnist_10k', '--batch_size=8', '--sample_size=4', '--log_every=2', '--sample_every=4',
            '--checkpoint_every=3')
# A run of a small network with batch norm and dropout, for tests of what is done with trained runs.
BATCH_NORM_RUN = (*SMALL_RUN, ALL_LAYERS, '--steps=6', '--sample_every=1', '--bn_mode=moving',
                  '--extra_bn_momentums=0.5')
# With MAIN_RUN: the same layers with few filters. In this process, the package has that network.
FEW_FILTERS = '--network=few_filters'
sys.modules['dcgan_tf1.model.networks.few_filters'] = few_filters
# Enough for a classifier of the digits with an accuracy of 90%. Tests that share it train it once.
CLASSIFIER_STEPS = '--classifier_steps=100'


def arguments_class(script):
    """The class of the arguments of a script, given its module."""
    found, = [value for value in vars(script).values() if isinstance(value, type)
              and issubclass(value, Settings) and value.__module__ == script.__name__]
    return found


def script_arguments(script, *flags):
    """The arguments of a script, given its module."""
    return cli_flags.parse(arguments_class(script), *flags)


def run_script(script, *flags):
    """Runs a script in this process, given its module; returns its exit status."""
    return script.main(script_arguments(script, *flags))


def stored_measurements(*names):
    """What is in a folder of results/."""
    folder = results_folder(*names)
    return Measurements(folder, read_json(os.path.join(folder, 'measurements.json'))['settings'])


@contextlib.contextmanager
def with_few_digits():
    """A context in which `mnist_10k` has 2,000 images in this process (1,800 and 200 if they are labeled)."""
    load_all = mnist_10k._load_all

    def load_few():
        images, labels = load_all()
        return LabeledImages(images._replace(pixels=images.pixels[::5]), labels[::5])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mnist_10k, '_load_all', load_few)
        yield


def read_variables(checkpoint):
    """{name: value} of everything in a checkpoint (its path)."""
    reader = tf.train.load_checkpoint(checkpoint)
    return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}


def final_variables(folder):
    """{name: value} of everything in the last checkpoint of a `RunFolder`."""
    return read_variables(tf.train.latest_checkpoint(folder.checkpoints))


def assert_same_variables(actual, expected, subset=False):
    """Asserts that two {name: value} are equal bit for bit. With `subset`, `actual` may have more names."""
    assert expected and (set(actual) >= set(expected) if subset else set(actual) == set(expected))
    for name, value in expected.items():
        np.testing.assert_array_equal(actual[name], value, err_msg=name)


def load_variables(session, pairs):
    """Sets variables, given pairs (variable, value), in one run. `tf.Variable.load` needs one for each."""
    feed = [(variable.initializer, value) for variable, value in pairs]
    session.run([initializer for initializer, _ in feed],
                {initializer.inputs[1]: value for initializer, value in feed})


def differing(actual, expected, tolerance=0.):
    """{name: largest difference, relative to the largest value} of the arrays in two {name: array} that differ by more
    than that."""
    assert actual.keys() == expected.keys()
    # Smaller values are what is left of sums of larger numbers, whose rounding errors they keep.
    found = {name: np.max(np.abs(actual[name].astype(np.float64) - expected[name]))
             / max(np.max(np.abs(expected[name])), 1e-2) for name in expected}
    return {name: difference for name, difference in found.items() if not difference <= tolerance}


def logged_losses(folder):
    """The records of a run's metrics.jsonl, without their speed."""
    return [{name: value for name, value in record.items() if name != 'images_per_second'}
            for record in folder.read_metrics()]


def assert_same_run(actual, expected):
    """Asserts that two runs are equal bit for bit: variables, Adam slots, moving statistics and logged losses."""
    variables = final_variables(actual)
    assert any(name.endswith('/Adam_1') for name in variables) and 'global_step' in variables
    assert_same_variables(variables, final_variables(expected))
    assert logged_losses(actual) == logged_losses(expected)


def start_command(*flags, **options):
    """Starts the command `train` in a process of its own."""
    return subprocess.Popen([sys.executable, '-m', 'dcgan_tf1.train', *flags], cwd=ROOT, universal_newlines=True,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)


def wait_for(condition, process):
    """Waits until `condition()` is true. Fails if the process ends first, or after two minutes."""
    deadline = time.time() + 120
    while not condition():
        assert process.poll() is None and time.time() < deadline, process.communicate()[0]
        time.sleep(0.02)
