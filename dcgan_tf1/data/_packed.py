"""Decoded images in files of bytes, which any number of processes can read at random. docs/datasets.md has the format.

Images are read by `pread`, not through a memory map: it was faster, its memory does not grow, and a file that was cut
is an error, not the end of the process.
"""
import contextlib
import json
import math
import os
import shutil
import struct
import threading
import zlib
from typing import Any, Callable, Dict, Generator, Iterator, List, Optional, Sequence, Tuple

import numpy as np

from dcgan_tf1.util import files, terminal
from dcgan_tf1.util.errors import UserError
from dcgan_tf1.util.files import write_atomically

FORMAT = 1
_INDEX, _LOCK, _SHARD = 'index.json', 'lock', 'images-%05d.bin'
_CHECKSUM = struct.Struct('<I')  # follows the pixels of each image: their CRC-32
# A shard is built in memory and written at once. All shards are open at the same time, so there must not be too many.
_SHARD_BYTES, _MAX_SHARDS = 2 ** 27, 128

# (first, end) → the images from `first` to before `end`, uint8, or None for one that cannot be read.
_Decoded = Generator[Optional[np.ndarray], None, None]
Decode = Callable[[int, int], _Decoded]


class Contents:
    """What a folder of packed images has to contain.

    Attributes:
      fixed: the entries of index.json that do not change while it is packed.
      record_size: bytes of an image, with its checksum.
    """

    def __init__(self, made_from: Dict[str, Any], image_shape: Tuple[int, int, int], num_images: int):
        """`made_from`: everything that the pixels depend on, as JSON holds it."""
        self.record_size = int(np.prod(image_shape)) + _CHECKSUM.size
        self.fixed: Dict[str, Any] = {
            'format': FORMAT, 'made_from': made_from, 'image_shape': list(image_shape), 'images': num_images,
            'images_per_shard': max(_SHARD_BYTES // self.record_size, math.ceil(num_images / _MAX_SHARDS))}

    def shards(self) -> List[Tuple[int, int]]:
        """(first, end) of each shard: the images from `first` to before `end`."""
        total, step = self.fixed['images'], self.fixed['images_per_shard']
        return [(first, min(first + step, total)) for first in range(0, total, step)]


class PackedImages:
    """Images that were packed. Create it with `open_or_pack`.

    Attributes:
      unreadable: numbers of the images that could not be read when they were packed.
    """

    def __init__(self, folder: str, contents: Contents, unreadable: Sequence[int]):
        """Opens the shards. Raises UserError if one is missing or has another size."""
        self.unreadable = frozenset(unreadable)
        self._folder = folder
        self._shape = contents.fixed['image_shape']
        self._per_shard = contents.fixed['images_per_shard']
        self._record_size = contents.record_size
        self._pixels_size = contents.record_size - _CHECKSUM.size
        self._lock = threading.Lock()
        self._files = []
        for number, (first, end) in enumerate(contents.shards()):
            path = _shard_path(folder, number)
            try:
                self._files.append(open(path, 'rb', buffering=0))
                size = os.path.getsize(path)
            except OSError as error:
                raise _damaged(folder, path, error.strerror) from error
            if size != (end - first) * self._record_size:
                raise _damaged(folder, path, 'it has %d bytes instead of %d' % (
                    size, (end - first) * self._record_size))

    def close(self) -> None:
        """Closes the shards. Nothing can be read any more."""
        for file in self._files:
            file.close()

    def read(self, number: int) -> np.ndarray:
        """The image with this number, uint8 [height, width, channels]. Raises UserError if it is damaged."""
        shard, row = divmod(number, self._per_shard)
        file = self._files[shard]
        try:
            record = self._read_at(file, row * self._record_size)
        except OSError as error:
            raise _damaged(self._folder, file.name, error.strerror) from error
        if len(record) != self._record_size or _checksum(memoryview(record)[:self._pixels_size]) != record[
                self._pixels_size:]:
            raise _damaged(self._folder, file.name, 'the checksum of its image %d is wrong' % row)
        return np.frombuffer(record, np.uint8, self._pixels_size).reshape(self._shape)

    def _read_at(self, file: Any, offset: int) -> bytes:
        if hasattr(os, 'pread'):
            return os.pread(file.fileno(), self._record_size, offset)
        with self._lock:  # Windows
            file.seek(offset)
            return file.read(self._record_size)


def open_or_pack(folder: str, contents: Contents, decode: Decode, description: str) -> PackedImages:
    """Opens packed images, or packs them first. Where an earlier process was stopped, this one goes on.

    Args:
      folder: the folder of the packed images, which is created if it does not exist.
      contents: what it has to contain.
      decode: reads images to be packed.
      description: of the packing, for its progress.
    Raises: UserError if the folder contains something else, is damaged, or cannot be written.
    """
    index = _read_index(folder, contents)
    if index['shards'] < len(contents.shards()):
        def wait(holder: str) -> None:
            terminal.say('--pack_dir=%s is being packed by another process (%s): waiting for it' % (folder, holder))
        with contextlib.ExitStack() as stack:
            with _writing(folder):
                os.makedirs(folder, exist_ok=True)
                stack.enter_context(files.hold_lock(os.path.join(folder, _LOCK), wait))
            files.remove_abandoned(folder, seconds=0)
            index = _read_index(folder, contents)  # the other process may have completed it
            _check_space(folder, contents, index['shards'])
            missing = contents.shards()[index['shards']:]
            images = stack.enter_context(contextlib.closing(_images_from(missing, decode)))
            total = sum(end - first for first, end in missing)
            shown = stack.enter_context(contextlib.closing(terminal.track(images, description, total)))
            _pack(folder, contents, index, shown)
    return PackedImages(folder, contents, index['unreadable'])


def _images_from(shards: Sequence[Tuple[int, int]], decode: Decode) -> _Decoded:
    for first, end in shards:  # one after the other, so that decoding is never far ahead of writing
        with contextlib.closing(decode(first, end)) as images:
            yield from images


def _pack(folder: str, contents: Contents, index: Dict[str, Any], images: Iterator[Optional[np.ndarray]]) -> None:
    """Writes the shards that are missing. The index, which is written after each, says how many are complete."""
    for number, (first, end) in enumerate(contents.shards()):
        if number < index['shards']:
            continue
        records = np.zeros([end - first, contents.record_size], np.uint8)
        for row in range(end - first):
            image = next(images)
            if image is None:
                index['unreadable'].append(first + row)
            else:
                records[row, :-_CHECKSUM.size] = image.reshape(-1)
            records[row, -_CHECKSUM.size:] = np.frombuffer(_checksum(records[row, :-_CHECKSUM.size]), np.uint8)
        index['shards'] = number + 1
        with _writing(folder):
            write_atomically(_shard_path(folder, number), records.data)
            write_atomically(os.path.join(folder, _INDEX), (json.dumps(index, indent=1) + '\n').encode())


def _read_index(folder: str, contents: Contents) -> Dict[str, Any]:
    """The content of index.json, or what to begin with. Raises UserError if it does not fit `contents`."""
    path = os.path.join(folder, _INDEX)
    try:
        with open(path, encoding='utf-8') as file:
            index = json.load(file)
        differences = _differences(index, contents)
        is_valid = 0 <= index['shards'] <= len(contents.shards()) and all(
            0 <= number < contents.fixed['images'] for number in index['unreadable'])
    except (FileNotFoundError, NotADirectoryError):
        # What a process that was stopped may have left before it wrote an index does not matter.
        if os.path.lexists(folder) and not (os.path.isdir(folder) and all(
                name in (_LOCK, _SHARD % 0) or files.is_temporary(name) for name in os.listdir(folder))):
            raise UserError('--pack_dir=%s contains no packed images, but something else: name a new folder'
                            % folder) from None
        return {**contents.fixed, 'shards': 0, 'unreadable': []}
    except OSError as error:
        raise _damaged(folder, path, error.strerror) from error
    except (ValueError, RecursionError, AttributeError, KeyError, TypeError) as error:
        raise _damaged(folder, path, 'it contains no index') from error
    if differences:
        raise UserError('--pack_dir=%s holds images that were packed from other files or with other settings: %s. '
                        'Name another folder, or delete this one to pack again' % (folder, '; '.join(differences)))
    if not is_valid:
        raise _damaged(folder, path, 'it contains no index')
    return index


def _differences(index: Dict[str, Any], contents: Contents) -> List[str]:
    """Describes what differs between an index and the one that is needed."""
    there, here = ({**values['made_from'], **{name: values.get(name) for name in contents.fixed if name != 'made_from'}}
                   for values in (index, contents.fixed))
    return ['%s is %s there, not %s' % (name, there.get(name), value) for name, value in here.items()
            if there.get(name) != value][:3]


def _check_space(folder: str, contents: Contents, complete: int) -> None:
    needed = contents.record_size * sum(end - first for first, end in contents.shards()[complete:])
    with _writing(folder):
        free = shutil.disk_usage(folder).free
    if free < needed:
        raise UserError('--pack_dir=%s needs %.1f GB, but only %.1f GB are free: free some space, or name a folder on '
                        'another disk' % (folder, needed / 1e9, free / 1e9))


@contextlib.contextmanager
def _writing(folder: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UserError('--pack_dir=%s cannot be written (%s): free some space, or name a folder that is writable; the '
                        'same command goes on with what is packed already' % (folder, error.strerror)) from error


def _damaged(folder: str, path: str, reason: Optional[str]) -> UserError:
    return UserError('%s cannot be read (%s): delete --pack_dir=%s and run the command again to pack again'
                     % (path, reason, folder))


def _checksum(pixels: Any) -> bytes:
    return _CHECKSUM.pack(zlib.crc32(pixels))


def _shard_path(folder: str, number: int) -> str:
    return os.path.join(folder, _SHARD % number)
