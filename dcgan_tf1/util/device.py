"""What a graph is computed on: GPUs that TensorFlow can use, otherwise the processor."""
import os
from typing import Any, List, Optional

import tensorflow.compat.v1 as tf

from dcgan_tf1.util import processor
from dcgan_tf1.util.errors import UserError

# Each exists where an NVIDIA driver is installed: on Linux, and in the Linux of Windows.
DRIVER_FILES = ('/proc/driver/nvidia/version', '/usr/lib/wsl/lib/libcuda.so.1')
_NO_GPU = ('this machine has an NVIDIA driver, but TensorFlow sees no GPU, so the processor is used. Install '
           'TensorFlow with CUDA (pip install ".[gpu]" in a checkout); start a '
           'container with its GPUs (docker run --gpus all); TF_CPP_MIN_LOG_LEVEL=0 shows what TensorFlow misses')


def choose(num_gpus: int, local_rank: int = 0) -> List[str]:
    """The devices to train on: so many GPUs, or all for -1. Without a GPU, so many that share the processor.

    Args:
      num_gpus: the number, or -1.
      local_rank: number of this process among those of this machine. Each takes the next GPUs, if it sees those of all.
    Raises: UserError if there are fewer GPUs.
    """
    if num_gpus == 1 and not local_rank:
        return ['']  # TensorFlow chooses
    gpus = len(tf.config.experimental.list_physical_devices('GPU'))
    if num_gpus > gpus > 0:
        raise UserError('--num_gpus=%d, but TensorFlow sees only %d GPU(s): use fewer, or set CUDA_VISIBLE_DEVICES=-1 '
                        'to try it on the processor' % (num_gpus, gpus))
    count = max(gpus, 1) if num_gpus == -1 else num_gpus
    return ['GPU:%d' % ((local_rank * count + number) % gpus) if gpus else 'CPU:%d' % number for number in range(count)]


def name(session: tf.Session) -> str:
    """The name of the first GPU of a session, otherwise that of the processor."""
    gpus = _gpus(session)
    if not gpus:
        return processor.name()
    try:
        gpu = tf.config.experimental.list_physical_devices('GPU')[0]
        return tf.config.experimental.get_device_details(gpu)['device_name']
    except (AttributeError, KeyError):  # TensorFlow 1.15 does not know the names
        return gpus[0].name


def describe(session: tf.Session) -> str:
    """The name of the device of a session, and its memory."""
    gpus = _gpus(session)
    memory = gpus[0].memory_limit_bytes if gpus else _memory()
    others = ', the first of %d GPUs' % len(gpus) if gpus[1:] else ''
    return name(session) + others + (', %.1f GiB of memory' % (memory / 2 ** 30) if memory else '')


def warning(session: tf.Session) -> Optional[str]:
    """A line for the log if TensorFlow sees no GPU although there is an NVIDIA driver; otherwise None.

    There is none if CUDA_VISIBLE_DEVICES hides all GPUs.
    """
    is_hidden = os.environ.get('CUDA_VISIBLE_DEVICES') in ('', '-1')
    has_driver = any(map(os.path.exists, DRIVER_FILES))
    return _NO_GPU if has_driver and not is_hidden and not _gpus(session) else None


def _gpus(session: tf.Session) -> List[Any]:
    return [device for device in session.list_devices() if device.device_type == 'GPU']


def _memory() -> Optional[int]:
    """The memory of this machine in bytes, if the system says."""
    try:
        return os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES')
    except (AttributeError, OSError, ValueError):  # Windows
        return None


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
