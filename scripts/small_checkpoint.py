"""Writes the generator of a run as a small checkpoint, for results/generators.

  python -m scripts.small_checkpoint --run_dir=runs/graph_mode-mnist-0 --output=results/generators/graph_mode

Its weights have half precision. It contains neither the discriminator nor the state of Adam. All commands that generate
images read it, for example with --recipe=graph_mode --checkpoint=results/generators/graph_mode.
"""
import dataclasses
import os
from typing import Optional

import numpy as np
import tensorflow.compat.v1 as tf

from dcgan_tf1.runs.checkpoints.files import open_checkpoint
from dcgan_tf1.runs.checkpoints.saving import named_checkpoint
from dcgan_tf1.runs.checkpoints.variable_names import is_of_training
from dcgan_tf1.runs.folder import RunFolder
from dcgan_tf1.settings import cli, fields
from dcgan_tf1.util import files
from dcgan_tf1.util.device import create_session
from scripts.lib.arguments import existing_folder


@dataclasses.dataclass(frozen=True)
class SmallCheckpointArguments(fields.Settings):
    """Arguments of this script."""

    run_dir: Optional[str] = existing_folder(None, 'the run', required=True)
    checkpoint: Optional[str] = fields.text(None, 'a step, or best; default: the last checkpoint')
    output: Optional[str] = fields.path(None, 'folder to write to', required=True)


def main(arguments: SmallCheckpointArguments) -> int:
    """The script; returns the exit status."""
    folder = arguments.output
    os.makedirs(folder, exist_ok=True)
    files.prepare_output(os.path.join(folder, 'model.index'))
    with tf.Graph().as_default(), create_session() as session:
        with open_checkpoint(named_checkpoint(RunFolder(arguments.run_dir), arguments.checkpoint)) as reader:
            for name in sorted(reader.get_variable_to_shape_map()):
                if name.startswith('Generator/') and not is_of_training(name):
                    value = reader.get_tensor(name)
                    # Biases and statistics are small, so they keep their precision.
                    tf.Variable(value.astype(np.float16) if value.ndim > 1 else value, name=name)
        session.run(tf.global_variables_initializer())
        tf.train.Saver(tf.global_variables()).save(session, os.path.join(folder, 'model'), write_meta_graph=False,
                                                   write_state=False)
    return 0


if __name__ == '__main__':
    cli.main(main, SmallCheckpointArguments)
