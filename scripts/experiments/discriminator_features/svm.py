"""Linear classification of features."""
from typing import Any, Dict, List

import numpy as np

COSTS = (0.01, 0.03, 0.1, 0.3, 1, 3)  # values of C
HOLDOUT_EVERY = 5  # every fifth training image is held out to choose C


def is_held_out(count: int) -> np.ndarray:
    """Which of `count` images are held out: bool [count]."""
    return np.arange(count) % HOLDOUT_EVERY == HOLDOUT_EVERY - 1


def classify(training: List[np.ndarray], labels: np.ndarray, test: List[np.ndarray],
             test_labels: np.ndarray) -> Dict[str, Any]:
    """Trains linear L2-SVMs: squared hinge loss, squared norm, one class against the rest.

    Args:
      training, test: features of each layer, float32 [n, width].
      labels, test_labels: int [n].
    Returns:
      dimensions; C, the best one; held_out_accuracy of each C; test_accuracy.
    """
    from sklearn.svm import LinearSVC  # takes a second to import
    means = [part.mean(axis=0) for part in training]
    norms = [np.sqrt(np.mean(np.sum((part - mean) ** 2, axis=1))) or 1.
             for part, mean in zip(training, means)]

    def scale(parts):
        return np.concatenate([(part - mean) / norm for part, mean, norm in zip(parts, means, norms)], axis=1)

    def fit(cost, selected):
        # The dual problem with liblinear's own default tolerance. Scikit-learn's smaller one took much longer
        # and changed the accuracy by an image or two.
        return LinearSVC(C=cost, dual=True, tol=0.1, random_state=0).fit(training[selected], labels[selected])
    training = scale(training)
    held_out = is_held_out(len(labels))
    accuracies = [fit(cost, ~held_out).score(training[held_out], labels[held_out]) for cost in COSTS]
    best = COSTS[int(np.argmax(accuracies))]
    return {'dimensions': training.shape[1], 'C': best,
            'held_out_accuracy': {str(cost): float(accuracy) for cost, accuracy in zip(COSTS, accuracies)},
            'test_accuracy': float(fit(best, slice(None)).score(scale(test), test_labels))}
