"""One program for all commands: `python -m dcgan_tf1 COMMAND`, or `dcgan_tf1 COMMAND` where the package is installed.

`python -m dcgan_tf1.COMMAND` is the same.
"""
import difflib
import runpy
import sys

from dcgan_tf1.settings import cli, recipes
from dcgan_tf1.settings.train import module_names
from dcgan_tf1.util import terminal

COMMANDS = {
    'train': 'train a DCGAN, or resume a training',
    'sample': 'generate images with a trained generator',
    'evaluate': 'score generated images against a dataset',
    'export': 'write a generator as a SavedModel, TensorFlow Lite or ONNX file',
    'report': 'write an HTML page about one or more runs',
    'explore': 'write an HTML page to explore the generator of a run',
    'legacy': 'run a TensorFlow 1 script of yours on the TensorFlow that is installed',
}


def main() -> None:
    """Runs the command named by the first argument; without one, lists what there is."""
    terminal.protect()
    command = sys.argv[1] if len(sys.argv) > 1 else 'help'
    if command in ('help', *cli.HELP):
        print(_overview())
    elif command in cli.VERSION:
        cli.print_version()
    elif command in COMMANDS:
        del sys.argv[1]
        runpy.run_module('dcgan_tf1.' + command, run_name='__main__', alter_sys=True)
    else:
        similar = difflib.get_close_matches(command, COMMANDS, 1)
        sys.exit('error: there is no command %s. %s' % (
            command, 'Did you mean %s?' % similar[0] if similar else 'Choose one of ' + ', '.join(COMMANDS)))


def _overview() -> str:
    lines = ['DCGANs in TensorFlow 1 graph mode.', '', 'Usage: python -m dcgan_tf1 COMMAND [FLAGS]', '', 'Commands:']
    lines += ['  %-9s %s' % command for command in COMMANDS.items()]
    lines += ['', 'Recipes (--recipe):    ' + ', '.join(recipes.names()),
              'Datasets (--dataset):  ' + ', '.join(module_names('data')),
              'Networks (--network):  ' + ', '.join(module_names('model.networks')) + ', or a Python file of your own',
              '', '"python -m dcgan_tf1 COMMAND --help" lists the flags of a command.']
    return '\n'.join(lines)


if __name__ == '__main__':
    main()
