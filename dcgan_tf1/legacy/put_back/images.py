"""The image functions that `scipy.misc` had until SciPy 1.2, with Pillow. Written from their documentation."""
from typing import Any, Optional, Tuple, Union

import numpy as np
from PIL import Image

_FILTERS: Any = {'nearest': 0, 'lanczos': 1, 'bilinear': 2, 'bicubic': 3, 'cubic': 3}  # Pillow's numbers


def bytescale(data: Any, cmin: Optional[float] = None, cmax: Optional[float] = None, high: int = 255,
              low: int = 0) -> np.ndarray:
    """Maps [cmin, cmax] (by default the range of the data) to [low, high], as uint8. Leaves uint8 as it is."""
    data = np.asarray(data)
    if data.dtype == np.uint8:
        return data
    cmin = data.min() if cmin is None else cmin
    cmax = data.max() if cmax is None else cmax
    if cmax < cmin:
        raise ValueError('`cmax` should be larger than `cmin`.')
    scale = float(high - low) / ((cmax - cmin) or 1)
    return (((data - cmin) * scale + low).clip(low, high) + 0.5).astype(np.uint8)


def toimage(arr: Any, high: int = 255, low: int = 0, cmin: Optional[float] = None, cmax: Optional[float] = None,
            pal: Any = None, mode: Optional[str] = None, channel_axis: Optional[int] = None) -> Image.Image:
    """An image of an array [height, width] or with 3 or 4 channels, stretched to full contrast unless it is uint8."""
    data = np.asarray(arr)
    if pal is not None:
        raise NotImplementedError('toimage(pal=…) is not put back')
    if mode in ('F', 'I'):
        return Image.fromarray(data.astype(np.float32 if mode == 'F' else np.int32))
    data = bytescale(data, cmin, cmax, high, low)
    if data.ndim == 2:
        image = Image.fromarray(data)
    else:
        if data.ndim != 3 or not {3, 4} & set(data.shape):
            raise ValueError("'arr' does not have a suitable array shape for any mode.")
        if channel_axis is None:
            channel_axis = next(axis for size in (3, 4) for axis in (2, 0, 1) if data.shape[axis] == size)
        image = Image.fromarray(np.ascontiguousarray(np.moveaxis(data, channel_axis, 2)))
    return image.convert(mode) if mode else image


def fromimage(im: Image.Image, flatten: bool = False, mode: Optional[str] = None) -> np.ndarray:
    """An image as an array; with `flatten`, as float32 gray levels."""
    if mode is not None and mode != im.mode:
        im = im.convert(mode)
    elif im.mode in ('P', '1'):
        im = im.convert('RGBA' if 'transparency' in im.info else 'RGB' if im.mode == 'P' else 'L')
    return np.array(im.convert('F') if flatten else im)


def imread(name: Any, flatten: bool = False, mode: Optional[str] = None) -> np.ndarray:
    """Reads an image file as an array."""
    with Image.open(name) as image:
        return fromimage(image, flatten, mode)


def imsave(name: Any, arr: Any, format: Optional[str] = None) -> None:
    """Writes an array as an image file, stretched to full contrast unless it is uint8."""
    toimage(arr, channel_axis=2 if np.ndim(arr) == 3 else None).save(name, format)


def imresize(arr: Any, size: Union[int, float, Tuple[int, ...]], interp: str = 'bilinear',
             mode: Optional[str] = None) -> np.ndarray:
    """Resizes an array: to a percentage (int), a fraction (float) or (height, width)."""
    image = toimage(arr, mode=mode)
    if isinstance(size, (int, np.integer)):
        width, height = (np.array(image.size) * (size / 100.0)).astype(int)
    elif isinstance(size, (float, np.floating)):
        width, height = (np.array(image.size) * size).astype(int)
    else:
        height, width = size[:2]
    return fromimage(image.resize((int(width), int(height)), _FILTERS[interp]))


def imshow(arr: Any) -> None:
    """Did show an image in a viewer. Here it does nothing, because there may be no display."""
