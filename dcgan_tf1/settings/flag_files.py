"""Flag files: one flag per line; empty lines and lines that begin with # or // do not count.

absl can read them, too, but only in the encoding of the locale, and it knows nothing of run folders.
"""
import os
import re
from typing import List, Sequence, Tuple

from dcgan_tf1.util.errors import UserError
from dcgan_tf1.util.files import RUN_CONFIG, RUN_FLAGS

_MAX_DEPTH = 20  # of flag files that include each other
# How file names that are not UTF-8 become text and bytes again, as Python itself does it.
_ENCODING, _ERRORS = 'utf-8', 'surrogateescape'


def expand(arguments: Sequence[str]) -> List[str]:
    """Puts the flags of the files that --flagfile names in place of it, up to an argument --.

    The flag file that a training wrote describes the run in its folder, wherever that was moved to: its last flag
    is that --run_dir.

    Raises: UserError if a file cannot be read.
    """
    return _expand(arguments, ())


def _expand(arguments: Sequence[str], including: Tuple[str, ...]) -> List[str]:
    expanded: List[str] = []
    remaining = iter(arguments)
    for argument in remaining:
        match = re.match(r'--?flagfile(=.*)?$', argument, re.S)
        if argument == '--':
            expanded += [argument, *remaining]
        elif match:
            path = match.group(1)[1:] if match.group(1) else next(remaining, None)
            if path is None:
                raise UserError('--flagfile names no file: use --flagfile=FILE')
            expanded += _flags_in(os.path.expanduser(path), including) if path else []
        else:
            expanded.append(argument)
    return expanded


def _flags_in(path: str, including: Tuple[str, ...]) -> List[str]:
    if os.path.realpath(path) in including or len(including) == _MAX_DEPTH:
        raise UserError('--flagfile=%s includes itself, or too many others: remove that line from it' % path)
    try:
        with open(path, encoding='utf-8-sig', errors=_ERRORS) as file:
            text = file.read()
    except OSError as error:
        raise UserError('--flagfile=%s cannot be read (%s): name a text file of flags'
                        % (path, error.strerror)) from error
    if '\0' in text:
        raise UserError('--flagfile=%s is not a text file in UTF-8: name another, or save it as that' % path)
    lines = [line.strip() for line in text.split('\n')]
    flags = _expand([line for line in lines if line and not line.startswith(('#', '//'))],
                    (*including, os.path.realpath(path)))
    folder = os.path.dirname(path) or os.curdir
    is_of_a_run = os.path.basename(path) == RUN_FLAGS and os.path.exists(os.path.join(folder, RUN_CONFIG))
    return [*flags, '--run_dir=' + folder] if is_of_a_run else flags


def encode(flags: Sequence[str]) -> bytes:
    """The content of a flag file with these flags. Raises UserError for a flag that a line cannot hold."""
    for flag in flags:
        if flag != flag.strip() or set(flag) & set('\r\n'):
            raise UserError('%s has a line break, or a space at its end: rename that file or folder' % flag)
    return ''.join(flag + '\n' for flag in flags).encode(_ENCODING, _ERRORS)
