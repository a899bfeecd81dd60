"""Writes one HTML page to explore the generator of a run with mouse, touch or keyboard. The page needs no other file.

  python -m dcgan_tf1.explore runs/sparse_softmax-mnist-0
  python -m dcgan_tf1.explore runs/sparse_softmax-mnist-0 --checkpoint=500 --points=15 --output=early.html
  python -m dcgan_tf1.explore runs/sparse_softmax-mnist-0 --live

A slider shows the grids of generated images that the training wrote. Below it, a two-dimensional slice of latent space
is generated with each kind of batch-norm statistics: those of training mode, the moving averages, their initial values
(mean 0 and variance 1), and standing statistics. All images are generated now and stored in the page.

With --live, the page contains the weights instead, and computes images itself: of any latent vector, and with
batch-norm statistics that you change with sliders.
"""
from typing import Sequence

from dcgan_tf1.explore.settings import ExploreSettings
from dcgan_tf1.settings import cli


def run(settings: ExploreSettings, paths: Sequence[str]) -> int:
    """The command; returns the exit status. Raises UserError."""
    from dcgan_tf1.explore import command  # imports TensorFlow, which takes seconds
    return command.run(settings, paths)


def main() -> None:
    """The program."""
    cli.main(run, ExploreSettings, takes_words=True)


if __name__ == '__main__':
    main()
