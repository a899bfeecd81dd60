"""Convolutions by other routes than TensorFlow's own kernels, and which are faster here."""
