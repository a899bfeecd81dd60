"""Trains some steps on one or several devices, and returns or stores what they compute. For test_workers.py."""
import contextlib
import json
import os
import sys
from unittest import mock

import numpy as np
import tensorflow.compat.v1 as tf
from tensorflow.python.ops import gen_resource_variable_ops

from dcgan_tf1 import data
from dcgan_tf1.model import graph
from dcgan_tf1.model import inputs as model_inputs
from dcgan_tf1.settings import cli_flags
from dcgan_tf1.settings.train import TrainSettings
from dcgan_tf1.train.workers.cluster import Cluster
from scripts.lib.double_precision import double_precision

NETWORK = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'smooth_network.py')
STEPS = 5
RELU, FLOAT64 = '--relu', '--float64'  # use ReLUs instead of smooth activations; compute in double precision


def record_steps(cluster, *flags):
    """Trains `STEPS` steps on generated images of 8×8 pixels.

    Args:
      cluster: a `Cluster`.
      flags: --images=NUMBER, flags of the training, and possibly `RELU` and `FLOAT64`.
    Returns: {name: array}: the variables after the steps, and the losses and logits of every step.
    """
    with contextlib.ExitStack() as changes:
        changes.enter_context(mock.patch.object(graph, '_histograms'))  # they take time, and are not for the workers
        if RELU in flags:
            changes.enter_context(mock.patch.object(tf.nn, 'elu', tf.nn.relu))
        if FLOAT64 in flags:
            changes.enter_context(double_precision())
        own = [flag for flag in flags[1:] if flag not in (RELU, FLOAT64)]
        return _record(cluster, int(flags[0].split('=')[1]), own, FLOAT64 in flags)


def _record(cluster, num_images, flags, in_float64):
    # With a small epsilon, Adam turns the rounding errors of a gradient near zero into an update of full size.
    settings = cli_flags.parse(TrainSettings, '--dataset=mnist_10k', '--image_size=8', '--noise_dim=7',
                               '--loss=sigmoid', '--epsilon=0.001', '--kernels=native', '--network=' + NETWORK, *flags)
    if in_float64:
        object.__setattr__(settings, 'precision', 'float64')  # users cannot choose it
    pixels = np.random.RandomState(0).randint(0, 256, (num_images, 8, 8, settings.channels)).astype(np.uint8)
    images = data.Images(pixels, 'a test')
    container = 'float64' if in_float64 else ''  # all runs have one server, which keeps variables under their names
    with tf.Graph().as_default(), tf.container(container), tf.device(cluster.device):
        training = graph.build_training(settings, images, model_inputs.batch_plan(settings, num_images),
                                        cluster.replicas(settings.batch_statistics))
        with cluster.create_session(False) as session:
            session.run(tf.global_variables_initializer())
            if training.cooperation:
                session.run(training.cooperation.copy_from_chief)
            training.start_batches(session, 0)
            records = [session.run({**training.step._asdict(), **training.gradient_norms}) for _ in range(STEPS)]
            result = session.run({variable.op.name: variable for variable in tf.global_variables()})
            _check_copies(session, result)
    for name in records[0]:
        if name != 'train_op':
            result['record/' + name] = np.concatenate([np.ravel(record[name]) for record in records])
    return result


def _check_copies(session, variables):
    """Asserts that the further devices of this process hold the same bits as the first."""
    copies = {}
    for op in session.graph.get_operations():
        scope, _, name = op.name.partition('/')
        if scope.startswith('replica_') and op.type == 'VarHandleOp' and name in variables:
            copies[op.name] = gen_resource_variable_ops.read_variable_op(op.outputs[0], variables[name].dtype)
    for copy, value in session.run(copies).items():  # in one run, because each run of a longer graph takes long
        np.testing.assert_array_equal(value, variables[copy.partition('/')[2]], copy)


def main():
    """For every list of flags in a file of JSON, writes OUTPUT/NUMBER-RANK.npz."""
    path, output, num_gpus = sys.argv[1:]
    with open(path, encoding='utf-8') as file:
        runs = json.load(file)
    with Cluster(int(num_gpus)) as cluster:
        for number, flags in enumerate(runs):
            np.savez(os.path.join(output, '%d-%d.npz' % (number, cluster.rank)), **record_steps(cluster, *flags))


if __name__ == '__main__':
    main()
