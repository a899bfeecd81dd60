"""Checkpoints that a user names: finds them, and loads those of other programs, too."""
import collections
import functools
import glob
import os
import re
import shlex
from typing import Any, Dict, Iterable, Optional, Sequence

import numpy as np
import tensorflow.compat.v1 as tf

from dcgan_tf1.runs.checkpoints import variable_names
from dcgan_tf1.runs.checkpoints.files import CorruptCheckpointError, check_variables, index_path, open_checkpoint
from dcgan_tf1.runs.folder import RunFolder
from dcgan_tf1.util import file_kinds, terminal
from dcgan_tf1.util import renames as checkpoint_renames
from dcgan_tf1.util.errors import UserError, short_reason
from dcgan_tf1.util.log import log

# In checkpoints of TensorFlow 2's tf.train.Checkpoint: the end of names, and names that are not of weights.
_VALUE_OF_OBJECT = '/.ATTRIBUTES/VARIABLE_VALUE'
_NOT_A_WEIGHT = re.compile(r'(^|/)(_CHECKPOINTABLE_OBJECT_GRAPH|\.OPTIMIZER_SLOT|save_counter|_?optimizer)(/|$)')


def find(path: str) -> str:
    """Finds the checkpoint that a path stands for: itself, one of its files, or the folder that contains it.

    Args:
      path: a checkpoint's path with or without a suffix, a folder of checkpoints, or a run folder.
    Returns: the path of the checkpoint without its suffix. If nothing is there, that is `path` itself.
    Raises: UserError if that is not clear, or if the file is of another program.
    """
    stem = re.sub(r'\.(index|meta|data-\d+-of-\d+)$', '', path)
    for candidate in (path, stem):
        if os.path.isfile(index_path(candidate)):
            return candidate
    if os.path.isdir(path):
        return _find_in_folder(path)
    if os.path.isfile(path):
        if os.path.basename(path) == 'checkpoint':  # the state file
            return _find_in_folder(os.path.dirname(path) or '.')
        if stem != path:
            return stem
        kind = file_kinds.describe_model(path)
        if kind:
            raise UserError('%s is %s: name a checkpoint that tf.train.Saver wrote' % (path, kind))
        return path  # in TensorFlow's oldest format, a checkpoint is one file
    newest = _newest(glob.glob(glob.escape(path) + '-*.index'), path)
    if newest:
        terminal.say('%s: using the checkpoint %s' % (path, newest))
    return newest or path


def _find_in_folder(folder: str) -> str:
    run = RunFolder(folder)
    hint = ''
    if os.path.isfile(run.config) and run.checkpoint_indexes():
        found = _newest(run.checkpoint_indexes(), folder)
        hint = ' (--run_dir=%s would take the network and its sizes from the run, too)' % folder
    elif glob.glob(os.path.join(glob.escape(folder), 'saved_model.pb*')):
        raise UserError('%s is a SavedModel, which contains a whole program: name the checkpoint that it was made from'
                        % folder)
    else:
        indexes = glob.glob(os.path.join(glob.escape(folder), '*.index'))
        found = _named_by_state_file(folder) or _newest(indexes, folder)
    if not found:
        raise UserError('%s contains no checkpoint, only %s: name a checkpoint, or the folder that contains it'
                        % (folder, ', '.join(sorted(os.listdir(folder))[:5]) or 'nothing'))
    terminal.say('%s: using the checkpoint %s%s' % (folder, found, hint))
    return found


def _named_by_state_file(folder: str) -> Optional[str]:
    """The newest checkpoint according to TensorFlow's state file; None if there is no such file or checkpoint."""
    try:
        state = tf.train.get_checkpoint_state(folder)
    except Exception:  # the file may be of another program
        return None
    named = state.model_checkpoint_path if state else ''
    # The folder may have been moved since the file was written.
    candidates = [named, os.path.join(folder, os.path.basename(named))] if named else []
    return next((path for path in candidates if os.path.isfile(index_path(path)) or os.path.isfile(path)), None)


def _newest(indexes: Sequence[str], place: str) -> Optional[str]:
    """The checkpoint with the highest step; None without any. Raises UserError if they are not of one program.

    Unlike `saving.last_checkpoint`, it takes any names: other programs, and people who copy a checkpoint, choose them.
    """
    paths = sorted(os.path.splitext(path)[0] for path in indexes)
    if len(paths) < 2:
        return next(iter(paths), None)
    steps = [re.search(r'-(\d+)$', path) for path in paths]
    if not all(steps) or len({path[:step.start()] for path, step in zip(paths, steps)}) > 1:
        raise UserError('%s contains several checkpoints: name one of %s' % (place, ', '.join(paths[:10])))
    return max(zip(steps, paths), key=lambda pair: int(pair[0].group(1)))[1]


class GivenCheckpoint:
    """A checkpoint, which another program may have written, with names and number types of its own.

    Attributes:
      path: its path, without a suffix.
      shapes: {name: shape} of its variables, under the names that they have after the renames.
    """

    def __init__(self, path: str, renames: Optional[str] = None):
        """Reads the names and shapes.

        Args:
          path: path of the checkpoint, without its suffix.
          renames: the value of --checkpoint_names.
        Raises: CorruptCheckpointError, or UserError if the renames give two variables the same name.
        """
        self.path = path
        self._log = functools.lru_cache(maxsize=None)(log.info)  # says nothing twice
        self._renames = renames
        with open_checkpoint(path) as reader:
            shapes = reader.get_variable_to_shape_map()
            self._dtypes = reader.get_variable_to_dtype_map()
        self._is_of_objects = '_CHECKPOINTABLE_OBJECT_GRAPH' in shapes
        self._names: Dict[str, str] = {}  # our name → name in the file
        self._weights: variable_names.Shapes = {}  # their shapes, without renames
        for name in sorted(shapes):
            if self._is_of_objects and _NOT_A_WEIGHT.search(name):
                continue
            own_name = name[:-len(_VALUE_OF_OBJECT)] if name.endswith(_VALUE_OF_OBJECT) else name
            if not variable_names.is_of_training(own_name):
                self._weights[own_name] = shapes[name]
            renamed = variable_names.translate(own_name, checkpoint_renames.parse(renames) if renames else [])
            if renamed in self._names:
                raise UserError('--checkpoint_names=%s gives %s and %s the same name, %s: change it'
                                % (renames, self._names[renamed], name, renamed))
            self._names[renamed] = name
        self.shapes = {renamed: shapes[name] for renamed, name in self._names.items()}

    def load(self, session: tf.Session, variables: Iterable[tf.Variable]) -> None:
        """Gives variables the values that the checkpoint has under their names. It may contain others, but not of the
        same layers.

        Raises: UserError as `check` and `assign` do.
        """
        by_name = {variable.op.name: variable for variable in variables}
        self.check({name: shape for name, shape in self.shapes.items() if name in by_name
                    or variable_names.value_if_absent(name, by_name) is not None}, by_name)
        self.assign(session, by_name)

    def check(self, shapes: variable_names.Shapes, variables: Dict[str, tf.Variable]) -> None:
        """Checks that these are the shapes of these variables.

        Args:
          shapes: those of `shapes` that the variables are to take all of. Some may be missing
            (`variable_names.value_if_absent`).
          variables: {name here: variable}.
        Raises: UserError that says how the variables can be renamed, or else names every problem.
        """
        try:
            check_variables(self.path, shapes, self._required(variables))
        except UserError as error:
            expected = {name: variable.shape.as_list() for name, variable in variables.items()}
            suggestion = variable_names.suggest(self._weights, expected)
            others = ', '.join(sorted(set(self._weights) - set(expected))[:5])
            if suggestion == '' and self._renames:
                raise UserError('%s has the names of this network already: remove --checkpoint_names' % self.path
                                ) from error
            if suggestion and suggestion != shlex.quote(self._renames or ''):
                raise UserError('%s has the variables of this network under other names (%s, …): load it with '
                                '--checkpoint_names=%s' % (self.path, others, suggestion)) from error
            details = [str(error)]
            if self._is_of_objects:
                details.append('tf.train.Checkpoint or Keras of TensorFlow 2 wrote it')
            if others and set(expected) - set(shapes):
                details.append('it contains ' + others)
            if self._renames:
                details.append('the names are those after --checkpoint_names=' + self._renames)
            message = '; '.join(details)
            raise UserError(message) from error

    def assign(self, session: tf.Session, variables: Dict[str, tf.Variable]) -> None:
        """Gives {name here: variable} the values in the file, which must have their shapes.

        Adds no ops to the graph. Other floating-point types are rounded to those of the variables. Variables that the
        file may lack get the values of `variable_names.value_if_absent`.
        Raises: CorruptCheckpointError if the file is damaged.
        """
        stored = {name: variable for name, variable in variables.items() if name in self.shapes}
        values = {name: self.value(name, variable.dtype.as_numpy_dtype) for name, variable in stored.items()}
        absent = {name: self._value_if_absent(name) for name in sorted(set(variables) - set(stored))}
        values.update((name, np.full(variables[name].shape.as_list(), value, variables[name].dtype.as_numpy_dtype))
                      for name, value in absent.items())
        self._log_absent(absent)
        rounded = sorted({self._dtypes[self._names[name]].name for name, variable in stored.items()
                          if self._dtypes[self._names[name]] != variable.dtype.base_dtype})
        if rounded:
            self._log('%s has variables of type %s, which become float32' % (self.path, ', '.join(rounded)))
        session.run([variable.initializer for variable in variables.values()],
                    {variable.initializer.inputs[1]: values[name] for name, variable in variables.items()})

    def _required(self, variables: Dict[str, tf.Variable]) -> Dict[str, tf.Variable]:
        """Those of the variables that the checkpoint must have: all if some of its own have no place in the networks,
        because they may be the missing ones under another name.
        """
        networks = {name.split('/')[0] for name in variables}
        unused = [name for name, shape in self.shapes.items()
                  if shape and name not in variables and not variable_names.is_of_training(name)
                  and ('/' not in name or name.split('/')[0] in networks)]
        return {name: variable for name, variable in variables.items()
                if unused or name in self.shapes or self._value_if_absent(name) is None}

    def _value_if_absent(self, name: str) -> Optional[float]:
        return variable_names.value_if_absent(name, self.shapes)

    def _log_absent(self, values: Dict[str, Optional[float]]) -> None:
        """Says what becomes of {name: value} of the variables that the checkpoint lacks."""
        counts = collections.Counter((name.rpartition('/')[2], value) for name, value in values.items())
        for (last, value), count in counts.items():
            if last.startswith('moving_'):
                self._log('%s has no moving averages of batch norm: they become 0 (mean) and 1 (variance), as before a '
                          'training' % self.path)
            else:
                self._log('%s has no %s in %d layers: it becomes %d, which has no effect'
                          % (self.path, last, count, value))

    def value(self, name: str, dtype: Any = np.float32) -> np.ndarray:
        """The value of a variable, as an array of this type.

        Raises: CorruptCheckpointError, or UserError if it has no such numbers.
        """
        stored = self._dtypes[self._names[name]]
        wanted = tf.as_dtype(dtype)
        if stored != wanted and not (stored.is_floating and wanted.is_floating):
            raise UserError('%s has %s in %s, not %s: name another checkpoint'
                            % (self.path, stored.name, name, wanted.name))
        try:
            with open_checkpoint(self.path) as reader:
                value = reader.get_tensor(self._names[name])
        except Exception as error:  # TensorFlow's reader raises many types
            raise CorruptCheckpointError('%s is damaged (%s): name an intact checkpoint'
                                         % (self.path, short_reason(error))) from error
        return value.astype(dtype)
