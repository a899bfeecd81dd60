"""Trains a recipe, draws images of its generator, and scores them."""
import argparse
import os
import shutil
from typing import Any, Dict, Optional

import numpy as np

from dcgan_tf1 import cli_flags, data, pixels, plots, processor, run_settings
from dcgan_tf1.run_folder import RunFolder, write_atomically
from dcgan_tf1.settings import BN_MODES, TrainSettings
from scripts.lib import runs, trainings
from scripts.lib.measurements import Measurements
from scripts.lib.scoring import Scorer, open_generator

MNIST_RECIPES = ('sparse_softmax', 'graph_mode', 'graph_mode_dense', 'machinecurve', 'paperspace')
IMAGE_FOLDER_RECIPES = ('learnopencv_tf', 'learnopencv_torch', 'paper')
NUM_PICTURES, COLUMNS = 24, 6  # images in the picture of a recipe
NUM_FRAMES = 24  # of an animation, without that of the untrained generator
_IMAGE_FLAGS = ('image_size', 'channels', 'antialias', 'center_crop')  # how a recipe reads image files
_SHOWN_MODE = 'standing'  # of the pictures of seed 0


def training(recipe: str, arguments: argparse.Namespace) -> runs.Training:
    """The training of a recipe to the step in --steps, or to the end of its source."""
    steps = arguments.steps.get(recipe) or _full_length(recipe, arguments)
    flags = ('--checkpoint_every=500', '--sample_every=%d' % -(-steps // NUM_FRAMES), '--sample_size=%d' % NUM_PICTURES)
    return runs.Training(recipe, recipe, flags, (steps,))


def _settings(recipe: str, arguments: argparse.Namespace) -> TrainSettings:
    return cli_flags.parse(TrainSettings, '--recipe=' + recipe, *trainings.dataset_flags(arguments))


def _full_length(recipe: str, arguments: argparse.Namespace) -> int:
    settings = _settings(recipe, arguments)
    return settings.steps or run_settings.resolve(settings, data.load(**settings.as_dict())[1].num_examples).steps


class RecipeExperiment(runs.Experiment):
    """Measures the recipes of one dataset, which `arguments` names with dataset and data_dir."""

    def __init__(self, measurements: Measurements, arguments: argparse.Namespace):
        self._measurements, self._arguments = measurements, arguments
        self._scorer: Optional[Scorer] = None

    def is_measured(self, training, seed, step):
        return any(values['steps'] == step for values in self._measurements.values(training.recipe, seed))

    def collapsed_seeds(self, training):
        return ()  # here, a collapse is a result

    def measure(self, training, seed, step, run_dir):
        trainings.check_step(run_dir, step)
        arguments, recipe, folder = self._arguments, training.recipe, RunFolder(run_dir)
        config = folder.read_config()
        flags = config['flags']
        self._scorer = self._scorer or Scorer(arguments, *('--%s=%s' % (name, flags[name]) for name in _IMAGE_FLAGS))
        scores: Dict[str, Any] = {}
        with open_generator(run_dir, arguments) as generator:
            noise = generator.noise(arguments.num_images, 0)
            for mode in BN_MODES:
                images = pixels.to_uint8(generator.images(noise, generator.statistics(mode)))
                scores[mode] = self._scorer.scores(images)
                if seed == 0 and mode == _SHOWN_MODE:
                    self._draw(recipe, folder, images)
        real = self._scorer.real(arguments.num_images)
        self._measurements.add((recipe, seed), {
            'steps': step, 'full_length': _full_length(recipe, arguments),
            'source_epochs': _settings(recipe, arguments).epochs, 'batch_size': flags['batch_size'],
            'images': config['data']['trained_on'], 'bn_mode': flags['bn_mode'],
            'dataset': (os.path.basename(os.path.abspath(arguments.data_dir)) if recipe in IMAGE_FOLDER_RECIPES
                        else arguments.dataset),
            'precision': flags['precision'], 'tensorflow': config['versions']['tensorflow'],
            'processor': processor.name(), 'seconds': trainings.speed(run_dir)['seconds'],
            'seconds_at_median_rate': step * flags['batch_size'] / float(np.median(
                [record['images_per_second'] for record in folder.read_metrics()])),
            'scores': scores, 'real': real['scores']})

    def _draw(self, recipe: str, folder: RunFolder, generated: np.ndarray) -> None:
        """Writes the first generated images, real ones beside them, and the animation of the training."""
        output = os.path.join(self._arguments.output, recipe)
        os.makedirs(output, exist_ok=True)
        real = data.load(**_settings(recipe, self._arguments).as_dict())[1].first(10000)
        real = real[np.linspace(0, len(real) - 1, NUM_PICTURES).astype(int)]  # neighbors may be alike
        grids = {'real': plots.grid(real, COLUMNS), 'generated': plots.grid(generated[:NUM_PICTURES], COLUMNS)}
        captioned = plots.with_captions(list(grids.values()), list(grids))
        write_atomically(os.path.join(output, 'generated.png'), plots.png(grids['generated']))
        write_atomically(os.path.join(output, 'real_and_generated.png'), plots.png(np.concatenate(captioned, axis=1)))
        shutil.copyfile(folder.animation, os.path.join(output, 'training.gif'))
