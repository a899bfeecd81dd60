"""TensorFlow sessions, configured in one place."""
import tensorflow.compat.v1 as tf


def create_session(xla=False):
    """A Session with `session_config`."""
    return tf.Session(config=session_config(xla))


def session_config(xla=False):
    """A ConfigProto: take GPU memory as it is needed, and a CPU where an op has no GPU kernel.

    With `xla`, XLA compiles what it can of what a GPU runs. (What a CPU runs, it leaves as it is.)
    """
    config = tf.ConfigProto(allow_soft_placement=True)
    config.gpu_options.allow_growth = True
    if xla:
        config.graph_options.optimizer_options.global_jit_level = tf.OptimizerOptions.ON_1
    return config
