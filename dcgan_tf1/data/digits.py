"""The 1,797 handwritten digits that scikit-learn carries, brought to MNIST's size: no file, no network.

Source: E. Alpaydin, C. Kaynak, «Optical Recognition of Handwritten Digits», UCI Machine Learning Repository
(8×8 images, 17 levels of grey).
"""
import numpy as np
from PIL import Image

from dcgan_tf1.data import Images, LabeledImages

HOLDOUT = 0


def load(**_):
    """All images, uint8 [1797, 28, 28, 1]: enlarged to 20×20 in a black frame of 4, as MNIST's digits are framed."""
    return _load().images


def load_labeled(**_):
    """1,541 and 256 images: every seventh is for testing, so that all writers and digits are in either part."""
    everything = _load()
    test = np.arange(len(everything.labels)) % 7 == 6
    return tuple(LabeledImages(Images(everything.images.pixels[part], everything.images.source), everything.labels[part])
                 for part in (~test, test))


def _load():
    from sklearn.datasets import load_digits  # takes a second, and is needed only here
    digits = load_digits()
    small = np.round(digits.images * (255 / 16)).astype(np.uint8)
    pixels = np.zeros((len(small), 28, 28, 1), np.uint8)
    for index, image in enumerate(small):
        pixels[index, 4:24, 4:24, 0] = Image.fromarray(image).resize((20, 20), Image.BICUBIC)
    return LabeledImages(Images(pixels, 'scikit-learn'), digits.target.astype(np.uint8))
