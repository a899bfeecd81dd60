"""Scores of images against a dataset. The `evaluate` command and the selection of the best checkpoint use it."""
import os
from typing import Any, Dict, Optional, Tuple

import numpy as np

from dcgan_tf1 import data, metrics
from dcgan_tf1.evaluate.classifier import Classifier
from dcgan_tf1.evaluate.settings import EvaluateSettings
from dcgan_tf1.sample import sampler
from dcgan_tf1.util import pages, pixels
from dcgan_tf1.util.errors import UserError
from dcgan_tf1.util.log import log
from dcgan_tf1.util.pages import format_value

# An evaluation replaces an earlier one of the same run that has the same values for these keys.
IDENTITY_KEYS = ('checkpoint', 'bn_mode', 'bn_momentum', 'standing_batches', 'seed', 'num_images', 'classifier')
_MAX_UNLABELED = 10000  # images of a dataset without labels that are used
_NEGATIVE = -0.8  # correlation of the mean images below which images must be negatives


class Evaluator:
    """The real images of a dataset and their classifier features, computed once for any number of evaluations."""

    def __init__(self, settings: Any, image_shape: Optional[Tuple[int, ...]] = None):
        """Loads the dataset, and trains its classifier if there is none yet.

        Args:
          settings: `TrainSettings` or `EvaluateSettings`, which name the dataset and the classifier.
          image_shape: (height, width, channels) of the images to score, to refuse others before the work.
        Raises: UserError.
        """
        labeled = data.load_labeled_for(settings)
        everything = data.load_for(settings)[0]
        self._shape = everything.image_shape
        if image_shape:
            # Color may be gray that is stored as color.
            self._check_shape((*image_shape[:2], min(image_shape[2], self._shape[2])))
        self._classifier: Optional[Classifier] = None
        self._test: Optional[metrics.Sample] = None
        if labeled:
            training, test = labeled
            self._classifier = Classifier(training, test, settings.cache_dir, settings.classifier_steps)
            real, self._test = (self._sample(part.images.pixels) for part in labeled)
            # The test images, too, where a dataset has no others for the training of a generator.
            self._real = real._replace(trained_on=everything.first(everything.num_examples))
        else:
            log.info('--dataset=%s has no labels: scores that need a classifier are left out', settings.dataset)
            self._real = self._sample(everything.evenly_spaced(_MAX_UNLABELED))
            if everything.num_examples > _MAX_UNLABELED:
                log.info('comparing with %d of the %d images, at even distances: copies of others are not noticed',
                         len(self._real.pixels), everything.num_examples)
        self._references: Dict[int, Dict[str, metrics.Score]] = {}
        self.about = {'dataset': settings.dataset, 'real_images': len(self._real.pixels),
                      'test_images': len(self._test.pixels) if self._test else 0,
                      'classifier': self._classifier.checksum if self._classifier else None,
                      'classifier_accuracy': self._classifier.accuracy if self._classifier else None}

    def close(self) -> None:
        """Closes the Session of the classifier."""
        if self._classifier:
            self._classifier.close()

    def _sample(self, images: np.ndarray) -> metrics.Sample:
        return metrics.Sample(images, *(self._classifier(images) if self._classifier else (None, None)))

    def scores(self, images: np.ndarray) -> Dict[str, metrics.Score]:
        """Scores images, uint8 [n, height, width, channels].

        Raises: UserError if they do not have the shape of the dataset's images.
        """
        if self._shape[2] == 1 and (images == images[..., :1]).all():
            images = images[..., :1]  # gray, even if it is stored as color
        self._check_shape(images.shape[1:])
        with np.errstate(invalid='ignore', divide='ignore'):
            correlation = np.corrcoef(*(part.mean(axis=0).ravel() for part in (images, self._real.pixels)))[0, 1]
        if correlation < _NEGATIVE:
            log.warning('the images look like negatives of those of --dataset: are black and white exchanged?')
        return metrics.score(self._sample(images), self._real)

    def _check_shape(self, shape: Tuple[int, ...]) -> None:
        if shape != self._shape:
            raise UserError('the images are %s, but those of --dataset are %s (height, width, channels): name the '
                            'dataset that they belong to' % (shape, self._shape))

    def references(self, count: int) -> Dict[str, metrics.Score]:
        """The same scores for `count` real test images (all of them, if there are fewer); {} without a test set."""
        if self._test and count not in self._references:
            # Each is one of the images that a generator is trained on, or none: look for the nearest of the others.
            real = self._real._replace(trained_on=None)
            self._references[count] = metrics.score(metrics.evenly_spaced(self._test, count), real)
        return self._references.get(count, {})


def evaluate_images(settings: EvaluateSettings, images: np.ndarray, evaluator: Evaluator) -> Dict[str, Any]:
    """An evaluation as scores.json holds it: where the images, uint8 [n, height, width, channels], come from, and
    their scores.
    """
    references = evaluator.references(len(images))
    scores = {}
    for name, score in evaluator.scores(images).items():
        scores[name] = {'value': score.value, 'real': references[name].value if name in references else None,
                        'samples_needed': score.samples_needed, 'enough': len(images) >= score.samples_needed}
    return {**_source(settings), 'num_images': len(images), **evaluator.about, 'scores': scores}


def _source(settings: EvaluateSettings) -> Dict[str, Any]:
    if settings.images:
        return {'images': settings.images}
    return {'checkpoint': os.path.basename(settings.checkpoint), 'bn_mode': settings.bn_mode or 'batch',
            'bn_momentum': settings.bn_momentum, 'seed': settings.seed,
            'standing_batches': settings.standing_batches if settings.bn_mode == 'standing' else None}


def generate_images(settings: EvaluateSettings) -> np.ndarray:
    """The images of a checkpoint that the settings describe, uint8 [n, height, width, channels]. Raises UserError."""
    with sampler.Generator(settings) as generator:
        return images_of(generator, settings, generator.own_statistics())


def images_of(generator: sampler.Generator, settings: EvaluateSettings,
              statistics: Optional[sampler.Statistics]) -> np.ndarray:
    """What `generate_images` returns, of a generator that is open already, with these statistics."""
    return pixels.to_uint8(generator.generate(generator.latent_vectors(settings.num_images, settings.seed),
                                              statistics))


def score_table(evaluation: Dict[str, Any]) -> str:
    """The scores of an evaluation as a Markdown table."""
    rows = []
    for name, score in evaluation['scores'].items():
        real = '' if score['real'] is None else format_value(score['real'])
        warning = '' if score['enough'] else 'too few images: %d, needs %d' % (
            evaluation['num_images'], score['samples_needed'])
        rows.append([name.replace('_', ' '), format_value(score['value']), real, warning])
    return pages.markdown_table(['score', 'generated', 'real', ''], rows)
