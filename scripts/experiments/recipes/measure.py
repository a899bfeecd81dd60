"""Trains a recipe, draws images of its generator, and scores them."""
import os

import numpy as np

from dcgan_tf1 import data
from dcgan_tf1.runs.folder import RunFolder
from dcgan_tf1.settings import cli_flags
from dcgan_tf1.settings.train import BN_MODES, TrainSettings
from dcgan_tf1.train import preparation
from dcgan_tf1.train.reporter import write_animation
from dcgan_tf1.util import grids, processor
from dcgan_tf1.util.files import write_atomically
from scripts.lib import runs, trainings
from scripts.lib.arguments import ExperimentArguments
from scripts.lib.measurements import Measurements
from scripts.lib.scoring import Scorer, open_generator

NUM_PICTURES, COLUMNS = 24, 6  # images in the picture of a recipe
GAP = 12  # pixels between real and generated images
NUM_FRAMES = 24  # of an animation, without that of the untrained generator
_LARGE = 64  # from this size on, animations are made smaller and shorter, to keep their files small
_IMAGE_FLAGS = ('image_size', 'channels', 'antialias', 'center_crop')  # how a recipe reads image files
_SHOWN_MODE = 'standing'  # of the pictures of seed 0


class RecipeExperiment(runs.Experiment):
    """Measures a recipe.

    Attributes:
      training: to the step in --steps, or to the end of the recipe's source.
    """

    def __init__(self, recipe: str, measurements: Measurements, arguments: ExperimentArguments):
        """Loads the images of the dataset that `arguments` names, with dataset and data_dir."""
        self._measurements, self._arguments = measurements, arguments
        self._settings = cli_flags.parse(TrainSettings, '--recipe=' + recipe, *trainings.dataset_flags(arguments))
        self._images = data.load_for(self._settings)[1]
        self._full_length = preparation.resolve(self._settings, self._images.num_examples).steps
        self._scorer = Scorer(arguments, *(
            '--%s=%s' % (name, getattr(self._settings, name)) for name in _IMAGE_FLAGS))
        steps = dict(arguments.steps).get(recipe, self._full_length)
        self.training = runs.Training(recipe, recipe, (
            '--checkpoint_every=500', '--sample_every=%d' % -(-steps // NUM_FRAMES),
            '--sample_size=%d' % NUM_PICTURES), (steps,))

    def is_measured(self, training, seed, step):
        return any(values['steps'] == step for values in self._measurements.values(training.recipe, seed))

    def collapsed_seeds(self, training):
        return ()  # here, a collapse is a result

    def measure(self, training, seed, step, run_dir):
        trainings.check_step(run_dir, step)
        arguments, recipe, folder, scores = self._arguments, training.recipe, RunFolder(run_dir), {}
        with open_generator(run_dir, arguments) as generator:
            noise = generator.latent_vectors(arguments.num_images, 0)
            for mode in BN_MODES:
                images = generator.images(noise, mode)
                scores[mode] = self._scorer.scores(images)
                if seed == 0 and mode == _SHOWN_MODE:
                    self._draw(recipe, folder, images)
        config = folder.read_config()
        rates = [record['images_per_second'] for record in folder.read_metrics()]
        self._measurements.add((recipe, seed), {
            'steps': step, 'full_length': self._full_length, 'source_epochs': self._settings.epochs,
            'batch_size': self._settings.batch_size, 'images': self._images.num_examples,
            'bn_mode': self._settings.bn_mode, 'precision': self._settings.precision,
            'dataset': (os.path.basename(os.path.abspath(arguments.data_dir))
                        if recipe in trainings.IMAGE_FOLDER_RECIPES else arguments.dataset),
            'tensorflow': config['versions']['tensorflow'], 'processor': processor.name(),
            'seconds': trainings.speed(run_dir)['seconds'],
            'seconds_at_median_rate': step * self._settings.batch_size / float(np.median(rates)),
            'scores': scores, 'real': self._scorer.real(arguments.num_images)['scores']})

    def _draw(self, recipe: str, folder: RunFolder, generated: np.ndarray) -> None:
        """Writes the first generated images, real ones beside them, and the animation of the training."""
        output = os.path.join(self._arguments.output, recipe)
        os.makedirs(output, exist_ok=True)
        real = self._images.first(10000)
        real = real[np.linspace(0, len(real) - 1, NUM_PICTURES).astype(int)]  # neighbors may be alike
        pictures = {'real': grids.grid(real, COLUMNS), 'generated': grids.grid(generated[:NUM_PICTURES], COLUMNS)}
        left, right = grids.with_captions(list(pictures.values()), list(pictures))
        both = np.concatenate([left, np.full((len(left), GAP, 3), 255, np.uint8), right], axis=1)
        write_atomically(os.path.join(output, 'generated.png'), grids.png(pictures['generated']))
        write_atomically(os.path.join(output, 'real_and_generated.png'), grids.png(both))
        smaller = {'max_frames': 7, 'shrink_by': 2} if generated.shape[1] >= _LARGE else {}
        write_animation(folder, os.path.join(output, 'training.gif'), **smaller)
