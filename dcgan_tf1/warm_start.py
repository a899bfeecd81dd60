"""Starts a training from the weights of another run, or of a script that used `tf.layers`."""
import re

import tensorflow.compat.v1 as tf

from dcgan_tf1.checkpoint_format import check_variables, read_shapes, restore_variables

_NOT_OF_A_NETWORK = re.compile(r'/Adam(_1)?$|beta\d_power(_1)?$|^global_step$')


class WarmStart:
    """Initializes both networks from a checkpoint of another run, or of a script that used `tf.layers`.

    The state of Adam is restored, too, if the checkpoint has all of it. The step counter is not: it starts at
    0.

    Attributes:
      with_adam: bool, whether the checkpoint has the state of Adam.
    """

    def __init__(self, path: str):
        """Compares the checkpoint with the variables of the default graph, which must not be finalized yet.

        Args:
          path: path of the checkpoint, without its suffix.
        Raises: UserError that names every missing, unexpected and wrongly shaped variable of the networks.
        """
        shapes = read_shapes(path)
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
            elif name != 'global_step':
                networks[name] = variable
        self._path = path
        self.with_adam = all(name in shapes for name in adam)
        network_shapes = {name: shape for name, shape in shapes.items() if not _NOT_OF_A_NETWORK.search(name)}
        check_variables(path, network_shapes, networks)
        self._saver = tf.train.Saver({**networks, **(adam if self.with_adam else {})})

    def restore(self, session: tf.Session) -> None:
        """Loads the variables. Raises CorruptCheckpointError if the checkpoint is damaged."""
        restore_variables(session, self._saver, self._path)
