"""Images from a trained generator: `python -m dcgan_tf1.sample`."""
