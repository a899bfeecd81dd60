"""A small convolutional classifier, trained here in graph mode: what it makes of images is what scores are made of.

Two convolutions of 5×5 with max-pooling, a hidden layer of 128 (the features) and the classes. On MNIST it gets more
than 99 % of the test images right.
"""
import math
import os

import numpy as np
import tensorflow.compat.v1 as tf

from dcgan_tf1 import pixels, session
from dcgan_tf1.batches import BatchPlan
from dcgan_tf1.checkpoints import Checkpoints
from dcgan_tf1.layers import conv2d, dense, flatten
from dcgan_tf1.run_folder import RunFolder

FEATURES = 128
_BATCH_SIZE = 128
_LEARNING_RATE = 1e-3  # falls to 0, linearly
_TOGETHER = 1000
_VERSION = 1  # of what is trained here: classifiers of another are trained anew


def _is_whole(config):
    accuracy = config.get('accuracy')
    return config.get('version') == _VERSION and isinstance(accuracy, float) and 0 <= accuracy <= 1


class Classifier:
    """Trained once on a data set's training images, then kept. It has a Session of its own, to be closed.

    accuracy: share of the test images that it gets right.
    """

    def __init__(self, training, test, cache_dir, steps, say=lambda text: None):
        """Takes the classifier of these images from `cache_dir`, or trains it.

        Args:
          training, test: `data.LabeledImages`.
          cache_dir: folder of classifiers, each in one named after the images' checksum.
          steps: of training, of 128 images each.
          say: gets a line of text when it is trained.
        """
        self._shape = training.images.image_shape
        self._classes = int(training.labels.max()) + 1
        checksum = training.images.checksum()
        self.folder = RunFolder(os.path.join(cache_dir, '%s-%d' % (checksum, steps)))
        with tf.Graph().as_default():
            tf.set_random_seed(0)
            self._build(training.images, steps)
            self._session = session.create_session()
            checkpoints = Checkpoints(self.folder, 1)
            config = self.folder.read_config()
            if config and _is_whole(config) and checkpoints.last:
                checkpoints.restore(self._session, say)
                self.accuracy = config['accuracy']
                return
            say('training a classifier of %d images for %d steps, once' % (training.images.num_examples, steps))
            self._train(training, steps)
            self.accuracy = float(np.mean(self(test.images.pixels)[1].argmax(axis=1) == test.labels))
            say('it gets %.2f %% of %d test images right: %s'
                % (100 * self.accuracy, test.images.num_examples, self.folder.path))
            self.folder.create()
            checkpoints.save(self._session, steps)
            # Last: a classifier counts once this is there.
            self.folder.write_config({'flags': {'steps': steps}, 'version': _VERSION, 'accuracy': self.accuracy,
                                      'tensorflow': tf.__version__, 'checksum': checksum})

    def close(self):
        self._session.close()

    def _build(self, images, steps):
        step = tf.train.create_global_step()
        plan = BatchPlan('continuous', images.num_examples, _BATCH_SIZE, 0).indices(tf.constant(0, tf.int64))
        self._iterator = tf.data.make_initializable_iterator(plan)
        self._next = self._iterator.get_next()
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
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=self._labels, logits=logits))
        rate = tf.train.polynomial_decay(_LEARNING_RATE, step, steps, 0.)
        with tf.variable_scope(tf.get_variable_scope(), use_resource=True):
            self._train_op = tf.train.AdamOptimizer(rate).minimize(loss, global_step=step)

    def _train(self, training, steps):
        self._session.run([tf.global_variables_initializer(), self._iterator.initializer])
        for _ in range(steps):
            chosen = self._session.run(self._next)
            self._session.run(self._train_op, {self._pixels: training.images.pixels[chosen],
                                               self._labels: training.labels[chosen]})

    def __call__(self, images):
        """uint8 [n, height, width, channels] → (features float32 [n, 128], probabilities float32 [n, classes])."""
        parts = [self._session.run((self._features, self._probabilities), {self._pixels: part})
                 for part in np.array_split(images, math.ceil(len(images) / _TOGETHER))]
        return tuple(map(np.concatenate, zip(*parts)))
