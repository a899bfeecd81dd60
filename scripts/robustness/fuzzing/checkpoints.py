"""Checkpoints: damaged, truncated and mixed-up files, and other files with their names."""
import os
from typing import Any, Dict, List, Optional, Tuple

import numpy as np
import tensorflow.compat.v1 as tf
from hypothesis import strategies as st

from dcgan_tf1.runs.checkpoints import saving as checkpoints
from dcgan_tf1.runs.checkpoints.loading import GivenCheckpoint, find
from dcgan_tf1.runs.folder import RunFolder
from dcgan_tf1.train.warm_start import WarmStart
from scripts.lib.messages import collected
from scripts.robustness.fuzzing.strategies import EXTREMES, damaged
from scripts.robustness.fuzzing.target import REJECTED, Target, outcome

INDEX, DATA = '.index', '.data-00000-of-00001'  # suffixes
_SHAPES = {'Generator/dense/kernel': (3, 4), 'Generator/dense/bias': (4,), 'Discriminator/dense/kernel': (4, 2),
           'Discriminator/batch_normalization/moving_mean': (2,)}
_Files = Dict[str, Optional[bytes]]  # {suffix: content, or None for no file}
_FOOTER_SIZE, _MAGIC_SIZE = 48, 8  # of an index, in bytes


def _varint(number):
    parts = []
    while number > 127:
        parts.append(number & 127 | 128)
        number >>= 7
    return bytes([*parts, number])


def with_footer(index: bytes, handles: bytes) -> bytes:
    """An index whose footer has other handles, which say where its blocks are and how long they are."""
    padded = (handles + bytes(_FOOTER_SIZE))[:_FOOTER_SIZE - _MAGIC_SIZE]
    return index[:-_FOOTER_SIZE] + padded + index[-_MAGIC_SIZE:]


@st.composite
def _footers(draw: Any, index: bytes) -> bytes:
    number = st.one_of(st.integers(0, 2 * len(index)), st.sampled_from(EXTREMES), st.integers(0, 2 ** 64 - 1))
    return with_footer(index, b''.join(_varint(draw(number)) for _ in range(draw(st.integers(0, 4)))))


class Checkpoints(Target):
    """Checkpoints by path.

    Attributes:
      valid_files: {suffix: content} of a checkpoint.
    """

    def __init__(self, folder: str):
        super().__init__(folder)
        random_state = np.random.RandomState(0)
        self._values = {name: random_state.uniform(-1, 1, shape).astype(np.float32)
                        for name, shape in _SHAPES.items()}
        self._graph = tf.Graph()
        with self._graph.as_default():
            self._variables = [
                tf.get_variable(name, value.shape, initializer=tf.zeros_initializer(), use_resource=True)
                for name, value in self._values.items()]
            self._saver = tf.train.Saver(self._variables)
            self._feeds = [tf.placeholder(tf.float32, value.shape) for value in self._values.values()]
            self._assign = [variable.assign(feed) for variable, feed in zip(self._variables, self._feeds)]
            self._session = tf.Session()
            self.valid_files, self._negative_files = self._save(1), self._save(-1)
        index, values = self.valid_files[INDEX], self.valid_files[DATA]
        other_index, other_values = self._negative_files[INDEX], self._negative_files[DATA]
        self.inputs = st.tuples(st.booleans(), st.fixed_dictionaries({
            INDEX: st.one_of(damaged([index]), damaged([index]), _footers(index),
                             st.sampled_from([index, other_index, b'', values])),
            DATA: st.one_of(st.just(values), st.just(values), damaged([values]),
                            st.sampled_from([b'', other_values, index, None]))}))

    def _save(self, sign: int) -> Dict[str, bytes]:
        """The files of a checkpoint with the values times `sign`."""
        self._set(sign)
        prefix = self._saver.save(self._session, self.path('valid'), write_meta_graph=False)
        files = {}
        for suffix in (INDEX, DATA):
            with open(prefix + suffix, 'rb') as file:
                files[suffix] = file.read()
        return files

    def _set(self, sign: int) -> None:
        """Gives all variables their values times `sign`."""
        feed = {feed: sign * value for feed, value in zip(self._feeds, self._values.values())}
        self._session.run(self._assign, feed)

    def _put(self, prefix: str, files: _Files) -> None:
        for suffix, content in files.items():
            if content is not None:
                self.write(content, prefix + suffix)
            elif os.path.exists(prefix + suffix):
                os.remove(prefix + suffix)

    def _are(self, restored: List[np.ndarray], signs: Tuple[int, ...]) -> bool:
        """Whether all variables have their values times one of the signs."""
        return any(all(np.array_equal(one, sign * value) for one, value in zip(restored, self._values.values()))
                   for sign in signs)

    def read(self, drawn: Tuple[bool, _Files]) -> bool:
        has_old_format, files = drawn
        prefix = self.path('damaged')
        self._put(prefix, files)
        if has_old_format:  # one file without a suffix
            os.rename(prefix + INDEX, prefix)
        elif os.path.exists(prefix):
            os.remove(prefix)
        restored = outcome(lambda: self.restored(prefix), prefix)
        assert restored is REJECTED or self._are(restored, (1, -1))
        return restored is not REJECTED

    def restored(self, prefix: str) -> List[np.ndarray]:
        """The values of all variables in a checkpoint."""
        self._set(0)
        GivenCheckpoint(prefix).load(self._session, self._variables)
        return self._session.run(self._variables)


class InitCheckpoint(Checkpoints):
    """--init_checkpoint, as a new training reads it."""
    share = .2  # each input needs a graph

    def restored(self, prefix: str) -> List[np.ndarray]:
        with tf.Graph().as_default(), tf.Session() as session:
            variables = [tf.get_variable(name, shape) for name, shape in _SHAPES.items()]
            WarmStart(GivenCheckpoint(find(prefix))).restore(session)
            return session.run(variables)


class NewestCheckpoint(Checkpoints):
    """A run's newest checkpoint, as a resumed training reads it. If it is damaged, the one before it is used."""

    def __init__(self, folder: str):
        super().__init__(folder)
        self._run = RunFolder(self.path('run'))
        self._run.create()
        self._put(self._run.checkpoint_prefix + '-1', self._negative_files)
        with self._graph.as_default():
            self._checkpoints = checkpoints.Checkpoints(self._run, 5)

    def read(self, drawn: Tuple[bool, _Files]) -> bool:
        newest = self._run.checkpoint_prefix + '-2'
        self._put(newest, drawn[1])
        self._set(0)
        self._checkpoints.last = None
        with self._graph.as_default(), collected() as messages:
            assert outcome(lambda: self._checkpoints.restore(self._session) or True), 'rejected'
        is_newest = self._checkpoints.last == newest
        assert [newest in message for message in messages] == [True] * (not is_newest)
        assert self._are(self._session.run(self._variables), (1, -1) if is_newest else (-1,))
        return is_newest
