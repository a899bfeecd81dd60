"""Samples a run with every kind of statistics."""
import os
from typing import Any, Dict, List, Optional, Tuple

import numpy as np

from dcgan_tf1.util import grids, pixels
from dcgan_tf1.util.files import write_atomically
from scripts.lib import runs, trainings
from scripts.lib.arguments import ExperimentArguments
from scripts.lib.batch_norm_modes import MODES, statistics
from scripts.lib.measurements import Measurements
from scripts.lib.scoring import Scorer, open_generator

REFERENCE_MODE = MODES[-1]  # the other statistics are compared with these
NUM_LATENTS = 8  # images of each mode in a picture of samples
COMPANION_BATCH = 64  # size of the batches in which companions are exchanged


def stages(recipe: str, arguments: ExperimentArguments) -> List[int]:
    """Steps at which a recipe is sampled, ascending."""
    last = dict(arguments.last_step).get(recipe, max(arguments.stages))
    return sorted({step for step in arguments.stages if step < last} | {last})


def training(recipe: str, arguments: ExperimentArguments) -> runs.Training:
    """The training of a recipe, which keeps moving averages of all momentums."""
    momentums = sorted({mode.value for mode in MODES if mode.kind == 'moving' and mode.value is not None})
    flags = ('--extra_bn_momentums=' + ','.join(map(str, momentums)), '--checkpoint_every=500',
             '--log_every=10', '--sample_every=100')
    return runs.Training(recipe, recipe, flags, tuple(stages(recipe, arguments)))


def collapsed_seeds(measurements: Measurements, recipe: str) -> Dict[int, int]:
    """{seed: step} of trainings whose images in batch mode all look alike to the classifier."""
    collapsed = {}
    for (_, seed, step), modes in measurements.items(recipe, None, None):
        if step >= runs.COLLAPSE_CHECK_STEP and (
                modes['batch']['scores']['classifier_score'] < runs.COLLAPSE_SCORE):
            collapsed[seed] = min(step, collapsed.get(seed, step))
    return collapsed


def scored_seeds(measurements: Measurements, recipe: str, step: int) -> List[Dict[str, Any]]:
    """{mode: values} of every seed that did not collapse, a list."""
    collapsed = collapsed_seeds(measurements, recipe)
    return [modes for (_, seed, _), modes in measurements.items(recipe, None, step) if seed not in collapsed]


def with_longer_trainings(measurements: Measurements, folder: str) -> Measurements:
    """Adds the trainings of another experiment, which sampled them with fewer kinds of statistics.

    Args:
      measurements: of this experiment. They stay as they are.
      folder: the results of `scripts.experiments.blog_posts`.
    Returns: measurements with, in addition, the trainings of `folder` that are longer than all of their recipe here.
    Raises:
      SystemExit: if they were measured with other settings.
    """
    others = Measurements(folder, {name: value for name, value in measurements.content['settings'].items()
                                   if name != 'precision'})
    longest: Dict[str, int] = {}
    for recipe, _, step in (key for key, _ in measurements.items(None, None, None)):
        longest[recipe] = max(step, longest.get(recipe, 0))
    precision = measurements.content['settings']['precision']
    return measurements.with_values({
        (recipe, seed, step): {mode: {'scores': scores} for mode, scores in values['modes'].items()}
        for (_, recipe, seed, step), values in others.items('scores', None, None, None)
        if recipe in longest and step > longest[recipe] and values['made_with'].endswith(' in ' + precision)})


def gaps(values: Dict[str, np.ndarray], reference: Dict[str, np.ndarray]) -> Dict[str, List[float]]:
    """How far statistics are from reference statistics, per layer, as root mean squares over the channels.

    Args:
      values, reference: {name of the moving statistic: [channels]}.
    Returns:
      'mean': differences of the means, in standard deviations; 'variance': logarithms of the ratios of the
      variances.
    """
    means = [name for name in sorted(reference) if name.endswith('mean')]
    variances = [name[:-len('mean')] + 'variance' for name in means]

    def rms(differences):
        return float(np.sqrt(np.mean(np.square(differences))))
    return {'mean': [rms((values[mean] - reference[mean]) / np.sqrt(reference[variance] + 1e-3))
                     for mean, variance in zip(means, variances)],
            'variance': [rms(np.log((values[name] + 1e-3) / (reference[name] + 1e-3))) for name in variances]}


class BatchNormExperiment(runs.Experiment):
    """Measures runs with every kind of statistics."""

    def __init__(self, measurements: Measurements, arguments: ExperimentArguments,
                 scorer: Optional[Scorer] = None):
        self._measurements = measurements
        self._arguments = arguments
        self._scorer = scorer or Scorer(arguments)

    def is_measured(self, training, seed, step):
        return self._measurements.has(training.recipe, seed, step)

    def collapsed_seeds(self, training):
        return collapsed_seeds(self._measurements, training.recipe)

    def measure(self, training, seed, step, run_dir):
        trainings.check_step(run_dir, step)
        modes, picture = self._sample(run_dir, step)
        if seed == 0:
            name = '%s_%06d.png' % (training.recipe, step)
            write_atomically(os.path.join(self._arguments.output, 'samples', name), grids.png(picture))
        self._measurements.add((training.recipe, seed, step), modes,
                               real=self._scorer.real(self._arguments.num_images))

    def _sample(self, run_dir: str, step: int) -> Tuple[Dict[str, Any], np.ndarray]:
        """{mode: values}, and a picture with a row of images per mode, from the same latent vectors."""
        modes, rows = {}, []
        with open_generator(run_dir, self._arguments) as generator:
            noise = generator.latent_vectors(self._arguments.num_images, 0)
            others = generator.latent_vectors(self._arguments.num_images, 1)
            exchanged = np.concatenate([noise[:NUM_LATENTS], others[NUM_LATENTS:]])
            reference = statistics(generator, REFERENCE_MODE, step)
            for mode in MODES:
                used = statistics(generator, mode, step)
                images = pixels.to_uint8(generator.generate(noise, used))
                with_others = pixels.to_uint8(generator.generate(exchanged[:COMPANION_BATCH], used))
                with_same = pixels.to_uint8(generator.generate(noise[:COMPANION_BATCH], used))
                change = np.abs(with_others[:NUM_LATENTS].astype(float) - with_same[:NUM_LATENTS]).mean()
                modes[mode.name] = {
                    'scores': self._scorer.scores(images),
                    # Mean absolute difference in gray levels, from 0 to 255, with 56 other companions.
                    'change_with_companions': float(change),
                    'gaps': gaps(used, reference) if used is not None else None}
                rows.append(images[:NUM_LATENTS])
        return modes, grids.grid(np.concatenate(rows), columns=NUM_LATENTS)
