"""Checkpoints that TensorFlow 1.15 and today's TensorFlow both read: save, find the last, restore."""
import contextlib
import glob
import os
import re
import shutil

import tensorflow.compat.v1 as tf

from dcgan_tf1.checkpoint_format import CorruptCheckpointError, restore, short_reason
from dcgan_tf1.errors import UserError


def step_of(checkpoint):
    """The step that a checkpoint (its path) is of."""
    return int(checkpoint.rsplit('-', 1)[1])


def all_checkpoints(folder):
    """Paths of the checkpoints of a `RunFolder`, without their suffix, in the order of their steps.

    By the files: one with an index is complete, whatever TensorFlow's state file says or has lost.
    """
    found = [os.path.splitext(path)[0] for path in glob.glob(glob.escape(folder.checkpoint_prefix) + '-*.index')]
    return sorted((path for path in found if path.rsplit('-', 1)[1].isdecimal()), key=step_of)


def last_checkpoint(folder):
    """Path of the newest checkpoint of a `RunFolder`, without its suffix, or None."""
    return next(reversed(all_checkpoints(folder)), None)


def best_checkpoint(folder):
    """Path of the checkpoint that was kept as the best of a `RunFolder`, without its suffix, or None."""
    return next((os.path.splitext(path)[0] for path in glob.glob(os.path.join(glob.escape(folder.best), '*.index'))),
                None)


def is_run_checkpoint(name):
    """Whether a checkpoint is named by what only a run folder gives a meaning to: a step, or `best`."""
    return bool(name) and (name == 'best' or name.isdigit())


def named_checkpoint(folder, name):
    """Path of a checkpoint of a `RunFolder`: the last for None, of a step for a number, `best`, or as it is given.

    Raises: UserError where the run has none such.
    """
    if name and not is_run_checkpoint(name):
        return name
    if not name:
        found = last_checkpoint(folder)
    elif name == 'best':
        found = best_checkpoint(folder)
    else:
        found = next((path for path in ('%s-%s' % (folder.checkpoint_prefix, name), best_checkpoint(folder))
                      if path and path.endswith('-' + name) and os.path.exists(path + '.index')), None)
    if found:
        return found
    steps = [step_of(path) for path in all_checkpoints(folder)]
    if not steps:
        raise UserError('%s has no checkpoint yet: train it first' % folder.path)
    raise UserError('%s has no checkpoint of --checkpoint=%s, but of the steps %s: %s' % (
        folder.path, name, ', '.join(map(str, steps)),
        'train with --evaluate_every to have the best kept' if name == 'best' else 'name one of these'))


def keep_best(folder, checkpoint):
    """Puts a copy of a checkpoint (its path) in the place of the best one of a `RunFolder`. Raises: UserError."""
    before = best_checkpoint(folder)
    try:
        os.makedirs(folder.best, exist_ok=True)
        parts = glob.glob(glob.escape(checkpoint) + '.data-*')
        for path in [*parts, checkpoint + '.index']:  # with its index it counts
            copy = os.path.join(folder.best, os.path.basename(path))
            shutil.copyfile(path, copy + '.partial')
            os.replace(copy + '.partial', copy)
        if before and os.path.basename(before) != os.path.basename(checkpoint):
            os.remove(before + '.index')
            for path in glob.glob(glob.escape(before) + '.*'):
                os.remove(path)
    except OSError as error:
        raise UserError('%s cannot be kept in %s (%s): make room there, or make it writable, and give the same command '
                        'again' % (checkpoint, folder.best, error.strerror)) from error


class Checkpoints:
    """The checkpoints of one run, of all global variables in the current graph."""

    def __init__(self, folder, keep):
        """`folder` is a `RunFolder`; the last `keep` checkpoints are kept, earlier sessions' included."""
        self._folder = folder
        self._keep = keep
        # Paths in the state file relative to it: the run folder may be moved. Without limit, for a Saver deletes one a
        # save, which `keep` may have become smaller by more than.
        self._saver = tf.train.Saver(max_to_keep=None, save_relative_paths=True)
        self.last = last_checkpoint(folder)
        self._clear()

    def save(self, session, step):
        """Saves all variables. Raises UserError if that fails; earlier checkpoints are whole then."""
        try:
            # Without the graph: the recipe rebuilds it, and it would be most of a small checkpoint.
            self.last = self._saver.save(session, self._folder.checkpoint_prefix, global_step=step,
                                         write_meta_graph=False)
            # Later ones are damaged, and come again.
            before = [path for path in all_checkpoints(self._folder) if step_of(path) <= step]
            for path in before[:-self._keep]:
                os.remove(path + '.index')  # first: with its index it counts
            self._clear()
        except (tf.errors.OpError, OSError, ValueError) as error:
            self._clear()
            raise UserError('step %d cannot be saved to %s (%s): make room there, or make it writable, and '
                            'give the same command again; %s' % (
                                step, self._folder.checkpoints, short_reason(error),
                                'it goes on from ' + self.last if self.last else 'nothing was saved yet'
                            )) from error

    def _clear(self):
        """Deletes halves of files, of a process that was killed or a full disk, and what has lost its index."""
        here = glob.escape(self._folder.checkpoints)
        halves = glob.glob(os.path.join(here, '*.tempstate*')) + glob.glob(os.path.join(here, 'checkpoint.tmp*'))
        whole = set(all_checkpoints(self._folder))
        parts = glob.glob(glob.escape(self._folder.checkpoint_prefix) + '-*.*')
        orphans = [path for path in parts if re.sub(r'\.(data|standing)-[^/\\]*$', '', path) not in {path, *whole}]
        for path in [*halves, *orphans]:
            with contextlib.suppress(OSError):  # they only take room
                os.remove(path)

    def restore(self, session, say):
        """Restores the newest checkpoint that can be read.

        Args:
          say: gets a line of text about every damaged one.
        Raises: UserError where they are all damaged, or of another network.
        """
        damaged = []
        for path in reversed(all_checkpoints(self._folder)):
            try:
                restore(session, self._saver, path)
            except CorruptCheckpointError as error:
                damaged.append(error)
                say('%s; the one before it is tried' % error)
                continue
            self.last = path
            return
        raise UserError('no checkpoint in %s can be read (%s): bring one back, or begin anew in a fresh --run_dir'
                        % (self._folder.checkpoints, '; '.join(map(str, damaged)))) from damaged[0]
