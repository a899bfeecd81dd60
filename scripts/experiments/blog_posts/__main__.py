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
import dataclasses
import json
import os
from typing import Optional, Tuple

from dcgan_tf1.settings import cli, fields
from scripts.experiments.blog_posts import report, trained, untrained
from scripts.lib import runs
from scripts.lib.arguments import ExperimentArguments, Length, existing_folder, lengths, names, output_folder
from scripts.lib.measurements import Measurements

PUBLISHED = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'published.json')
POSTS = ('000', '001', '002', '003', '004')
SETTINGS = ('dataset', 'num_images', 'batch_size', 'classifier_steps')  # stored with the measurements


@dataclasses.dataclass(frozen=True)
class BlogPostsArguments(ExperimentArguments):
    """Arguments of this script."""

    posts: Tuple[str, ...] = names(POSTS, POSTS, 'posts to measure')
    seeds: int = fields.integer(5, 0, 'number of seeds of each training; 0: only what needs no training')
    first_step_seeds: int = fields.integer(20, 1, 'number of seeds for the first step of post 004')
    decision_seeds: int = fields.integer(100, 1, 'number of seeds for the untrained decision of post 003')
    steps: Tuple[Length, ...] = lengths(
        (), trained.TRAINING_NAMES, 'lengths of trainings that are not to be as long as in the post: '
        'graph_mode=3000,sparse_softmax=1000')
    timed_steps: int = fields.integer(5, 0, 'number of timed steps of post 001')
    num_images: int = fields.integer(5000, trained.NUM_SAMPLES, 'number of images that are scored per mode')
    batch_norm_runs: Optional[str] = existing_folder(
        None, '--runs of scripts.experiments.batch_norm: use its trainings of graph_mode and sparse_softmax if they '
        'have the right length, in any precision')
    runs: str = fields.path(os.path.join('runs', 'blog_posts'), 'folder of all runs')
    output: str = output_folder('experiments', 'blog_posts')


def main(arguments: BlogPostsArguments) -> int:
    """The script; returns the exit status."""
    with open(PUBLISHED, encoding='utf-8') as file:
        published = json.load(file)
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
    cli.main(main, BlogPostsArguments)
