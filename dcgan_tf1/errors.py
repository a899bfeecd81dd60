"""What a user can put right: one line that names the flag, file or value, and the way out."""
import contextlib
import sys

from absl import flags


class UserError(Exception):
    """A mistake or a condition that the user can mend; commands print it and exit with status 1."""


@contextlib.contextmanager
def add_filename(path):
    """Gives an OSError that says no file (as those of writing and flushing do) the name of this one."""
    try:
        yield
    except OSError as error:
        if error.filename:
            raise
        raise OSError(error.errno, error.strerror, path) from error


def exit_status(command):
    """Runs a command (no arguments → exit status); what a user can mend is told in one line, without a traceback."""
    try:
        return command()
    except (UserError, flags.Error) as error:
        message = str(error)
    except OSError as error:
        where = '%s: ' % error.filename if error.filename else ''
        message = '%s%s; mend that and give the same command again' % (where, error.strerror or error)
    except KeyboardInterrupt:
        return 130  # as a shell reports Ctrl-C
    except Exception as error:
        if not isinstance(error, MemoryError) and type(error).__name__ != 'ResourceExhaustedError':  # TensorFlow's
            raise
        message = 'out of memory (%s): give a smaller --batch_size, --image_size, --noise_dim or --num_images' % (
            str(error).strip().splitlines() or [type(error).__name__])[0]
    print('error: ' + ' '.join(message.splitlines()), file=sys.stderr)  # a file's name may have line breaks
    return 1
