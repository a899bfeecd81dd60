"""The checkpoints of a run, which TensorFlow 1.15 and TensorFlow 2 both read: listing, saving, restoring."""
import contextlib
import json
import os
import shutil
from typing import Any, Dict, List, Optional, Sequence

import tensorflow.compat.v1 as tf

from dcgan_tf1.runs.checkpoints import loading
from dcgan_tf1.runs.checkpoints.files import (
    CorruptCheckpointError,
    data_paths,
    index_path,
    restore,
    scores_path,
)
from dcgan_tf1.runs.folder import RunFolder, checkpoint_of, is_evaluation, is_run_checkpoint
from dcgan_tf1.util.errors import UserError, short_reason
from dcgan_tf1.util.files import replacement, sync, write_atomically
from dcgan_tf1.util.log import log


def step_of(checkpoint: str) -> int:
    """The step of a checkpoint, from its path."""
    return int(checkpoint.rsplit('-', 1)[1])


def all_checkpoints(folder: RunFolder) -> List[str]:
    """Paths of the complete checkpoints of a run, without their suffix, ordered by step.

    Determined from the files: a checkpoint is complete if its index exists, regardless of what TensorFlow's
    state file `checkpoint` says.
    """
    return sorted(map(checkpoint_of, folder.checkpoint_indexes()), key=step_of)


def last_checkpoint(folder: RunFolder) -> Optional[str]:
    """Path of the newest checkpoint of a run, without its suffix, or None. Only names that this program gives count."""
    return next(reversed(all_checkpoints(folder)), None)


def best_checkpoint(folder: RunFolder) -> Optional[str]:
    """Path of the copy of the best checkpoint of a run, without its suffix, or None."""
    # A process that was killed may have left the previous one, which was of an earlier step.
    indexes = [path for path in folder.best_parts() if path.endswith('.index')]
    return max(map(checkpoint_of, indexes), key=step_of, default=None)


def named_checkpoint(folder: RunFolder, name: Optional[str]) -> str:
    """Path of the checkpoint that --checkpoint=NAME selects, without its suffix.

    Args:
      folder: the run.
      name: a step, 'best', a path as `loading.find` accepts it, or None for the newest checkpoint.
    Raises: UserError if the run has no such checkpoint.
    """
    if name and not is_run_checkpoint(name):
        in_run = os.path.join(folder.checkpoints, name)
        return loading.find(in_run if os.path.exists(index_path(in_run)) else name)
    best = best_checkpoint(folder)
    if not name:
        path = last_checkpoint(folder)
    elif name == 'best':
        path = best
    else:
        # The best checkpoint may be of an older step than those that --keep_checkpoints keeps.
        candidates = ['%s-%s' % (folder.checkpoint_prefix, name), best]
        path = next((candidate for candidate in candidates if candidate and candidate.endswith('-' + name)
                     and os.path.exists(index_path(candidate))), None)
    if path:
        return path
    steps = [step_of(path) for path in all_checkpoints(folder)]
    if not steps:
        raise UserError('%s has no checkpoint yet: train it first' % folder.path)
    advice = 'train with --evaluate_every to keep the best' if name == 'best' else 'name one of these'
    raise UserError('%s has no checkpoint for --checkpoint=%s, only for the steps %s: %s'
                    % (folder.path, name, ', '.join(map(str, steps)), advice))


def keep_best(folder: RunFolder, checkpoint: str, evaluation: Dict[str, Any]) -> None:
    """Copies a checkpoint to the folder of the run's best one, then deletes the copy of the previous best.

    Args:
      folder: the run.
      checkpoint: path without its suffix.
      evaluation: what later checkpoints have to beat, as scores.json holds it.
    Raises: UserError if the files cannot be written.
    """
    copy = folder.best_copy_path(checkpoint)
    try:
        os.makedirs(folder.best, exist_ok=True)
        write_scores(copy, evaluation)
        for path in [*data_paths(checkpoint), index_path(checkpoint)]:  # last: the index makes it complete
            with replacement(folder.best_copy_path(path)) as partial:
                shutil.copyfile(path, partial)
        sync([*data_paths(copy), index_path(copy)])
        others = [path for path in folder.best_parts() if checkpoint_of(path) != copy]
        for path in sorted(others, key=lambda path: not path.endswith('.index')):  # first
            os.remove(path)
    except OSError as error:
        raise UserError('%s cannot be copied to %s (%s): free disk space or make the folder writable, then '
                        'run the command again' % (checkpoint, folder.best, error.strerror)) from error


def write_scores(checkpoint: str, evaluation: Dict[str, Any]) -> None:
    """Writes the evaluation of a copy of the best checkpoint (its path) beside it. Raises OSError."""
    write_atomically(scores_path(checkpoint), (json.dumps(evaluation, indent=1) + '\n').encode())


def read_scores(checkpoint: str) -> Optional[Dict[str, Any]]:
    """The evaluation beside a copy of the best checkpoint (its path); None if it is missing or damaged."""
    try:
        with open(scores_path(checkpoint), encoding='utf-8') as file:
            evaluation = json.load(file)
    except (OSError, ValueError, RecursionError):
        return None
    return evaluation if is_evaluation(evaluation) else None


class Checkpoints:
    """Saves and restores all global variables of the current graph in the folder of one run.

    Attributes:
      last: path of the newest checkpoint, without its suffix, or None.
    """

    def __init__(self, folder: RunFolder, max_to_keep: int):
        """Lists the checkpoints of the run, and deletes partial files that a killed process left.

        Args:
          folder: the run.
          max_to_keep: number of newest checkpoints to keep, including those of earlier processes.
        """
        self._folder = folder
        self._max_to_keep = max_to_keep
        self._saver = tf.train.Saver(max_to_keep=None)
        self.last = last_checkpoint(folder)
        self._remove_partial_files()

    def save(self, session: tf.Session, step: int) -> None:
        """Saves all variables. Raises UserError if that fails; earlier checkpoints remain intact then."""
        try:
            path = '%s-%d' % (self._folder.checkpoint_prefix, step)
            # Not `Saver.save`, which takes only paths that are UTF-8, and writes the graph, too, which the settings
            # rebuild and which would be most of a small checkpoint.
            session.run(self._saver.saver_def.save_tensor_name,
                        {self._saver.saver_def.filename_tensor_name: os.fsencode(path)})
            sync([*data_paths(path), index_path(path)])  # before older ones are deleted
            self.last = path
            # Checkpoints of later steps are damaged and will be overwritten: they do not count.
            paths = [path for path in all_checkpoints(self._folder) if step_of(path) <= step]
            self._write_state(paths[-self._max_to_keep:])
            for path in paths[:-self._max_to_keep]:
                os.remove(index_path(path))  # the rest follows in `_remove_partial_files`
            self._remove_partial_files()
        except (tf.errors.OpError, OSError, ValueError) as error:
            self._remove_partial_files()
            outcome = 'it will resume from ' + self.last if self.last else 'nothing has been saved yet'
            raise UserError('step %d cannot be saved to %s (%s): free disk space or make the folder '
                            'writable, then run the command again; %s'
                            % (step, self._folder.checkpoints, short_reason(error), outcome)) from error

    def _write_state(self, paths: Sequence[str]) -> None:
        """Writes TensorFlow's state file, by which `tf.train.latest_checkpoint` finds the last of these checkpoints.

        Its paths are relative, so that the run folder can be moved.
        """
        lines = ['model_checkpoint_path: "%s"\n' % os.path.basename(paths[-1])]
        lines += ['all_model_checkpoint_paths: "%s"\n' % os.path.basename(path) for path in paths]
        write_atomically(self._folder.checkpoint_state, ''.join(lines).encode())

    def _remove_partial_files(self) -> None:
        """Deletes files that a killed process or a full disk left incomplete or without their index."""
        complete = set(all_checkpoints(self._folder))
        orphans = [path for path in self._folder.checkpoint_parts() if checkpoint_of(path) not in complete]
        for path in [*self._folder.unfinished_checkpoint_files(), *orphans]:
            with contextlib.suppress(OSError):  # they only take space
                os.remove(path)

    def restore(self, session: tf.Session) -> None:
        """Restores the newest checkpoint that can be read.

        Args:
          session: a Session of the graph in which this object was created.
        Raises: UserError if all checkpoints are damaged, or the newest intact one is of another network.
        """
        errors = []
        for path in reversed(all_checkpoints(self._folder)):
            try:
                restore(session, self._saver, path)
            except CorruptCheckpointError as error:
                errors.append(error)
                log.warning('%s; trying the checkpoint before it', error)
                continue
            self.last = path
            return
        raise UserError('no checkpoint in %s can be read (%s): restore one, or start again in a new --run_dir'
                        % (self._folder.checkpoints, '; '.join(map(str, errors)))) from errors[0]
