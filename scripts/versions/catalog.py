"""The versions of TensorFlow that are tried, and what each of them needs."""
from typing import List, NamedTuple, Tuple


class Version(NamedTuple):
    """A TensorFlow on a Python."""

    tensorflow: str
    python: Tuple[int, int]

    @property
    def name(self) -> str:
        """Names the version in the measurements."""
        return '%s on Python %d.%d' % (self.tensorflow, *self.python)

    @property
    def packages(self) -> List[str]:
        """What pip has to install beside this package."""
        number = [int(part) for part in self.tensorflow.split('.')[:2]]
        # From Python 3.9 on there is NumPy 2, with which older TensorFlows do not work, but they do not say so.
        numpy = ['numpy<2'] if number < [2, 16] and self.python >= (3, 9) else []
        return ['tensorflow==' + self.tensorflow, *numpy]


# The first is the oldest, with which all others exchange checkpoints. A comment names the Python on which pip takes the
# version by itself; on Python 3.10 to 3.13, that is 2.21.
VERSIONS = [
    Version('1.13.2', (3, 7)), Version('1.14.0', (3, 7)), Version('1.15.5', (3, 7)), Version('2.0.4', (3, 7)),
    Version('2.1.4', (3, 7)), Version('2.4.4', (3, 8)), Version('2.7.4', (3, 9)), Version('2.10.1', (3, 10)),
    Version('2.11.0', (3, 7)),  # Python 3.7
    Version('2.13.1', (3, 8)),  # Python 3.8
    Version('2.15.1', (3, 11)), Version('2.16.2', (3, 12)), Version('2.18.1', (3, 12)),
    Version('2.20.0', (3, 9)),  # Python 3.9
    Version('2.21.0', (3, 10)), Version('2.21.0', (3, 11)), Version('2.21.0', (3, 12)), Version('2.21.0', (3, 13)),
]
