"""Tests whether the numbers that the blog posts published can be reproduced.

  python -m scripts.experiments.blog_posts --data_dir=my/mnist
  python -m scripts.experiments.blog_posts --data_dir=my/mnist --posts=000,003
  python -m scripts.experiments.blog_posts --data_dir=my/mnist --posts=002,004 --steps=graph_mode=3000 \\
      --precision=bfloat16 --batch_norm_runs=runs/batch_norm

Trains what each published number needs, with several seeds, and compares. The published numbers are in
published.json, the rules of the comparison in rules.md, both in this script's folder.

Writes measurements.json, README.md, report.html and figures to --output. The script can be interrupted: run
the same command again, and it reuses the runs below --runs and skips whatever has been measured. More seeds
can be added later.
"""
import argparse
import json
import os
import sys

import tensorflow.compat.v1 as tf

from dcgan_tf1.settings.cli import exit_status
from dcgan_tf1.settings.train import PRECISIONS, module_names
from scripts.experiments.blog_posts import report, trained, untrained
from scripts.lib import paths, runs
from scripts.lib.arguments import at_least, existing_folder, list_of, one_of, path, steps_by_name
from scripts.lib.measurements import Measurements

PUBLISHED = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'published.json')
SETTINGS = ('dataset', 'num_images', 'batch_size', 'classifier_steps')  # stored with the measurements


def parse(arguments, published: dict) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog='python -m scripts.experiments.blog_posts', description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--posts', type=list_of(one_of(sorted(published))),
                        default=','.join(sorted(published)), help='posts to measure, separated by commas')
    parser.add_argument('--seeds', type=at_least(0), default=5,
                        help='number of seeds of each training; 0: only what needs no training')
    parser.add_argument('--first_step_seeds', type=at_least(1), default=20,
                        help='number of seeds for the first step of post 004')
    parser.add_argument('--decision_seeds', type=at_least(1), default=100,
                        help='number of seeds for the untrained decision of post 003')
    parser.add_argument('--steps', type=steps_by_name, default='',
                        help='lengths of trainings that are not to be as long as in the post: '
                        'graph_mode=3000,sparse_softmax=1000')
    parser.add_argument('--data_dir', type=existing_folder, help='folder of the dataset')
    parser.add_argument('--dataset', default='mnist', choices=module_names('data'))
    parser.add_argument('--image_dir', type=existing_folder,
                        help='time post 001 with the image files in this folder; default: images in memory')
    parser.add_argument('--timed_steps', type=at_least(0), default=5,
                        help='number of timed steps of post 001')
    parser.add_argument('--precision', default='float32', choices=PRECISIONS)
    parser.add_argument('--batch_size', type=at_least(2), help='default: that of each recipe')
    parser.add_argument('--num_images', type=at_least(trained.NUM_SAMPLES), default=5000,
                        help='number of images that are scored per mode')
    parser.add_argument('--classifier_steps', type=at_least(1), default=2345)
    parser.add_argument('--batch_norm_runs', type=existing_folder,
                        help='--runs of scripts.experiments.batch_norm: use its trainings of graph_mode and '
                        'sparse_softmax if they have the right length, in any precision')
    parser.add_argument('--runs', type=path, default=os.path.join('runs', 'blog_posts'),
                        help='folder of all runs')
    parser.add_argument('--output', type=path, default=paths.results_folder('experiments', 'blog_posts'),
                        help='folder for the results')
    parsed = parser.parse_args(arguments)
    if set(parsed.steps) - set(trained.TRAINING_NAMES):
        parser.error('argument --steps: choose from %s' % ', '.join(trained.TRAINING_NAMES))
    return parsed


def main(arguments=None) -> int:
    with open(PUBLISHED, encoding='utf-8') as file:
        published = json.load(file)
    arguments = parse(arguments, published)
    tf.logging.set_verbosity(tf.logging.ERROR)
    os.makedirs(os.path.join(arguments.output, 'samples'), exist_ok=True)
    measurements = Measurements(
        arguments.output, {name: getattr(arguments, name) for name in SETTINGS}, real=None)
    try:
        untrained.measure_untrained(measurements, published, arguments)
        experiment = trained.BlogPosts(measurements, published, arguments)
        if arguments.seeds:
            runs.measure_missing(experiment, trained.plan(published, arguments), arguments.seeds, arguments)
    finally:  # an interrupted script reports what it has
        report.write_report(published, measurements, arguments.output)
    return 0


if __name__ == '__main__':
    sys.exit(exit_status(main))
