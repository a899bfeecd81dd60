"""Scores a generator's images, or any images, against a data set.

  python -m dcgan_tf1.evaluate --run_dir=runs/sparse_softmax-mnist-0
  python -m dcgan_tf1.evaluate --run_dir=runs/sparse_softmax-mnist-0 --bn_mode=standing --num_images=2000
  python -m dcgan_tf1.evaluate --images=digits.npy --dataset=mnist --data_dir=my/mnist

Prints a table, and writes the same as JSON. What the scores mean is said in `dcgan_tf1/metrics/`. Most look at the
images through a classifier, which is trained once on the data set's training images and kept in --cache_dir.
"""
import json
import os
import sys

import numpy as np
import tensorflow.compat.v1 as tf
from absl import app, flags

from dcgan_tf1 import data, image_files, metrics, options, plots, sampler
from dcgan_tf1.classifier import Classifier
from dcgan_tf1.data import image_folder
from dcgan_tf1.errors import UserError, exit_status
from dcgan_tf1.run_folder import RunFolder, write_atomically

# An evaluation of a run takes the place of an earlier one that was told the same.
SAME = ('checkpoint', 'bn_mode', 'bn_momentum', 'standing_batches', 'seed', 'num_images')
_UNLABELLED = 10000  # images of a data set without labels that are looked at


class Evaluator:
    """A data set's real images, and what the classifier makes of them: measured once, for any number of evaluations."""

    def __init__(self, settings, say):
        """`settings`: flags of `evaluate`. `say` gets a line of text where something takes long. Raises: UserError."""
        how = settings._asdict()
        labelled = data.load_labeled(**how)
        self._classifier = None
        if labelled:
            training, test = labelled
            self._classifier = Classifier(training, test, settings.cache_dir, settings.classifier_steps, say)
            self._real, self._test = (self._sample(part.images.pixels) for part in labelled)
        else:
            say('--dataset=%s has no labels: the scores that need a classifier are left out' % settings.dataset)
            self._real, self._test = self._sample(data.load(**how)[0].first(_UNLABELLED)), None
        self._references = {}
        self.about = {'dataset': settings.dataset, 'real_images': len(self._real.pixels),
                      'test_images': len(self._test.pixels) if self._test else 0,
                      'classifier_accuracy': self._classifier.accuracy if self._classifier else None}

    def close(self):
        if self._classifier:
            self._classifier.close()

    def _sample(self, pixels):
        return metrics.Sample(pixels, *(self._classifier(pixels) if self._classifier else (None, None)))

    def scores(self, pixels):
        """{name: `metrics.Score`} of uint8 [n, height, width, channels]. Raises UserError where they are of another
        shape than the data set's.
        """
        wanted = self._real.pixels.shape[1:]
        if pixels.shape[1:] != wanted:
            raise UserError('the images are %s, those of the data set %s (height, width, channels): score them '
                            'against a data set of their own' % (pixels.shape[1:], wanted))
        return metrics.score(self._sample(pixels), self._real)

    def references(self, count):
        """The same scores of so many real images of the test set (of all of it, where it has no more), or {}."""
        if self._test and count not in self._references:
            self._references[count] = metrics.score(metrics.evenly_spaced(self._test, count), self._real)
        return self._references.get(count, {})


def run(settings):
    """The command, on its flags' settings; returns the exit status. Raises UserError."""
    tf.logging.set_verbosity(tf.logging.ERROR)
    if settings.run_dir:
        settings = of_run(settings)
    pixels = _read_images(settings) if settings.images else generate(settings)
    evaluator = Evaluator(settings, lambda text: print(text, file=sys.stderr))
    try:
        found = evaluation(settings, pixels, evaluator)
    finally:
        evaluator.close()
    print(metrics.table(found), end='')
    if settings.output:
        write_atomically(settings.output, (json.dumps(found, indent=1) + '\n').encode())
    elif settings.run_dir and not settings.images:
        RunFolder(settings.run_dir).add_scores(found, SAME)
    return 0


def of_run(settings):
    """Settings of an evaluation, as `sampler.of_run` gives them, with the data that the run was trained on: where they
    lie, as far as --data_dir does not say.
    """
    settings = sampler.of_run(settings)
    trained = options.trained(RunFolder(settings.run_dir))
    return options.as_trained(settings._replace(data_dir=settings.data_dir or trained['data_dir']), trained, (
        'dataset', 'center_crop', 'antialias', 'skip_unreadable', 'follow_links'))


def evaluation(settings, pixels, evaluator):
    """What is written of an evaluation of these images, a dict: what they are, and their scores."""
    references = evaluator.references(len(pixels))
    return {**_source(settings), 'num_images': len(pixels), **evaluator.about, 'scores': {
        name: {'value': score.value, 'real': references[name].value if name in references else None,
               'samples_needed': score.samples, 'enough': len(pixels) >= score.samples}
        for name, score in evaluator.scores(pixels).items()}}


def _source(settings):
    if settings.images:
        return {'images': settings.images}
    return {'checkpoint': os.path.basename(settings.checkpoint), 'bn_mode': settings.bn_mode or 'batch',
            'bn_momentum': settings.bn_momentum, 'seed': settings.seed,
            'standing_batches': settings.standing_batches if settings.bn_mode == 'standing' else None}


def generate(settings):
    """The images of a checkpoint that the settings ask for, uint8. Raises: UserError."""
    with sampler.Sampler(settings) as generator:
        return pixels.to_uint8(generator.images(
            generator.noise(settings.num_images, settings.seed), generator.statistics(
                settings.bn_mode or 'batch', settings.bn_momentum, settings.standing_batches)))


def _read_images(settings):
    """uint8 [n, height, width, channels] of --images."""
    if os.path.isdir(settings.images):
        images = image_folder.load(**{**settings._asdict(), 'data_dir': settings.images})
        return images.first(images.num_examples)
    try:
        images = image_files.read_array(settings.images)
    except (OSError, ValueError) as error:
        raise UserError('--images=%s is neither a folder nor a readable .npy file (%s): name one'
                        % (settings.images, error)) from error
    if images.ndim == 4 and images.size:
        if images.dtype == np.uint8:
            return np.array(images)
        if images.dtype.kind == 'f' and np.abs(images).max() <= 1:  # false of NaN, too
            return pixels.to_uint8(images)
    raise UserError('--images=%s must hold uint8, or floats in [-1, 1], of shape [images, height, width, channels]'
                    % settings.images)


def main():
    options.declare_evaluation()
    flags.adopt_module_key_flags(options)
    app.run(lambda argv: exit_status(lambda: run(options.settings(argv))), flags_parser=options.command_line)


if __name__ == '__main__':
    main()
