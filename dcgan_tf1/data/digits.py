"""The 1,797 handwritten digits of scikit-learn, enlarged to MNIST's size. They need no files and no network.

Source: E. Alpaydin, C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository
(8×8 images, 17 levels of gray).
"""
from typing import Any, Tuple

import numpy as np
from PIL import Image

from dcgan_tf1.data import Images, LabeledImages

HOLDOUT = 0
_TEST_EVERY = 7  # one image of so many is a test image


def load(**_: Any) -> Images:
    """All images, uint8 [1797, 28, 28, 1]: enlarged to 20×20, with a black border of 4 as in MNIST."""
    return _load_all().images


def load_labeled(**_: Any) -> Tuple[LabeledImages, LabeledImages]:
    """1,541 training images and 256 test images.

    Every seventh image is a test image, so both sets contain all digits and all writers.
    """
    return _load_all().split(_TEST_EVERY)


def _load_all() -> LabeledImages:
    from sklearn.datasets import load_digits  # imported here, because it takes a second and is rarely needed
    digits = load_digits()
    small = np.round(digits.images * (255 / 16)).astype(np.uint8)
    pixels = np.zeros((len(small), 28, 28, 1), np.uint8)
    for index, image in enumerate(small):
        enlarged = Image.fromarray(image).resize((20, 20), Image.BICUBIC)  # type: ignore[attr-defined]
        pixels[index, 4:24, 4:24, 0] = np.asarray(enlarged)
    return LabeledImages(Images(pixels, 'scikit-learn'), digits.target.astype(np.uint8))
