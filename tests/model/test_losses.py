"""Losses and their gradients against NumPy in float64, and at extreme logits."""
import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from dcgan_tf1.model.losses import LOSSES

REAL = np.random.RandomState(0).randn(5, 2) * 3
FAKE = np.random.RandomState(1).randn(7, 2) * 3


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax_loss(logits, label):
    """The mean of −log softmax(logits)[label]."""
    return np.mean(np.log(np.exp(logits).sum(axis=1)) - logits[:, label])


def log_epsilon(logits, label):
    return np.mean(-np.log(sigmoid(logits if label else -logits) + 1e-12))


def cross_entropy(logits, label):
    return np.mean(-np.log(sigmoid(logits if label else -logits)))


EXPECTED = {
    'sparse_softmax': softmax_loss,
    'sigmoid': cross_entropy,
    'log_epsilon': log_epsilon,
    'clipped': lambda logits, label: np.mean(-np.log(np.clip(sigmoid(logits if label else -logits), 1e-7, 1 - 1e-7))),
    'double_sigmoid': lambda logits, label: cross_entropy(sigmoid(logits), label),
}


def gradient(function, x):
    """Central differences in float64."""
    result = np.zeros_like(x)
    for index in np.ndindex(*x.shape):
        step = np.zeros_like(x)
        step[index] = 1e-5
        result[index] = (function(x + step) - function(x - step)) / 2e-5
    return result


def value_and_gradients(loss, *logits):
    tensors = [tf.constant(x, tf.float32) for x in logits]
    value = loss(*tensors)
    with tf.Session() as session:
        return session.run([value, tf.gradients(value, tensors)])


def test_every_loss_is_tested():
    assert set(EXPECTED) == set(LOSSES)


@pytest.mark.parametrize('name', sorted(LOSSES))
def test_equals_numpy(name, graph):
    loss, expected = LOSSES[name], EXPECTED[name]
    value, gradients = value_and_gradients(loss.discriminator, REAL, FAKE)
    np.testing.assert_allclose(value, expected(REAL, 1) + expected(FAKE, 0), rtol=1e-5)
    np.testing.assert_allclose(gradients[0], gradient(lambda x: expected(x, 1), REAL), atol=1e-6)
    np.testing.assert_allclose(gradients[1], gradient(lambda x: expected(x, 0), FAKE), atol=1e-6)
    value, gradients = value_and_gradients(loss.generator, FAKE)
    np.testing.assert_allclose(value, expected(FAKE, 1), rtol=1e-5)
    np.testing.assert_allclose(gradients[0], gradient(lambda x: expected(x, 1), FAKE), atol=1e-6)


@pytest.mark.parametrize('name', sorted(set(LOSSES) - {'double_sigmoid'}))
def test_logits_of_zero(name, graph):
    """If the discriminator cannot tell, the losses are 2 log 2 and log 2."""
    zeros = np.zeros((4, 2))
    assert value_and_gradients(LOSSES[name].discriminator, zeros, zeros)[0] == pytest.approx(2 * np.log(2))
    assert value_and_gradients(LOSSES[name].generator, zeros)[0] == pytest.approx(np.log(2))


@pytest.mark.parametrize('name', sorted(LOSSES))
@pytest.mark.parametrize('logits', [[[1e4, -1e4]], [[-1e4, 1e4]], [[1e30, 0]], [[-1e30, 20]], [[27.6, -27.7]]])
def test_extreme_logits_give_finite_losses(name, logits, graph):
    for function, arguments in ((LOSSES[name].discriminator, (logits, logits)), (LOSSES[name].generator, (logits,))):
        value, gradients = value_and_gradients(function, *arguments)
        assert np.isfinite(value) and all(np.isfinite(gradient).all() for gradient in gradients)


def test_epsilon_bounds_the_loss(graph):
    """The loss of the TF1 post is at most −log(1e-12) = 27.63, where its gradient is 0."""
    value, gradients = value_and_gradients(LOSSES['log_epsilon'].generator, [[-200.]])
    assert value == pytest.approx(12 * np.log(10), rel=1e-6) and gradients[0] == 0
    value, _ = value_and_gradients(LOSSES['log_epsilon'].generator, [[-20.]])
    # Here, p + 1e-12 is accurate enough even in float32.
    assert value == pytest.approx(-np.log(sigmoid(-20.) + 1e-12), rel=1e-6)


def test_several_scores_per_image(graph):
    """The loss is the mean over all of them, as if each were an image."""
    logits = np.random.RandomState(2).randn(3, 4, 5, 2)
    value, _ = value_and_gradients(LOSSES['sparse_softmax'].generator, logits)
    np.testing.assert_allclose(value, softmax_loss(logits.reshape(-1, 2), 1), rtol=1e-5)


def test_double_sigmoid_is_bounded(graph):
    """The losses that the post of `machinecurve` prints reach 0.899, which its double sigmoid cannot give."""
    loss = LOSSES['double_sigmoid']
    assert value_and_gradients(loss.generator, [[1e9]])[0] == pytest.approx(0.3133, abs=1e-4)
    assert value_and_gradients(loss.generator, [[-1e9]])[0] == pytest.approx(0.6931, abs=1e-4)


def test_logit(graph):
    with tf.Session() as session:
        logit = session.run(LOSSES['sparse_softmax'].logit(tf.constant(REAL)))
        patch_mean = session.run(LOSSES['sigmoid'].logit(tf.constant(np.arange(12.).reshape(3, 2, 2, 1))))
        patches = np.stack([np.zeros([3, 2, 2]), np.arange(12.).reshape(3, 2, 2)], axis=-1)
        patch_means = session.run(LOSSES['sparse_softmax'].logit(tf.constant(patches)))
    np.testing.assert_allclose(logit, REAL[:, 1] - REAL[:, 0])
    np.testing.assert_allclose([patch_mean, patch_means], [[1.5, 5.5, 9.5]] * 2)
