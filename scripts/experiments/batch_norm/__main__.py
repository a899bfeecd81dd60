"""Measures which statistics batch norm should use when a GAN is sampled.

  python -m scripts.experiments.batch_norm --data_dir=my/mnist
  python -m scripts.experiments.batch_norm --data_dir=my/mnist \\
      --last_step=sparse_softmax=10000,graph_mode=9380

(The second command trains graph_mode for all of its 20 epochs, which is best done on a GPU.)

Trains recipes with several seeds. At several steps, samples each generator with every kind of batch norm
statistics, and scores the images. During training, batch norm uses the current batch, so the moving averages
do not influence the weights: one training per recipe and seed serves all kinds of statistics.

Writes measurements.json, tables.md, scores.csv and figures to --output. The script can be interrupted: run
the same command again, and it reuses the runs below --runs and skips whatever has been measured. More seeds
can be added later.
"""
import argparse
import os
import sys

import tensorflow.compat.v1 as tf

from dcgan_tf1.settings.cli import exit_status
from dcgan_tf1.settings.train import PRECISIONS, module_names
from dcgan_tf1.util.files import write_atomically
from scripts.experiments.batch_norm import figures, tables
from scripts.experiments.batch_norm.measure import (
    NUM_LATENTS,
    BatchNormExperiment,
    scored_seeds,
    stages,
    training,
    with_longer_trainings,
)
from scripts.lib import paths, runs
from scripts.lib.arguments import (
    at_least,
    command_line,
    existing_folder,
    list_of,
    one_of,
    path,
    steps_by_name,
)
from scripts.lib.measurements import Measurements

MODULE = 'scripts.experiments.batch_norm'
# Stored with the measurements.
SETTINGS = ('dataset', 'num_images', 'precision', 'batch_size', 'classifier_steps')


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog='python -m ' + MODULE, description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--data_dir', type=existing_folder, help='folder of the dataset')
    parser.add_argument('--dataset', default='mnist', choices=module_names('data'))
    parser.add_argument('--recipes', type=list_of(one_of(paths.recipe_names())),
                        default='sparse_softmax,graph_mode', help='recipes to train, separated by commas')
    parser.add_argument('--seeds', type=at_least(1), default=3,
                        help='number of seeds per recipe; seeds that collapse are replaced by further ones')
    parser.add_argument('--stages', type=list_of(at_least(1)), default='100,300,1000,3000',
                        help='steps at which the generators are sampled')
    parser.add_argument('--last_step', type=steps_by_name, default='sparse_softmax=10000,graph_mode=3000',
                        help='the last stage of each recipe')
    parser.add_argument('--num_images', type=at_least(NUM_LATENTS), default=5000,
                        help='number of images that are scored per kind of statistics')
    parser.add_argument('--precision', default='float32', choices=PRECISIONS)
    parser.add_argument('--batch_size', type=at_least(2), help='default: that of the recipe')
    parser.add_argument('--classifier_steps', type=at_least(1), default=2345)
    parser.add_argument('--blog_posts', type=existing_folder,
                        help='results of scripts.experiments.blog_posts: its longer trainings are reported, too')
    parser.add_argument('--runs', type=path, default=os.path.join('runs', 'batch_norm'),
                        help='folder of all runs')
    parser.add_argument('--output', type=path, default=paths.results_folder('experiments', 'batch_norm'),
                        help='folder for the results')
    return parser


def parse(arguments=None) -> argparse.Namespace:
    parser = make_parser()
    parsed = parser.parse_args(arguments)
    if set(parsed.last_step) - set(paths.recipe_names()):
        parser.error('argument --last_step: choose from %s' % ', '.join(paths.recipe_names()))
    return parsed


def report(measurements: Measurements, plan: dict, arguments: argparse.Namespace) -> None:
    """Writes tables and figures of everything that has been measured.

    Args:
      plan: {recipe: steps at which it is sampled}.
    """
    if arguments.blog_posts:
        measurements = with_longer_trainings(measurements, arguments.blog_posts)
        plan = {recipe: sorted({*steps, *(step for (_, _, step), _ in measurements.items(recipe, None, None)
                                          if step > steps[-1])}) for recipe, steps in plan.items()}
    plan = {recipe: [step for step in steps if scored_seeds(measurements, recipe, step)]
            for recipe, steps in plan.items()}
    plan = {recipe: steps for recipe, steps in plan.items() if steps}
    if not plan:
        return
    command = command_line(MODULE, make_parser(), arguments)
    text = tables.markdown_tables(measurements, plan, command)
    files = {'tables.md': text.encode(), 'scores.csv': tables.csv_table(measurements, plan).encode(),
             'scores.png': figures.scores(measurements, plan),
             'digits.png': figures.digits(measurements, plan)}
    for recipe, steps in plan.items():
        steps = [step for step in steps if os.path.exists(figures.grid_path(recipe, step, arguments.output))]
        files[recipe + '.png'] = figures.samples(recipe, steps, arguments.output)
        files[recipe + '_all_modes.png'] = figures.samples_of_all_modes(recipe, steps, arguments.output)
    for name, content in files.items():
        write_atomically(os.path.join(arguments.output, name), content)
    print(text)


def main(arguments=None) -> int:
    arguments = parse(arguments)
    tf.logging.set_verbosity(tf.logging.ERROR)
    os.makedirs(os.path.join(arguments.output, 'samples'), exist_ok=True)
    measurements = Measurements(
        arguments.output, {name: getattr(arguments, name) for name in SETTINGS}, real=None)
    trainings = [training(recipe, arguments) for recipe in arguments.recipes]
    try:
        experiment = BatchNormExperiment(measurements, arguments)
        runs.measure_missing(experiment, trainings, arguments.seeds, arguments)
    finally:  # an interrupted script reports what it has
        report(measurements, {recipe: stages(recipe, arguments) for recipe in arguments.recipes}, arguments)
    return 0


if __name__ == '__main__':
    sys.exit(exit_status(main))
