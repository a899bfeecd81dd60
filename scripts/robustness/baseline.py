"""The trainings that are disturbed, and the same trainings without a disturbance."""
import os
from typing import Any, Dict, List, NamedTuple

import numpy as np
from PIL import Image

from dcgan_tf1.settings.fields import Settings
from scripts.robustness.comparison import content
from scripts.robustness.training_process import TrainingProcess

_BATCH_SIZE = 8
# Small batches and frequent writing: kills should hit what happens between the steps.
_BUSY = ('--batch_size=%d' % _BATCH_SIZE, '--sample_size=4', '--log_every=1', '--sample_every=3',
         '--checkpoint_every=4', '--keep_checkpoints=2', '--seed=0')
_MNIST = ('--dataset=mnist_10k', '--holdout=0')
# This run is evaluated too, and its best checkpoint is kept.
_IMAGE_FOLDER = ('--dataset=image_folder', '--image_size=32', '--evaluate_every=16', '--evaluation_images=32',
                 '--best_by=sharpness_ratio')

# {recipe: flags about its data}
RECIPES = {'sparse_softmax': _MNIST, 'machinecurve': _MNIST, 'learnopencv_torch': _IMAGE_FOLDER}
FAULT_RECIPE = 'machinecurve'  # meets full disks and missing folders, and trains for long


class Baseline(NamedTuple):
    """An undisturbed training."""
    flags: List[str]  # of the training
    content: Dict[str, Any]  # what it left, see `comparison.content`
    seconds_per_step: float


def train_baseline(recipe: str, folder: str, arguments: Settings) -> Baseline:
    """Trains a recipe without a disturbance in a subfolder, with --steps of the script."""
    flags = [*_BUSY, *RECIPES[recipe], '--steps=%d' % arguments.steps]
    if RECIPES[recipe] is _IMAGE_FOLDER:
        pictures = os.path.join(folder, 'pictures')
        if not os.path.isdir(pictures):
            _write_pictures(pictures)
        flags.append('--data_dir=' + pictures)
    training = TrainingProcess(folder, recipe, recipe, *flags)
    training.finish()
    images_per_second = np.median([record['images_per_second'] for record in training.folder.read_metrics()])
    return Baseline(flags, content(training.folder), _BATCH_SIZE / float(images_per_second))


def _write_pictures(folder):
    """Sixty JPEG files of smoothed colored noise."""
    os.makedirs(folder)
    random_state = np.random.RandomState(0)
    for number in range(60):
        small = random_state.randint(0, 256, (4, 4, 3)).astype(np.uint8)
        Image.fromarray(small).resize((48, 40), Image.BICUBIC).save(os.path.join(folder, '%02d.jpg' % number))
