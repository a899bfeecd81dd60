"""Any folder of pictures, decoded by Pillow in parallel with the training steps."""
import contextlib
import errno
import os
from multiprocessing.pool import ThreadPool
from typing import Callable, Collection, Dict, Generator, List, Optional, Sequence, Tuple, Union

import numpy as np
import tensorflow.compat.v1 as tf

from dcgan_tf1.data._decode import DecodeOptions, decode
from dcgan_tf1.data._images import BatchSource
from dcgan_tf1.data._packed import Contents, PackedImages, open_or_pack
from dcgan_tf1.data._walk import (
    SUFFIXES,
    File,
    describe_parts,
    list_folder,
    listing_order,
    md5_of_lines,
    size_and_time,
)
from dcgan_tf1.util import grids, terminal
from dcgan_tf1.util.errors import UserError

HOLDOUT = 0
_PARALLEL_BATCHES = 4  # batches decoded at the same time
_NUMPY_FUNCTION = getattr(tf, 'numpy_function', tf.py_func)  # before TensorFlow 1.14, it has the other name
_TOO_MANY_OPEN_FILES = (errno.EMFILE, errno.ENFILE)


def load(data_dir: Optional[str] = None, image_size: int = 64, channels: int = 3, center_crop: bool = False,
         antialias: bool = True, skip_unreadable: bool = False, follow_links: bool = False, fast_jpeg: bool = True,
         flag: str = '--data_dir') -> 'ImageFolder':
    """Lists all image files below a folder, ordered by path. Nothing is decoded yet.

    Args:
      data_dir: the folder.
      image_size: height and width to which every image is resized, bilinearly.
      channels: 3, or 1 for gray. Transparent parts become white.
      center_crop: whether to cut out the largest square in the middle; otherwise, the aspect ratio may change.
      antialias: whether a pixel of the smaller image averages over all pixels that it covers, as PyTorch's `Resize` of
        a Pillow image does, or only over the four nearest, as TensorFlow's `image_dataset_from_directory`.
      skip_unreadable: whether `first` leaves out files that cannot be read, or raises an error.
      follow_links: whether to read files outside of `data_dir` through links. Without it, such a link counts
        as unreadable. Links to folders are always left out.
      fast_jpeg: whether to decode large JPEG files at reduced size, which changes gray levels slightly.
      flag: the flag that names the folder, for error messages.
    Raises: UserError if the folder does not exist, cannot be read, is that of a run, or contains no image file.
    """
    if data_dir is None:
        raise UserError('--dataset=image_folder needs a folder of image files: name it with --data_dir')
    source = '%s=%s' % (flag, data_dir)
    if not os.path.isdir(data_dir):
        raise UserError('%s is not a folder: --dataset=image_folder needs a folder of image files' % source)
    try:
        listing = list_folder(data_dir)
    except OSError as error:
        raise UserError('%s cannot be read (%s): name a folder that you can read' % (source, error.strerror)) from error
    if listing.is_run():
        raise UserError('%s is the folder of a run, whose pictures are not data: name a folder of image files' % source)
    left_out = listing.describe_left_out()
    if not listing.pictures:
        raise UserError('%s contains no file that ends in %s: name a folder of image files%s' % (
            source, ', '.join(SUFFIXES), '. It contains ' + left_out if left_out else ''))
    files = [File(name, *size_and_time(os.path.join(data_dir, name))) for name in listing.pictures]
    options = DecodeOptions(image_size, channels, center_crop, antialias, follow_links, fast_jpeg)
    return ImageFolder(data_dir, files, options, skip_unreadable, left_out)


class ImageFolder:
    """Image files, which are read when they are needed. Create it with `load`.

    Attributes:
      source: str, the folder.
      image_shape: (height, width, channels) of the decoded images.
      left_out: what the folder contains beside these files, as text; '' if nothing.
      skipped: {name: reason} of the files that `first` left out.
      fault: the `UserError` that ended the reading, or None. It is kept here because TensorFlow hides an
        exception in the report of a failed op.
      faults: {name: size} of the files that ended the reading.
    Names of files are paths relative to the folder.
    """

    _ADVICE = 'remove it, or skip such files with --skip_unreadable'

    def __init__(self, source: str, files: Sequence[File], options: DecodeOptions, skip_unreadable: bool,
                 left_out: str, packed: Optional[PackedImages] = None):
        """See `load` and `packed_in`."""
        self.source = source
        self.image_shape = (options.image_size, options.image_size, options.channels)
        self.left_out = left_out
        self.skipped: Dict[str, str] = {}
        self.fault: Optional[UserError] = None
        self.faults: Dict[str, int] = {}
        self._files = files
        self._options = options
        self._skip_unreadable = skip_unreadable
        self._packed = packed

    @property
    def num_examples(self) -> int:
        """Number of image files."""
        return len(self._files)

    @property
    def names(self) -> List[str]:
        """The names of the files, in order."""
        return [file.name for file in self._files]

    def sizes(self, names: Collection[str]) -> Dict[str, int]:
        """{name: size in bytes} of those of the named files that are part of this folder."""
        return {file.name: file.size for file in self._files if file.name in names}

    def checksum(self) -> str:
        """The md5 of the names and sizes of the files. (Their content would take minutes.)"""
        return md5_of_lines('%s %d' % (file.name, file.size) for file in self._files)

    def content_checksum(self) -> str:
        """The md5 of the first and last bytes of 64 files, at even distances."""
        files = [self._files[index] for index in grids.evenly_spaced(self.num_examples, 64)]
        return md5_of_lines(file.ends(self._container(file)) for file in files)

    def packed_in(self, folder: str) -> 'ImageFolder':
        """The same images, read from a folder of decoded images, in which they are packed if they are not there yet.

        Files that cannot be read are not packed, but read as without packing.
        Raises: UserError if that folder holds something else, is damaged, or cannot be written.
        """
        # Programs that copy files cut their times to seconds.
        times = md5_of_lines(str(file.modified // 10 ** 9) for file in self._files)
        made_from = {**self._options.describe(), 'checksum of the names and sizes of the files': self.checksum(),
                     'checksum of the times when the files were changed': times}
        contents = Contents(made_from, self.image_shape, self.num_examples)
        packed = open_or_pack(folder, contents, self._decode_range, 'packing the images of ' + self.source)
        files = [file if number in packed.unreadable else file._replace(number=number)
                 for number, file in enumerate(self._files)]
        return type(self)(self.source, files, self._options, self._skip_unreadable, self.left_out, packed)

    def close(self) -> None:
        """Closes the files of `packed_in`. The images cannot be read any more."""
        if self._packed:
            self._packed.close()

    def _decode_range(self, first: int, end: int) -> Generator[Optional[np.ndarray], None, None]:
        with contextlib.closing(self._read(self._files[first:end])) as results:
            for _, result in results:
                yield result if isinstance(result, np.ndarray) else None

    def without_first(self, count: int) -> 'ImageFolder':
        """All images but the first `count`."""
        return self._with_files(self._files[count:])

    def without(self, names: Collection[str]) -> 'ImageFolder':
        """All images but those of the named files."""
        return self._with_files([file for file in self._files if file.name not in names])

    def only(self, names: Collection[str]) -> 'ImageFolder':
        """The images of the named files."""
        return self._with_files([file for file in self._files if file.name in names])

    def with_earlier(self, sizes: Dict[str, int]) -> 'ImageFolder':
        """The images with some files as they were earlier, {name: size}, even if they are gone now."""
        files = {file.name: file for file in self._files}
        files.update((name, files.get(name, File(name, size))._replace(size=size)) for name, size in sizes.items())
        return self._with_files(sorted(files.values(), key=lambda file: listing_order(file.name)))

    def renamed(self, rename: Callable[[str], str]) -> 'ImageFolder':
        """The same images as if their files had other names, and in the order of these."""
        files = [file._replace(name=rename(file.name)) for file in self._files]
        return self._with_files(sorted(files, key=lambda file: listing_order(file.name)))

    def _with_files(self, files: Sequence[File]) -> 'ImageFolder':
        return type(self)(self.source, files, self._options, self._skip_unreadable, self.left_out, self._packed)

    def remarks(self) -> List[str]:
        """Lines about the parts of the folder, such as train and test, and about files that are left out."""
        parts = describe_parts(self.classes())
        lines = ['images in %s: %s' % (self.source, parts)] * bool(parts)
        lines += ['left out of %s: %s' % (self.source, self.left_out)] * bool(self.left_out)
        if self.skipped:
            name = min(self.skipped)
            lines.append('left out of %s: %d files that cannot be read, among them %s (%s)' % (
                self.source, len(self.skipped), name, self.skipped[name]))
        return lines

    def classes(self) -> List[str]:
        """For every image, the name of the top-level subfolder that contains it; '' if there is none."""
        return [os.path.dirname(file.name).split(os.sep)[0] for file in self._files]

    def find_unreadable(self) -> Dict[str, str]:
        """Decodes all images that are not packed. Returns {name: reason} of the files that cannot be read.

        Shows its progress.
        """
        files = self._not_packed()
        with contextlib.closing(self._read(files)) as results:
            shown = terminal.track(results, 'checking the files of ' + self.source, len(files))
            return {file.name: result for file, result in shown if isinstance(result, str)}

    def check_not_packed(self) -> None:
        """Reads the files that could not be packed. Raises UserError for the first that still cannot be read."""
        files = self._not_packed()
        if self._packed and files:
            self._with_files(files).first(len(files))

    def _not_packed(self) -> List[File]:
        return [file for file in self._files if file.number is None]

    def evenly_spaced(self, count: int) -> np.ndarray:
        """As `first`, but at even distances, because the first images by name may be of few classes."""
        files = [self._files[index] for index in grids.evenly_spaced(self.num_examples, count)]
        return self._with_files(files).first(len(files))

    def first(self, count: int) -> np.ndarray:
        """The first images, uint8 [count, height, width, channels]; all of them, if there are fewer.

        Raises: UserError if a file cannot be read and may not be skipped, or no file can be read.
        """
        images: List[np.ndarray] = []
        position = 0
        while len(images) < count and position < self.num_examples:
            files = self._files[position:position + count - len(images)]
            position += len(files)
            with contextlib.closing(self._read(files)) as results:
                for file, result in results:
                    if isinstance(result, np.ndarray):
                        images.append(result)
                    elif self._skip_unreadable:
                        self.skipped[file.name] = result
                    else:
                        raise self._fail(file, result)
        if not images:
            raise UserError('no file in %s can be read as an image: name another folder' % self.source)
        return np.stack(images)

    def batches(self, indices: tf.data.Dataset) -> BatchSource:
        """Creates the ops that yield batches of these images, decoded in parallel while earlier steps run.

        Args:
          indices: dataset of int32 [batch].
        """
        def decode_batch(batch: tf.Tensor) -> tf.Tensor:
            images = _NUMPY_FUNCTION(self.decode, [batch], tf.uint8)
            images.set_shape([None, *self.image_shape])
            return images
        return BatchSource.from_dataset(indices.map(decode_batch, num_parallel_calls=_PARALLEL_BATCHES))

    def decode(self, indices: Union[np.ndarray, Sequence[int]]) -> np.ndarray:
        """Reads the images with these indices.

        Returns: uint8 [len(indices), height, width, channels].
        Raises: UserError if a file cannot be read. (Training leaves out such files beforehand; see `training_data`.)
        """
        images = []
        for index in indices:
            try:
                result = self._decode(self._files[index])
            except UserError as error:
                self.fault = error
                raise
            if isinstance(result, str):
                raise self._fail(self._files[index], result)
            images.append(result)
        return np.stack(images)

    def _read(self, files: Sequence[File]) -> Generator[Tuple[File, Union[np.ndarray, str]], None, None]:
        """Decodes files in parallel. Yields each with its image, or the reason why it cannot be read."""
        with ThreadPool() as pool:
            yield from zip(files, pool.imap(self._decode, files, chunksize=8))

    def _decode(self, file: File) -> Union[np.ndarray, str]:
        """An image, or the reason why it cannot be read. Raises UserError if it is packed and damaged."""
        if self._packed and file.number is not None:
            return self._packed.read(file.number)
        try:
            return decode(self._content(file), self.source, self._options)
        except Exception as error:  # damaged files make Pillow raise many types, such as struct.error and SyntaxError
            if isinstance(error, MemoryError) or getattr(error, 'errno', 0) in _TOO_MANY_OPEN_FILES:
                raise  # it is not the file's fault
            return str(error) or type(error).__name__

    def _path(self, file: File) -> str:
        return os.path.join(self.source, file.name)

    def _container(self, file: File) -> str:
        return self._path(file)

    def _content(self, file: File) -> Union[str, bytes]:
        """What to decode: the path of a file, or its content."""
        return self._path(file)

    def _fail(self, file: File, reason: str) -> UserError:
        self.faults[file.name] = file.size
        advice = ('it was readable before. Run the same command again to train without it' if self._skip_unreadable
                  else 'skip such files with --skip_unreadable, or remove it and --pack_dir' if self._packed
                  else self._ADVICE)
        self.fault = UserError('%s cannot be read as an image (%s): %s' % (self._path(file), reason, advice))
        return self.fault
