"""Deep convolutional GANs as TensorFlow 1 graphs, on TensorFlow 1.15 and on today's TensorFlow."""
import os

# Before TensorFlow is imported: its start-up notices would bury the command's own lines.
os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '2')

__version__ = '0.2.0'
