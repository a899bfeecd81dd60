"""Measures what the discriminator of a run has learned: its features, filters, and the images it responds to.

  python -m scripts.experiments.discriminator_features --run_dir=runs/sparse_softmax-mnist-0
  python -m scripts.experiments.discriminator_features --run_dir=runs/learnopencv_torch-image_folder-0 \\
      --data_dir=my/classes

Follows the DCGAN paper (Radford et al. 2016, https://arxiv.org/abs/1511.06434, sections 5.1 and 6.2): the
activations of all convolutions, max-pooled to 4×4 and concatenated, are the features of a linear L2-SVM,
which is trained on labels that the discriminator never saw. The trained discriminator is compared with its
untrained weights and with raw pixels. C is chosen on every fifth training image, with an SVM trained on the
others; then an SVM is trained on all of them.

The features of each layer, and the pixels, are centered and divided by the root mean square of their norm, so
that all layers have the same weight and one list of values of C fits all. All computations are in float32,
whatever the run's precision.

Batch norm: the features of an image must not depend on other images, so not on a batch. The moving averages
do not fit either: they mix real and generated images, which the training shows to the discriminator in
separate batches. Therefore the untrained and the trained discriminator both use standing statistics, pooled
over batches of real training images of the run's batch size.

Images: the labeled dataset of the run, without the images that --holdout kept from it. For a run on an
image_folder, --data_dir names a folder with subfolders train and test, each with a subfolder per class; or a
folder with a subfolder per class, of which every fifth image is then used for testing. In the second case,
and with the dataset mnist_10k, the discriminator may have seen test images (without their labels).

Writes features.json, README.md, filters.png (of the first layer) and guided.png to --output. The latter shows
guided backpropagation (Springenberg et al. 2015, https://arxiv.org/abs/1412.6806) from the first units of the last
convolution, for the patches of the test images with the largest responses, as in the DCGAN paper's figure 5.
"""
import dataclasses
import os
import sys
from typing import Optional, Tuple

import numpy as np
import tensorflow.compat.v1 as tf

from dcgan_tf1.evaluate.settings import EvaluateSettings
from dcgan_tf1.runs import saved_settings
from dcgan_tf1.runs.folder import RunFolder
from dcgan_tf1.sample.preparation import for_run
from dcgan_tf1.settings import cli, cli_flags, fields
from dcgan_tf1.settings.train import TrainSettings
from dcgan_tf1.util import pixels
from dcgan_tf1.util.errors import UserError
from dcgan_tf1.util.files import write_atomically
from scripts.experiments.discriminator_features import images, report, svm
from scripts.experiments.discriminator_features.network import Discriminator
from scripts.lib import paths
from scripts.lib.arguments import existing_folder
from scripts.lib.measurements import write_json, write_page

MAX_BATCHES = 100  # over which standing statistics are pooled


@dataclasses.dataclass(frozen=True)
class FeaturesArguments(fields.Settings):
    """Arguments of this script."""

    run_dir: Optional[str] = existing_folder(None, 'folder of a run', required=True)
    checkpoint: Optional[str] = fields.path(
        None, 'a step, "best", or a path without .index; default: the last checkpoint')
    data_dir: Optional[str] = existing_folder(None, 'folder of the dataset; default: that of the run')
    train_images: int = fields.integer(report.DEFAULT_IMAGES, 2 * svm.HOLDOUT_EVERY,
                                       'maximum number of training images, spread evenly over the dataset')
    test_images: int = fields.integer(report.DEFAULT_IMAGES, report.NUM_PATCHES,
                                      'maximum number of test images, likewise')
    output: Optional[str] = fields.path(
        None, 'folder for the results; default: results/experiments/discriminator_features/RECIPE')


def read_settings(arguments: FeaturesArguments) -> Tuple[EvaluateSettings, TrainSettings]:
    """Settings of the discriminator, in float32 and with the run's seed, and those of the training."""
    checkpoint = ['--checkpoint=' + arguments.checkpoint] if arguments.checkpoint else []
    settings = for_run(cli_flags.parse(
        EvaluateSettings, '--run_dir=' + arguments.run_dir, *checkpoint))
    trained = saved_settings.read(RunFolder(settings.run_dir))
    return settings.replace(seed=trained.seed, precision='float32'), trained


def main(arguments: FeaturesArguments) -> int:
    """The script; returns the exit status."""
    settings, trained = read_settings(arguments)
    dataset = trained.replace(data_dir=arguments.data_dir or trained.data_dir)
    (training, labels), (test, test_labels) = images.load(
        dataset, arguments.train_images, arguments.test_images)
    training, test = (pixels.to_float(part.astype(np.float32)) for part in (training, test))
    batches = _batches(training, settings.batch_size)
    features = {}

    def measure(name, extract):
        print(name, file=sys.stderr, flush=True)
        features[name] = svm.classify(extract(training), labels, extract(test), test_labels)
    measure('raw pixels', lambda part: [part.reshape(len(part), -1)])
    with Discriminator(settings, None, batches) as untrained, \
            Discriminator(settings, settings.checkpoint, batches) as discriminator:
        measure('untrained discriminator', untrained.features)
        measure('trained discriminator', discriminator.features)
        filters = report.filters_figure({'Untrained discriminator': untrained, 'Trained discriminator': discriminator})
        guided = report.guided_figure(discriminator, untrained, test)
    results = {'recipe': settings.recipe, 'dataset': dataset.dataset, 'seed': settings.seed,
               'checkpoint': os.path.basename(settings.checkpoint), 'train_images': len(training),
               'test_images': len(test), 'standing_batches': len(batches), 'batch_size': settings.batch_size,
               'tensorflow': tf.__version__, 'features': features}
    output = arguments.output or paths.results_folder(
        'experiments', 'discriminator_features', settings.recipe)
    os.makedirs(output, exist_ok=True)
    write_json(os.path.join(output, 'features.json'), results)
    write_page(output, report.readme(results))
    for name, content in (('filters.png', filters), ('guided.png', guided)):
        write_atomically(os.path.join(output, name), content)
    print(report.table(results), end='')
    return 0


def _batches(training: np.ndarray, size: int):
    """Shuffled batches of the run's size, for the standing statistics."""
    if len(training) < size:
        raise UserError('%d training images are fewer than the run\'s batch size, %d: raise --train_images'
                        % (len(training), size))
    order = np.random.RandomState(0).permutation(len(training))
    return [training[order[first:first + size]]
            for first in range(0, min(len(order) // size, MAX_BATCHES) * size, size)]


if __name__ == '__main__':
    cli.main(main, FeaturesArguments)
