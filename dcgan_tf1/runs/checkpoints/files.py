"""Reads the files of a TensorFlow checkpoint: lists variables, detects damage, restores."""
import contextlib
import glob
import os
import tempfile
from typing import Any, Dict, Iterator, List

import tensorflow.compat.v1 as tf

from dcgan_tf1.util.errors import UserError, short_reason

# The end of a LevelDB table, the file format of an index: a footer of 48 bytes, the last 8 of which are a
# constant.
_FOOTER_SIZE = 48
_MAGIC = bytes.fromhex('57fb808b247547db')

Shapes = Dict[str, List[int]]  # name of a variable → its shape


def index_path(checkpoint: str) -> str:
    """Path of a checkpoint's index, which is written last: the checkpoint is complete if it exists."""
    return checkpoint + '.index'


def data_paths(checkpoint: str) -> List[str]:
    """Paths of the files with the values of a checkpoint's variables."""
    return glob.glob(glob.escape(checkpoint) + '.data-?????-of-?????')


def statistics_path(checkpoint: str, batches: int, batch_size: int) -> str:
    """Path of the standing statistics of a checkpoint, accumulated over that many batches of that size."""
    return '%s.standing-%dx%d.npz' % (checkpoint, batches, batch_size)


def scores_path(checkpoint: str) -> str:
    """Path of the evaluation for which a copy of a checkpoint is kept as the best."""
    return checkpoint + '.scores.json'


class CorruptCheckpointError(UserError):
    """A checkpoint that cannot be read."""


def restore(session: tf.Session, saver: tf.train.Saver, path: str) -> None:
    """Restores all global variables from a checkpoint of this package, which must have no others.

    Args:
      session: a Session of the graph in which `saver` was created.
      saver: a `tf.train.Saver` of all global variables.
      path: path of the checkpoint, without its suffix.
    Raises:
      CorruptCheckpointError: the checkpoint cannot be read.
      UserError: it is of another network. The message names every missing, unexpected and wrongly shaped
        variable.
    """
    with open_checkpoint(path) as reader:
        shapes = reader.get_variable_to_shape_map()
    check_variables(path, shapes, {variable.op.name: variable for variable in tf.global_variables()})
    try:
        # Not `saver.restore`, which takes only paths that are UTF-8.
        with _name_for_tensorflow(path) as name:
            session.run(saver.saver_def.restore_op_name, {saver.saver_def.filename_tensor_name: name})
    except (tf.errors.OpError, ValueError) as error:
        raise CorruptCheckpointError('%s is damaged (%s): name an intact checkpoint'
                                     % (path, short_reason(error))) from error


@contextlib.contextmanager
def open_checkpoint(path: str) -> Iterator[Any]:
    """Opens a checkpoint as TensorFlow's `CheckpointReader`. A context manager.

    Args:
      path: path of the checkpoint, without its suffix.
    Raises: CorruptCheckpointError if it does not exist or cannot be read.
    """
    with _name_for_tensorflow(path) as name:
        try:
            # In the older format (V1), the checkpoint itself is such a table, without a suffix.
            for table in (index_path(path), path):
                if os.path.isfile(table):
                    check_footer(table)
                    break
            reader = tf.train.NewCheckpointReader(name)  # not `load_checkpoint`, which takes only paths that are UTF-8
            reader.get_variable_to_shape_map()  # shows damage
        except Exception as error:  # TensorFlow's reader raises IndexError and others
            raise CorruptCheckpointError('%s is not a readable checkpoint (%s): name an intact one, by its path '
                                         'without .index' % (path, short_reason(error))) from error
        yield reader


def is_intact(path: str) -> bool:
    """Whether everything in a checkpoint (its path without a suffix) can be read. TensorFlow compares checksums."""
    try:
        with open_checkpoint(path) as reader:
            for name in reader.get_variable_to_shape_map():
                reader.get_tensor(name)
    except Exception:  # TensorFlow's reader raises many types
        return False
    return True


@contextlib.contextmanager
def _name_for_tensorflow(path: str) -> Iterator[bytes]:
    """A path by which TensorFlow finds this file for reading. It takes every path for a pattern."""
    with contextlib.ExitStack() as stack:
        if '[' in path or (os.sep == '/' and '\\' in path):
            link = os.path.join(stack.enter_context(tempfile.TemporaryDirectory()), 'checkpoint')
            for file in glob.glob(glob.escape(path) + '*'):
                os.symlink(os.path.abspath(file), link + file[len(path):])
            path = link
        yield os.fsencode(path)


def check_footer(path: str) -> None:
    """Checks that the footer of a LevelDB table names blocks that lie within the file.

    TensorFlow verifies a checksum of every block, but first allocates as much memory as the footer asks for.
    A damaged footer can ask for more than there is, which crashes the process in TensorFlow 1.15.

    Raises: ValueError if the footer is damaged.
    """
    size = os.path.getsize(path)
    with open(path, 'rb') as file:
        file.seek(max(0, size - _FOOTER_SIZE))
        footer = file.read()
    # Offset and length of two blocks, as varints: seven bits per byte, the lowest first.
    numbers, number, shift = [], 0, 0
    for byte in footer[:-len(_MAGIC)]:
        number, shift = number | (byte & 127) << shift, shift + 7
        if byte < 128:
            numbers.append(number)
            number = shift = 0
    if not footer.endswith(_MAGIC) or len(numbers) < 4 or any(
            offset + length > size - _FOOTER_SIZE for offset, length in (numbers[:2], numbers[2:4])):
        raise ValueError('%s is truncated or damaged at its end' % path)


def check_variables(path: str, shapes: Shapes, variables: Dict[str, tf.Variable]) -> None:
    """Checks that a checkpoint has exactly these variables.

    Args:
      path: path of the checkpoint, for the message.
      shapes: the variables in the checkpoint.
      variables: name in the checkpoint → variable that takes its value.
    Raises: UserError that names every missing, unexpected and wrongly shaped variable.
    """
    expected = {name: variable.shape.as_list() for name, variable in variables.items()}
    problems = ['missing: ' + name for name in sorted(set(expected) - set(shapes))]
    problems += ['unexpected: ' + name for name in sorted(set(shapes) - set(expected))]
    problems += ['wrong shape: %s is %s there, not %s' % (name, shapes[name], expected[name])
                 for name in sorted(set(expected) & set(shapes)) if shapes[name] != expected[name]]
    if problems:
        raise UserError('%s is a checkpoint of another network; use the recipe that it was trained with. %s'
                        % (path, '; '.join(problems)))


