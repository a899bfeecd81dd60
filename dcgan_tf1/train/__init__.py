"""A training: `python -m dcgan_tf1.train`."""
