"""GAN losses as pure functions of what the discriminator puts out, its logits.

All are means over the scores (a discriminator may give several an image), in float32, and finite at any logit.
"""
import collections
import math

import tensorflow.compat.v1 as tf


class Loss(collections.namedtuple('Loss', 'num_logits real_loss fake_loss logit')):
    """logits: how many it takes for a score, as the last dimension of what the discriminator puts out.

    real_loss, fake_loss: logits → the scalar loss of saying anything but «real», or but «fake».

    log_odds: logits → [batch], the logarithm of the odds that an image is real: its sign is the discriminator's
    decision.
    """

    def discriminator(self, real, fake):
        """The *sum* of the two means: 2 log 2 for a discriminator that cannot tell (but with `double_sigmoid`)."""
        return self.real_loss(real) + self.fake_loss(fake)

    def generator(self, fake):
        """The loss of the generator, which wants its images taken for real."""
        return self.real_loss(fake)


# Two logits an image [batch, 2], fake (class 0) and real (class 1).

def _cross_entropy(logits, label):
    labels = tf.fill([tf.shape(logits)[0]], label)
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits))


# One logit a score, [batch, …, 1]: sigmoid(logit) is the probability of real.

def _mean_logit(logits):
    return tf.reduce_mean(tf.reshape(logits, [tf.shape(logits)[0], -1]), axis=1)


def _sigmoid(logits, label):
    return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(
        labels=tf.fill(tf.shape(logits), float(label)), logits=logits))


def _log_epsilon(logits):
    """mean −log(p + 1e-12), p = sigmoid(logits), the TF1 post's way to keep the logarithm finite.

    As −log(exp(log p) + exp(log 1e-12)), with the larger exponential taken out: in float32 p itself is exactly 0 or
    1 beyond ±104 or 17, and 1e-12 is lost beside a p near 1.
    """
    log_p, log_epsilon = -tf.nn.softplus(-logits), math.log(1e-12)
    return -tf.reduce_mean(tf.maximum(log_p, log_epsilon) + tf.log1p(tf.exp(-tf.abs(log_p - log_epsilon))))


def _clipped(logits, label):
    """mean −log of the label's probability, probabilities clipped to [1e-7, 1 − 1e-7], as Keras does with those.

    Where the probability is clipped the gradient is 0: such an image teaches nothing.
    """
    probability = tf.clip_by_value(tf.nn.sigmoid(logits), 1e-7, 1 - 1e-7)
    return -tf.reduce_mean(tf.log(probability if label else 1 - probability))


LOSSES = {
    'sparse_softmax': Loss(2, lambda logits: _cross_entropy(logits, 1), lambda logits: _cross_entropy(logits, 0),
                           lambda logits: logits[:, 1] - logits[:, 0]),
    'sigmoid': Loss(1, lambda logits: _sigmoid(logits, 1), lambda logits: _sigmoid(logits, 0), _mean_logit),
    'log_epsilon': Loss(1, _log_epsilon, lambda logits: _log_epsilon(-logits), _mean_logit),
    'clipped': Loss(1, lambda logits: _clipped(logits, 1), lambda logits: _clipped(logits, 0), _mean_logit),
    # A sigmoid in the network and a second one in the loss: bounded to [log(1 + 1/e), log 2] for an image that should
    # be real, [log 2, log(1 + e)] for one that should be fake.
    'double_sigmoid': Loss(1, lambda logits: _sigmoid(tf.nn.sigmoid(logits), 1),
                           lambda logits: _sigmoid(tf.nn.sigmoid(logits), 0), _mean_logit),
}
