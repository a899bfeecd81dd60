"""What is run inside of an environment, with its TensorFlow: trains, resumes and samples runs.

  python -m scripts.versions.in_environment '[["train", "runs/a", 4, "sparse_softmax"], ["sample", "runs/a", 4, "out"]]'
"""
import json
import sys
from typing import Any, Dict

from dcgan_tf1 import api

NUM_IMAGES = 16


def train(run_dir: str, steps: int, recipe: str, **flags: Any) -> None:
    """Trains or resumes a small run on MNIST digits."""
    api.train(recipe, dataset='mnist_10k', batch_size=16, sample_size=4, log_every=1, steps=steps, run_dir=run_dir,
              **flags)


def sample(run_dir: str, step: int, output: str) -> None:
    """Writes the gray levels of some images, one byte each."""
    with api.open_run(run_dir, step) as generator:
        images = generator.images(generator.latent_vectors(NUM_IMAGES), bn_mode='moving')
    with open(output, 'wb') as file:
        file.write(images.tobytes())


def train_in_bfloat16(run_dir: str, recipe: str, output: str) -> None:
    """Writes how many steps a run in bfloat16 was trained, or the error that refuses it, as JSON."""
    result: Dict[str, Any] = {'steps': 2}
    try:
        train(run_dir, 2, recipe, precision='bfloat16')
    except api.UserError as error:
        result = {'refused': str(error)}
    with open(output, 'w') as file:
        json.dump(result, file)


if __name__ == '__main__':
    for name, *values in json.loads(sys.argv[1]):
        {'train': train, 'sample': sample, 'train_in_bfloat16': train_in_bfloat16}[name](*values)
