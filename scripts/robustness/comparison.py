"""Compares what a disturbed training left with what the undisturbed one left."""
import glob
import json
import os
from typing import Any, Dict, List

import numpy as np
import tensorflow.compat.v1 as tf
from PIL import Image

from dcgan_tf1.runs.checkpoints import saving as checkpoints
from dcgan_tf1.runs.checkpoints.files import open_checkpoint
from dcgan_tf1.runs.folder import RunFolder


def content(folder: RunFolder) -> Dict[str, Any]:
    """What equal trainings must leave equal in their run folders: {name: bytes or array}.

    That is the logged losses, the scores, every variable of the last and of the best checkpoint, and all
    pictures.
    """
    records = [{name: value for name, value in record.items() if name != 'images_per_second'}
               for record in folder.read_metrics()]
    scores = sorted(((evaluation['checkpoint'], evaluation['scores']) for evaluation in folder.read_scores()),
                    key=lambda pair: pair[0])
    parts = {'metrics.jsonl': json.dumps(records).encode(),
             'scores.json': json.dumps(scores, sort_keys=True).encode()}
    for path in (checkpoints.last_checkpoint(folder), checkpoints.best_checkpoint(folder)):
        if path:
            with open_checkpoint(path) as reader:
                parts.update({'%s: %s' % (os.path.relpath(path, folder.path), name): reader.get_tensor(name)
                              for name in reader.get_variable_to_shape_map()})
    for path in [*folder.grids(), folder.reals, folder.animation]:
        with open(path, 'rb') as file:
            parts[os.path.basename(path)] = file.read()
    return parts


def differences(folder: RunFolder, expected: Dict[str, Any]) -> List[str]:
    """Names of everything in which a run folder differs from the `content` of the undisturbed run."""
    actual = content(folder)
    return sorted(name for name in set(actual) | set(expected) if name not in actual or name not in expected
                  or not np.array_equal(actual[name], expected[name]))


def _read_image(path):
    with Image.open(path) as image:
        image.load()


def _read_json(path):
    with open(path, encoding='utf-8') as file:
        json.load(file)


def _read_checkpoint(path):
    reader = tf.train.load_checkpoint(os.path.splitext(path)[0])
    for name in reader.get_variable_to_shape_map():
        reader.get_tensor(name)  # TensorFlow verifies its checksum


_READERS = (('*.png', _read_image), ('samples/*.png', _read_image), ('samples/*.gif', _read_image),
            ('*.json', _read_json), ('checkpoints/*.index', _read_checkpoint), ('best/*.index', _read_checkpoint))


def partial_files(folder: RunFolder) -> List[str]:
    """The files of a run folder that have their final names but cannot be read, each with the error."""
    faults = []
    for pattern, read in _READERS:
        for path in glob.glob(os.path.join(glob.escape(folder.path), pattern)):
            try:
                read(path)
            except Exception as error:  # anything that an incomplete file makes its reader raise
                faults.append('%s: %s' % (os.path.relpath(path, folder.path), error))
    return faults
