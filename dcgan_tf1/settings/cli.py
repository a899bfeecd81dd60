"""What all commands share: parsing of the command line, exit status, and one-line errors."""
import atexit
import gc
import glob
import importlib.util
import logging
import os
import platform
import re
import sys
from typing import Any, Callable, Type

from absl import app, flags

import dcgan_tf1
from dcgan_tf1.settings import cli_flags, help
from dcgan_tf1.settings.fields import Settings
from dcgan_tf1.util import terminal
from dcgan_tf1.util.errors import UserError, short_reason

HELP = ('--help', '-help', '-h', '--helpfull', '--helpshort')
VERSION = ('--version', '-version')


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
        message = ('out of memory (%s): use a smaller --batch_size, --image_size, --noise_dim or --num_images'
                   % short_reason(error))
    line = ' '.join(message.splitlines())  # a file name may contain line breaks
    sys.stderr.write('%serror: %s\n' % (terminal.prefix, line))  # in one piece, unlike `print`
    return status


def main(command: Callable[..., int], settings_class: Type[Settings], takes_words: bool = False) -> None:
    """Runs a command as a program: flags from the command line, then exit with its status.

    Args:
      command: takes the settings and returns the exit status.
      takes_words: whether the command takes arguments that are not flags; they are passed on as a list.
    """
    # At the end, Python would search TensorFlow's objects for garbage several times, which takes seconds.
    atexit.register(gc.freeze)
    terminal.protect()
    words = sys.argv[1:sys.argv.index('--')] if '--' in sys.argv else sys.argv[1:]
    if set(words) & set(HELP):
        print(help.text(settings_class, sys.modules['__main__'].__doc__ or ''))
        sys.exit(0)
    if set(words) & set(VERSION):
        print_version()
        sys.exit(0)
    cli_flags.define(settings_class)

    def parse_command_line(argv: Any) -> Any:
        try:
            return cli_flags.parse_into(flags.FLAGS, argv)
        except UserError as error:
            sys.exit('error: %s (--help lists the flags)' % error)

    def run(argv: Any) -> int:
        words = argv[1:]
        if words and not takes_words:
            raise UserError('%s is not a flag (flags look like --steps=1000); --help lists them' % words[0])
        settings = cli_flags.from_flags(settings_class, flags.FLAGS)
        logging.getLogger('tensorflow').setLevel(logging.ERROR)  # as `tf.logging.set_verbosity`, but without TensorFlow
        return command(settings, words) if takes_words else command(settings)

    app.run(lambda argv: exit_status(lambda: run(argv)), flags_parser=parse_command_line)


def print_version() -> None:
    """Prints the versions of this package, of TensorFlow and of Python, without importing TensorFlow."""
    spec = importlib.util.find_spec('tensorflow')
    packages = os.path.dirname(os.path.dirname(spec.origin)) if spec and spec.origin else ''
    found = [re.match(r'tensorflow(?:_cpu|_gpu|_intel|_macos)?-(\d.*)\.dist-info$', os.path.basename(path))
             for path in glob.glob(os.path.join(packages, 'tensorflow*.dist-info'))]
    versions = [match.group(1) for match in found if match]
    print('dcgan_tf1 %s, %s, Python %s' % (
        dcgan_tf1.__version__, 'TensorFlow ' + versions[0] if versions else 'no TensorFlow', platform.python_version()))
