"""Trains some steps with one or several workers, and stores what every worker computes. Run by test_workers.py."""
import json
import os
import sys

import numpy as np
import tensorflow.compat.v1 as tf

from dcgan_tf1 import cli_flags, data, graph, run_settings
from dcgan_tf1.cluster import Cluster
from dcgan_tf1.settings import TrainSettings

NETWORK = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'smooth_network.py')
STEPS = 10


def record_steps(cluster, *flags):
    """Trains `STEPS` steps on generated images of 8×8 pixels.

    Args:
      cluster: a `Cluster`.
      flags: of the training, and --images=NUMBER.
    Returns: {name: array}: the variables after the steps, and the losses and logits of every step.
    """
    num_images = int(flags[0].split('=')[1])
    # With a small epsilon, Adam turns the rounding errors of a gradient near zero into an update of full size.
    settings = cli_flags.parse(TrainSettings, '--dataset=digits', '--image_size=8', '--noise_dim=7', '--loss=sigmoid',
                               '--epsilon=0.001', '--kernels=native', '--network=' + NETWORK, *flags[1:])
    pixels = np.random.RandomState(0).randint(0, 256, (num_images, 8, 8, settings.channels)).astype(np.uint8)
    images = data.Images(pixels, 'a test')
    with tf.Graph().as_default(), tf.device(cluster.device):
        training = graph.build_training(settings, images, run_settings.batch_plan(settings, num_images),
                                        cluster.workers(settings.batch_statistics))
        with cluster.create_session(False) as session:
            session.run(tf.global_variables_initializer())
            if training.cooperation:
                session.run(training.cooperation.copy_from_chief)
            training.start_batches(session, 0)
            records = [session.run({**training.step._asdict(), **training.gradient_norms}) for _ in range(STEPS)]
            result = {variable.op.name: session.run(variable) for variable in tf.global_variables()}
    for name in records[0]:
        if name != 'train_op':
            result['record/' + name] = np.concatenate([np.ravel(record[name]) for record in records])
    return result


def main():
    """For every list of flags in a file of JSON, writes OUTPUT/NUMBER-RANK.npz."""
    path, output = sys.argv[1:]
    with open(path, encoding='utf-8') as file:
        runs = json.load(file)
    with Cluster() as cluster:
        for number, flags in enumerate(runs):
            np.savez(os.path.join(output, '%d-%d.npz' % (number, cluster.rank)), **record_steps(cluster, *flags))


if __name__ == '__main__':
    main()
