"""Runs public TensorFlow 1 GANs, unmodified, with and without `python -m dcgan_tf1.legacy`."""
