"""Any folder of JPEG, PNG, GIF and BMP files, decoded by Pillow in parallel with the training steps."""
import hashlib
import os
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Union

import numpy as np
import tensorflow.compat.v1 as tf
from PIL import Image

from dcgan_tf1 import image_files
from dcgan_tf1.data import BatchSource
from dcgan_tf1.errors import UserError

HOLDOUT = 0
SUFFIXES = ('.jpg', '.jpeg', '.png', '.gif', '.bmp')
_PARALLEL_BATCHES = 4  # batches decoded at the same time


class _DecodeOptions(NamedTuple):
    """How a file becomes an array; see `load`."""

    image_size: int  # height and width, in pixels
    channels: int  # 1 or 3
    center_crop: bool
    antialias: bool
    follow_links: bool


def load(data_dir: Optional[str] = None, image_size: int = 64, channels: int = 3, center_crop: bool = False,
         antialias: bool = True, skip_unreadable: bool = False, follow_links: bool = False,
         **_: Any) -> 'ImageFolder':
    """Lists all image files below a folder, ordered by path. Other files are ignored.

    Args:
      data_dir: the folder.
      image_size: height and width to which every image is resized, bilinearly.
      channels: 3, or 1 for gray. Transparent parts become white.
      center_crop: whether to cut out the largest square in the middle before resizing. Without it, the aspect
        ratio of the image changes.
      antialias: whether a pixel of the smaller image averages over all pixels that it covers, as in PyTorch's
        `Resize` of a Pillow image, or only over the four nearest, as in TensorFlow's
        `image_dataset_from_directory`.
      skip_unreadable: whether the next readable file replaces one that cannot be read, or an error is raised.
      follow_links: whether to read files outside of `data_dir` through links. Without it, such a link counts
        as unreadable. Links to folders are always ignored.
    Raises: UserError if the folder does not exist or contains no image file.
    """
    if data_dir is None or not os.path.isdir(data_dir):
        raise UserError('--data_dir=%s is not a folder: --dataset=image_folder needs a folder of image files'
                        % (data_dir or ''))
    paths = []
    for folder, subfolders, names in os.walk(data_dir):
        subfolders.sort()
        paths += [os.path.join(folder, name) for name in sorted(names) if name.lower().endswith(SUFFIXES)]
    if not paths:
        raise UserError('--data_dir=%s contains no file that ends in %s: name a folder of image files'
                        % (data_dir, ', '.join(SUFFIXES)))
    options = _DecodeOptions(image_size, channels, center_crop, antialias, follow_links)
    return ImageFolder(data_dir, paths, options, skip_unreadable)


class ImageFolder:
    """Image files, which are read when they are needed. Create it with `load`.

    Attributes:
      source: str, the folder.
      image_shape: (height, width, channels) of the decoded images.
      unreadable: {path: reason} of the files that could not be read so far.
      fault: the `UserError` that ended the reading, or None. It is kept here because TensorFlow hides an
        exception in the report of a failed op.
    """

    def __init__(self, source: str, paths: Sequence[str], options: _DecodeOptions, skip_unreadable: bool):
        """See `load`."""
        self.source = source
        self.image_shape = (options.image_size, options.image_size, options.channels)
        self.unreadable: Dict[str, str] = {}
        self.fault: Optional[UserError] = None
        self._paths = paths
        self._options = options
        self._skip_unreadable = skip_unreadable

    @property
    def num_examples(self) -> int:
        """Number of image files."""
        return len(self._paths)

    def checksum(self) -> str:
        """The md5 of the relative paths and sizes of the files. (Their content would take minutes.)"""
        digest = hashlib.md5()
        for path in self._paths:
            size = os.path.getsize(path) if os.path.isfile(path) else 0  # 0 for a broken link
            digest.update(os.fsencode('%s %d\n' % (os.path.relpath(path, self.source), size)))
        return digest.hexdigest()

    def without_first(self, count: int) -> 'ImageFolder':
        """All images but the first `count`."""
        return ImageFolder(self.source, self._paths[count:], self._options, self._skip_unreadable)

    def first(self, count: int) -> np.ndarray:
        """The first images, uint8 [count, height, width, channels]; all of them, if there are fewer.

        Raises: UserError as `decode` does.
        """
        return self.decode(np.arange(min(count, self.num_examples)))

    def classes(self) -> List[str]:
        """For every image, the name of the top-level subfolder that contains it; '' if there is none."""
        return [os.path.dirname(os.path.relpath(path, self.source)).split(os.sep)[0] for path in self._paths]

    def batches(self, indices: tf.data.Dataset) -> BatchSource:
        """Creates the ops that yield batches of these images, decoded in parallel while earlier steps run.

        Args:
          indices: dataset of int32 [batch].
        """
        def decode(batch: tf.Tensor) -> tf.Tensor:
            images = tf.numpy_function(self.decode, [batch], tf.uint8)
            images.set_shape([None, *self.image_shape])
            return images
        return BatchSource.from_dataset(indices.map(decode, num_parallel_calls=_PARALLEL_BATCHES))

    def decode(self, indices: Union[np.ndarray, Sequence[int]]) -> np.ndarray:
        """Reads the images with these indices.

        Returns: uint8 [len(indices), height, width, channels].
        Raises: UserError if a file cannot be read and may not be skipped, or no file can be read.
        """
        return np.stack([self._decode_readable(index) for index in indices])

    def _decode_readable(self, index: int) -> np.ndarray:
        """The image with this index, or the first readable one after it."""
        for offset in range(self.num_examples):
            path = self._paths[(index + offset) % self.num_examples]
            try:
                return _decode(path, self.source, self._options)
            # Damaged files make Pillow raise many types, such as struct.error and SyntaxError.
            except Exception as error:
                self.unreadable[path] = str(error) or type(error).__name__
                if not self._skip_unreadable:
                    self.fault = UserError(
                        '%s cannot be read as an image (%s): remove it, or skip such files with '
                        '--skip_unreadable' % (path, self.unreadable[path]))
                    raise self.fault from error
        self.fault = UserError('no file in --data_dir=%s can be read as an image: name another folder'
                               % self.source)
        raise self.fault


def _decode(path: str, source: str, options: _DecodeOptions) -> np.ndarray:
    """Reads a file as uint8 [height, width, channels]; from an animation, the first frame."""
    if not options.follow_links and os.path.islink(path) and not _is_inside(path, source):
        raise ValueError('it is a link to a file outside of the folder, which needs --follow_links')
    with image_files.open_image(path) as image:
        image = _to_opaque_8bit(image).convert('L' if options.channels == 1 else 'RGB')
        if options.center_crop:
            image = _crop_center(image)
        image = _resize(image, options.image_size, options.antialias)
        return np.asarray(image).reshape(options.image_size, options.image_size, options.channels)


def _is_inside(path: str, folder: str) -> bool:
    root = os.path.realpath(folder)
    return os.path.commonpath([root, os.path.realpath(path)]) == root


def _to_opaque_8bit(image: Image.Image) -> Image.Image:
    """Replaces transparency by white, and 16 bits per pixel by 8."""
    if 'A' in image.getbands() or 'transparency' in image.info:
        image = image.convert('RGBA')
        return Image.alpha_composite(Image.new('RGBA', image.size, 'white'), image)
    if image.mode.startswith('I'):  # 16-bit gray, which Pillow's `convert` would clip to 255
        return Image.fromarray((np.asarray(image) // 256).astype(np.uint8))
    return image


def _crop_center(image: Image.Image) -> Image.Image:
    side = min(image.size)
    left, top = (image.size[0] - side) // 2, (image.size[1] - side) // 2
    return image.crop((left, top, left + side, top + side))


def _resize(image: Image.Image, size: int, antialias: bool) -> Image.Image:
    if antialias:
        return image.resize((size, size), Image.BILINEAR)  # type: ignore[attr-defined]
    x_scale, y_scale = image.size[0] / size, image.size[1] / size
    return image.transform((size, size), Image.AFFINE,  # type: ignore[attr-defined]
                           (x_scale, 0, 0, 0, y_scale, 0), Image.BILINEAR)  # type: ignore[attr-defined]
