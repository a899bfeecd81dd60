"""The recipes: one commented flag file each, in `flags/` of a checkout or inside the installed package."""
import os
from typing import List

from dcgan_tf1.util.errors import UserError

_SUFFIX = '.flags'
_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# An installed package holds the files itself; a checkout has them next to the package.
_FOLDERS = (os.path.join(_PACKAGE, 'flags'), os.path.join(os.path.dirname(_PACKAGE), 'flags'))


def _folder() -> str:
    for folder in _FOLDERS:
        if os.path.isdir(folder):
            return folder
    raise UserError('the recipes (a folder "flags") are missing from %s: install the package again' % _PACKAGE)


def names() -> List[str]:
    """Names of all recipes."""
    return sorted(os.path.splitext(name)[0] for name in os.listdir(_folder()) if name.endswith(_SUFFIX))


def flagfile(name: str) -> str:
    """Path of a recipe's flag file. Raises UserError if there is no such recipe."""
    if name not in names():
        raise UserError('--recipe=%s does not exist: choose one of %s. To name a run of your own, use --run_name'
                        % (name, ', '.join(names())))
    return os.path.join(_folder(), name + _SUFFIX)
