"""What the worker processes with TensorFlow report about themselves."""
from typing import Dict, Optional

import tensorflow.compat.v1 as tf

FRAMEWORK = 'TensorFlow ' + tf.__version__


def gpu_memory() -> Optional[int]:
    """Peak bytes in use on the first GPU, or None."""
    try:
        return tf.config.experimental.get_memory_info('GPU:0')['peak']
    except (AttributeError, ValueError, tf.errors.OpError):
        return None  # TensorFlow 1.15 has no such function, or there is no GPU


def count_parameters(graph: tf.Graph) -> Dict[str, int]:
    """{network: number of trainable parameters} of a graph."""
    with graph.as_default():
        return {network: sum(int(variable.shape.num_elements())
                             for variable in tf.trainable_variables(network + '/'))
                for network in ('Generator', 'Discriminator')}
