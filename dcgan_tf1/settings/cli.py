"""What all commands share: parsing of the command line, exit status, and one-line errors."""
import sys
from typing import Any, Callable, Type

from absl import app, flags

from dcgan_tf1.settings import cli_flags
from dcgan_tf1.settings.fields import Settings
from dcgan_tf1.util import terminal
from dcgan_tf1.util.errors import UserError


def exit_status(command: Callable[[], int]) -> int:
    """Runs a command; prints an error that the user can fix as one line, without a traceback.

    Returns: the status that `command` returned, that of the error (1 for almost all), or 130 after Ctrl-C.
    """
    status = 1
    try:
        return command()
    except UserError as error:
        message, status = str(error), error.status
    except OSError as error:
        path = '%s: ' % error.filename if error.filename else ''
        message = '%s%s; fix that and run the command again' % (path, error.strerror or error)
    except KeyboardInterrupt:
        return 130  # as a shell reports Ctrl-C
    except Exception as error:
        if not isinstance(error, MemoryError) and type(error).__name__ != 'ResourceExhaustedError':  # TensorFlow's
            raise
        message = 'out of memory (%s): use a smaller --batch_size, --image_size, --noise_dim or --num_images' % (
            str(error).strip().splitlines() or [type(error).__name__])[0]
    print('error: ' + ' '.join(message.splitlines()), file=sys.stderr)  # a file name may contain line breaks
    return status


def main(command: Callable[..., int], settings_class: Type[Settings], takes_words: bool = False) -> None:
    """Runs a command as a program: flags from the command line, then exit with its status.

    Args:
      command: takes the settings and returns the exit status.
      takes_words: whether the command takes arguments that are not flags; they are passed on as a list.
    """
    terminal.protect()
    cli_flags.define(settings_class)
    for name in settings_class.names():  # list these flags, but not absl's own, in --help
        flags.FLAGS.register_key_flag_for_module(sys.argv[0], flags.FLAGS[name])

    def parse_command_line(argv: Any) -> Any:
        try:
            return cli_flags.parse_into(flags.FLAGS, argv)
        except UserError as error:
            sys.exit('error: %s (--help lists the flags)' % error)

    def run(argv: Any) -> int:
        import tensorflow.compat.v1 as tf  # takes seconds
        tf.logging.set_verbosity(tf.logging.ERROR)
        words = argv[1:]
        if words and not takes_words:
            raise UserError('%s is not a flag (flags look like --steps=1000); --help lists them' % words[0])
        settings = cli_flags.from_flags(settings_class, flags.FLAGS)
        return command(settings, words) if takes_words else command(settings)

    app.run(lambda argv: exit_status(lambda: run(argv)), flags_parser=parse_command_line)
