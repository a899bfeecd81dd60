"""What a user can put right: one line that names the flag, file or value, and the way out."""
import sys

from absl import flags


class UserError(Exception):
    """A mistake or a condition that the user can mend; commands print it and exit with status 1."""


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
    print('error: ' + ' '.join(message.splitlines()), file=sys.stderr)  # a file's name may have line breaks
    return 1
