"""Runs a TensorFlow 1 script, unmodified, on the TensorFlow that is installed.

  python -m dcgan_tf1.legacy [FLAGS] SCRIPT.py [the script's own arguments]
  python -m dcgan_tf1.legacy [FLAGS] -m MODULE [the module's own arguments]

SCRIPT.py may also be a notebook (.ipynb). With -m dcgan_tf1.train, a --network of yours may use all of TensorFlow 1.
Flags must come before the script:

  --max_runs=N       stop after N calls of Session.run, with exit status 0
  --python2          the script is Python 2: convert it in memory, with the modules of its folder
  --data_dir=FOLDER  where MNIST is, if not in the folder that the script names (searched like the data of
                     --dataset=mnist)
  --repair=PREFIX    when the script ends, write a checkpoint in which moving statistics that were never updated are
                     replaced by standing statistics
  --report=FILE      write what was put back, and the findings about batch norm, as JSON
  --migrate=FOLDER   do not run the script: write it and its modules to a new folder, changed so that they run without
                     this package
  --fix_batch_norm   with --migrate: let training steps run the update ops of batch norm, if none of them does

At the end, the command lists what was put back, and what the batch-norm doctor found. Exit status: that of the
script; 1 if something cannot be put back.
"""
import argparse
import json
import os
import sys
import threading
from typing import List, Optional, Sequence, Tuple

from dcgan_tf1.util.errors import UserError


def main(argv: Optional[Sequence[str]] = None) -> int:
    """The command. Returns the exit status."""
    argv = list(sys.argv[1:] if argv is None else argv)
    if not argv or {'--help', '-h'} & set(_split(argv)[0]):
        print(__doc__)
        return 0
    try:
        return _run(*parse(argv))
    except UserError as error:
        print('error: %s' % error, file=sys.stderr)
        return 1


def parse(argv: List[str]) -> Tuple[argparse.Namespace, List[str]]:
    """(our flags, the script and its arguments). Exits if a flag is wrong."""
    own, words = _split(argv)
    parser = argparse.ArgumentParser(prog='python -m dcgan_tf1.legacy', add_help=False, allow_abbrev=False)
    parser.add_argument('--max_runs', type=_positive)
    parser.add_argument('--python2', action='store_true')
    parser.add_argument('--fix_batch_norm', action='store_true')
    for name in ('--data_dir', '--repair', '--report', '--migrate'):
        parser.add_argument(name)
    parser.error = _flag_error  # type: ignore[assignment]
    return parser.parse_args(own), words


def _run(options: argparse.Namespace, words: List[str]) -> int:
    is_module = words[:1] == ['-m']
    words = words[is_module:]
    if not words:
        raise UserError('no script: name it after the flags (--help lists them)')
    if not is_module and not os.path.isfile(words[0]):
        raise UserError('%s is not a file: name a Python script or a notebook' % words[0])
    for name in ('data_dir', 'repair', 'report'):
        path = getattr(options, name)
        if path:
            path = os.path.abspath(path)  # the script may change the current folder
            setattr(options, name, path)
            if name == 'data_dir' and not os.path.isdir(path):
                raise UserError('--data_dir: %s is not a folder: name one that exists' % path)
            if name != 'data_dir':
                _create_folder_above(name, path)
    from dcgan_tf1.legacy.put_back import keras2
    keras2.use_legacy()
    if options.migrate:
        return _migrate(options, words, is_module)
    if options.fix_batch_norm:
        raise UserError('--fix_batch_norm needs --migrate=FOLDER, where it changes the script; to change a checkpoint, '
                        'use --repair=PREFIX')
    from dcgan_tf1.legacy import script
    record = script.prepare(words, is_module, options.python2)
    from dcgan_tf1.legacy import doctor, session_runs
    from dcgan_tf1.legacy.doctor import repair
    from dcgan_tf1.legacy.put_back import mnist_files
    mnist_files.search_folder = options.data_dir
    watched = doctor.Doctor()
    repairing = repair.Repairing(watched, options.repair) if options.repair else None
    listener = repairing or watched
    with session_runs.listen(listener, options.max_runs) as counter:
        outcome = script.execute(words[0], is_module, record, options.python2)
        counter.quietly(listener.finish)
    findings = watched.findings()
    # A command that only uses what was trained repeats what the training said.
    repeats = is_module and words[0].startswith('dcgan_tf1.') and words[0] != 'dcgan_tf1.train'
    texts = [] if repeats else [record.text(), doctor.report(findings)]
    if repairing:
        texts.append(repairing.text())
    if outcome.message:
        texts.append('error: ' + ' '.join(outcome.message.split()))
    sys.stdout.flush()
    if any(texts):
        print('\n'.join(['', *filter(None, texts)]), file=sys.stderr)
    if options.report:
        with open(options.report, 'w', encoding='utf-8') as file:
            json.dump({'status': outcome.status, 'runs': counter.count, 'error': outcome.message,
                       'put_back': record.as_json(), 'batch_norm': [finding.as_json() for finding in findings]},
                      file, indent=1)
    return outcome.status


def _migrate(options: argparse.Namespace, words: List[str], is_module: bool) -> int:
    others = ['--' + name for name in ('max_runs', 'data_dir', 'repair', 'report') if getattr(options, name)]
    if is_module or others:
        raise UserError('--migrate does not run the script, and does not go with %s: leave that out' % (
            ', '.join(others) or '-m'))
    import tensorflow
    if tensorflow.__version__.startswith('1.'):
        raise UserError('--migrate needs TensorFlow 2, to which it migrates, but this is TensorFlow %s: run it in an '
                        'environment with TensorFlow 2' % tensorflow.__version__)
    from dcgan_tf1.legacy.migrate import project
    print(project.migrate(words, options.migrate, options.python2, options.fix_batch_norm), file=sys.stderr)
    return 0


def _create_folder_above(flag: str, path: str) -> None:
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
    except OSError as error:
        raise UserError('--%s=%s cannot be written (%s): name another place' % (flag, path, error.strerror)) from error


def _split(argv: List[str]) -> Tuple[List[str], List[str]]:
    """(our flags, the script and its arguments)."""
    for index, word in enumerate(argv):
        is_value = index > 0 and argv[index - 1] in ('--max_runs', '--data_dir', '--repair', '--report', '--migrate')
        if word == '-m' or not (word.startswith('-') or is_value):
            return argv[:index], argv[index:]
    return argv, []


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError('%s is not a positive integer' % text)
    return int(text)


def _flag_error(message: str) -> None:
    print('error: %s (--help lists the flags; they come before the script)' % message, file=sys.stderr)
    sys.exit(1)


def _exit(status: int) -> None:
    """Ends the process, also if threads of the script still run."""
    if any(thread is not threading.current_thread() and not thread.daemon for thread in threading.enumerate()):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    sys.exit(status)


if __name__ == '__main__':
    _exit(main())
