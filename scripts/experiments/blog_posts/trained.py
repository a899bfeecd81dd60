"""Measures trainings: losses of posts 000 and 004, scores of post 002."""
import math
from typing import Any, Dict, List

import numpy as np

from dcgan_tf1 import data
from dcgan_tf1.runs.checkpoints.saving import last_checkpoint, step_of
from dcgan_tf1.runs.folder import RunFolder
from dcgan_tf1.train import preparation
from dcgan_tf1.util import grids, pixels
from dcgan_tf1.util.files import write_atomically
from scripts.experiments.blog_posts.post_002 import STRETCHED, sample_path
from scripts.experiments.blog_posts.untrained import rounded, training_settings
from scripts.experiments.blog_posts.values import LOSSES
from scripts.lib import runs, trainings
from scripts.lib.arguments import ExperimentArguments
from scripts.lib.batch_norm_modes import MODES, statistics
from scripts.lib.measurements import Measurements
from scripts.lib.runs import Training, run_folder
from scripts.lib.scoring import Scorer, open_generator

SCORED_MODES = ('batch', 'never updated', 'moving 0.99', 'standing 100')  # those that post 002 is about
NUM_SAMPLES = 16  # images of each mode in a picture

# For each post: name of the training, recipe, further flags.
TRAININGS = {
    '000': (('machinecurve', 'machinecurve', ('--log_every=2',)),
            ('machinecurve-double_sigmoid', 'machinecurve', ('--log_every=2', '--loss=double_sigmoid'))),
    '002': (('graph_mode', 'graph_mode', ()), ('graph_mode_dense', 'graph_mode_dense', ())),
    '004': (('sparse_softmax', 'sparse_softmax', ('--log_every=10',)),),  # as in the batch norm experiment
}
TRAINING_NAMES = [name for group in TRAININGS.values() for name, _, _ in group]


def plan(published: Dict[str, Any], arguments: ExperimentArguments) -> List[Training]:
    """The trainings that the chosen posts need."""
    result = []
    for post in arguments.posts:
        for name, recipe, flags in TRAININGS.get(post, ()):
            steps = _num_steps(name, recipe, published[post], arguments)
            stages = (steps,)
            if post == '004' and steps > runs.COLLAPSE_CHECK_STEP:
                stages = (runs.COLLAPSE_CHECK_STEP, steps)
            result.append(Training(name, recipe, ('--checkpoint_every=500', *flags), stages))
    return result


def _num_steps(name, recipe, post, arguments):
    """The length of a training: that in --steps, up to the last published loss, or the post's epochs."""
    if name in dict(arguments.steps):
        return dict(arguments.steps)[name]
    if 'losses' in post:
        return post['losses'][-1][0]
    settings = training_settings(recipe, *trainings.dataset_flags(arguments))
    return preparation.resolve(settings, data.load_for(settings)[1].num_examples).steps


class BlogPosts(runs.Experiment):
    """Measures the trainings of the posts."""

    def __init__(self, measurements: Measurements, published: Dict[str, Any], arguments: ExperimentArguments):
        self._measurements, self._published, self._arguments = measurements, published, arguments
        self._scorer = Scorer(arguments)

    def is_measured(self, training, seed, step):
        return self._measurements.has(_kind(training), training.name, seed, training.steps[-1])

    def collapsed_seeds(self, training):
        return {values['seed'] for values in self._measurements.values('collapsed', training.name, None)}

    def finished_run(self, training, seed, step):
        """A run of the batch norm experiment. Its trainings of graph_mode and sparse_softmax are the same."""
        steps = training.steps[-1]
        if training.name in ('graph_mode', 'sparse_softmax') and self._arguments.batch_norm_runs:
            path = run_folder(self._arguments.batch_norm_runs, training.name, seed)
            checkpoint, config = last_checkpoint(RunFolder(path)), RunFolder(path).read_config()
            if checkpoint and step_of(checkpoint) == steps and (
                    config['flags']['dataset'] == self._arguments.dataset):
                return path
        return None

    def measure(self, training, seed, step, run_dir):
        origin = _made_with(RunFolder(run_dir))
        if step != training.steps[-1]:
            self._check_collapse(training, seed, step, run_dir, origin)
            return
        trainings.check_step(run_dir, step)
        other = {}
        if _kind(training) == 'losses':
            post = next(post for post in ('000', '004') if training.recipe == self._published[post]['recipe'])
            values = {'losses': losses_around(RunFolder(run_dir), self._published[post])}
        else:
            values = {'modes': self.scores(training.recipe, run_dir, step, save_samples=seed == 0)}
            other['real'] = self._scorer.real(self._arguments.num_images)
        self._measurements.add((_kind(training), training.name, seed, step),
                               {'seed': seed, 'steps': step, 'made_with': origin, **values}, **other)

    def _check_collapse(self, training, seed, step, run_dir, origin):
        if self.finished_run(training, seed, step):
            return
        score = self.scores(training.recipe, run_dir, step)['batch']['classifier_score']
        if score < runs.COLLAPSE_SCORE:
            self._measurements.add(('collapsed', training.name, seed), {
                'seed': seed, 'step': step, 'made_with': origin, 'classifier_score': score})

    def scores(self, recipe: str, run_dir: str, step: int,
               save_samples: bool = False) -> Dict[str, Dict[str, Any]]:
        """{mode: {score: value}} of a run that was trained to this step."""
        arguments, scores = self._arguments, {}
        # Of the other recipes, only training mode matters.
        names = SCORED_MODES if recipe == 'graph_mode' else ('batch',)
        with open_generator(run_dir, arguments) as generator:
            noise = generator.latent_vectors(arguments.num_images, 0)
            for mode in (mode for mode in MODES if mode.name in names):
                images = generator.generate(noise, statistics(generator, mode, step))
                views = {mode.name: images}
                if mode.name == 'never updated':
                    views[STRETCHED] = stretch(images)
                for name, view in views.items():
                    view = pixels.to_uint8(view)
                    scores[name] = self._scorer.scores(view)
                    if save_samples:
                        write_atomically(sample_path(arguments.output, recipe, name, step),
                              grids.png(grids.grid(view[:NUM_SAMPLES], columns=NUM_SAMPLES // 2)))
        return scores


def losses_around(folder: RunFolder, post: Dict[str, Any]) -> Dict[str, Dict[str, Any]]:
    """A run's losses at and around the published steps after the first.

    Returns:
      {loss: {step, as text: {'at': loss at this step, 'around': losses at this and the neighboring steps}}}.
    """
    records = folder.read_metrics()
    losses = {loss: {} for loss in LOSSES}
    for step, *_ in post['losses']:
        near = [record for record in records if abs(record['step'] - step) <= post['window']]
        at = [record for record in near if record['step'] == step]
        if not at or step == 1:
            continue
        for loss in LOSSES:
            losses[loss][str(step)] = {'at': _rounded(at[0][loss]),
                                       'around': [_rounded(record[loss]) for record in near]}
    return losses


def stretch(images: np.ndarray) -> np.ndarray:
    """Stretches each image to full contrast, as matplotlib's imshow shows gray images by default.

    Args:
      images: [n, height, width, channels].
    Returns:
      Of the same shape: the smallest value of each image becomes −1, the largest 1. Uniform images become −1.
    """
    low, high = (bound(images, axis=(1, 2, 3), keepdims=True) for bound in (np.min, np.max))
    return 2 * (images - low) / np.where(high > low, high - low, 1) - 1


def _rounded(loss):
    return rounded(loss) if math.isfinite(loss) else loss


def _made_with(folder: RunFolder) -> str:
    config = folder.read_config()
    return 'TensorFlow %s in %s' % (config['versions']['tensorflow'], config['flags']['precision'])


def _kind(training: Training) -> str:
    """What is measured of a training: 'scores' for post 002, otherwise 'losses'."""
    return 'scores' if training.name in ('graph_mode', 'graph_mode_dense') else 'losses'
