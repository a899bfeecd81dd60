"""Deep convolutional GANs as TensorFlow 1 graphs, on TensorFlow 1.13 to 2.21."""
from dcgan_tf1.util import startup

startup.prepare()  # before any module imports TensorFlow

__version__ = '1.0.0'
