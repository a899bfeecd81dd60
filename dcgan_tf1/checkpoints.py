"""Checkpoints that TensorFlow 1.15 and today's TensorFlow both read: save, find the last, restore."""
import os

import tensorflow.compat.v1 as tf

from dcgan_tf1.errors import UserError


def last_checkpoint(folder):
    """Path of the newest checkpoint of a `RunFolder`, without its suffix, or None."""
    return tf.train.latest_checkpoint(folder.checkpoints)


class Checkpoints:
    """The checkpoints of one run, of all global variables in the current graph."""

    def __init__(self, folder, keep):
        """`folder` is a `RunFolder`; the last `keep` checkpoints are kept, earlier sessions' included."""
        self._folder = folder
        # Paths in the state file relative to it: the run folder may be moved.
        self._saver = tf.train.Saver(max_to_keep=keep, save_relative_paths=True)
        self.last = last_checkpoint(folder)
        state = tf.train.get_checkpoint_state(folder.checkpoints)
        if state:
            self._saver.recover_last_checkpoints(list(state.all_model_checkpoint_paths))

    def save(self, session, step):
        """Saves all variables. Raises UserError if that fails; earlier checkpoints are whole then."""
        try:
            # Without the graph: the recipe rebuilds it, and it would be most of a small checkpoint.
            self.last = self._saver.save(session, self._folder.checkpoint_prefix, global_step=step,
                                         write_meta_graph=False)
        except (tf.errors.OpError, OSError, ValueError) as error:
            raise UserError('step %d cannot be saved to %s (%s): make room there, or make it writable, and '
                            'give the same command again; %s' % (
                                step, self._folder.checkpoints, _reason(error),
                                'it goes on from ' + self.last if self.last else 'nothing was saved yet'
                            )) from error

    def restore(self, session):
        """Restores the last checkpoint."""
        restore(session, self._saver, self.last)


def restore(session, saver, path, variables=None):
    """Restores the variables (default: all global ones) from a checkpoint of exactly such variables or more.

    Args:
      path: of the checkpoint, without its suffix.
      variables: those that `saver` restores, where these are not all; others in the file are not looked at.
    Raises: UserError that names every missing, surplus and misshapen variable.
    """
    try:
        found = tf.train.load_checkpoint(path).get_variable_to_shape_map()
    except (tf.errors.OpError, ValueError) as error:
        raise UserError('%s is not a readable checkpoint (%s): name one by its path without .index, as in '
                        'checkpoints/model-500' % (path, _reason(error))) from error
    wanted = {variable.op.name: variable.shape.as_list()
              for variable in variables or tf.global_variables()}
    faults = ['missing: ' + name for name in sorted(set(wanted) - set(found))]
    if variables is None:
        faults += ['surplus: ' + name for name in sorted(set(found) - set(wanted))]
    faults += ['misshapen: %s is %s there, not %s' % (name, found[name], wanted[name])
               for name in sorted(set(wanted) & set(found)) if found[name] != wanted[name]]
    if faults:
        raise UserError('%s is a checkpoint of another network; use the recipe that it was trained with. %s'
                        % (path, '; '.join(faults)))
    try:
        saver.restore(session, path)
    except (tf.errors.OpError, ValueError) as error:
        raise UserError('%s is damaged (%s): delete it, and %s names the one before it'
                        % (path, _reason(error), os.path.join(os.path.dirname(path), 'checkpoint'))
                        ) from error


def _reason(error):
    """The first line of what TensorFlow says, without the graph that it appends."""
    return (getattr(error, 'message', None) or str(error)).strip().splitlines()[0].split(' [[')[0]
