"""A page to explore a generator: `python -m dcgan_tf1.explore`."""
