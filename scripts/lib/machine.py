"""Names of the hardware and software that a measurement ran on, and images to time a training with."""
import io
import os
from typing import Tuple

import numpy as np


def tensorflow_device() -> str:
    """The name of the first GPU that TensorFlow can use, otherwise that of the processor."""
    # Imported here: benchmark workers of other frameworks use this module without TensorFlow.
    import tensorflow.compat.v1 as tf

    from dcgan_tf1.util import device
    from dcgan_tf1.util.device import create_session
    with tf.Graph().as_default(), create_session() as session:
        return device.name(session)


def digit_images(image_shape: Tuple[int, int, int]) -> np.ndarray:
    """The 1,797 digits bundled with scikit-learn, enlarged to (height, width, channels): uint8 [1797, …]."""
    from PIL import Image
    from sklearn.datasets import load_digits
    height, width, channels = image_shape
    small = np.round(load_digits().images * (255 / 16)).astype(np.uint8)
    large = np.stack([np.asarray(Image.fromarray(image).resize((width, height), Image.BILINEAR))
                      for image in small])
    return np.repeat(large[..., np.newaxis], channels, axis=3)


def write_image_files(folder: str, count: int) -> None:
    """Writes small JPEG files of the digits bundled with scikit-learn, 64×64 pixels: 000000.jpg, 000001.jpg, …"""
    from PIL import Image
    contents = []
    for pixels in digit_images((64, 64, 3)):
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, format='JPEG')
        contents.append(file.getvalue())
    for number in range(count):
        with open(os.path.join(folder, '%06d.jpg' % number), 'wb') as image_file:
            image_file.write(contents[number % len(contents)])
