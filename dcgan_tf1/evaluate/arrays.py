"""Images that other programs wrote as arrays, with any type and range of values: turned into bytes."""
from typing import Optional, Tuple

import numpy as np

from dcgan_tf1.util import file_kinds, image_files, pixels, terminal
from dcgan_tf1.util.errors import UserError

RANGES = {'0..255': (0, 255), '0..1': (0, 1), '-1..1': (-1, 1)}  # name for --pixel_range: (black, white)
_TOLERANCE = 0.01  # how far values may lie outside of [0, 1] and [-1, 1], as resized images do
_LOWEST_BRIGHT_BYTE = 1.5  # floats from 0 to more than this can only be bytes
_PART = 1000  # images that are converted at a time


def read(path: str, name: str) -> np.ndarray:
    """Reads a .npy file, or a .npz file as `image_files.read_named_array` does.

    Args:
      path: the file.
      name: what errors call it, such as --images=a.npy.
    Raises: UserError.
    """
    kind = file_kinds.describe_model(path)
    try:
        is_archive = kind == file_kinds.NUMPY_ARCHIVE or (not kind and image_files.suffix(path) == '.npz')
        return image_files.read_named_array(path, 'images') if is_archive else image_files.read_array(path)
    except Exception as error:  # damaged archives make zipfile and NumPy raise many types
        if _is_image(path):
            raise UserError('%s is a single image file: name the folder that contains the images' % name) from error
        reason = getattr(error, 'strerror', None) or error or type(error).__name__
        if kind not in (None, file_kinds.NUMPY_ARCHIVE):
            reason = 'it is ' + kind
        elif 'pickle' in str(error):  # NumPy takes every other file for a pickle
            reason = 'it holds no numbers, or is of another kind'
        raise UserError('%s is neither a folder of images nor a readable .npy or .npz file (%s): name one'
                        % (name, reason)) from error


def _is_image(path: str) -> bool:
    try:
        with image_files.open_image(path):
            return True
    except Exception:  # Pillow raises many types
        return False


def to_uint8(images: np.ndarray, value_range: Optional[str], name: str) -> np.ndarray:
    """Converts images of any numeric type to bytes, and says which range of values it took them to have.

    Args:
      images: [n, height, width, channels], or gray [n, height, width].
      value_range: key of `RANGES`, or None: uint8 and integers above 1 are bytes; values from 0 to 1 (0.01 more or
        less) are in [0, 1]; others with negative values are in [-1, 1]; floats up to 255 are bytes.
      name: what messages call the images, such as --images=a.npy.
    Returns: uint8 [n, height, width, channels].
    Raises: UserError if the shape or a value does not fit.
    """
    images = _with_channels(images, name)
    lowest, highest = _extremes(images)
    if not np.isfinite([lowest, highest]).all():
        raise UserError('%s has values that are not finite numbers: remove these images' % name)
    chosen = value_range or _guess(images.dtype, lowest, highest)
    if not chosen or not _fits(chosen, lowest, highest):
        raise UserError('%s has values from %g to %g, which are not in the range %s: rescale them%s' % (
            name, lowest, highest, chosen or ' or '.join(RANGES),
            '' if value_range else ', or name their range with --pixel_range'))
    terminal.say('%s: %d images of type %s with values from %g to %g, read as %s (--pixel_range selects another range)'
                 % (name, len(images), images.dtype, lowest, highest, chosen))
    result = np.empty(images.shape, np.uint8)
    for start in range(0, len(images), _PART):
        part = images[start:start + _PART]
        if chosen == '0..255':
            result[start:start + _PART] = np.clip(np.rint(part), 0, 255)
        else:
            part = part.astype(np.promote_types(part.dtype, np.float32))
            result[start:start + _PART] = pixels.to_uint8(part if chosen == '-1..1' else part * 2 - 1)
    return result


def _with_channels(images: np.ndarray, name: str) -> np.ndarray:
    """The images as [n, height, width, 1 or 3]."""
    shape = list(images.shape)
    if images.dtype.kind not in 'buif' or not images.size:
        problem = 'must hold numbers of shape [images, height, width, channels]'
    elif len(shape) == 4 and shape[3] in (1, 3):
        return images
    elif len(shape) == 3 and shape[2] not in (1, 3, 4):
        return images[..., np.newaxis]
    elif len(shape) == 3:
        problem = 'is a single image: use array[numpy.newaxis]'
    elif len(shape) == 4 and shape[1] in (1, 3, 4):
        problem = 'has its channels first: use array.transpose(0, 2, 3, 1)'
    elif len(shape) == 4 and shape[3] == 4:
        problem = 'has an alpha channel: use array[..., :3]'
    else:
        problem = 'must have the shape [images, height, width, 1 or 3]'
    raise UserError('%s, %s %s, %s' % (name, images.dtype, shape, problem))


def _extremes(images: np.ndarray) -> Tuple[float, float]:
    """The lowest and the highest value; NaN if there is one."""
    parts = [images[start:start + _PART] for start in range(0, len(images), _PART)]
    return (float(np.min([part.min() for part in parts])), float(np.max([part.max() for part in parts])))


def _guess(dtype: np.dtype, lowest: float, highest: float) -> Optional[str]:
    """The range that values of a type most likely have; None if that is not clear."""
    if dtype == np.uint8:
        return '0..255'
    if _fits('0..1', lowest, highest):  # possibly a little outside, as resized images are
        return '0..1'
    if lowest < 0:
        return '-1..1'
    return '0..255' if dtype.kind in 'ui' or highest > _LOWEST_BRIGHT_BYTE else None


def _fits(value_range: str, lowest: float, highest: float) -> bool:
    black, white = RANGES[value_range]
    return black - _TOLERANCE <= lowest and highest <= white + _TOLERANCE
