"""The files of a TensorFlow checkpoint: reads their variables, finds damage, restores."""
import os
import re

import tensorflow.compat.v1 as tf

from dcgan_tf1.errors import UserError

_FOOTER, _MAGIC = 48, bytes.fromhex('57fb808b247547db')  # of LevelDB's tables, which checkpoints are


class CorruptCheckpointError(UserError):
    """A checkpoint that can't be read."""


def restore(session, saver, path, variables=None):
    """Restores the variables (default: all global ones) from a checkpoint of exactly such variables or more.

    Args:
      path: of the checkpoint, without its suffix.
      variables: those that `saver` restores, where these are not all; others in the file are not looked at.
    Raises: UserError that names every missing, surplus and misshapen variable.
    """
    found = read_shapes(path)
    wanted = {variable.op.name: variable for variable in variables or tf.global_variables()}
    check_variables(path, {name: found[name] for name in set(found) & set(wanted)} if variables else found, wanted)
    restore_variables(session, saver, path)


def read_shapes(path):
    try:
        for table in (path + '.index', path):  # today's format, and the one before
            if os.path.isfile(table):
                check_footer(table)
                break
        return tf.train.load_checkpoint(path).get_variable_to_shape_map()
    except Exception as error:  # TensorFlow's reader raises IndexError, too, and others
        raise CorruptCheckpointError('%s is not a readable checkpoint (%s): name a whole one, by its path without .index'
                      % (path, short_reason(error))) from error


def check_footer(path):
    """Raises ValueError unless a table's footer names blocks that lie within the file.

    TensorFlow compares a checksum of every block, but first takes the memory that the footer asks for: where that is
    damaged, more than there is, which ends TensorFlow 1.15's process.
    """
    size = os.path.getsize(path)
    with open(path, 'rb') as file:
        file.seek(max(0, size - _FOOTER))
        footer = file.read()
    numbers, number, shift = [], 0, 0  # offset and length of either block, seven bits a byte, the lowest first
    for byte in footer[:-len(_MAGIC)]:
        number, shift = number | (byte & 127) << shift, shift + 7
        if byte < 128:
            numbers.append(number)
            number = shift = 0
    if not footer.endswith(_MAGIC) or len(numbers) < 4 or any(
            offset + length > size - _FOOTER for offset, length in (numbers[:2], numbers[2:4])):
        raise ValueError('%s is cut or damaged at its end' % path)


def check_variables(path, found, variables):
    """Raises UserError unless a checkpoint holds (name → shape) exactly these variables (name → variable)."""
    wanted = {name: variable.shape.as_list() for name, variable in variables.items()}
    faults = ['missing: ' + name for name in sorted(set(wanted) - set(found))]
    faults += ['surplus: ' + name for name in sorted(set(found) - set(wanted))]
    faults += ['misshapen: %s is %s there, not %s' % (name, found[name], wanted[name])
               for name in sorted(set(wanted) & set(found)) if found[name] != wanted[name]]
    if faults:
        raise UserError('%s is a checkpoint of another network; use the recipe that it was trained with. %s'
                        % (path, '; '.join(faults)))


def restore_variables(session, saver, path):
    try:
        saver.restore(session, path)
    except (tf.errors.OpError, ValueError) as error:
        raise CorruptCheckpointError('%s is damaged (%s): name a whole one' % (path, short_reason(error))) from error


def short_reason(error):
    """The line that matters of what TensorFlow says: today's puts it after the op, 1.15 first."""
    message = (getattr(error, 'message', None) or str(error)).strip()
    found = re.search(r"^Node: '.*'\n(.*)", message, re.M)
    return (found.group(1) if found else message.splitlines()[0]).split(' [[')[0]
