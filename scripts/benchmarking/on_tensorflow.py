"""What the workers with TensorFlow share."""
import tensorflow.compat.v1 as tf

from benchmarking.recipe import processor

FRAMEWORK = 'TensorFlow ' + tf.__version__


def device():
    """The accelerators that TensorFlow sees, or the processor."""
    with tf.Graph().as_default(), tf.Session(config=growing()) as session:
        names = [found.name for found in session.list_devices() if found.device_type == 'GPU']
    if not names:
        return processor()
    try:
        details = tf.config.experimental.get_device_details(tf.config.experimental.list_physical_devices('GPU')[0])
        return details['device_name']
    except (AttributeError, KeyError):  # TensorFlow 1.15 has no names
        return ', '.join(names)


def growing():
    config = tf.ConfigProto()
    config.gpu_options.allow_growth = True
    return config


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


def check_precision(task):
    """Raises where TensorFlow can't train in it: the tf.cond of 1.15 passes no gradient on in bfloat16."""
    if task['precision'] != 'float32' and tf.__version__.startswith('1.'):
        raise RuntimeError('%s does not train on TensorFlow %s' % (task['precision'], tf.__version__))
