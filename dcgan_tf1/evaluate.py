"""Scores a generator's images, or any images, against a dataset.

  python -m dcgan_tf1.evaluate --run_dir=runs/sparse_softmax-mnist-0
  python -m dcgan_tf1.evaluate --run_dir=runs/sparse_softmax-mnist-0 --bn_mode=standing --num_images=2000
  python -m dcgan_tf1.evaluate --images=digits.npy --dataset=mnist --data_dir=my/mnist

Prints a table, and writes the scores as JSON. The modules in `dcgan_tf1/metrics/` explain each score. Most scores use
the features of a small classifier, which is trained once per dataset and cached in --cache_dir.
"""
import json
import os
import sys

import numpy as np

from dcgan_tf1 import cli, image_files, pixels, run_settings
from dcgan_tf1.command_settings import EvaluateSettings
from dcgan_tf1.data import image_folder
from dcgan_tf1.errors import UserError
from dcgan_tf1.evaluation import IDENTITY_KEYS, Evaluator, evaluate_images, generate_images, score_table
from dcgan_tf1.run_folder import RunFolder, write_atomically


def run(settings: EvaluateSettings) -> int:
    """The command; returns the exit status. Raises UserError."""
    if settings.run_dir:
        settings = run_settings.for_run_and_data(settings)
    images = read_images(settings) if settings.images else generate_images(settings)
    evaluator = Evaluator(settings, lambda text: print(text, file=sys.stderr))
    try:
        evaluation = evaluate_images(settings, images, evaluator)
    finally:
        evaluator.close()
    print(score_table(evaluation), end='')
    if settings.output:
        write_atomically(settings.output, (json.dumps(evaluation, indent=1) + '\n').encode())
    elif settings.run_dir and not settings.images:
        RunFolder(settings.run_dir).add_scores(evaluation, IDENTITY_KEYS)
    return 0


def read_images(settings: EvaluateSettings) -> np.ndarray:
    """The images of --images, uint8 [n, height, width, channels]. Raises UserError."""
    if os.path.isdir(settings.images):
        folder = image_folder.load(**{**settings.as_dict(), 'data_dir': settings.images, 'flag': '--images'})
        decoded = folder.first(folder.num_examples)
        print(*folder.remarks(), sep='\n', end='\n' * bool(folder.remarks()), file=sys.stderr)
        return decoded
    try:
        images = image_files.read_array(settings.images)
    except (OSError, ValueError) as error:
        raise UserError('--images=%s is neither a folder nor a readable .npy file (%s): name one'
                        % (settings.images, error)) from error
    if images.ndim == 4 and images.size:
        if images.dtype == np.uint8:
            return np.array(images)
        if images.dtype.kind == 'f' and np.abs(images).max() <= 1:  # also false if there is a NaN
            return pixels.to_uint8(images)
    raise UserError('--images=%s must hold uint8, or floats in [-1, 1], of shape [images, height, width, channels]'
                    % settings.images)


def main() -> None:
    """The command."""
    cli.main(run, EvaluateSettings)


if __name__ == '__main__':
    main()
