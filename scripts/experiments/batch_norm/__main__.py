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
import dataclasses
import os
from typing import Dict, List, Optional, Tuple

from dcgan_tf1.settings import cli, fields, recipes
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
from scripts.lib import runs
from scripts.lib.arguments import (
    ExperimentArguments,
    Length,
    command_line,
    existing_folder,
    integers,
    lengths,
    names,
    output_folder,
)
from scripts.lib.measurements import Measurements

MODULE = 'scripts.experiments.batch_norm'
RECIPES = recipes.names()
# Stored with the measurements.
SETTINGS = ('dataset', 'num_images', 'precision', 'batch_size', 'classifier_steps')


@dataclasses.dataclass(frozen=True)
class BatchNormArguments(ExperimentArguments):
    """Arguments of this script."""

    recipes: Tuple[str, ...] = names(('sparse_softmax', 'graph_mode'), RECIPES, 'recipes to train')
    seeds: int = fields.integer(3, 1, 'number of seeds per recipe; seeds that collapse are replaced by further ones')
    stages: Tuple[int, ...] = integers((100, 300, 1000, 3000), 1, 'steps at which the generators are sampled')
    last_step: Tuple[Length, ...] = lengths(
        (Length('sparse_softmax', 10000), Length('graph_mode', 3000)), RECIPES, 'the last stage of each recipe')
    num_images: int = fields.integer(5000, NUM_LATENTS, 'number of images that are scored per kind of statistics')
    blog_posts: Optional[str] = existing_folder(
        None, 'results of scripts.experiments.blog_posts: its longer trainings are reported, too')
    runs: str = fields.path(os.path.join('runs', 'batch_norm'), 'folder of all runs')
    output: str = output_folder('experiments', 'batch_norm')


def reported(measurements: Measurements,
             arguments: BatchNormArguments) -> Tuple[Measurements, Dict[str, List[int]]]:
    """The measurements, with those of --blog_posts, and {recipe: steps at which its generator was sampled}."""
    plan = {recipe: stages(recipe, arguments) for recipe in arguments.recipes}
    if arguments.blog_posts:
        measurements = with_longer_trainings(measurements, arguments.blog_posts)
        plan = {recipe: sorted({*steps, *(step for (_, _, step), _ in measurements.items(recipe, None, None)
                                          if step > steps[-1])}) for recipe, steps in plan.items()}
    plan = {recipe: [step for step in steps if scored_seeds(measurements, recipe, step)]
            for recipe, steps in plan.items()}
    return measurements, {recipe: steps for recipe, steps in plan.items() if steps}


def report(measurements: Measurements, arguments: BatchNormArguments) -> None:
    """Writes tables and figures of everything that has been measured."""
    measurements, plan = reported(measurements, arguments)
    if not plan:
        return
    command = command_line(MODULE, arguments)
    text = tables.markdown_tables(measurements, plan, command)
    files = {'tables.md': text.encode(), 'scores.csv': tables.csv_table(measurements, plan).encode(),
             'scores.png': figures.scores(measurements, plan)}
    for recipe, steps in plan.items():
        files[recipe + '.png'] = figures.samples(recipe, figures.stored_rows(
            recipe, steps, arguments.output, arguments.blog_posts))
        steps = [step for step in steps if os.path.exists(figures.grid_path(recipe, step, arguments.output))]
        files[recipe + '_all_modes.png'] = figures.samples_of_all_modes(recipe, steps, arguments.output)
    for name, content in files.items():
        write_atomically(os.path.join(arguments.output, name), content)
    print(text)


def main(arguments: BatchNormArguments) -> int:
    """The script; returns the exit status."""
    os.makedirs(os.path.join(arguments.output, 'samples'), exist_ok=True)
    measurements = Measurements(
        arguments.output, {name: getattr(arguments, name) for name in SETTINGS}, real=None)
    trainings = [training(recipe, arguments) for recipe in arguments.recipes]
    try:
        experiment = BatchNormExperiment(measurements, arguments)
        runs.measure_missing(experiment, trainings, arguments.seeds, arguments)
    finally:  # an interrupted script reports what it has
        report(measurements, arguments)
    return 0


if __name__ == '__main__':
    cli.main(main, BatchNormArguments)
