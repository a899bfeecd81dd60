"""Scores a generator's images, or any images, against a dataset.

  python -m dcgan_tf1.evaluate --run_dir=runs/sparse_softmax-mnist-0
  python -m dcgan_tf1.evaluate --run_dir=runs/sparse_softmax-mnist-0 --bn_mode=standing --num_images=2000
  python -m dcgan_tf1.evaluate --images=digits.npy --dataset=mnist --data_dir=my/mnist

Prints a table, and writes the scores as JSON. The modules in `dcgan_tf1/metrics/` explain each score. Most scores use
the features of a small classifier, which is trained once per dataset and cached in --cache_dir.
"""
from dcgan_tf1.evaluate.settings import EvaluateSettings
from dcgan_tf1.settings import cli


def run(settings: EvaluateSettings) -> int:
    """The command; returns the exit status. Raises UserError."""
    from dcgan_tf1.evaluate import command  # imports TensorFlow, which takes seconds
    return command.run(settings)


def main() -> None:
    """The program."""
    cli.main(run, EvaluateSettings)


if __name__ == '__main__':
    main()
