"""Walks and arithmetic of noise vectors."""
import numpy as np
import pytest

from dcgan_tf1 import latent

A, B = np.random.RandomState(0).normal(size=(2, 3, 10))


@pytest.mark.parametrize('kind', latent.WALKS)
def test_ends(kind):
    np.testing.assert_allclose(latent.between(A, B, 0, kind), A)
    np.testing.assert_allclose(latent.between(A, B, 1, kind), B)
    np.testing.assert_allclose(latent.between(A, B, 0.3, kind), latent.between(B, A, 0.7, kind))
    np.testing.assert_allclose(latent.between(A, A, 0.3, kind), A)


def test_linear():
    np.testing.assert_allclose(latent.between(A, B, 0.25, 'linear'), A + (B - A) / 4)


def test_spherical():
    """On the circle through both, the angle in proportion to the share, the length too."""
    def angle(first, second):
        return np.arccos((first * second).sum(-1) / np.linalg.norm(first, axis=-1) / np.linalg.norm(second, axis=-1))
    point = latent.between(A, B, 0.25, 'spherical')
    np.testing.assert_allclose(angle(A, point), angle(A, B) / 4, rtol=1e-6)
    np.testing.assert_allclose(angle(point, B), angle(A, B) * 3 / 4, rtol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(point, axis=-1),
                               np.linalg.norm(A, axis=-1) * 0.75 + np.linalg.norm(B, axis=-1) * 0.25)
    right = latent.between(np.array([1., 0]), np.array([0, 1.]), 0.5, 'spherical')
    np.testing.assert_allclose(right, np.sqrt([0.5, 0.5]))
    # Where no circle is the circle: opposite vectors, and none at all.
    assert np.isfinite(latent.between(A, -A, 0.5, 'spherical')).all()
    assert np.isfinite(latent.between(A, 0 * A, 0.5, 'spherical')).all()


def test_walk():
    stops = np.random.RandomState(1).normal(size=(2, 3, 5))
    path = latent.walk(stops, 4, 'linear', False)
    assert path.shape == (2, 9, 5) and path.dtype == np.float32
    np.testing.assert_allclose(path[:, ::4], stops, rtol=1e-6)
    np.testing.assert_allclose(path[:, 6], (stops[:, 1] + stops[:, 2]) / 2, rtol=1e-5)
    loop = latent.walk(stops, 4, 'linear', True)
    assert loop.shape == (2, 12, 5)
    np.testing.assert_allclose(loop[:, :9], path)
    np.testing.assert_allclose(loop[:, 10], (stops[:, 2] + stops[:, 0]) / 2, rtol=1e-5)


def test_arithmetic():
    assert latent.parse('0, 3 - 1+2,2') == [(1, [0, 3]), (-1, [1]), (1, [2, 2])]
    assert latent.parse('7') == [(1, [7])]
    noise = np.arange(8.).reshape(4, 2)
    np.testing.assert_allclose(latent.arithmetic(noise, latent.parse('0,3-1+2')),
                               [[3, 4], [2, 3], [4, 5], [5, 6]])


@pytest.mark.parametrize('text', ['', '-1', '1-', '1,,2', 'a', '1--2', '1.5', '+1'])
def test_not_arithmetic(text):
    assert latent.parse(text) is None
