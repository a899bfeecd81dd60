"""A small convolutional classifier, whose features and predictions most scores are based on.

It has two 5×5 convolutions with max-pooling, a hidden layer of 128 units (the features) and a softmax output.
On MNIST it classifies more than 99% of the test images correctly.
"""
import hashlib
import math
import os
from typing import Any, Dict, Tuple

import numpy as np
import tensorflow.compat.v1 as tf

from dcgan_tf1.data import Images, LabeledImages
from dcgan_tf1.model.inputs import BatchPlan
from dcgan_tf1.model.layers import conv2d, dense, flatten
from dcgan_tf1.runs.checkpoints.files import index_path
from dcgan_tf1.runs.checkpoints.saving import Checkpoints, last_checkpoint
from dcgan_tf1.runs.folder import RunFolder
from dcgan_tf1.util import pixels, terminal
from dcgan_tf1.util.device import create_session
from dcgan_tf1.util.errors import UserError
from dcgan_tf1.util.files import hold_lock
from dcgan_tf1.util.log import log

FEATURES = 128
_BATCH_SIZE = 128
_LEARNING_RATE = 1e-3  # decays linearly to 0
_MAX_BATCH = 1000  # images that are classified at once
_VERSION = 1  # of the architecture and its training; cached classifiers of other versions are trained again


def _is_complete(config: Dict[str, Any]) -> bool:
    accuracy = config.get('accuracy')
    return config.get('version') == _VERSION and isinstance(accuracy, float) and 0 <= accuracy <= 1


class Classifier:
    """A classifier, trained once on a dataset and then cached. It owns a session; call `close` when done.

    Attributes:
        accuracy: fraction of the test images that it classifies correctly.
        checksum: of its weights. Scores of other weights cannot be compared.
        folder: the `RunFolder` that it is cached in.
    """

    def __init__(self, training: LabeledImages, test: LabeledImages, cache_dir: str, steps: int) -> None:
        """Restores the classifier of these images from the cache, or trains it.

        Args:
            training: images and labels to train on.
            test: images and labels to measure the accuracy on.
            cache_dir: folder of cached classifiers. The name of each contains the checksum of its images.
            steps: number of training steps, each on 128 images.
        """
        self._shape = training.images.image_shape
        self._classes = int(training.labels.max()) + 1
        checksum = training.images.checksum()
        self.folder = RunFolder(os.path.join(cache_dir, '%s-%d' % (checksum, steps)))
        with tf.Graph().as_default():
            tf.set_random_seed(0)
            self._build(training.images, steps)
            self._session = create_session()
            try:
                os.makedirs(cache_dir, exist_ok=True)
                # Processes that start together train it once.
                with hold_lock(self.folder.path + '.lock', self._say_waiting):
                    if not self._restore():
                        self._train_and_save(training, test, steps)
            except OSError as error:
                if not self._restore():  # a folder that others fill, for example
                    self._session.close()
                    raise UserError('--cache_dir=%s cannot be written (%s), and does not have the classifier of these '
                                    'images: name a folder that you can write to'
                                    % (cache_dir, error.strerror)) from error
            with open(index_path(last_checkpoint(self.folder)), 'rb') as file:  # it has a checksum of every variable
                self.checksum = hashlib.md5(file.read()).hexdigest()

    @staticmethod
    def _say_waiting(holder: str) -> None:
        log.info('another process (%s) trains the classifier: waiting for it', holder)

    def _restore(self) -> bool:
        """Restores the classifier. Returns whether it is in the cache, complete and undamaged."""
        try:
            config, checkpoints = self.folder.read_config(), Checkpoints(self.folder, 1)
            if not config or not _is_complete(config) or not checkpoints.last:
                return False
            checkpoints.restore(self._session)
        except UserError as error:
            log.warning('%s: training the classifier again', error)
            return False
        self.accuracy = config['accuracy']
        return True

    def _train_and_save(self, training: LabeledImages, test: LabeledImages, steps: int) -> None:
        log.info('Training a classifier on %d images for %d steps. It will be reused.',
                 training.images.num_examples, steps)
        self._train(training, steps)
        self.accuracy = float(np.mean(self(test.images.pixels)[1].argmax(axis=1) == test.labels))
        log.info('It classifies %.2f%% of %d test images correctly: %s',
                 100 * self.accuracy, test.images.num_examples, self.folder.path)
        self.folder.create()
        Checkpoints(self.folder, 1).save(self._session, steps)
        # Written last: it marks the classifier as complete.
        self.folder.write_config({
            'flags': {'steps': steps}, 'version': _VERSION, 'accuracy': self.accuracy,
            'tensorflow': tf.__version__, 'checksum': training.images.checksum()})

    def close(self) -> None:
        """Closes the session."""
        self._session.close()

    def _build(self, images: Images, steps: int) -> None:
        step = tf.train.create_global_step()
        plan = BatchPlan('continuous', images.num_examples, _BATCH_SIZE, 0)
        self._iterator = tf.data.make_initializable_iterator(plan.indices(tf.constant(0, tf.int64)))
        self._next_indices = self._iterator.get_next()
        self._pixels = tf.placeholder(tf.uint8, [None, *self._shape])
        self._labels = tf.placeholder(tf.int32, [None])
        with tf.variable_scope('Classifier'):
            x = pixels.to_float(tf.cast(self._pixels, tf.float32))
            for filters in (32, 64):
                x = tf.nn.relu(conv2d(x, filters, 5, strides=1))
                x = tf.nn.max_pool(x, 2, 2, 'SAME')
            self._features = tf.nn.relu(dense(flatten(x), FEATURES))
            logits = dense(self._features, self._classes)
        self._probabilities = tf.nn.softmax(logits)
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(
            labels=self._labels, logits=logits))
        learning_rate = tf.train.polynomial_decay(_LEARNING_RATE, step, steps, 0.)
        with tf.variable_scope(tf.get_variable_scope(), use_resource=True):
            self._train_op = tf.train.AdamOptimizer(learning_rate).minimize(loss, global_step=step)

    def _train(self, training: LabeledImages, steps: int) -> None:
        self._session.run([tf.global_variables_initializer(), self._iterator.initializer])
        for _ in terminal.track(range(steps), 'training the classifier', steps):
            indices = self._session.run(self._next_indices)
            self._session.run(self._train_op, {self._pixels: training.images.pixels[indices],
                                               self._labels: training.labels[indices]})

    def __call__(self, images: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
        """Classifies images.

        Args:
            images: uint8 [n, height, width, channels].

        Returns:
            The features, float32 [n, 128], and the probabilities of the classes, float32 [n, classes].
        """
        parts = np.array_split(images, math.ceil(len(images) / _MAX_BATCH))
        results = [self._session.run((self._features, self._probabilities), {self._pixels: part})
                   for part in terminal.track(parts, 'classifying images', len(images), len)]
        features, probabilities = zip(*results)
        return np.concatenate(features), np.concatenate(probabilities)
