"""GAN losses, as pure functions of the discriminator's logits.

Every loss is the mean over the scores (a discriminator may give several per image), in float32. It is finite
for all finite logits.
"""
import math
from typing import Callable, NamedTuple

import tensorflow.compat.v1 as tf


class Loss(NamedTuple):
    """The losses of both networks, as functions of logits [batch, …, num_logits]."""

    # Logits per score: the size of the last dimension of the discriminator's output.
    num_logits: int
    # Logits → scalar: mean cross-entropy of the logits against the label "real".
    real_loss: Callable[[tf.Tensor], tf.Tensor]
    # Logits → scalar: mean cross-entropy of the logits against the label "fake".
    fake_loss: Callable[[tf.Tensor], tf.Tensor]
    # Logits → [batch]: one logit of "real" per image, positive if the discriminator takes it for real.
    logit: Callable[[tf.Tensor], tf.Tensor]

    def discriminator(self, real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
        """The discriminator's loss: the *sum* of the means over real and generated images.

        Except for `double_sigmoid`, it is 2 log 2 if the discriminator cannot tell them apart.

        Args:
            real: logits of real images.
            fake: logits of generated images.
        """
        return self.real_loss(real) + self.fake_loss(fake)

    def generator(self, fake: tf.Tensor) -> tf.Tensor:
        """The generator's non-saturating loss: low if the discriminator takes its images for real.

        Args:
            fake: logits of generated images.
        """
        return self.real_loss(fake)


# Two logits per score, [batch, …, 2]: fake (class 0) and real (class 1).

def _softmax_loss(logits: tf.Tensor, label: int) -> tf.Tensor:
    labels = tf.fill(tf.shape(logits)[:-1], label)
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits))


# One logit per score, [batch, …, 1]: sigmoid(logit) is the probability of "real".

def _mean_logit(logits: tf.Tensor) -> tf.Tensor:
    return tf.reduce_mean(tf.reshape(logits, [tf.shape(logits)[0], -1]), axis=1)


def _sigmoid_loss(logits: tf.Tensor, label: int) -> tf.Tensor:
    return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(
        labels=tf.fill(tf.shape(logits), float(label)), logits=logits))


def _log_epsilon_loss(logits: tf.Tensor) -> tf.Tensor:
    """Mean of -log(p + 1e-12), where p = sigmoid(logits): the TF1 post keeps the logarithm finite this way.

    It is computed as -log(exp(log p) + exp(log 1e-12)), with the larger exponential factored out. Computing p
    itself in float32 would lose precision: it is exactly 0 below a logit of -104 and exactly 1 above 17, and
    1e-12 vanishes next to a p near 1.
    """
    log_p, log_epsilon = -tf.nn.softplus(-logits), math.log(1e-12)
    return -tf.reduce_mean(tf.maximum(log_p, log_epsilon) + tf.log1p(tf.exp(-tf.abs(log_p - log_epsilon))))


def _clipped_loss(logits: tf.Tensor, label: int) -> tf.Tensor:
    """Mean of -log of the label's probability, clipped to [1e-7, 1 - 1e-7] as Keras clips probabilities.

    Images whose probability is clipped contribute no gradient.
    """
    probability = tf.clip_by_value(tf.nn.sigmoid(logits), 1e-7, 1 - 1e-7)
    return -tf.reduce_mean(tf.log(probability if label else 1 - probability))


LOSSES = {
    'sparse_softmax': Loss(
        2, lambda logits: _softmax_loss(logits, 1), lambda logits: _softmax_loss(logits, 0),
        lambda logits: _mean_logit(logits[..., 1] - logits[..., 0])),
    'sigmoid': Loss(1, lambda logits: _sigmoid_loss(logits, 1), lambda logits: _sigmoid_loss(logits, 0),
                    _mean_logit),
    'log_epsilon': Loss(1, _log_epsilon_loss, lambda logits: _log_epsilon_loss(-logits), _mean_logit),
    'clipped': Loss(1, lambda logits: _clipped_loss(logits, 1), lambda logits: _clipped_loss(logits, 0),
                    _mean_logit),
    # One sigmoid in the network and a second one in the loss. The loss of an image is between log(1 + 1/e)
    # and log 2 if it should be real, and between log 2 and log(1 + e) if it should be fake.
    'double_sigmoid': Loss(1, lambda logits: _sigmoid_loss(tf.nn.sigmoid(logits), 1),
                           lambda logits: _sigmoid_loss(tf.nn.sigmoid(logits), 0), _mean_logit),
}
