"""Any tree of JPEG, PNG, GIF and BMP files, decoded by Pillow ahead of the step that needs them."""
import hashlib
import os

import numpy as np
import tensorflow.compat.v1 as tf
from PIL import Image

from dcgan_tf1 import image_files
from dcgan_tf1.data import BatchSource
from dcgan_tf1.errors import UserError

HOLDOUT = 0
SUFFIXES = ('.jpg', '.jpeg', '.png', '.gif', '.bmp')
_PARALLEL = 4  # batches decoded at a time


def load(data_dir=None, image_size=64, channels=3, center_crop=False, antialias=True, skip_unreadable=False,
         follow_links=False, **_):
    """All image files below `data_dir`, in the order of their paths; other files are passed over.

    Args:
      image_size: height and width that every image is resized to, bilinearly.
      channels: 3, or 1 for grey. Transparent parts are laid on white.
      center_crop: cut the largest square out of the middle first; else the whole picture is squeezed.
      antialias: average over what shrinks to one pixel, as PyTorch's Resize on a Pillow image does; else only the four
        neighbours count, as in TensorFlow's image_dataset_from_directory.
      skip_unreadable: give the place of a file that can't be read to the next that can; else it ends the run.
      follow_links: take links to files that lie outside of `data_dir`; else such a link can't be read. (Links to
        folders are passed over.)
    Raises: UserError where there is no folder or no image.
    """
    if data_dir is None or not os.path.isdir(data_dir):
        raise UserError('--data_dir=%s is not a folder: --dataset=image_folder needs one with image files'
                        % (data_dir or ''))
    paths = []
    for folder, folders, names in os.walk(data_dir):
        folders.sort()
        paths += [os.path.join(folder, name) for name in sorted(names) if name.lower().endswith(SUFFIXES)]
    if not paths:
        raise UserError('--data_dir=%s holds no file that ends in %s: name a folder with such'
                        % (data_dir, ', '.join(SUFFIXES)))
    return ImageFolder(data_dir, paths, image_size, channels, center_crop, antialias, skip_unreadable, follow_links)


class ImageFolder:
    """Image files, read when they are needed."""

    def __init__(self, source, paths, image_size, channels, center_crop, antialias, skip_unreadable,
                 follow_links):
        self.source = source
        self.image_shape = (image_size, image_size, channels)
        self.unreadable = {}  # path → why, as far as they were met
        self.fault = None  # the `UserError` that ended the reading
        self._paths = paths
        self._center_crop = center_crop
        self._antialias = antialias
        self._skip_unreadable = skip_unreadable
        self._follow_links = follow_links

    @property
    def num_examples(self):
        return len(self._paths)

    def checksum(self):
        """md5 of the relative paths and sizes of the files (not of their content: that would take minutes)."""
        digest = hashlib.md5()
        for path in self._paths:
            size = os.path.getsize(path) if os.path.isfile(path) else 0  # a link may lead nowhere
            digest.update(os.fsencode('%s %d\n' % (os.path.relpath(path, self.source), size)))
        return digest.hexdigest()

    def without_first(self, count):
        return ImageFolder(self.source, self._paths[count:], *self.image_shape[1:], self._center_crop,
                           self._antialias, self._skip_unreadable, self._follow_links)

    def first(self, count):
        """The first images, uint8 [count, height, width, channels] (fewer where there are no more)."""
        return self.decode(np.arange(min(count, self.num_examples)))

    def classes(self):
        """Of every image, the name of the folder right below the source that it lies in; '' where it lies in none."""
        return [os.path.dirname(os.path.relpath(path, self.source)).split(os.sep)[0] for path in self._paths]

    def batches(self, indices):
        """The `BatchSource` of a `tf.data.Dataset` of int32 [batch], decoded in parallel ahead of the steps."""
        def decode(batch):
            images = tf.numpy_function(self.decode, [batch], tf.uint8)
            images.set_shape([None, *self.image_shape])
            return images
        return BatchSource.from_dataset(indices.map(decode, num_parallel_calls=_PARALLEL))

    def decode(self, indices):
        """uint8 [n, height, width, channels] of these images. Raises UserError if one can't be read and none may be
        skipped, or none can be read.
        """
        return np.stack([self._decode_readable(index) for index in indices])

    def _decode_readable(self, index):
        for further in range(self.num_examples):
            path = self._paths[(index + further) % self.num_examples]
            try:
                return self._decode(path)
            # Whatever a damaged file makes Pillow raise (struct.error, SyntaxError and others are among it).
            except Exception as error:
                self.unreadable[path] = str(error) or type(error).__name__
                if not self._skip_unreadable:
                    self.fault = UserError('%s cannot be read as an image (%s): remove it, or pass over such files '
                                           'with --skip_unreadable' % (path, self.unreadable[path]))
                    raise self.fault from error
        self.fault = UserError('no file in --data_dir=%s can be read as an image: name another folder' % self.source)
        raise self.fault

    def _decode(self, path):
        """uint8 [height, width, channels] of a file; of an animation, the first picture."""
        height, width, channels = self.image_shape
        if not self._follow_links and os.path.islink(path):
            root = os.path.realpath(self.source)
            if os.path.commonpath([root, os.path.realpath(path)]) != root:
                raise ValueError('a link out of the folder, which --follow_links takes')
        with image_files.open_image(path) as image:
            if 'A' in image.getbands() or 'transparency' in image.info:
                image = image.convert('RGBA')
                image = Image.alpha_composite(Image.new('RGBA', image.size, 'white'), image)
            elif image.mode.startswith('I'):  # 16 bits of grey, which Pillow would clip to 8
                image = Image.fromarray((np.asarray(image) // 256).astype(np.uint8))
            image = image.convert('L' if channels == 1 else 'RGB')
            if self._center_crop:
                side = min(image.size)
                left, top = (image.size[0] - side) // 2, (image.size[1] - side) // 2
                image = image.crop((left, top, left + side, top + side))
            if self._antialias:
                image = image.resize((width, height), Image.BILINEAR)
            else:
                image = image.transform((width, height), Image.AFFINE, (
                    image.size[0] / width, 0, 0, 0, image.size[1] / height, 0), Image.BILINEAR)
            return np.asarray(image).reshape(self.image_shape)
