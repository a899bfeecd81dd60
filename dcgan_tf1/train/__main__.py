"""Trains a DCGAN in TensorFlow 1 graph mode.

  python -m dcgan_tf1.train --dataset=mnist --steps=10000
  python -m dcgan_tf1.train --recipe=graph_mode --seed=1
  python -m dcgan_tf1.train --dataset=mnist_10k         (needs no data files and no network)

Everything is written to the run folder: losses (metrics.jsonl, losses.png, TensorBoard events), grids of generated
images (samples/), checkpoints, and the settings (config.json, train.flags). Run the same command again to resume from
the last checkpoint, or with a larger --steps to train a finished run longer.
"""
from dcgan_tf1.settings import cli
from dcgan_tf1.settings.train import TrainSettings
from dcgan_tf1.train import shutdown


def run(settings: TrainSettings) -> int:
    """The command; returns the exit status. Raises UserError."""
    from dcgan_tf1.train import training  # imports TensorFlow, which takes seconds
    return training.train(settings)


def main() -> None:
    """The program."""
    shutdown.treat_as_sigterm()
    cli.main(run, TrainSettings)


if __name__ == '__main__':
    main()
