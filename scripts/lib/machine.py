"""Names of the hardware and software that a measurement ran on, and images to time a training with."""
from typing import Optional, Tuple

import numpy as np

from dcgan_tf1 import processor


def tensorflow_device() -> str:
    """The name of the first GPU that TensorFlow can use, otherwise that of the processor."""
    # Imported here: benchmark workers of other frameworks use this module without TensorFlow.
    import tensorflow.compat.v1 as tf

    from dcgan_tf1.session import create_session
    with tf.Graph().as_default(), create_session() as session:
        names = [device.name for device in session.list_devices() if device.device_type == 'GPU']
    if not names:
        return processor.name()
    try:
        gpu = tf.config.experimental.list_physical_devices('GPU')[0]
        return tf.config.experimental.get_device_details(gpu)['device_name']
    except (AttributeError, KeyError):  # TensorFlow 1.15 does not know the names
        return ', '.join(names)


def digit_images(image_shape: Tuple[int, int, int], count: Optional[int] = None) -> np.ndarray:
    """The digits bundled with scikit-learn, enlarged and repeated: uint8 [count, height, width, channels].

    Args:
      image_shape: height, width, channels.
      count: number of images; by default all 1,797 once.
    """
    from PIL import Image
    from sklearn.datasets import load_digits
    height, width, channels = image_shape
    small = np.round(load_digits().images * (255 / 16)).astype(np.uint8)
    large = np.stack([np.asarray(Image.fromarray(image).resize((width, height), Image.BILINEAR))
                      for image in small])
    images = np.repeat(large[..., np.newaxis], channels, axis=3)
    return images if count is None else images[np.arange(count) % len(images)]
