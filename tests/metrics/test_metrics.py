"""Scores against scikit-learn, SciPy and closed forms."""
import numpy as np
import pytest
from scipy import linalg, ndimage, stats
from sklearn.neighbors import NearestNeighbors

from dcgan_tf1 import metrics
from dcgan_tf1.evaluate import evaluator as evaluation
from dcgan_tf1.metrics import classifier_score, frechet_distance, modes, nearest, precision_recall, sharpness
from dcgan_tf1.util.pages import format_value

pytestmark = pytest.mark.any_tensorflow


def sample(count=50, width=6, classes=4, seed=0, shift=0.):
    random = np.random.RandomState(seed)
    return metrics.Sample(random.randint(0, 256, (count, 9, 8, 1)).astype(np.uint8),
                          (random.normal(size=(count, width)) + shift).astype(np.float32),
                          random.dirichlet(np.ones(classes), count).astype(np.float32))


def sample_of_classes(shares, certainty=1.):
    """1,000 images with these shares of each class, which the classifier predicts with this probability."""
    classes = np.repeat(np.arange(len(shares)), np.round(np.array(shares) * 1000).astype(int))
    probabilities = np.full((len(classes), len(shares)), (1 - certainty) / (len(shares) - 1), np.float32)
    probabilities[np.arange(len(classes)), classes] = certainty
    return metrics.Sample(None, None, probabilities)


def test_classifier_score_closed_forms():
    def score(shares, certainty=1.):
        return classifier_score.scores(sample_of_classes(shares, certainty), None)['classifier_score']
    assert score([0.1] * 10) == pytest.approx(10)
    assert score([0.5, 0.5, 0, 0]) == pytest.approx(2)
    assert score([1, 0, 0]) == pytest.approx(1)
    assert score([0.1] * 10, 0.1) == pytest.approx(1)


def test_classifier_score_against_scipy():
    generated = sample()
    marginal = generated.probabilities.astype(float).mean(axis=0)
    expected = np.exp(np.mean([stats.entropy(row, marginal) for row in generated.probabilities.astype(float)]))
    # SciPy normalizes every row once more, hence the tolerance.
    assert classifier_score.scores(generated, None)['classifier_score'] == pytest.approx(expected, rel=1e-5)


def test_frechet_distance_closed_forms():
    mean, covariance = np.array([1., 2.]), np.diag([4., 9.])
    assert frechet_distance.distance((mean, covariance), (mean, covariance)) == pytest.approx(0, abs=1e-12)
    # For diagonal covariances: the squared differences of the means and of the standard deviations.
    other = (mean + np.array([3, 4]), np.diag([1., 25.]))
    assert frechet_distance.distance((mean, covariance), other) == pytest.approx(
        25 + (2 - 1) ** 2 + (3 - 5) ** 2)


@pytest.mark.parametrize('count', [50, 4])  # 4: the covariances are singular
def test_frechet_distance_against_scipy(count):
    generated, real = sample(count), sample(60, seed=1, shift=0.5)
    means = [part.features.astype(float).mean(axis=0) for part in (generated, real)]
    covariances = [np.cov(part.features.astype(float), rowvar=False) for part in (generated, real)]
    root = linalg.sqrtm(covariances[0] @ covariances[1])
    expected = ((means[0] - means[1]) ** 2).sum() + np.trace(covariances[0] + covariances[1] - 2 * np.real(root))
    # SciPy's root of a singular matrix is accurate to about the square root of the resolution of float64.
    assert frechet_distance.scores(generated, real)['frechet_distance'] == pytest.approx(
        expected, rel=1e-8 if count == 50 else 1e-5)


def test_modes():
    real = sample_of_classes([0.25] * 4)
    scores = modes.scores(sample_of_classes([0.7, 0.27, 0.03, 0]), real)
    assert scores['histogram'] == pytest.approx([0.7, 0.27, 0.03, 0])
    assert scores['most_frequent_share'] == pytest.approx(0.7)
    assert scores['modes'] == 3
    assert scores['total_variation'] == pytest.approx(0.45 + 0.02)
    assert modes.scores(sample_of_classes([0.96, 0.02, 0.02, 0]), real)['modes'] == 1  # below a tenth of a quarter
    assert modes.scores(real, real)['total_variation'] == 0


@pytest.mark.parametrize('shift', [0., 1.5])
def test_precision_and_recall_against_scikit_learn(shift, monkeypatch):
    generated, real = sample(70, shift=shift), sample(70, seed=1)
    monkeypatch.setattr('dcgan_tf1.metrics._neighbors._ROWS', 16)  # compute in parts

    def covered(vectors, others):
        vectors, others = vectors.astype(float), others.astype(float)
        radii = NearestNeighbors(n_neighbors=4).fit(others).kneighbors(others)[0][:, 3]
        distances = np.sqrt(((vectors[:, np.newaxis] - others) ** 2).sum(axis=2))
        return (distances <= radii).any(axis=1).mean()
    scores = precision_recall.scores(generated, real)
    assert scores == {'precision': pytest.approx(covered(generated.features, real.features)),
                      'recall': pytest.approx(covered(real.features, generated.features))}
    assert 0 < scores['precision'] < 1


def test_precision_and_recall_closed_forms():
    points = np.arange(20.)[:, np.newaxis]
    assert precision_recall.covered(points, points) == 1
    assert precision_recall.covered(points + 1000, points) == 0
    # The radius of the last point is its distance to the third point before it.
    assert precision_recall.covered(np.array([[22.], [22.1]]), points) == 0.5
    assert precision_recall.scores(sample(4), sample(60)) == {}


def test_sharpness_against_scipy():
    generated = sample()
    expected = [ndimage.laplace(image[..., 0] / 255)[1:-1, 1:-1].var() for image in generated.pixels.astype(float)]
    np.testing.assert_allclose(sharpness.variances(generated.pixels), expected, rtol=1e-10)
    blurred = generated._replace(
        pixels=np.stack([ndimage.gaussian_filter(image, (1, 1, 0)) for image in generated.pixels]))
    scores = sharpness.scores(blurred, generated)
    assert scores['sharpness'] == pytest.approx(sharpness.variances(blurred.pixels).mean())
    assert scores['sharpness_ratio'] < 0.2
    assert sharpness.scores(generated, generated)['sharpness_ratio'] == 1


def test_nearest_against_scikit_learn(monkeypatch):
    monkeypatch.setattr('dcgan_tf1.metrics._neighbors._ROWS', 16)
    generated, real = sample(30), sample(80, seed=1)
    distances, indices = nearest.nearest(generated.pixels, real.pixels)
    flat = [part.pixels.reshape(len(part.pixels), -1) / 255 for part in (generated, real)]
    expected = NearestNeighbors(n_neighbors=1).fit(flat[1]).kneighbors(flat[0])
    np.testing.assert_allclose(distances, expected[0][:, 0], rtol=1e-6)
    np.testing.assert_array_equal(indices, expected[1][:, 0])


def test_copies_of_training_images_have_distance_0():
    real = sample(80)
    scores = nearest.scores(metrics.evenly_spaced(real, 10), real)
    assert scores == {'nearest_median': 0, 'nearest_percentile': 0}


def test_evenly_spaced():
    subset = metrics.evenly_spaced(sample(101), 5)
    np.testing.assert_array_equal(subset.features, sample(101).features[::25])
    assert metrics.evenly_spaced(sample(3)._replace(features=None), 5).features is None


def test_all_metrics():
    generated, real = sample(60), sample(70, seed=1)
    scores = metrics.score(generated, real)
    assert set(scores) >= {'classifier_score', 'frechet_distance', 'histogram', 'precision', 'recall',
                           'sharpness_ratio', 'nearest_median'}
    without_classifier = metrics.score(generated._replace(features=None, probabilities=None), real)
    assert set(without_classifier) == {'sharpness', 'sharpness_ratio', 'nearest_median', 'nearest_percentile'}


def test_score_table():
    scores = {'recall': {'value': 0.25, 'real': 0.5, 'samples_needed': 1000, 'enough': False},
              'sharpness': {'value': 0.1234, 'real': None, 'samples_needed': 50, 'enough': True}}
    table = evaluation.score_table({'num_images': 60, 'scores': scores}).splitlines()
    assert table[2:] == ['| recall | 0.250 | 0.500 | too few images: 60, needs 1000 |', '| sharpness | 0.123 |  |  |']


def test_rankings():
    """A better score has a larger rank."""
    rankings = metrics.rankings()
    assert set(rankings) == {'classifier_score', 'frechet_distance', 'precision', 'recall', 'sharpness_ratio',
                          'total_variation'}
    for name, better, worse in (('frechet_distance', 1, 2), ('classifier_score', 9, 3), ('recall', 0.5, 0.2),
                                ('precision', 1, 0), ('total_variation', 0, 0.3), ('sharpness_ratio', 0.9, 1.2),
                                ('sharpness_ratio', 1.1, 0.8)):
        assert rankings[name](better) > rankings[name](worse)
    assert set(metrics.rankings(with_classifier=False)) == {'sharpness_ratio'}


@pytest.mark.parametrize('value,text', [(0.12345, '0.123'), (12.3456, '12.35'), (1234.5, '1234'), (7, '7'),
                                        ([0.5, 0.25], '0.500 0.250'), (float('nan'), 'nan'), (float('inf'), 'inf')])
def test_format_value(value, text):
    assert format_value(value) == text
