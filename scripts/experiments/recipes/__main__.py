"""Trains recipes to their ends, and draws and scores images of the generators.

  python -m scripts.experiments.recipes --recipes=machinecurve,paperspace --data_dir=my/mnist
  python -m scripts.experiments.recipes --recipes=paper --image_dir=my/pictures --steps=paper=3000 --batch_size=32

Recipes for MNIST train as many epochs as their sources do, unless --steps says otherwise. So do the recipes for
64×64 images, with the image files in --image_dir.

Writes measurements.json, README.md and a folder of pictures per recipe to --output. Recipes from earlier calls stay
there. The script can be interrupted: run the same command again, and it continues with the runs below --runs.
"""
import dataclasses
import os
from typing import Optional, Tuple

from dcgan_tf1.settings import cli, fields
from scripts.experiments.recipes import page
from scripts.experiments.recipes.measure import NUM_PICTURES, RecipeExperiment
from scripts.lib import runs
from scripts.lib.arguments import ExperimentArguments, Length, existing_folder, lengths, names, output_folder
from scripts.lib.measurements import Measurements, write_page
from scripts.lib.trainings import IMAGE_FOLDER_RECIPES, MNIST_RECIPES

SETTINGS = ('num_images', 'classifier_steps')  # stored with the measurements


@dataclasses.dataclass(frozen=True)
class RecipesArguments(ExperimentArguments):
    """Arguments of this script."""

    recipes: Tuple[str, ...] = names((), MNIST_RECIPES + IMAGE_FOLDER_RECIPES, 'recipes to train')
    image_dir: Optional[str] = existing_folder(None, 'folder of image files, for the 64×64 recipes')
    steps: Tuple[Length, ...] = lengths(
        (), MNIST_RECIPES + IMAGE_FOLDER_RECIPES, 'lengths of trainings that are not to be as long as in the source: '
        'learnopencv_tf=3000,paper=1000')
    seeds: int = fields.integer(1, 1, 'number of seeds of each recipe')
    num_images: int = fields.integer(5000, NUM_PICTURES,
                                     'number of images that are scored per kind of batch norm statistics')
    runs: str = fields.path(os.path.join('runs', 'recipes'), 'folder of all runs')
    output: str = output_folder('experiments', 'recipes')

    RULES = (fields.at_least_one_of('recipes'),
             fields.Rule(lambda arguments: {length.name for length in arguments.steps} <= set(arguments.recipes),
                         '--steps: name only recipes that are in --recipes'),
             fields.Rule(lambda arguments: arguments.image_dir or set(arguments.recipes) <= set(MNIST_RECIPES),
                         '--recipes: %s need --image_dir' % ', '.join(IMAGE_FOLDER_RECIPES)))


def main(arguments: RecipesArguments) -> int:
    """The script; returns the exit status."""
    os.makedirs(arguments.output, exist_ok=True)
    measurements = Measurements(arguments.output, {name: getattr(arguments, name) for name in SETTINGS})
    for recipe in arguments.recipes:
        of_folder = recipe in IMAGE_FOLDER_RECIPES
        own = arguments.replace(dataset='image_folder', data_dir=arguments.image_dir) if of_folder else arguments
        experiment = RecipeExperiment(recipe, measurements, own)
        runs.measure_missing(experiment, [experiment.training], arguments.seeds, own)
        text = page.readme(measurements)
        write_page(arguments.output, text)
    print(text)
    return 0


if __name__ == '__main__':
    cli.main(main, RecipesArguments)
