"""Files that are named on the command line: noise, images to score, and flag files."""
import os

import numpy as np
from hypothesis import strategies as st

from dcgan_tf1.evaluate import command as evaluate
from dcgan_tf1.evaluate.settings import EvaluateSettings
from dcgan_tf1.sample import command as sample
from dcgan_tf1.sample.settings import SampleSettings
from dcgan_tf1.settings import cli_flags, recipes
from dcgan_tf1.settings.train import TrainSettings
from scripts.robustness.fuzzing.strategies import arrays, damaged
from scripts.robustness.fuzzing.target import REJECTED, Target, outcome


class Noise(Target):
    """--noise of `sample`."""

    def __init__(self, folder: str):
        super().__init__(folder)
        self._settings = cli_flags.parse(SampleSettings, '--noise=' + self.path('noise.npy'), '--noise_dim=5',
                                         '--output=x.npy', '--checkpoint=x')
        self.inputs = arrays((3, 5), (3, 1, 1, 5))

    def read(self, drawn: bytes) -> bool:
        path = self.write(drawn, 'noise.npy')
        noise = outcome(lambda: sample.read_noise(self._settings), '--noise=' + path)
        if noise is REJECTED:
            return False
        assert noise.dtype == np.float32 and noise.shape == (len(noise), 5) and len(noise)
        assert np.isfinite(noise).all()
        np.testing.assert_array_equal(noise.ravel(), np.load(path).astype(np.float32).ravel())
        return True


class ScoredImages(Target):
    """--images of `evaluate`, as an array."""

    def __init__(self, folder: str):
        super().__init__(folder)
        self._settings = cli_flags.parse(EvaluateSettings, '--images=' + self.path('images.npy'))
        self.inputs = arrays((2, 4, 4, 1), (1, 3, 3, 3))

    def read(self, drawn: bytes) -> bool:
        path = self.write(drawn, 'images.npy')
        images = outcome(lambda: evaluate.read_images(self._settings), '--images=' + path)
        if images is REJECTED:
            return False
        assert images.dtype == np.uint8 and images.ndim == 4 and images.size
        stored = np.load(path)
        if not isinstance(stored, np.ndarray):  # an archive is read, too
            stored = stored['images' if 'images' in stored.files else stored.files[0]]
        values = stored.reshape(images.shape)  # gray images may lack the axis of the channels
        if values.min() >= 0 and values.max() > 1.01:
            expected = np.rint(values)  # bytes
        else:
            values = values.astype(np.promote_types(values.dtype, np.float32))
            expected = np.rint(((values if values.min() < 0 else values * 2 - 1) + 1) * 127.5)
        np.testing.assert_array_equal(images, np.clip(expected, 0, 255))
        return True


class Flagfiles(Target):
    """--flagfile of `train`."""

    _CHAIN = 2000  # flag files that include each other

    def __init__(self, folder: str):
        super().__init__(folder)
        os.makedirs(self.path('folder'))
        self.write(b'--flagfile=' + self.path('b.flags').encode(), 'a.flags')
        self.write(b'--flagfile=' + self.path('a.flags').encode(), 'b.flags')
        for number in range(self._CHAIN):
            self.write(b'--flagfile=' + self.path('chain%d' % (number + 1)).encode(), 'chain%d' % number)
        lines = st.lists(self._lines(), max_size=6).map(
            lambda lines: '\n'.join(lines).encode('utf-8', 'surrogatepass'))
        self.inputs = st.one_of(damaged(self._seeds()), lines)

    @staticmethod
    def _seeds():
        seeds = []
        for name in recipes.names():
            with open(recipes.flagfile(name), 'rb') as file:
                seeds.append(file.read())
        return seeds

    def _lines(self):
        names = sorted(TrainSettings.names())
        values = st.one_of(
            st.sampled_from(['', '0', '-1', '1e308', '1e400', 'nan', '9' * 5000, '0x10', 'true', '٣', '²', '\0',
                             'a\0b', ',', '1,,2', '"', ' ', '1_000']),
            st.integers().map(str), st.floats().map(str), st.text(max_size=6))
        paths = [self.path(name) for name in ('own.flags', 'a.flags', 'nowhere', 'folder', 'chain0')]
        return st.one_of(
            st.builds('--{}={}'.format, st.sampled_from(names), values),
            st.builds('--flagfile={}'.format, st.sampled_from([*paths, '', '~', '/dev/null'])),
            st.builds('--{}'.format, st.sampled_from([*names, 'noxla', 'undefok=nothing', '', '-', '-xla'])),
            values)

    def read(self, drawn: bytes) -> bool:
        path = self.write(drawn, 'own.flags')
        settings = outcome(lambda: cli_flags.parse(TrainSettings, '--flagfile=' + path), path, self.folder,
                           'is not a flag', 'Unknown command line flag', 'flagfile',
                           *('--' + name for name in TrainSettings.names()))
        if settings is REJECTED:
            return False
        again = self.write(cli_flags.flag_file(cli_flags.to_flags(settings)), 'again.flags')
        assert cli_flags.parse(TrainSettings, '--flagfile=' + again) == settings
        return True
