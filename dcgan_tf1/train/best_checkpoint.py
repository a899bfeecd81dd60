"""The best checkpoint of a run, by a score of the images that it generates."""
import contextlib
from typing import Any, Dict, Optional, Tuple

from dcgan_tf1 import metrics
from dcgan_tf1.evaluate.evaluator import IDENTITY_KEYS, Evaluator, evaluate_images, generate_images
from dcgan_tf1.evaluate.preparation import for_evaluation_during_training
from dcgan_tf1.runs.checkpoints.files import CorruptCheckpointError
from dcgan_tf1.runs.checkpoints.saving import best_checkpoint, keep_best, read_scores, write_scores
from dcgan_tf1.runs.folder import RunFolder
from dcgan_tf1.settings.train import TrainSettings
from dcgan_tf1.util.log import log


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
        # Save the scores first, so that whatever is kept has some.
        evaluation = self._evaluate(checkpoint)
        rank_to_beat = self._rank_to_beat(evaluation)
        is_best = rank_to_beat is None or self._rank_of(evaluation) > rank_to_beat
        if is_best:
            keep_best(self._folder, checkpoint, evaluation)
        scores = {name: score['value'] for name, score in evaluation['scores'].items()}
        return {name: value for name, value in scores.items() if not isinstance(value, list)}, is_best

    def _evaluate(self, checkpoint: str) -> Dict[str, Any]:
        """Evaluates a checkpoint, and adds that to scores.json."""
        settings = self._settings.replace(checkpoint=checkpoint)
        evaluation = evaluate_images(settings, generate_images(settings), self._evaluator)
        self._folder.add_scores(evaluation, IDENTITY_KEYS)
        return evaluation

    def _rank_of(self, evaluation: Dict[str, Any]) -> float:
        return self._rank(evaluation['scores'][self._best_by]['value'])

    def _rank_to_beat(self, like: Dict[str, Any]) -> Optional[float]:
        """The rank of the saved best checkpoint, evaluated in the same way as `like`; None without."""
        saved = best_checkpoint(self._folder)
        if not saved:
            return None
        evaluation = read_scores(saved)
        if not (evaluation and self._best_by in evaluation['scores'] and _conditions(evaluation) == _conditions(like)):
            log.info('%s has no score that can be compared: evaluating it again', saved)
            try:
                evaluation = self._evaluate(saved)
            except CorruptCheckpointError as error:
                log.warning('%s; the best checkpoint is chosen again', error)
                return None
            with contextlib.suppress(OSError):  # it can be computed again
                write_scores(saved, evaluation)
        return self._rank_of(evaluation)


def _conditions(evaluation: Dict[str, Any]) -> Dict[str, Any]:
    """What must be the same in two evaluations whose scores are compared."""
    return {name: value for name, value in evaluation.items() if name not in ('checkpoint', 'scores')}
