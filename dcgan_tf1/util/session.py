"""Creates TensorFlow sessions, with the same configuration everywhere."""
import tensorflow.compat.v1 as tf


def create_session(xla: bool = False) -> tf.Session:
    """A session on the current default graph, configured by `session_config`."""
    return tf.Session(config=session_config(xla))


def session_config(xla: bool = False) -> tf.ConfigProto:
    """Allocates GPU memory as needed, and runs ops without a GPU kernel on the CPU.

    Args:
        xla: whether XLA compiles what it can of the ops on a GPU. It does not compile ops on a CPU.
    """
    config = tf.ConfigProto(allow_soft_placement=True)
    config.gpu_options.allow_growth = True
    if xla:
        config.graph_options.optimizer_options.global_jit_level = tf.OptimizerOptions.ON_1
    return config
