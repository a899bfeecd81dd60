"""MNIST and Fashion-MNIST, with far fewer images."""
import contextlib
import gzip
import hashlib
import io
import os
import struct
import zipfile
from typing import Any, Tuple
from unittest import mock

import numpy as np
from hypothesis import strategies as st
from tensorflow import keras

from dcgan_tf1.data import _idx
from dcgan_tf1.data._images import idx_md5
from dcgan_tf1.data._sources import MNIST, TRAIN
from scripts.robustness.fuzzing.strategies import EXTREMES, arrays, damaged, npz
from scripts.robustness.fuzzing.target import REJECTED, Target, outcome

IMAGES = np.random.RandomState(0).randint(0, 256, (12, 28, 28)).astype(np.uint8)
LABELS = (np.arange(12) % 10).astype(np.uint8)
# The test set differs, or its files would be taken for the training set: their names do not matter.
_CONTENTS = {_idx.TRAIN: struct.pack('>4I', 2051, 12, 28, 28) + IMAGES.tobytes(),
             _idx.TRAIN_LABELS: struct.pack('>2I', 2049, 12) + LABELS.tobytes(),
             _idx.TEST: struct.pack('>4I', 2051, 12, 28, 28) + (255 - IMAGES).tobytes(),
             _idx.TEST_LABELS: struct.pack('>2I', 2049, 12) + LABELS[::-1].tobytes()}
_ZIPPED = {name: gzip.compress(content) for name, content in _CONTENTS.items()}
_SHAPES = {_idx.TRAIN: IMAGES.shape, _idx.TRAIN_LABELS: LABELS.shape,
           _idx.TEST: IMAGES.shape, _idx.TEST_LABELS: LABELS.shape}


def _md5(contents):
    return {name: hashlib.md5(content).hexdigest() for name, content in contents.items()}


def _headers():
    """IDX headers with any sizes, and a few bytes of content."""
    magic_numbers = st.sampled_from([2048, 2049, 2050, 2051, 0x0d03, 0, 2 ** 32 - 1])
    sizes = st.lists(st.sampled_from([*EXTREMES[:-2], 12, 28, 784]), max_size=4)
    return st.builds(lambda magic, sizes, rest: struct.pack('>%dI' % (1 + len(sizes)), magic, *sizes) + rest,
                     magic_numbers, sizes, st.binary(max_size=40))


class Idx(Target):
    """--data_dir of mnist and fashion_mnist: images and labels in IDX files, with gzip or without."""

    def __init__(self, folder: str):
        super().__init__(folder)
        images_md5 = {name: checksum for name, checksum in _md5(_CONTENTS).items() if 'images' in name}
        sources = (_idx.Source('mnist', _md5(_CONTENTS), {}, None),
                   _idx.Source('fashion_mnist', images_md5, _md5(_ZIPPED), None))
        files = []
        for name in (_idx.TRAIN, _idx.TRAIN_LABELS):
            files += [st.tuples(st.just(name), self._raw(_CONTENTS[name])),
                      st.tuples(st.just(name + '.gz'), self._compressed(_CONTENTS[name], _ZIPPED[name]))]
        self.inputs = st.tuples(st.sampled_from(sources), st.one_of(files))

    @staticmethod
    def _raw(content):
        return st.one_of(damaged([content]), _headers(), _headers().map(lambda header: header + content),
                         st.binary(max_size=60), st.just(content))

    def _compressed(self, content, zipped):
        bomb = gzip.compress(bytes(2 ** 26))
        return st.one_of(
            self._raw(content).map(lambda raw: gzip.compress(raw, 1)), damaged([zipped]),
            st.integers(1, 30).map(lambda times: zipped + times * bomb), st.integers(1, 30).map(
                lambda times: times * bomb),
            st.integers(1, 2 ** 20).map(lambda count: zipped + bytes(count)))

    def read(self, drawn: Tuple[Any, Tuple[str, bytes]]) -> bool:
        source, (name, content) = drawn
        for other, zipped in _ZIPPED.items():
            for suffix in ('', '.gz'):
                with contextlib.suppress(OSError):
                    os.remove(self.path(other + suffix))
            if other != name.replace('.gz', ''):
                self.write(zipped, other + '.gz')
        path = self.write(content, name)
        with mock.patch.dict(_idx.SHAPES, _SHAPES):
            loaded = outcome(lambda: _idx.load_labeled(source, self.folder), path)
        if loaded is REJECTED:
            return False
        np.testing.assert_array_equal(loaded[0].images.pixels[..., 0], IMAGES)
        np.testing.assert_array_equal(loaded[0].labels, LABELS)
        return True


class KerasNpz(Target):
    """Keras's copy of MNIST."""

    def __init__(self, folder: str):
        super().__init__(folder)
        valid = npz(x_train=IMAGES, y_train=LABELS)
        self._source = MNIST._replace(md5={TRAIN: idx_md5(IMAGES)})
        self.inputs = st.one_of(damaged([valid]), arrays(IMAGES.shape), arrays(IMAGES.shape).map(self._zip))

    @staticmethod
    def _zip(content):
        file = io.BytesIO()
        with zipfile.ZipFile(file, 'w', zipfile.ZIP_DEFLATED) as archive:
            archive.writestr('x_train.npy', content)
        return file.getvalue()

    def read(self, drawn: bytes) -> bool:
        path = self.write(drawn, 'mnist.npz')
        with mock.patch.dict(_idx.SHAPES, _SHAPES), mock.patch.object(keras.utils, 'get_file', lambda **_: path):
            loaded = outcome(lambda: _idx.load(self._source, None), path)
        if loaded is REJECTED:
            return False
        np.testing.assert_array_equal(loaded.pixels[..., 0], IMAGES)
        return True
