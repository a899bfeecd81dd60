"""What the workers with TensorFlow share."""
import tensorflow.compat.v1 as tf

from benchmarking.recipe import processor
from dcgan_tf1 import loop

FRAMEWORK = 'TensorFlow ' + tf.__version__


def device():
    """The accelerators that TensorFlow sees, or the processor."""
    with tf.Graph().as_default(), loop.session() as session:
        names = [found.name for found in session.list_devices() if found.device_type == 'GPU']
    if not names:
        return processor()
    try:
        details = tf.config.experimental.get_device_details(tf.config.experimental.list_physical_devices('GPU')[0])
        return details['device_name']
    except (AttributeError, KeyError):  # TensorFlow 1.15 has no names
        return ', '.join(names)


def device_peak():
    """Bytes at most in use on the first GPU, or None."""
    try:
        return tf.config.experimental.get_memory_info('GPU:0')['peak']
    except (AttributeError, ValueError, tf.errors.OpError):  # no such function in 1.15, or no GPU
        return None


def trainable(variables_of):
    """{'Generator': …, 'Discriminator': …}: numbers in the trainable variables, which `variables_of`(scope) lists."""
    return {scope: sum(int(variable.shape.num_elements()) for variable in variables_of(scope))
            for scope in ('Generator', 'Discriminator')}
