"""Writing files: readers see the old content or the new, never a part."""
import contextlib
import os
from typing import Collection, Union

# By these two, a folder is recognized as that of a run.
RUN_CONFIG, RUN_FLAGS = 'config.json', 'train.flags'


def write_atomically(path: str, content: Union[bytes, memoryview]) -> None:
    """Writes a temporary file, then renames it: readers see the old content or the new, never a part.

    A link is followed. What is not a file, such as a pipe or /dev/null, is written directly.
    Raises: OSError that names the file.
    """
    target = os.path.realpath(path) if os.path.islink(path) else path
    partial = target + '.partial'
    try:
        if is_device(path):
            with open(path, 'ab') as file:
                file.write(content)
            return
        with open(partial, 'wb') as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, target)
    except OSError as error:
        with contextlib.suppress(OSError):
            os.remove(partial)
        raise OSError(error.errno, error.strerror, path) from error


def is_device(path: str) -> bool:
    """Whether a path stands for a pipe, a terminal or another device, not for a file that can be replaced."""
    is_other = os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path)
    return is_other or path.startswith('/dev/')  # /dev/stdout may be a link to a file that is being written


def is_run_folder(names: Collection[str]) -> bool:
    """Whether a folder that contains files of these names is that of a run."""
    return RUN_CONFIG in names and RUN_FLAGS in names
