"""Starts a training from the weights of another run, or of a script that used `tf.layers`."""
import re

import tensorflow.compat.v1 as tf

from dcgan_tf1.model.layers import is_extra_average
from dcgan_tf1.runs.checkpoints import variable_names
from dcgan_tf1.runs.checkpoints.loading import GivenCheckpoint


class WarmStart:
    """Initializes both networks from a checkpoint of another run, or of a script that used `tf.layers`.

    The state of Adam is restored, too, if the checkpoint has all of it. The step counter is not: it starts at
    0. The averages of --extra_bn_momentums are those of the checkpoint as far as it has them.

    Attributes:
      path: of the checkpoint, without its suffix.
      with_adam: bool, whether the checkpoint has the state of Adam.
    """

    def __init__(self, checkpoint: GivenCheckpoint):
        """Compares the checkpoint with the variables of the default graph.

        Raises: UserError that names every missing, unexpected and wrongly shaped variable of the networks.
        """
        self._checkpoint = checkpoint
        self.path = checkpoint.path
        shapes = checkpoint.shapes
        networks, adam = {}, {}
        for variable in tf.global_variables():
            name = variable.op.name
            if re.search(r'/Adam(_1)?$', name):
                adam[name] = variable
            elif re.search(r'beta\d_power$', name):
                # In a script, both optimizers share one name scope. The generator's is created first and gets
                # the name without a suffix.
                legacy_name = name.rsplit('/', 1)[1] + ('' if '/Generator_update/' in name else '_1')
                adam[name if name in shapes else legacy_name] = variable
            elif name != 'global_step' and (name in shapes or not is_extra_average(name)):
                networks[name] = variable
        self.with_adam = all(name in shapes for name in adam)
        scopes = {name.split('/')[0] for name in networks}
        # What lies outside of both networks, such as an encoder, does not make them others.
        self._checkpoint.check({name: shape for name, shape in shapes.items() if name.split('/')[0] in scopes
                                and not variable_names.is_of_training(name)
                                and (name in networks or not is_extra_average(name))}, networks)
        self._variables = {**networks, **(adam if self.with_adam else {})}

    def restore(self, session: tf.Session) -> None:
        """Loads the variables. Raises CorruptCheckpointError if the checkpoint is damaged."""
        self._checkpoint.assign(session, self._variables)
