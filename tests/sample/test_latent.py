"""Interpolation and arithmetic of latent vectors."""
import numpy as np
import pytest

from dcgan_tf1.sample import latent

pytestmark = pytest.mark.any_tensorflow

A, B = np.random.RandomState(0).normal(size=(2, 3, 10))


@pytest.mark.parametrize('mode', latent.MODES)
def test_end_points(mode):
    np.testing.assert_allclose(latent.interpolate(A, B, 0, mode), A)
    np.testing.assert_allclose(latent.interpolate(A, B, 1, mode), B)
    np.testing.assert_allclose(latent.interpolate(A, B, 0.3, mode), latent.interpolate(B, A, 0.7, mode))
    np.testing.assert_allclose(latent.interpolate(A, A, 0.3, mode), A)


def test_linear():
    np.testing.assert_allclose(latent.interpolate(A, B, 0.25, 'linear'), A + (B - A) / 4)


def test_slerp():
    """The point lies on the great circle through both vectors. Angle and length change linearly."""
    def angle(first, second):
        return np.arccos((first * second).sum(-1) / np.linalg.norm(first, axis=-1) / np.linalg.norm(second, axis=-1))
    point = latent.interpolate(A, B, 0.25, 'slerp')
    np.testing.assert_allclose(angle(A, point), angle(A, B) / 4, rtol=1e-6)
    np.testing.assert_allclose(angle(point, B), angle(A, B) * 3 / 4, rtol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(point, axis=-1),
                               np.linalg.norm(A, axis=-1) * 0.75 + np.linalg.norm(B, axis=-1) * 0.25)
    between_axes = latent.interpolate(np.array([1., 0]), np.array([0, 1.]), 0.5, 'slerp')
    np.testing.assert_allclose(between_axes, np.sqrt([0.5, 0.5]))
    # Opposite vectors and a zero vector define no great circle.
    assert np.isfinite(latent.interpolate(A, -A, 0.5, 'slerp')).all()
    assert np.isfinite(latent.interpolate(A, 0 * A, 0.5, 'slerp')).all()


def test_interpolation_path():
    keyframes = np.random.RandomState(1).normal(size=(2, 3, 5))
    path = latent.interpolation_path(keyframes, 4, 'linear', False)
    assert path.shape == (2, 9, 5) and path.dtype == np.float32
    np.testing.assert_allclose(path[:, ::4], keyframes, rtol=1e-6)
    np.testing.assert_allclose(path[:, 6], (keyframes[:, 1] + keyframes[:, 2]) / 2, rtol=1e-5)
    loop = latent.interpolation_path(keyframes, 4, 'linear', True)
    assert loop.shape == (2, 12, 5)
    np.testing.assert_allclose(loop[:, :9], path)
    np.testing.assert_allclose(loop[:, 10], (keyframes[:, 2] + keyframes[:, 0]) / 2, rtol=1e-5)


def test_arithmetic():
    assert latent.parse_expression('0, 3 - 1+2,2') == [(1, [0, 3]), (-1, [1]), (1, [2, 2])]
    assert latent.parse_expression('7') == [(1, [7])]
    noise = np.arange(8.).reshape(4, 2)
    np.testing.assert_allclose(latent.arithmetic(noise, latent.parse_expression('0,3-1+2')),
                               [[3, 4], [2, 3], [4, 5], [5, 6]])


@pytest.mark.parametrize('expression', ['', '-1', '1-', '1,,2', 'a', '1--2', '1.5', '+1', '0+10000000000'])
def test_invalid_expressions(expression):
    assert latent.parse_expression(expression) is None
