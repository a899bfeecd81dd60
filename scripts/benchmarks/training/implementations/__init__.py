"""The training loops that are compared. This module imports no framework: each worker process has only its own.

Every other module but `tensorflow_process` has a function `build(task) -> TrainingProgram`, see
`tasks.make_task`.
"""
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Tuple


class TrainingProgram(NamedTuple):
    """An initialized training loop."""
    # Runs that many steps to their end. Returns the last losses of the discriminator and the generator, or None.
    train: Callable[[int], Optional[List[float]]]
    parameters: Optional[Dict[str, int]]  # trainable parameters of 'Generator' and 'Discriminator', or None
    framework: str  # name and version
    device: str
    gpu_memory: Callable[[], Optional[int]]  # peak bytes that the framework used on a GPU, None without one
    scale: float = 1.  # time per step = time per step of `train` × scale
    details: Optional[Dict[str, Any]] = None  # stored in benchmark.json


class Hyperparameters(NamedTuple):
    """A recipe's settings that every framework needs."""
    batch_size: int
    noise_dim: int
    noise_distribution: str  # uniform on [-1, 1), or normal
    learning_rate: float  # of both networks
    beta1: float
    beta2: float
    epsilon: float
    image_shape: Tuple[int, int, int]  # height, width, channels


def hyperparameters(task: Dict[str, Any]) -> Hyperparameters:
    """The hyperparameters of a task that may come from JSON, which has no tuples."""
    values = task['hyperparameters']
    return Hyperparameters(**{**values, 'image_shape': tuple(values['image_shape'])})
