"""Records what trainings compute, to the last bit, and compares two records: for changes that must not alter results.

  python -m scripts.robustness.fingerprints --data_dir=my/mnist --image_dir=my/pictures --output=before.json
  python -m scripts.robustness.fingerprints --data_dir=my/mnist --image_dir=my/pictures --output=after.json \\
      --compare=before.json

Every recipe is trained for 20 steps in float32 with TensorFlow's own kernels and seed 0. A record holds the losses
of each step, a checksum of every variable in the last checkpoint, and checksums of images in all batch-norm modes.
The last bits depend on the processor and on the version of TensorFlow: make both records on one machine with the
same environment. Exits with status 1 if anything differs.
"""
import dataclasses
import hashlib
import tempfile
from typing import Any, Dict, List, Optional

import numpy as np
import tensorflow.compat.v1 as tf

from dcgan_tf1 import api
from dcgan_tf1.settings import cli, cli_flags, fields, recipes
from dcgan_tf1.settings.train import BN_MODES, TrainSettings
from scripts.lib.arguments import existing_folder
from scripts.lib.measurements import read_json, write_json

STEPS = 20
IMAGE_FOLDER_BATCH = 16  # smaller than the recipes' own, because their networks are large


def fingerprint(recipe: str, options: Dict[str, Any]) -> Dict[str, Any]:
    """Trains a recipe and returns its record.

    Args:
      options: further settings, such as data_dir.
    """
    with tempfile.TemporaryDirectory() as run_dir:
        run = api.train(recipe, steps=STEPS, log_every=1, checkpoint_every=STEPS, sample_every=STEPS,
                        kernels='native', precision='float32', seed=0, run_dir=run_dir, **options)
        reader = tf.train.load_checkpoint('%s-%d' % (run.checkpoint_prefix, STEPS))
        record = {
            'losses': [[repr(entry[name]) for name in ('discriminator_loss', 'generator_loss')]
                       for entry in run.read_metrics()],
            'variables': {name: checksum(reader.get_tensor(name))
                          for name in sorted(reader.get_variable_to_shape_map())},
        }
        with api.open_run(run.path) as generator:
            z = generator.latent_vectors(8)
            record['images'] = {mode: checksum(generator.images(z, mode)) for mode in BN_MODES}
    return record


def checksum(array: np.ndarray) -> str:
    """A checksum of an array's bytes."""
    return hashlib.sha256(array.tobytes()).hexdigest()[:20]


def differences(before: Dict[str, Any], after: Dict[str, Any], path: str = '') -> List[str]:
    """Paths to all values in which two records differ."""
    if isinstance(before, dict) and isinstance(after, dict):
        return [text for key in sorted(set(before) | set(after))
                for text in differences(before.get(key), after.get(key), '%s/%s' % (path, key))]
    return [] if before == after else [path]


@dataclasses.dataclass(frozen=True)
class FingerprintsArguments(fields.Settings):
    """Arguments of this script."""

    output: Optional[str] = fields.path(None, 'JSON file to write', required=True)
    data_dir: Optional[str] = existing_folder(None, 'folder of MNIST')
    image_dir: Optional[str] = existing_folder(
        None, 'folder of pictures; without it, the recipes that need one are left out')
    compare: Optional[str] = fields.path(None, 'record to compare with')


def data_options(recipe: str, arguments: FingerprintsArguments) -> Optional[Dict[str, Any]]:
    """The settings that give a recipe its data; None without a folder of pictures for a recipe that needs one."""
    dataset = cli_flags.build(TrainSettings, {'recipe': recipe}).dataset
    if dataset == 'image_folder':
        options = {'data_dir': arguments.image_dir, 'batch_size': IMAGE_FOLDER_BATCH}
        return options if arguments.image_dir else None
    return {'data_dir': arguments.data_dir} if dataset == 'mnist' and arguments.data_dir else {}


def main(arguments: FingerprintsArguments) -> int:
    """The script; returns the exit status."""
    records: Dict[str, Any] = {'tensorflow': tf.__version__}
    for recipe in recipes.names():
        options = data_options(recipe, arguments)
        if options is not None:
            records[recipe] = fingerprint(recipe, options)
            print(recipe, flush=True)
    write_json(arguments.output, records)
    if not arguments.compare:
        return 0
    different = differences(read_json(arguments.compare), records)
    print('\n'.join(['different: ' + name for name in different] or ['all equal']))
    return 1 if different else 0


if __name__ == '__main__':
    cli.main(main, FingerprintsArguments)
