"""Scores against independent references: scikit-learn, SciPy, closed forms."""
import numpy as np
import pytest
from scipy import linalg, ndimage, stats
from sklearn.neighbors import NearestNeighbors

from dcgan_tf1 import metrics
from dcgan_tf1.metrics import (
    classifier_score,
    frechet_distance,
    modes,
    nearest,
    precision_recall,
    sharpness,
)


def sample(count=50, width=6, classes=4, seed=0, shift=0.):
    random = np.random.RandomState(seed)
    return metrics.Sample(random.randint(0, 256, (count, 9, 8, 1)).astype(np.uint8),
                          (random.normal(size=(count, width)) + shift).astype(np.float32),
                          random.dirichlet(np.ones(classes), count).astype(np.float32))


def with_classes(shares, certainty=1.):
    """Of 1,000 images: so many of each class, each with that probability of it."""
    classes = np.repeat(np.arange(len(shares)), np.round(np.array(shares) * 1000).astype(int))
    probabilities = np.full((len(classes), len(shares)), (1 - certainty) / (len(shares) - 1), np.float32)
    probabilities[np.arange(len(classes)), classes] = certainty
    return metrics.Sample(None, None, probabilities)


def test_classifier_score_closed_forms():
    def score(shares, certainty=1.):
        return classifier_score.scores(with_classes(shares, certainty), None)['classifier_score']
    assert score([0.1] * 10) == pytest.approx(10)
    assert score([0.5, 0.5, 0, 0]) == pytest.approx(2)
    assert score([1, 0, 0]) == pytest.approx(1)
    assert score([0.1] * 10, 0.1) == pytest.approx(1)


def test_classifier_score_against_scipy():
    made = sample()
    marginal = made.probabilities.astype(float).mean(axis=0)
    expected = np.exp(np.mean([stats.entropy(row, marginal) for row in made.probabilities.astype(float)]))
    # (SciPy makes each row sum to 1 once more.)
    assert classifier_score.scores(made, None)['classifier_score'] == pytest.approx(expected, rel=1e-5)


def test_frechet_distance_closed_forms():
    mean, covariance = np.array([1., 2.]), np.diag([4., 9.])
    assert frechet_distance.distance((mean, covariance), (mean, covariance)) == pytest.approx(0, abs=1e-12)
    # Of diagonal covariances: the squared differences of means and of standard deviations.
    other = (mean + np.array([3, 4]), np.diag([1., 25.]))
    assert frechet_distance.distance((mean, covariance), other) == pytest.approx(
        25 + (2 - 1) ** 2 + (3 - 5) ** 2)


@pytest.mark.parametrize('count', [50, 4])  # 4: the covariances are singular
def test_frechet_distance_against_scipy(count):
    made, real = sample(count), sample(60, seed=1, shift=0.5)
    means = [part.features.astype(float).mean(axis=0) for part in (made, real)]
    covariances = [np.cov(part.features.astype(float), rowvar=False) for part in (made, real)]
    root = linalg.sqrtm(covariances[0] @ covariances[1])
    expected = ((means[0] - means[1]) ** 2).sum() + np.trace(covariances[0] + covariances[1] - 2 * np.real(root))
    # SciPy's root of a singular matrix is good to about the root of what float64 resolves.
    assert frechet_distance.scores(made, real)['frechet_distance'] == pytest.approx(
        expected, rel=1e-8 if count == 50 else 1e-5)


def test_modes():
    real = with_classes([0.25] * 4)
    found = modes.scores(with_classes([0.7, 0.27, 0.03, 0]), real)
    assert found['histogram'] == pytest.approx([0.7, 0.27, 0.03, 0])
    assert found['most_frequent_share'] == pytest.approx(0.7)
    assert found['modes'] == 3
    assert found['total_variation'] == pytest.approx(0.45 + 0.02)
    assert modes.scores(with_classes([0.96, 0.02, 0.02, 0]), real)['modes'] == 1  # below a tenth of a quarter
    assert modes.scores(real, real)['total_variation'] == 0


@pytest.mark.parametrize('shift', [0., 1.5])
def test_precision_and_recall_against_scikit_learn(shift, monkeypatch):
    made, real = sample(70, shift=shift), sample(70, seed=1)
    monkeypatch.setattr('dcgan_tf1.metrics._neighbours._ROWS', 16)  # in parts

    def covered(vectors, others):
        vectors, others = vectors.astype(float), others.astype(float)
        radii = NearestNeighbors(n_neighbors=4).fit(others).kneighbors(others)[0][:, 3]
        distances = np.sqrt(((vectors[:, np.newaxis] - others) ** 2).sum(axis=2))
        return (distances <= radii).any(axis=1).mean()
    found = precision_recall.scores(made, real)
    assert found == {'precision': pytest.approx(covered(made.features, real.features)),
                     'recall': pytest.approx(covered(real.features, made.features))}
    assert 0 < found['precision'] < 1


def test_precision_and_recall_closed_forms():
    points = np.arange(20.)[:, np.newaxis]
    assert precision_recall.covered(points, points) == 1
    assert precision_recall.covered(points + 1000, points) == 0
    # The ball around the last of the points reaches to the third before it.
    assert precision_recall.covered(np.array([[22.], [22.1]]), points) == 0.5
    assert precision_recall.scores(sample(4), sample(60)) == {}


def test_sharpness_against_scipy():
    made = sample()
    expected = [ndimage.laplace(image[..., 0] / 255)[1:-1, 1:-1].var() for image in made.pixels.astype(float)]
    np.testing.assert_allclose(sharpness.variances(made.pixels), expected, rtol=1e-10)
    blurred = made._replace(pixels=np.stack([ndimage.gaussian_filter(image, (1, 1, 0)) for image in made.pixels]))
    found = sharpness.scores(blurred, made)
    assert found['sharpness'] == pytest.approx(sharpness.variances(blurred.pixels).mean())
    assert found['sharpness_ratio'] < 0.2
    assert sharpness.scores(made, made)['sharpness_ratio'] == 1


def test_nearest_against_scikit_learn(monkeypatch):
    monkeypatch.setattr('dcgan_tf1.metrics._neighbours._ROWS', 16)
    made, real = sample(30), sample(80, seed=1)
    distances, indices = nearest.nearest(made.pixels, real.pixels)
    flat = [part.pixels.reshape(len(part.pixels), -1) / 255 for part in (made, real)]
    expected = NearestNeighbors(n_neighbors=1).fit(flat[1]).kneighbors(flat[0])
    np.testing.assert_allclose(distances, expected[0][:, 0], rtol=1e-6)
    np.testing.assert_array_equal(indices, expected[1][:, 0])


def test_copies_are_found():
    real = sample(80)
    found = nearest.scores(metrics.spread(real, 10), real)
    assert found == {'nearest_median': 0, 'nearest_percentile': 0}


def test_spread():
    chosen = metrics.spread(sample(101), 5)
    np.testing.assert_array_equal(chosen.features, sample(101).features[::25])
    assert metrics.spread(sample(3)._replace(features=None), 5).features is None


def test_all_metrics():
    made, real = sample(60), sample(70, seed=1)
    scores = metrics.score(made, real)
    assert set(scores) >= {'classifier_score', 'frechet_distance', 'histogram', 'precision', 'recall',
                           'sharpness_ratio', 'nearest_median'}
    without = metrics.score(made._replace(features=None, probabilities=None), real)
    assert set(without) == {'sharpness', 'sharpness_ratio', 'nearest_median', 'nearest_percentile'}


def test_table():
    scores = {'recall': {'value': 0.25, 'real': 0.5, 'samples_needed': 1000, 'enough': False},
              'sharpness': {'value': 0.1234, 'real': None, 'samples_needed': 50, 'enough': True}}
    table = metrics.table({'num_images': 60, 'scores': scores}).splitlines()
    assert table[2:] == ['| recall | 0.250 | 0.500 | of too few: 60 images, not 1000 |', '| sharpness | 0.123 |  |  |']


def test_ranks():
    """Of the scores that rank generators, larger ranks are better ones."""
    ranks = metrics.ranks()
    assert set(ranks) == {'classifier_score', 'frechet_distance', 'precision', 'recall', 'sharpness_ratio',
                          'total_variation'}
    for name, better, worse in (('frechet_distance', 1, 2), ('classifier_score', 9, 3), ('recall', 0.5, 0.2),
                                ('precision', 1, 0), ('total_variation', 0, 0.3), ('sharpness_ratio', 0.9, 1.2),
                                ('sharpness_ratio', 1.1, 0.8)):
        assert ranks[name](better) > ranks[name](worse)
    assert set(metrics.ranks(classified=False)) == {'sharpness_ratio'}


@pytest.mark.parametrize('value,text', [(0.12345, '0.123'), (12.3456, '12.35'), (1234.5, '1234'), (7, '7'),
                                        ([0.5, 0.25], '0.500 0.250'), (float('nan'), 'nan'), (float('inf'), 'inf')])
def test_scores_as_text(value, text):
    assert metrics.text(value) == text
