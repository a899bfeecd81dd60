"""The best checkpoint of a run, by a score of the images that it generates."""
import os
from typing import Any, Dict, Optional, Tuple

from dcgan_tf1 import metrics
from dcgan_tf1.evaluate.evaluator import IDENTITY_KEYS, Evaluator, evaluate_images, generate_images
from dcgan_tf1.evaluate.preparation import for_evaluation_during_training
from dcgan_tf1.runs.checkpoints.saving import best_checkpoint, keep_best
from dcgan_tf1.runs.folder import RunFolder
from dcgan_tf1.settings.train import TrainSettings


class BestCheckpoint:
    """Evaluates a run's checkpoints during its training, exactly as the `evaluate` command does, and keeps the best."""

    def __init__(self, folder: RunFolder, settings: TrainSettings):
        """Loads the dataset, and trains its classifier if there is none yet.

        Args:
          settings: those of the training.
        Raises: UserError.
        """
        self._folder = folder
        self._best_by = settings.best_by
        self._rank = metrics.rankings()[settings.best_by]
        self._settings = for_evaluation_during_training(settings)
        self._evaluator = Evaluator(settings)

    def close(self) -> None:
        """Closes the Session of the classifier."""
        self._evaluator.close()

    def __call__(self, checkpoint: str) -> Tuple[Dict[str, float], bool]:
        """Evaluates a checkpoint (its path) and keeps it if no earlier one was better.

        Returns: ({score: number}, whether it is the best). Raises: UserError if it cannot be kept.
        """
        settings = self._settings.replace(checkpoint=checkpoint)
        evaluation = evaluate_images(settings, generate_images(settings), self._evaluator)
        # Save the scores first, so that whatever is kept has some.
        self._folder.add_scores(evaluation, IDENTITY_KEYS)
        score_to_beat = self._rank_of_saved(evaluation)
        is_best = score_to_beat is None or self._rank_of(evaluation) > score_to_beat
        if is_best:
            keep_best(self._folder, checkpoint)
        scores = {name: score['value'] for name, score in evaluation['scores'].items()}
        return {name: value for name, value in scores.items() if not isinstance(value, list)}, is_best

    def _rank_of(self, evaluation: Dict[str, Any]) -> float:
        return self._rank(evaluation['scores'][self._best_by]['value'])

    def _rank_of_saved(self, like: Dict[str, Any]) -> Optional[float]:
        """The rank of the saved best checkpoint, in an evaluation with the same settings as `like`; None without."""
        saved = best_checkpoint(self._folder)
        if saved:
            expected = {**{key: like[key] for key in IDENTITY_KEYS}, 'checkpoint': os.path.basename(saved)}
            for evaluation in self._folder.read_scores():
                if all(evaluation.get(key) == value for key, value in expected.items()):
                    return self._rank_of(evaluation)
        return None
