"""Shows what the time of our training step goes to: a table of kinds of operations for each recipe of the benchmark.

  .venv-3.11/bin/python scripts/profile_step.py

Operations run one after the other here (each on all cores), so that their times add up; in training, independent ones
overlap, and a step takes somewhat less. Writes profile.md to --output.
"""
import argparse
import collections
import os
import re
import sys

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))

import numpy as np
import tensorflow.compat.v1 as tf

from arguments import any_path, at_least
from benchmarking import contestants, on_tensorflow, ours
from benchmarking.recipe import ROOT
from dcgan_tf1 import loop
from dcgan_tf1.errors import exit_status
from dcgan_tf1.run_folder import write

# The first that fits an operation's type.
KINDS = collections.OrderedDict([
    ('batch norm of images', 'BatchNorm'), ('convolutions', 'Conv2D'), ('matrix products', 'MatMul'), ('Adam', 'Adam'),
    ('activations', 'Relu|Tanh'), ('casts, transposes, padding', 'Cast|Transpose|Pad|Slice|SpaceToDepth|DepthToSpace|'
     'Concat|Reshape'), ('everything else', '')])


def profile(recipe, schedule, precision, steps):
    """{kind: milliseconds a step}, medians."""
    task = {'recipe': recipe, 'schedule': schedule, 'options': {'flags': ['--precision=' + precision]}}
    config = loop.session_config()
    config.inter_op_parallelism_threads = 1
    config.use_per_session_threads = True
    with tf.Graph().as_default(), tf.Session(config=config) as session:
        training = ours.training_graph(task)
        session.run(tf.global_variables_initializer())
        training.start(session, 0)
        fetches = (training.step.train_op, training.step.discriminator_loss, training.step.generator_loss)
        parts = []
        for step in range(steps + 2):
            found, metadata = collections.Counter(), tf.RunMetadata()
            session.run(fetches, options=tf.RunOptions(trace_level=tf.RunOptions.FULL_TRACE), run_metadata=metadata)
            if step >= 2:  # the first ones plan the memory
                for device in metadata.step_stats.dev_stats:
                    for node in device.node_stats:
                        operation = re.search(r' = (\w+)\(', node.timeline_label)
                        kind = next(kind for kind, pattern in KINDS.items()
                                    if re.search(pattern, operation.group(1) if operation else ''))
                        found[kind] += (node.op_end_rel_micros - node.op_start_rel_micros) / 1000
                parts.append(found)
    return {kind: np.median([found[kind] for found in parts]) for kind in KINDS}


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--steps', type=at_least(1), default=5)
    parser.add_argument('--output', type=any_path, default=os.path.join(ROOT, 'results', 'benchmark'),
                        help='folder for the table')
    return parser.parse_args(arguments)


def main(arguments=None):
    arguments = parse(arguments)
    tf.logging.set_verbosity(tf.logging.ERROR)
    text = '''# What a step's time goes to

Made by `scripts/profile_step.py`: %s, %s; batches of 128, medians of %d steps.
Operations ran one after the other, each on all cores. Milliseconds, and their share of the sum.

| recipe, schedule | precision | %s | sum |
| --- | --- |%s --- |
''' % (on_tensorflow.FRAMEWORK, on_tensorflow.device(), arguments.steps, ' | '.join(KINDS), ' --- |' * len(KINDS))
    for recipe, schedules in contestants.RECIPES.items():
        for schedule in schedules:
            for precision in ('float32', 'bfloat16'):
                parts = profile(recipe, schedule, precision, arguments.steps)
                total = sum(parts.values())
                row = '| %s, %s | %s | %s | %.0f |' % (recipe, schedule, precision, ' | '.join(
                    '%.0f (%.0f %%)' % (part, 100 * part / total) for part in parts.values()), total)
                print(row, flush=True)
                text += row + '\n'
    write(os.path.join(arguments.output, 'profile.md'), text.encode())


if __name__ == '__main__':
    sys.exit(exit_status(main))
