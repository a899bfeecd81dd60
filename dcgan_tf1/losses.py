"""GAN losses as pure functions of what the discriminator puts out."""
import collections

import tensorflow.compat.v1 as tf

# discriminator(real, fake) → scalar; generator(fake) → scalar; log_odds(output) → [batch], the
# logarithm of the odds that an image is real: its sign is the discriminator's decision.
Loss = collections.namedtuple('Loss', 'discriminator generator log_odds')


def _cross_entropy(logits, label):
    labels = tf.fill([tf.shape(logits)[0]], label)
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits))


def _sparse_softmax_discriminator(real, fake):
    return _cross_entropy(real, 1) + _cross_entropy(fake, 0)


def _sparse_softmax_generator(fake):
    return _cross_entropy(fake, 1)


def _sparse_softmax_log_odds(logits):
    return logits[:, 1] - logits[:, 0]


LOSSES = {
    # Logits [batch, 2] of fake (class 0) and real (class 1). The discriminator's loss is the *sum* of its
    # two means, 2 log 2 for a discriminator that cannot tell; the generator's is log 2 then.
    'sparse_softmax': Loss(_sparse_softmax_discriminator, _sparse_softmax_generator,
                           _sparse_softmax_log_odds),
}
