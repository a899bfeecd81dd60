"""Generates images: grids, single files, arrays, latent interpolations, latent arithmetic.

  python -m dcgan_tf1.sample --run_dir=runs/sparse_softmax-mnist-0 --output=digits.png
  python -m dcgan_tf1.sample --run_dir=runs/sparse_softmax-mnist-0 --output=digits.npy --bn_mode=moving
  python -m dcgan_tf1.sample --run_dir=runs/sparse_softmax-mnist-0 --output=paths.gif --interpolation=slerp
  python -m dcgan_tf1.sample --run_dir=runs/sparse_softmax-mnist-0 --output=sum.png --arithmetic=0,3,7-1,4,8+2,5,9

With --bn_mode=batch, batch norm uses the statistics of the images that are generated together (up to 1,000; more are
generated in equal parts), so an image depends on the others. With --bn_mode=moving it uses the moving averages of the
training, and with --bn_mode=standing the statistics of --standing_batches batches generated with the final weights; in
both cases an image depends on its latent vector alone.
"""
from dcgan_tf1.sample.settings import SampleSettings
from dcgan_tf1.settings import cli


def run(settings: SampleSettings) -> int:
    """The command; returns the exit status. Raises UserError."""
    from dcgan_tf1.sample import command  # imports TensorFlow, which takes seconds
    return command.run(settings)


def main() -> None:
    """The program."""
    cli.main(run, SampleSettings)


if __name__ == '__main__':
    main()
