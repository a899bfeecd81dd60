"""Times training steps on one, two and three devices of this machine.

  python -m scripts.benchmarks.devices

Without GPUs, they share the processor, so more of them cannot be faster. What the table shows is what training together
costs: the speed with the same batch (strong scaling) and with so many images for each device (weak scaling), and how
many reductions of how many bytes a step has. The measurements alternate. Writes README.md and devices.json to --output.
"""
import dataclasses
import os
import statistics
import sys
import time
from typing import Any, Dict, List, Sequence, Tuple

import numpy as np
import tensorflow.compat.v1 as tf

from dcgan_tf1.data import Images
from dcgan_tf1.model import graph
from dcgan_tf1.model import inputs as model_inputs
from dcgan_tf1.settings import cli, cli_flags, fields, recipes
from dcgan_tf1.settings.train import TrainSettings
from dcgan_tf1.train.workers.cluster import Cluster
from dcgan_tf1.util import pages, processor
from scripts.lib.arguments import integers, names, output_folder
from scripts.lib.measurements import write_json, write_page

_WARM_UP = 3  # steps that are not timed
_INTRODUCTION = '''# Several devices of one machine

What does it cost to [train on several devices](../../../docs/several-workers.md)?

Measured without a GPU on %s with TensorFlow %s: the devices shared the processor,
so more of them could not be faster.
*Speed* is in images per second, divided by that of one device: the median of %d measurements, which alternated, and
their range. Where the batch stays the same, that is strong scaling; where it grows with the devices, weak scaling. The
reductions are those of a step that logs, which has two more than others.

'''
_HEADINGS = ('recipe', 'devices', 'images in a batch', 'batch statistics', 'ms per step', 'speed', 'reductions',
             'MB reduced')


@dataclasses.dataclass(frozen=True)
class DevicesArguments(fields.Settings):
    """Arguments of this script."""

    recipes: Tuple[str, ...] = names(('machinecurve', 'sparse_softmax'), recipes.names(), 'recipes to train')
    devices: Tuple[int, ...] = integers((1, 2, 3), 1, 'numbers of devices')
    batch_size: int = fields.integer(64, 3, 'images in a batch of one device')
    steps: int = fields.integer(10, 1, 'timed steps')
    rounds: int = fields.integer(3, 1, 'measurements of each')
    output: str = output_folder('benchmarks', 'devices')


def measure(result: Dict[str, Any], steps: int) -> Dict[str, Any]:
    """Trains some steps on noise, as an entry of the results describes.

    Returns: the median seconds of a step, and the bytes of every reduction of a step.
    """
    settings = cli_flags.parse(TrainSettings, '--recipe=' + result['recipe'], '--batch_size=%d' % result['batch_size'],
                               '--kernels=native', '--batch_statistics=' + result['statistics'])
    shape = (2 * settings.batch_size, settings.image_size, settings.image_size, settings.channels)
    images = Images(np.random.RandomState(0).randint(0, 256, shape).astype(np.uint8), 'noise')
    seconds: List[float] = []
    with Cluster(result['devices']) as cluster, tf.Graph().as_default(), tf.device(cluster.device):
        plan = model_inputs.batch_plan(settings, images.num_examples)
        training = graph.build_training(settings, images, plan, cluster.replicas(settings.batch_statistics))
        reductions = [op.outputs[0] for op in tf.get_default_graph().get_operations()
                      if op.type.startswith('CollectiveReduce') and 'replica_' not in op.name]
        traffic = [(reduced.shape.num_elements() or 0) * reduced.dtype.size for reduced in reductions]
        initializer = tf.global_variables_initializer()
        with cluster.create_session(False) as session:
            session.run(initializer)
            if training.cooperation:
                session.run(training.cooperation.copy_from_chief)
                del traffic[-len(tf.global_variables()):]  # this is no part of a step
            training.start_batches(session, 0)
            for _ in range(_WARM_UP + steps):
                began = time.perf_counter()
                session.run(training.step._asdict())
                seconds.append(time.perf_counter() - began)
    return {'seconds': statistics.median(seconds[_WARM_UP:]), 'traffic': traffic}


def _rows(results: Sequence[Dict[str, Any]]) -> List[List[Any]]:
    alone = {result['recipe']: result for result in results if result['devices'] == 1}
    rows = []
    for result in results:
        one = alone[result['recipe']]
        more = result['batch_size'] / one['batch_size']
        speeds = sorted(more * first / own for first, own in zip(one['seconds'], result['seconds']))
        rows.append(['`%s`' % result['recipe'], result['devices'], result['batch_size'], '`%s`' % result['statistics'],
                     '%.0f' % (1000 * statistics.median(result['seconds'])),
                     '%.2f (%.2f–%.2f)' % (statistics.median(speeds), speeds[0], speeds[-1]), len(result['traffic']),
                     '%.1f' % (sum(result['traffic']) / 1e6)])
    return rows


def _to_measure(arguments: DevicesArguments) -> List[Dict[str, Any]]:
    """The results, without times yet."""
    results = []
    for recipe in arguments.recipes:
        for count in sorted({1, *arguments.devices}):
            variants = [(arguments.batch_size, 'all')]
            if count > 1:
                variants += [(arguments.batch_size, 'worker'), (count * arguments.batch_size, 'all')]
            results += [{'recipe': recipe, 'devices': count, 'batch_size': batch_size, 'statistics': statistics_of,
                         'seconds': []} for batch_size, statistics_of in variants]
    return results


def main(arguments: DevicesArguments) -> int:
    """The script; returns the exit status."""
    os.makedirs(arguments.output, exist_ok=True)
    results = _to_measure(arguments)
    for number in range(arguments.rounds):
        for position, result in enumerate(results, 1):
            print('round %d of %d: %d of %d' % (number + 1, arguments.rounds, position, len(results)), file=sys.stderr,
                  flush=True)
            measured = measure(result, arguments.steps)
            result['seconds'].append(measured['seconds'])
            result['traffic'] = measured['traffic']
    stored = {'processor': processor.name(), 'tensorflow': tf.__version__, 'results': results}
    write_json(os.path.join(arguments.output, 'devices.json'), stored)
    text = report(stored)
    write_page(arguments.output, text)
    print(text)
    return 0


def report(stored: Dict[str, Any]) -> str:
    """The content of README.md."""
    rounds = len(stored['results'][0]['seconds'])
    introduction = _INTRODUCTION % (stored['processor'], stored['tensorflow'], rounds)
    return introduction + pages.markdown_table(_HEADINGS, _rows(stored['results']))


if __name__ == '__main__':
    cli.main(main, DevicesArguments)
