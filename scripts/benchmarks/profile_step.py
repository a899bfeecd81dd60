"""Profiles a training step of each recipe of the training benchmark: how much time each kind of operation takes.

  python -m scripts.benchmarks.profile_step

Here operations run one after the other, each on all cores, so that their times add up. In a training,
independent operations overlap, and a step takes a little less. Writes README.md to --output.
"""
import collections
import dataclasses
import os
import re
from typing import Dict

import numpy as np
import tensorflow.compat.v1 as tf

from dcgan_tf1.settings import cli, fields
from dcgan_tf1.util import pages
from dcgan_tf1.util.device import session_config
from scripts.benchmarks.training import catalog, tasks
from scripts.benchmarks.training.implementations import dcgan_tf1_loop, tensorflow_process
from scripts.lib.arguments import output_folder
from scripts.lib.machine import tensorflow_device
from scripts.lib.measurements import write_page

# {kind: pattern of operation types}. The first kind that matches counts.
KINDS = collections.OrderedDict([
    ('batch norm of images', 'BatchNorm'),
    ('convolutions', 'Conv2D'),
    ('matrix products', 'MatMul'),
    ('Adam', 'Adam'),
    ('activations', 'Relu|Tanh'),
    ('casts, transposes, padding', 'Cast|Transpose|Pad|Slice|SpaceToDepth|DepthToSpace|Concat|Reshape'),
    ('everything else', '')])
_WARM_UP_STEPS = 2  # TensorFlow plans memory in these

_INTRODUCTION = '''# Profile of a training step

Which operations take the time of a training step?

Measured by `python -m scripts.benchmarks.profile_step` with %s on %s: batches of 128, medians of %d steps.
Operations ran one after the other, each on all cores. Cells give milliseconds and the share of the sum.

'''


def _kind(timeline_label: str) -> str:
    match = re.search(r' = (\w+)\(', timeline_label)
    op_type = match.group(1) if match else ''
    return next(kind for kind, pattern in KINDS.items() if re.search(pattern, op_type))


def profile(implementation: catalog.Implementation, recipe: str, schedule: str,
            num_steps: int) -> Dict[str, float]:
    """{kind of operation: median milliseconds per step}."""
    config = session_config()
    config.inter_op_parallelism_threads = 1
    config.use_per_session_threads = True
    with tf.Graph().as_default(), tf.Session(config=config) as session:
        training = dcgan_tf1_loop.build_graph(tasks.make_task(recipe, schedule, implementation))
        session.run(tf.global_variables_initializer())
        training.start_batches(session, 0)
        fetches = (training.step.train_op, training.step.discriminator_loss, training.step.generator_loss)
        options = tf.RunOptions(trace_level=tf.RunOptions.FULL_TRACE)
        steps = []
        for _ in range(_WARM_UP_STEPS + num_steps):
            milliseconds, metadata = collections.Counter(), tf.RunMetadata()
            session.run(fetches, options=options, run_metadata=metadata)
            for device in metadata.step_stats.dev_stats:
                for node in device.node_stats:
                    milliseconds[_kind(node.timeline_label)] += (
                        node.op_end_rel_micros - node.op_start_rel_micros) / 1000
            steps.append(milliseconds)
    return {kind: np.median([step[kind] for step in steps[_WARM_UP_STEPS:]]) for kind in KINDS}


@dataclasses.dataclass(frozen=True)
class ProfileArguments(fields.Settings):
    """Arguments of this script."""

    steps: int = fields.integer(5, 1, 'measured steps')
    output: str = output_folder('benchmarks', 'profile_step')


def main(arguments: ProfileArguments) -> int:
    """The script; returns the exit status."""
    rows = []
    for recipe in catalog.RECIPES:
        for schedule, implementation in catalog.entries(recipe, catalog.PACKAGE):
            if not catalog.is_fixed_choice(implementation.name):
                continue
            times = profile(implementation, recipe, schedule, arguments.steps)
            total = sum(times.values())
            shares = ['%.0f (%.0f%%)' % (value, 100 * value / total) for value in times.values()]
            rows.append(['%s, %s' % (recipe, schedule), implementation.name, implementation.precision, *shares,
                         '%.0f' % total])
            print(*rows[-1], sep=' | ', flush=True)
    text = _INTRODUCTION % (tensorflow_process.FRAMEWORK, tensorflow_device(), arguments.steps)
    text += pages.markdown_table(['recipe, schedule', 'program', 'precision', *KINDS, 'sum'], rows)
    os.makedirs(arguments.output, exist_ok=True)
    write_page(arguments.output, text)
    return 0


if __name__ == '__main__':
    cli.main(main, ProfileArguments)
