"""Images to files, where the suffix says how; and from files of others, with care."""
import contextlib
import io
import os
import shutil
import subprocess
import zipfile

import numpy as np
from PIL import Image

from dcgan_tf1 import pixels, plots
from dcgan_tf1.errors import UserError
from dcgan_tf1.run_folder import write_atomically

ARRAYS, PICTURES, ANIMATIONS = ('.npy', '.npz'), ('.png',), ('.gif', '.mp4')
SUFFIXES = ARRAYS + PICTURES + ANIMATIONS
READABLE = ('JPEG', 'PNG', 'GIF', 'BMP')  # what a file holds, whatever its name; Pillow would also start Ghostscript
MAX_PIXELS = 2 ** 26  # of a picture to be read: 8192×8192
_FRAMES_A_SECOND = 12


def suffix(path):
    """The suffix of a path, in lower case; '' is a folder of PNG files."""
    return os.path.splitext(path)[1].lower()


@contextlib.contextmanager
def open_image(path):
    """A picture file as a Pillow image.

    Raises: ValueError and whatever damaged files make Pillow raise, then or when the pixels are read.
    """
    if not os.path.isfile(path):
        raise ValueError('it is no file')  # a pipe would be waited for
    with Image.open(path, formats=READABLE) as image:
        if image.width * image.height > MAX_PIXELS:
            raise ValueError('%d×%d are more than %d pixels' % (*image.size, MAX_PIXELS))
        if image.format == 'PNG':
            with Image.open(path, formats=('PNG',)) as again:
                again.verify()  # its checksums, which decoding does not look at
        yield image


def read_image(path):
    """uint8 [height, width, 3] of a picture file. Raises: UserError where it is none."""
    try:
        with open_image(path) as picture:
            return np.asarray(picture.convert('RGB'))
    except Exception as error:
        raise UserError('%s cannot be read as a picture (%s): remove it, and give the same command again'
                        % (path, error or type(error).__name__)) from error


def read_array(path):
    """The array of a .npy file, of any shape and of any type but Python objects, read as far as it is looked at.

    Raises: ValueError where it is damaged, or claims more than the file holds.
    """
    with open(path, 'rb') as file:
        if file.read(2) == b'PK':
            raise ValueError('an archive of arrays')
    try:
        return np.load(path, mmap_mode='r', allow_pickle=False)
    except OSError:
        raise
    except Exception as error:  # whatever NumPy makes of a header
        raise ValueError(str(error).split('\n')[0] or type(error).__name__) from error


def read_archive(path):
    """The arrays of a .npz file, as NumPy's `NpzFile`, to be closed. Raises what zipfile and NumPy raise."""
    zipfile.ZipFile(path).close()  # NumPy before 1.19 prints a traceback where it meets a damaged one
    return np.load(path, allow_pickle=False)


def save_images(path, images, noise, look):
    """Writes images to .npy (the images), .npz (images and noise), .png (a grid) or a folder (one PNG file each).

    Args:
      images: float32 [n, height, width, channels] in [−1, 1].
      noise: float32 [n, noise_dim], that they were made of.
      look: (float images) → uint8, of pictures.
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
        write_atomically(path, plots.png(look(images)))
    else:
        os.makedirs(path, exist_ok=True)
        for number, image in enumerate(pixels.to_uint8(images)):
            write_atomically(os.path.join(path, '%06d.png' % number),
                  plots.png(image[..., 0] if image.shape[2] == 1 else image))


def save_animation(path, pictures):
    """Writes pictures, a list of uint8 [height, width, 3], as a .gif that goes round, or with ffmpeg as .mp4.

    Raises: UserError where there is no ffmpeg, or it fails.
    """
    if suffix(path) == '.gif':
        file = io.BytesIO()
        first, *others = [Image.fromarray(picture) for picture in pictures]
        first.save(file, format='GIF', save_all=True, append_images=others, duration=round(1000 / _FRAMES_A_SECOND),
                   loop=0)
        write_atomically(path, file.getvalue())
        return
    if not shutil.which('ffmpeg'):
        raise UserError('--output=%s needs ffmpeg, which is not installed: name a .gif file instead' % path)
    height, width = pictures[0].shape[:2]
    # An even size, as the common players want it.
    done = subprocess.run(
        ['ffmpeg', '-y', '-loglevel', 'error', '-f', 'rawvideo', '-pix_fmt', 'rgb24', '-s', '%dx%d' % (width, height),
         '-r', str(_FRAMES_A_SECOND), '-i', '-', '-vf', 'pad=ceil(iw/2)*2:ceil(ih/2)*2', '-pix_fmt', 'yuv420p', '-f',
         'mp4', path + '.partial'],
        input=np.stack(pictures).tobytes(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        raise UserError('ffmpeg could not write --output=%s: mend that, or name a .gif file instead (%s)'
                        % (path, ' '.join(done.stdout.decode(errors='replace').split())))
    os.replace(path + '.partial', path)
