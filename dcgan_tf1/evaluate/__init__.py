"""Scores of images against a dataset: `python -m dcgan_tf1.evaluate`."""
