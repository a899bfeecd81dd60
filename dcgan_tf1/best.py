"""The best checkpoint of a run, by a score of the images that it makes."""
import os

from dcgan_tf1 import evaluate, metrics, options
from dcgan_tf1.checkpoints import best_checkpoint, keep_best


class Best:
    """Evaluates a run's checkpoints while it trains, exactly as `evaluate` does, and keeps the best. To be closed."""

    def __init__(self, folder, settings, say):
        """Looks up the data, and trains the classifier where there is none yet.

        Args:
          folder: `RunFolder`.
          settings: of the training.
          say: gets a line of text where something takes long.
        Raises: UserError.
        """
        self._folder = folder
        self._rank = metrics.rankings()[settings.best_by]
        self._best_by = settings.best_by
        self._arguments = ['--run_dir=' + folder.path, '--num_images=%d' % settings.evaluation_images,
                           '--classifier_steps=%d' % settings.classifier_steps, '--cache_dir=' + settings.cache_dir,
                           *(['--data_dir=' + settings.data_dir] if settings.data_dir else ())]
        self._evaluator = evaluate.Evaluator(settings, say)

    def close(self):
        self._evaluator.close()

    def __call__(self, checkpoint):
        """Evaluates a checkpoint (its path), which is kept if no earlier one was better.

        Returns: ({score: number}, whether it is the best). Raises: UserError where it can't be kept.
        """
        settings = evaluate.of_run(options.parsed(options.declare_evaluation, '--checkpoint=' + checkpoint,
                                                  *self._arguments))
        found = evaluate.evaluation(settings, evaluate.generate(settings), self._evaluator)
        # First, so that there is a score of whatever is kept.
        self._folder.add_scores(found, evaluate.SAME)
        before = self._score_of_best(found)
        best = before is None or self._value(found) > before
        if best:
            keep_best(self._folder, checkpoint)
        return {name: score['value'] for name, score in found['scores'].items()
                if not isinstance(score['value'], list)}, best

    def _value(self, evaluation):
        return self._rank(evaluation['scores'][self._best_by]['value'])

    def _score_of_best(self, like):
        """Rank of the checkpoint that is kept, from the evaluation that was told the same as this one, or None."""
        kept = best_checkpoint(self._folder)
        if kept:
            wanted = {**{key: like[key] for key in evaluate.SAME}, 'checkpoint': os.path.basename(kept)}
            for evaluation in self._folder.read_scores():
                if all(evaluation.get(key) == value for key, value in wanted.items()):
                    return self._value(evaluation)
        return None
