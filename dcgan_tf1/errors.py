"""What a user can put right: one line that names the flag, file or value, and the way out."""
import functools
import sys


class UserError(Exception):
    """A mistake or a condition that the user can mend; commands print it and exit with status 1."""


def reported(command):
    """A command (argv → exit status) that prints a `UserError` or a failed write in one line, without a traceback."""
    @functools.wraps(command)
    def wrapped(argv):
        try:
            if len(argv) > 1:
                raise UserError('%s is not a flag (flags look like --steps=1000); --help lists them' % argv[1])
            return command(argv)
        except UserError as error:
            print('error: %s' % error, file=sys.stderr)
        except OSError as error:
            where = '%s: ' % error.filename if error.filename else ''
            print('error: %s%s; mend that and give the same command again'
                  % (where, error.strerror or error), file=sys.stderr)
        except KeyboardInterrupt:
            return 130
        return 1
    return wrapped
