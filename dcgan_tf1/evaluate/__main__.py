"""Scores a generator's images, or any images, against a dataset.

  python -m dcgan_tf1.evaluate --run_dir=runs/sparse_softmax-mnist-0
  python -m dcgan_tf1.evaluate --run_dir=runs/sparse_softmax-mnist-0 --bn_mode=standing --num_images=2000
  python -m dcgan_tf1.evaluate --images=digits.npy --dataset=mnist --data_dir=my/mnist

Prints a table, and writes the scores as JSON. The modules in `dcgan_tf1/metrics/` explain each score. Most scores use
the features of a small classifier, which is trained once per dataset and cached in --cache_dir.
"""
import json
import os

import numpy as np

from dcgan_tf1.data import image_folder
from dcgan_tf1.evaluate import arrays
from dcgan_tf1.evaluate import settings as evaluate_settings
from dcgan_tf1.evaluate.evaluator import IDENTITY_KEYS, Evaluator, evaluate_images, generate_images, score_table
from dcgan_tf1.evaluate.settings import EvaluateSettings
from dcgan_tf1.runs.folder import RunFolder
from dcgan_tf1.sample import settings as sample_settings
from dcgan_tf1.settings import cli
from dcgan_tf1.util import files, terminal
from dcgan_tf1.util.errors import UserError
from dcgan_tf1.util.files import write_atomically


def run(settings: EvaluateSettings) -> int:
    """The command; returns the exit status. Raises UserError."""
    settings = (evaluate_settings.for_run_and_data if settings.run_dir else sample_settings.for_generator)(settings)
    if settings.output:
        files.prepare_output(settings.output)
    images = read_images(settings) if settings.images else generate_images(settings)
    evaluator = Evaluator(settings, terminal.say)
    try:
        evaluation = evaluate_images(settings, images, evaluator)
    finally:
        evaluator.close()
    print(score_table(evaluation), end='', flush=True)  # before --output=/dev/stdout
    if settings.output:
        write_atomically(settings.output, (json.dumps(evaluation, indent=1) + '\n').encode())
    elif settings.run_dir and not settings.images:
        RunFolder(settings.run_dir).add_scores(evaluation, IDENTITY_KEYS)
    return 0


def read_images(settings: EvaluateSettings) -> np.ndarray:
    """The images of --images, uint8 [n, height, width, channels]. Raises UserError."""
    name = '--images=' + settings.images
    if not os.path.isdir(settings.images):
        return arrays.to_uint8(arrays.read(settings.images, name), settings.pixel_range, name)
    if settings.pixel_range:
        raise UserError('%s is a folder, whose image files name their range themselves: remove --pixel_range' % name)
    folder = image_folder.load(**{**settings.as_dict(), 'data_dir': settings.images, 'flag': '--images'})
    images = folder.first(folder.num_examples)
    for remark in folder.remarks():
        terminal.say(remark)
    return images


def main() -> None:
    """The command."""
    cli.main(run, EvaluateSettings)


if __name__ == '__main__':
    main()
