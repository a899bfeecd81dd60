"""Functions shared by tests of trainings."""
import os
import subprocess
import sys
import time

import numpy as np
import tensorflow.compat.v1 as tf

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

TENSORFLOW = tuple(map(int, tf.__version__.split('.')[:2]))
# A run of the network that trains fastest; and the flag for a network with convolutions, batch norm and dropout.
SMALL_RUN = ('--dataset=mnist_10k', '--batch_size=8', '--sample_size=4', '--log_every=2', '--sample_every=4',
             '--checkpoint_every=3', '--network=graph_mode_dense', '--loss=sigmoid')
ALL_LAYERS = '--network=machinecurve'
# A run of the main recipe.
MAIN_RUN = ('--dataset=mnist_10k', '--batch_size=8', '--sample_size=4', '--log_every=2', '--sample_every=4',
            '--checkpoint_every=3')
# Enough for a classifier of the digits with an accuracy of 90%. Tests that share it train it once.
CLASSIFIER_STEPS = '--classifier_steps=60'


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
