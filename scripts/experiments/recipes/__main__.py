"""Trains recipes to their ends, and draws and scores images of the generators.

  python -m scripts.experiments.recipes --recipes=machinecurve,paperspace --data_dir=my/mnist
  python -m scripts.experiments.recipes --recipes=paper --image_dir=my/pictures --steps=paper=3000 --batch_size=32

Recipes for MNIST train as many epochs as their sources do, unless --steps says otherwise. So do the recipes for
64×64 images, with the image files in --image_dir.

Writes measurements.json, README.md and a folder of pictures per recipe to --output. Recipes from earlier calls stay
there. The script can be interrupted: run the same command again, and it continues with the runs below --runs.
"""
import argparse
import os
import sys

import tensorflow.compat.v1 as tf

from dcgan_tf1.settings.cli import exit_status
from dcgan_tf1.settings.train import PRECISIONS, module_names
from dcgan_tf1.util.files import write_atomically
from scripts.experiments.recipes import page
from scripts.experiments.recipes.measure import NUM_PICTURES, RecipeExperiment
from scripts.lib import paths, runs
from scripts.lib.arguments import at_least, existing_folder, list_of, one_of, path, steps_by_name
from scripts.lib.measurements import Measurements
from scripts.lib.trainings import IMAGE_FOLDER_RECIPES, MNIST_RECIPES

SETTINGS = ('num_images', 'classifier_steps')  # stored with the measurements


def parse(arguments=None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=page.COMMAND, description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--recipes', type=list_of(one_of(MNIST_RECIPES + IMAGE_FOLDER_RECIPES)), required=True,
                        help='recipes to train, separated by commas')
    parser.add_argument('--data_dir', type=existing_folder, help='folder of the dataset')
    parser.add_argument('--dataset', default='mnist', choices=module_names('data'),
                        help='dataset of the recipes for MNIST')
    parser.add_argument('--image_dir', type=existing_folder, help='folder of image files, for the 64×64 recipes')
    parser.add_argument('--steps', type=steps_by_name, default='',
                        help='lengths of trainings that are not to be as long as in the source: '
                        'learnopencv_tf=3000,paper=1000')
    parser.add_argument('--seeds', type=at_least(1), default=1, help='number of seeds of each recipe')
    parser.add_argument('--precision', default='float32', choices=PRECISIONS)
    parser.add_argument('--batch_size', type=at_least(2), help='default: that of each recipe')
    parser.add_argument('--num_images', type=at_least(NUM_PICTURES), default=5000,
                        help='number of images that are scored per kind of batch norm statistics')
    parser.add_argument('--classifier_steps', type=at_least(1), default=2345)
    parser.add_argument('--runs', type=path, default=os.path.join('runs', 'recipes'), help='folder of all runs')
    parser.add_argument('--output', type=path, default=paths.results_folder('experiments', 'recipes'),
                        help='folder for the results')
    parsed = parser.parse_args(arguments)
    if set(parsed.steps) - set(parsed.recipes):
        parser.error('argument --steps: choose from those in --recipes: %s' % ', '.join(parsed.recipes))
    for recipe in parsed.recipes:
        if recipe in IMAGE_FOLDER_RECIPES and not parsed.image_dir:
            parser.error('argument --recipes: %s needs --image_dir' % recipe)
    return parsed


def main(arguments=None) -> int:
    arguments = parse(arguments)
    tf.logging.set_verbosity(tf.logging.ERROR)
    os.makedirs(arguments.output, exist_ok=True)
    measurements = Measurements(arguments.output, {name: getattr(arguments, name) for name in SETTINGS})
    for recipe in arguments.recipes:
        of_folder = recipe in IMAGE_FOLDER_RECIPES
        own = argparse.Namespace(**{
            **vars(arguments), 'dataset': 'image_folder' if of_folder else arguments.dataset,
            'data_dir': arguments.image_dir if of_folder else arguments.data_dir})
        experiment = RecipeExperiment(recipe, measurements, own)
        runs.measure_missing(experiment, [experiment.training], arguments.seeds, own)
        text = page.readme(measurements)
        write_atomically(os.path.join(arguments.output, 'README.md'), text.encode())
    print(text)
    return 0


if __name__ == '__main__':
    sys.exit(exit_status(main))
