"""Reads image and array files, which may be damaged or hostile, and writes images as several file types."""
import contextlib
import io
import os
import zipfile
from typing import Any, Callable, Iterator, List, Sequence, Union

import numpy as np
from PIL import Image, UnidentifiedImageError, WebPImagePlugin

from dcgan_tf1.util import file_kinds, files, grids, pixels, terminal
from dcgan_tf1.util.errors import UserError, add_filename
from dcgan_tf1.util.files import write_atomically

ARRAYS, PICTURES, ANIMATIONS = ('.npy', '.npz'), ('.png',), ('.gif',)
SUFFIXES = ARRAYS + PICTURES + ANIMATIONS
_MAX_BYTES = 2 ** 33  # of an array in an archive, which may be compressed a thousandfold
MAX_PIXELS = 2 ** 26  # of an image to be read: 8192×8192
READS_WEBP = WebPImagePlugin.SUPPORTED  # some builds of Pillow cannot
# Pillow reads more formats, and would start Ghostscript for some of them.
_FORMATS = ('JPEG', 'PNG', 'GIF', 'BMP', *(['WEBP'] if READS_WEBP else []))
_GRAY_LEVELS = 32  # of gray pictures in a GIF: hardly visible, and a third smaller than with 256


def suffix(path: str) -> str:
    """The suffix of a path in lower case, such as '.png'. The suffix '' stands for a folder of PNG files."""
    return os.path.splitext(path)[1].lower()


@contextlib.contextmanager
def open_image(source: Union[str, bytes]) -> Iterator[Image.Image]:
    """Opens an image file, whose format is determined from its content.

    Args:
      source: its path, or its content.
    Yields: a Pillow image, whose pixels are not read yet.
    Raises: ValueError, or any of the types that Pillow raises for damaged files. Reading the pixels can
      raise, too.
    """
    if isinstance(source, str) and not os.path.isfile(source):
        raise ValueError('not a regular file')  # reading a pipe could block forever
    with _open(source) as image:
        if image.width * image.height > MAX_PIXELS:
            raise ValueError('%d×%d is more than %d pixels' % (*image.size, MAX_PIXELS))
        if image.format == 'PNG':
            with Image.open(_stream(source), formats=('PNG',)) as same_image:
                same_image.verify()  # checks the checksums, which decoding does not
        yield image


def _stream(source: Union[str, bytes]) -> Any:
    return io.BytesIO(source) if isinstance(source, bytes) else source


def _open(source: Union[str, bytes]) -> Image.Image:
    try:
        return Image.open(_stream(source), formats=_FORMATS)
    except UnidentifiedImageError:
        with io.BytesIO(source) if isinstance(source, bytes) else open(source, 'rb') as file:
            kind = file_kinds.describe(file.read(file_kinds.HEAD_SIZE))
        raise ValueError('it is %s; the formats that can be read are %s' % (kind, ', '.join(_FORMATS))) from None


def read_image(path: str) -> np.ndarray:
    """Reads an image file as uint8 [height, width, 3]. Raises UserError if it cannot be read."""
    try:
        with open_image(path) as image:
            return np.asarray(image.convert('RGB'))
    except Exception as error:
        raise UserError('%s cannot be read as an image (%s): remove it, and run the command again'
                        % (path, error or type(error).__name__)) from error


def read_array(path: str) -> np.ndarray:
    """Opens a .npy file as a memory map: an array of any shape, and of any type but Python objects.

    Raises:
      OSError: the file cannot be opened.
      ValueError: it is damaged, or its header claims more data than it contains.
    """
    with open(path, 'rb') as file:
        if file.read(2) == b'PK':
            raise ValueError('it is an archive of arrays, not a .npy file')
    try:
        return np.load(path, mmap_mode='r', allow_pickle=False)
    except OSError:
        raise
    except Exception as error:  # damaged headers make NumPy raise many types
        raise ValueError(str(error).split('\n')[0] or type(error).__name__) from error


def read_archive(path: str) -> Any:
    """Opens a .npz file as NumPy's `NpzFile`, a context manager. Raises what zipfile and NumPy raise."""
    zipfile.ZipFile(path).close()  # because NumPy before 1.19 prints a traceback if the file is damaged
    return np.load(path, allow_pickle=False)


def read_named_array(path: str, name: str) -> np.ndarray:
    """Reads the array of this name from a .npz file, or the only one. Raises what zipfile and NumPy raise."""
    with read_archive(path) as arrays:
        if name not in arrays.files and len(arrays.files) != 1:
            raise ValueError('it has the arrays %s, but none with the name %s' % (', '.join(arrays.files), name))
        key = name if name in arrays.files else arrays.files[0]
        if arrays.zip.getinfo(key + '.npy').file_size > _MAX_BYTES:
            raise ValueError('%s in it is larger than %d bytes' % (key, _MAX_BYTES))
        return arrays[key]


def save_images(path: str, images: np.ndarray, noise: np.ndarray,
                render: Callable[[np.ndarray], np.ndarray]) -> None:
    """Writes images in the format that the suffix names.

    .npy: the images. .npz: the arrays `images` and `noise`. .png: one picture. No suffix: a new folder with
    one PNG file per image.

    Args:
      path: the file or folder to write.
      images: float32 [n, height, width, channels] in [−1, 1].
      noise: float32 [n, noise_dim], the latent vectors of the images.
      render: images → uint8 [height, width, 3], the picture for .png.
    """
    kind = suffix(path)
    if kind in ARRAYS:
        file = io.BytesIO()
        if kind == '.npy':
            np.save(file, images, allow_pickle=False)
        else:
            np.savez(file, images=images, noise=noise)
        write_atomically(path, file.getvalue())
    elif kind in PICTURES:
        write_atomically(path, grids.png(render(images)))
    else:
        with files.new_folder(path) as folder:
            for number, image in enumerate(terminal.track(pixels.to_uint8(images), 'writing images', len(images))):
                content = grids.png(image[..., 0] if image.shape[2] == 1 else image)
                file_path = os.path.join(folder, '%06d.png' % number)
                with add_filename(file_path), open(file_path, 'wb') as png:
                    png.write(content)


def save_animation(path: str, pictures: Sequence[np.ndarray], frame_ms: int, last_frame_ms: int) -> None:
    """Writes a GIF that loops.

    Args:
      path: the file to write.
      pictures: the frames, uint8 [height, width, 3], all of the same size.
      frame_ms: how long each frame but the last is shown, in milliseconds. A multiple of 10.
      last_frame_ms: how long the last frame is shown.
    """
    file = io.BytesIO()
    first, *others = _with_palettes(pictures)
    first.save(file, format='GIF', save_all=True, append_images=others, loop=0,
               duration=[frame_ms] * len(others) + [last_frame_ms])
    write_atomically(path, file.getvalue())


def _with_palettes(pictures: Sequence[np.ndarray]) -> List[Image.Image]:
    """Pictures with one palette of few grays if all are gray. Otherwise Pillow chooses a palette for each."""
    if any((picture != picture[..., :1]).any() for picture in pictures):
        return [Image.fromarray(picture) for picture in pictures]
    grays = np.linspace(0, 255, _GRAY_LEVELS).round().astype(np.uint8)
    images = []
    for picture in pictures:
        indices = np.rint(picture[..., 0] / 255 * (_GRAY_LEVELS - 1)).astype(np.uint8)
        images.append(Image.frombytes('P', indices.shape[::-1], indices.tobytes()))
        images[-1].putpalette(grays.repeat(3).tobytes())
    return images
