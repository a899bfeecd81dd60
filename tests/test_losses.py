"""Losses against float64 NumPy."""
import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from dcgan_tf1.losses import LOSSES

REAL = np.random.RandomState(0).randn(5, 2) * 3
FAKE = np.random.RandomState(1).randn(7, 2) * 3


def softmax(logits):
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def cross_entropy(logits, label):
    """Mean of −log softmax(logits)[label], and its gradient."""
    logits = np.asarray(logits, np.float64)
    highest = logits.max(axis=1)
    log_sum = highest + np.log(np.exp(logits - highest[:, None]).sum(axis=1))
    return np.mean(log_sum - logits[:, label]), (softmax(logits) - np.eye(2)[label]) / len(logits)


def evaluate(loss, *logits):
    tensors = [tf.constant(x, tf.float32) for x in logits]
    value = loss(*tensors)
    with tf.Session() as session:
        return session.run([value, tf.gradients(value, tensors)])


def test_sparse_softmax_equals_numpy(graph):
    loss = LOSSES['sparse_softmax']
    (real, real_gradient), (fake, fake_gradient) = cross_entropy(REAL, 1), cross_entropy(FAKE, 0)
    value, gradients = evaluate(loss.discriminator, REAL, FAKE)
    np.testing.assert_allclose(value, real + fake, rtol=1e-6)
    np.testing.assert_allclose(gradients[0], real_gradient, atol=1e-6)
    np.testing.assert_allclose(gradients[1], fake_gradient, atol=1e-6)
    value, gradients = evaluate(loss.generator, FAKE)
    expected, gradient = cross_entropy(FAKE, 1)
    np.testing.assert_allclose(value, expected, rtol=1e-6)
    np.testing.assert_allclose(gradients[0], gradient, atol=1e-6)


def test_sparse_softmax_of_no_opinion(graph):
    """A discriminator that cannot tell: 2 log 2 and log 2."""
    nothing = np.zeros((4, 2))
    assert evaluate(LOSSES['sparse_softmax'].discriminator, nothing, nothing)[0] == pytest.approx(2 * np.log(2))
    assert evaluate(LOSSES['sparse_softmax'].generator, nothing)[0] == pytest.approx(np.log(2))


@pytest.mark.parametrize('logits', [[[1e4, -1e4]], [[-1e4, 1e4]], [[1e30, 0]]])
def test_sparse_softmax_is_finite_at_extreme_logits(logits, graph):
    for loss, arguments in ((LOSSES['sparse_softmax'].discriminator, (logits, logits)),
                            (LOSSES['sparse_softmax'].generator, (logits,))):
        value, gradients = evaluate(loss, *arguments)
        assert np.isfinite(value) and all(np.isfinite(gradient).all() for gradient in gradients)


def test_log_odds_of_real(graph):
    with tf.Session() as session:
        odds = session.run(LOSSES['sparse_softmax'].log_odds(tf.constant(REAL)))
    probability = softmax(REAL)[:, 1]
    np.testing.assert_allclose(odds, np.log(probability / (1 - probability)))
