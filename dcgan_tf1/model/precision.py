"""Whether this TensorFlow computes in a precision, which depends on its version and on the device."""
import functools

import tensorflow.compat.v1 as tf

from dcgan_tf1.model import layers
from dcgan_tf1.util.device import create_session
from dcgan_tf1.util.errors import UserError


def check(precision: str, training: bool = True) -> None:
    """Checks that convolutions and batch norm work in a precision.

    Args:
        precision: one of `settings.PRECISIONS`. 'auto' never takes one that does not work.
        training: whether gradients are needed, too.

    Raises:
        UserError: if they do not.
    """
    if precision == 'auto' or works(precision, training):
        return
    if training:
        raise UserError('--precision=%s does not train on TensorFlow %s: use --precision=float32, or another '
                        'TensorFlow (see docs/versions.md)' % (precision, tf.__version__))
    raise UserError('--precision=%s, with which the run was trained, does not work on TensorFlow %s: use another '
                    'TensorFlow (see docs/versions.md), or name the network and the --checkpoint instead of --run_dir'
                    % (precision, tf.__version__))


@functools.lru_cache(maxsize=None)
def works(precision: str, training: bool = True) -> bool:
    """Whether convolutions and batch norm work in 'float32' or 'bfloat16'; with gradients, if `training`.

    It tries this with small layers. The list of registered kernels would not tell about missing gradients.
    """
    if precision == 'float32':
        return True
    with tf.Graph().as_default(), create_session() as session:
        x = tf.placeholder_with_default(tf.ones([2, 4, 4, 1]), [2, 4, 4, 1])
        try:
            y = layers.conv2d(tf.cast(x, tf.as_dtype(precision)), 1, 3, 2)
            y = layers.batch_norm(y, tf.placeholder_with_default(True, []))
            y = layers.full_precision(layers.conv2d_transpose(y, 1, 3, 2))
            gradients = tf.gradients(y, tf.trainable_variables()) if training else []
            session.run(tf.global_variables_initializer())
            session.run([y, *gradients])
        except (tf.errors.OpError, TypeError, ValueError, LookupError):
            return False
    return True
