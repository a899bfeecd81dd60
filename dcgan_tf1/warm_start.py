"""Starts a training from the weights of another run, or of a script that used `tf.layers`."""
import re

import tensorflow.compat.v1 as tf

from dcgan_tf1.checkpoint_format import check_variables, read_shapes, restore_variables


class WarmStart:
    """Restores networks from a checkpoint of another run, or of a script that named its variables as `tf.layers` does.

    Takes both networks' variables, and Adam's where the checkpoint has all of them. Steps are counted anew.
    """

    def __init__(self, path):
        """Reads what the checkpoint holds; made before the graph is finalized.

        Raises: UserError that names every missing, surplus and misshapen variable of the networks.
        """
        found = read_shapes(path)
        networks, adam = {}, {}
        for variable in tf.global_variables():
            name = variable.op.name
            if re.search(r'/Adam(_1)?$', name):
                adam[name] = variable
            elif re.search(r'beta\d_power$', name):
                # A script's optimizers share a name scope: the generator's comes first in the sources.
                legacy = name.rsplit('/', 1)[1] + ('' if '/Generator_update/' in name else '_1')
                adam[name if name in found else legacy] = variable
            elif name != 'global_step':
                networks[name] = variable
        self._path = path
        self.with_adam = all(name in found for name in adam)
        check_variables(path, {name: shape for name, shape in found.items()
                      if not re.search(r'/Adam(_1)?$|beta\d_power(_1)?$|^global_step$', name)}, networks)
        self._saver = tf.train.Saver({**networks, **(adam if self.with_adam else {})})

    def restore(self, session):
        restore_variables(session, self._saver, self._path)
