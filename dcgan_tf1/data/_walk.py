"""Which files of a folder tree are pictures. Everything else is counted, so that a log can say what is left out."""
import collections
import hashlib
import os
import re
import stat
from typing import Dict, Iterable, List, NamedTuple, Optional, Sequence, Tuple

from dcgan_tf1.util import image_files
from dcgan_tf1.util.files import RUN_SAMPLES, is_run_folder

SUFFIXES = ('.jpg', '.jpeg', '.jpe', '.jfif', '.png', '.gif', '.bmp',
            *(['.webp'] if image_files.READS_WEBP else []))
# What macOS, Windows and network storage hide, beside names that start with a dot.
_HIDDEN = {'__MACOSX', '@eaDir', '#recycle', '$RECYCLE.BIN'}

_PICTURE = ''
_LINK, _UNREADABLE, _RUN = 'link to a folder', 'folder that cannot be read', 'run folder'
_PLURALS = {_LINK: 'links to folders', _UNREADABLE: 'folders that cannot be read'}
_MAX_KINDS = 8  # that one line names
_END = 4096  # bytes of `File.ends`


class File(NamedTuple):
    """An image file, or an image in a file with many of them."""

    name: str  # path relative to the folder
    size: int  # in bytes; 0 for a broken link
    modified: int = 0  # when it was last changed, in nanoseconds; 0 for a broken link
    number: Optional[int] = None  # of its image among the packed ones, if it is there
    offset: int = 0  # where it begins in a file with many

    def ends(self, path: str) -> str:
        """The first and the last 4 KiB, in hexadecimal digits; the number of the error if they cannot be read.

        Args:
          path: of the file that contains it.
        """
        if not self.size:
            return ''  # to read a pipe could wait
        parts = []
        try:
            with open(path, 'rb', buffering=0) as stream:
                for start in (0, max(0, self.size - _END)):
                    stream.seek(self.offset + start)
                    parts.append(stream.read(min(_END, self.size)).hex())
        except OSError as error:
            parts.append(str(error.errno))
        return ' '.join(parts)


class Listing(NamedTuple):
    """The content of a folder tree. All paths are relative to the folder."""

    pictures: List[str]  # files with the suffix of a picture: those of a folder in order, then those of its subfolders
    left_out: Dict[str, List[str]]  # kind of entry, such as 'hidden file' or '.heic file' → paths

    def is_run(self) -> bool:
        """Whether the folder itself is that of a run, or of its grids."""
        return os.curdir in self.left_out.get(_RUN, [])

    def describe_left_out(self) -> str:
        """What is left out, as '1 hidden folder (.trash), 3 .heic files (a.heic, …)'; '' if nothing is."""
        kinds = sorted(self.left_out, key=lambda kind: (kind[0] == '.', -len(self.left_out[kind]), kind))
        parts = [_describe(kind, self.left_out[kind]) for kind in kinds[:_MAX_KINDS]]
        rest = sum(len(self.left_out[kind]) for kind in kinds[_MAX_KINDS:])
        return ', '.join(parts + ['%d more files' % rest] * (rest > 0))


def _describe(kind: str, paths: List[str]) -> str:
    several = len(paths) > 1
    example = ' '.join(min(paths).splitlines())
    return '%d %s (%s%s)' % (len(paths), _PLURALS.get(kind, kind + 's') if several else kind, example,
                             ', …' if several else '')


def describe_parts(parts: Sequence[str]) -> str:
    """Where files come from, as in 'train: 40, test: 20'; '' if all are of one part.

    Args:
      parts: of every file, the name of the part that it belongs to; '' for none.
    """
    counts = collections.Counter(parts)
    if len(counts) < 2:
        return ''
    shown = ['%s: %d' % (' '.join(name.splitlines()) or 'the folder itself', counts[name])
             for name in sorted(counts)[:_MAX_KINDS]]
    return ', '.join(shown + ['%d more' % (len(counts) - len(shown))] * (len(counts) > len(shown)))


def list_folder(root: str) -> Listing:
    """Lists a folder tree without hidden files and folders, the folders of runs, and links to folders.

    Raises: OSError if the folder itself cannot be read.
    """
    found: Dict[str, List[str]] = {_PICTURE: []}  # kind → paths

    def add(kind: str, path: str) -> None:
        found.setdefault(kind, []).append(path)

    def on_error(error: OSError) -> None:
        if error.filename == root:
            raise error
        add(_UNREADABLE, os.path.relpath(error.filename, root))

    for folder, subfolders, names in os.walk(root, onerror=on_error):
        prefix = '' if folder == root else os.path.relpath(folder, root) + os.sep
        if is_run_folder(names) or (folder == root and _has_grids(root)):
            add(_RUN, prefix[:-1] or os.curdir)
            subfolders.clear()
            continue
        for name in sorted(names):
            add(_kind_of_file(name), prefix + name)
        entered = []
        for name in sorted(subfolders):
            if _is_hidden(name):
                add('hidden folder', prefix + name)
            elif os.path.islink(os.path.join(folder, name)):
                add(_LINK, prefix + name)
            else:
                entered.append(name)
        subfolders[:] = entered
    return Listing(found.pop(_PICTURE), found)


def _has_grids(folder: str) -> bool:
    """Whether a folder is that of the grids of a run."""
    path = os.path.abspath(folder)
    try:
        return os.path.basename(path) == RUN_SAMPLES and is_run_folder(os.listdir(os.path.dirname(path)))
    except OSError:
        return False


def list_files(root: str) -> List[str]:
    """The files of a folder tree, without hidden ones and those of runs, as paths relative to the folder, in order.

    Raises: OSError if a folder cannot be read.
    """
    def on_error(error: OSError) -> None:
        raise error
    found = []
    for folder, subfolders, names in os.walk(root, onerror=on_error):
        if is_run_folder(names):
            subfolders.clear()
            continue
        subfolders[:] = [name for name in subfolders if not _is_hidden(name)]
        found += [os.path.relpath(os.path.join(folder, name), root) for name in names if not _is_hidden(name)]
    return sorted(found, key=listing_order)


def listing_order(path: str) -> List[Tuple[bool, str]]:
    """Sort key that gives the order of `Listing.pictures`."""
    *folders, name = path.split(os.sep)
    return [*((True, folder) for folder in folders), (False, name)]


def md5_of_lines(lines: Iterable[str]) -> str:
    """The md5 of names of files and what belongs to them."""
    digest = hashlib.md5()
    for line in lines:
        digest.update(os.fsencode(line + '\n'))
    return digest.hexdigest()


def size_and_time(path: str) -> Tuple[int, int]:
    """The size of a file in bytes, and when it was changed; zeros if it does not exist."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):  # a broken link, or it was deleted just now
        return 0, 0
    return (found.st_size, found.st_mtime_ns) if stat.S_ISREG(found.st_mode) else (0, 0)


def _is_hidden(name: str) -> bool:
    return name.startswith('.') or name in _HIDDEN


def _kind_of_file(name: str) -> str:
    if _is_hidden(name):
        return 'hidden file'
    if name.lower().endswith(SUFFIXES):
        return _PICTURE
    suffix = os.path.splitext(name)[1].lower()
    return suffix + ' file' if re.match('[.][a-z0-9_]{1,12}$', suffix) else 'other file'
