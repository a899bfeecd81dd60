"""Plans trainings with several GPUs: predicts how much of their time they compute, from a model. Measures nothing.

  python -m scripts.benchmarks.workers_plan

The operations and the reductions of a step are counted in the training graph. The rates of GPUs and networks are
assumptions, which the flags can replace by measured ones:

  time of a step = operations / rate of a GPU + sum over the reductions of (2 (N - 1) / N bytes / bandwidth + latency)

The latency is that of 2 log2(N) messages. Prints a table for docs/several-workers.md.
"""
import argparse
import math
import sys
from typing import Any, List, NamedTuple, Optional, Sequence

import numpy as np
import tensorflow.compat.v1 as tf

from dcgan_tf1 import cli_flags, graph, markdown, recipes, run_settings
from dcgan_tf1.cli import exit_status
from dcgan_tf1.data import Images
from dcgan_tf1.settings import TrainSettings
from dcgan_tf1.workers import Workers
from scripts.benchmarks.training import gemm_bound
from scripts.lib.arguments import at_least, list_of, one_of

_OF_LOGGING = 3  # reductions of losses and logits, which are small
_LINKS = {'NVLink': (2e11, 5e-6), '100 Gb/s network': (1e10, 1e-5), '10 Gb/s network': (8e8, 2e-4)}


class Step(NamedTuple):
    """What a training step consists of."""

    flops: int  # floating-point operations of the convolutions and dense layers for one image
    reductions: List[int]  # the bytes of each


def count(recipe: str, batch_size: int) -> Step:
    """Counts a step of a recipe."""
    settings = cli_flags.parse(TrainSettings, '--recipe=' + recipe, '--kernels=native', '--batch_size=%d' % batch_size)
    shape = (batch_size, settings.image_size, settings.image_size, settings.channels)
    images = Images(np.zeros(shape, np.uint8), 'nothing')

    def build(workers: Workers) -> graph.TrainGraph:
        return graph.build_training(settings, images, run_settings.batch_plan(settings, batch_size), workers)
    with tf.Graph().as_default():
        products = gemm_bound.products([build(Workers()).step.train_op], 1)
    with tf.Graph().as_default(), tf.device('/job:worker/task:0'):
        workers = Workers(0, 2)
        build(workers)
        of_a_step = len(workers.traffic) - len(tf.global_variables()) - _OF_LOGGING
    return Step(sum(product.flops for product in products), workers.traffic[:of_a_step])


def seconds(step: Step, images: float, number: int, rate: float, bandwidth: float, latency: float) -> float:
    """The time of a step.

    Args:
      step: what it consists of.
      images: of one GPU.
      number: of GPUs.
      rate: operations of a GPU in a second.
      bandwidth: bytes between two GPUs in a second.
      latency: seconds of a message.
    """
    computing = step.flops * images / rate
    if number == 1:
        return computing
    return computing + sum(2 * (number - 1) / number * size / bandwidth + 2 * math.log2(number) * latency
                           for size in step.reductions)


def rows(step: Step, parsed: argparse.Namespace) -> List[List[Any]]:
    """Rows of the table for a recipe: the share of the time in which the GPUs compute."""
    found: List[List[Any]] = []
    for name, (bandwidth, latency) in _LINKS.items():
        row: List[Any] = [name]
        for number in parsed.gpus:
            for images in (parsed.batch_size, parsed.batch_size / number):
                alone, together = (seconds(step, images, count_of, parsed.teraflops * 1e12, bandwidth, latency)
                                   for count_of in (1, number))
                row.append('%.0f%%' % (100 * alone / together))
        found.append(row)
    return found


def parse(arguments: Optional[Sequence[str]]) -> argparse.Namespace:
    """Parses the command line."""
    parser = argparse.ArgumentParser(prog='python -m scripts.benchmarks.workers_plan', description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--recipes', type=list_of(one_of(recipes.names())), default='sparse_softmax,paper',
                        help='comma-separated (default: %(default)s)')
    parser.add_argument('--batch_size', type=at_least(2), default=128, help='default: %(default)s')
    parser.add_argument('--gpus', type=list_of(at_least(2)), default='8,64', help='default: %(default)s')
    parser.add_argument('--teraflops', type=at_least(0.001, float), default=60.,
                        help='rate of a GPU, 10^12 operations in a second (default: %(default)s)')
    return parser.parse_args(arguments)


def main(arguments: Optional[Sequence[str]] = None) -> None:
    """The script."""
    parsed = parse(arguments)
    headings = ['recipe', 'operations per image', 'reductions', 'MB reduced', 'link']
    headings += ['%d GPUs, %s' % (number, what) for number in parsed.gpus
                 for what in ('%d images each' % parsed.batch_size, '%d in all' % parsed.batch_size)]
    table = []
    for recipe in parsed.recipes:
        step = count(recipe, parsed.batch_size)
        described = ['`%s`' % recipe, '%.1f·10⁹' % (step.flops / 1e9), len(step.reductions),
                     '%.0f' % (sum(step.reductions) / 1e6)]
        table += [described + row for row in rows(step, parsed)]
    print(markdown.table(headings, table))


if __name__ == '__main__':
    sys.exit(exit_status(main))
