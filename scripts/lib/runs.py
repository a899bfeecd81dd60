"""Trains and measures whatever an experiment has not measured yet, and replaces seeds that collapse."""
import os
from typing import Container, Iterator, NamedTuple, Optional, Sequence, Tuple

from dcgan_tf1.util import terminal
from scripts.lib import trainings
from scripts.lib.arguments import ExperimentArguments

# A training has collapsed if its images, from this step on, look all alike to the classifier.
COLLAPSE_CHECK_STEP = 1000
COLLAPSE_SCORE = 1.5  # collapsed below this classifier score; it is 1 if all images look the same


class Training(NamedTuple):
    """A training that is repeated with several seeds."""
    name: str  # the run folder is NAME-SEED
    recipe: str
    flags: Tuple[str, ...]  # training flags besides the seed, the number of steps, and those about data
    steps: Sequence[int]  # steps at which it is measured, ascending


class Experiment:
    """Knows what has been measured already, and how to measure a run."""

    def is_measured(self, training: Training, seed: int, step: int) -> bool:
        """Whether nothing is left to do at this step."""
        raise NotImplementedError

    def collapsed_seeds(self, training: Training) -> Container[int]:
        """Seeds that collapsed and are not trained any further. Must support len()."""
        raise NotImplementedError

    def measure(self, training: Training, seed: int, step: int, run_dir: str) -> None:
        """Measures a run that was trained to this step, and stores the result."""
        raise NotImplementedError

    def finished_run(self, training: Training, seed: int, step: int) -> Optional[str]:
        """The folder of a run that was trained to this step elsewhere, or None."""
        del training, seed, step


def run_folder(runs: str, name: str, seed: int) -> str:
    """The run folder of a training with a seed, in the folder of all runs."""
    return os.path.join(runs, '%s-%d' % (name, seed))


def measure_missing(experiment: Experiment, all_trainings: Sequence[Training], num_seeds: int,
                    arguments: ExperimentArguments) -> None:
    """Trains and measures what is missing. Replaces seeds that collapse, up to twice as many seeds in all.

    Args:
      experiment: stores each measurement at once, so that an interrupted script can continue.
      all_trainings: what to train.
      num_seeds: seeds of each training that must not have collapsed.
      arguments: of the script, with --runs and the arguments that `trainings.dataset_flags` takes.
    """
    missing = {(training, seed) for training, seed, _ in _missing(experiment, all_trainings, num_seeds)}
    current, start = None, 0
    with terminal.bar(total=sum(training.steps[-1] for training, _ in missing), unit='step') as bar:
        def show(step):
            bar.update(start + step - bar.n)
        for training, seed, step in _missing(experiment, all_trainings, num_seeds):
            if current != (training, seed):
                current, start = (training, seed), bar.n
                bar.set_description('%s, seed %d' % (training.name, seed))
            if bar.disable:
                terminal.say('%s, seed %d, step %d' % (training.name, seed, step))
            run_dir = experiment.finished_run(training, seed, step)
            if run_dir is None:
                run_dir = run_folder(arguments.runs, training.name, seed)
                trainings.train(training.recipe, run_dir, '--seed=%d' % seed, '--steps=%d' % step,
                                *training.flags, *trainings.dataset_flags(arguments), on_step=show)
            experiment.measure(training, seed, step, run_dir)
            show(step)


def _missing(experiment, all_trainings, num_seeds) -> Iterator[Tuple[Training, int, int]]:
    # Seed by seed, so that an interrupted script has all trainings. Seeds may collapse after any step.
    for seed in range(2 * num_seeds):
        for training in all_trainings:
            if seed - len(experiment.collapsed_seeds(training)) >= num_seeds:
                continue
            for step in training.steps:
                if seed in experiment.collapsed_seeds(training):
                    break
                if not experiment.is_measured(training, seed, step):
                    yield training, seed, step
