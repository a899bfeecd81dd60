"""Damaged, absurd and hostile files, briefly: `scripts/fuzz.py` runs the same targets at length."""
import zlib

import fuzzing
import hypothesis
import numpy as np
import pytest
from fuzzing import TARGETS
from PIL import Image

INPUTS = 40


@pytest.mark.parametrize('name', TARGETS)
def test_refused_by_name_or_taken_for_what_it_is(name, tmp_path, capfd):
    target = TARGETS[name](str(tmp_path))

    @hypothesis.settings(max_examples=max(3, int(INPUTS * target.share)), derandomize=True, database=None,
                         deadline=None, suppress_health_check=list(hypothesis.HealthCheck))
    @hypothesis.given(target.inputs)
    def read(drawn):
        target.read(drawn)
    read()
    assert 'Traceback' not in capfd.readouterr().err  # of what is ignored, as in __del__


def test_pinned(tmp_path):
    """What the program once took wrongly: each refused now."""
    def target(kind, *inputs):
        folder = tmp_path / kind.__name__
        folder.mkdir()
        made = kind(str(folder))
        for drawn in inputs:
            assert not made.read(drawn), drawn
        return made
    noise = [np.full((3, 5), 1e300), np.array([[None] * 5])]
    target(fuzzing.Noise, *map(fuzzing.npy, noise), fuzzing.npy_with(
        "{'descr': '<f4', 'fortran_order': False, 'shape': (%d, 5)}" % 2 ** 40), fuzzing.npz(a=noise[0]))
    target(fuzzing.ScoredImages, fuzzing.npz(a=noise[0]), fuzzing.npy(np.zeros((5, 0, 0, 1))))
    target(fuzzing.Links, (False, {b'a': 'outer link'}), (False, {b'a': 'pipe'}), (True, {b'a': 'broken'}))
    colour = Image.new('RGB', (8, 8))
    damaged = bytearray(fuzzing.encoded(Image.effect_noise((8, 8), 99), 'PNG'))
    damaged[-20] ^= 1  # the checksum of the pixels
    target(fuzzing.Images, *(('.png', False, ('foreign', content)) for content in (
        fuzzing.encoded(colour, 'EPS'), fuzzing.encoded(colour, 'TIFF'), bytes(damaged),
        fuzzing.png_of(8193, 8192, 1, body=zlib.compress(bytes(8192 * 1026))))))
    target(fuzzing.Flagfiles, b'--recipe=\xff\xfe', b'--run_dir=a\0b')
    checkpoint = target(fuzzing.Checkpoints)
    index, values = checkpoint.parts[0]
    # A block of 2^48 bytes at 0: TensorFlow 1.15 asked for the memory, and the process ended.
    footer = (bytes(3) + b'\xff\xff\xff\xff\xff\xff\x3f' + bytes(40))[:40] + index[-8:]
    for content, accepted in ((index, True), (index[:-48] + footer, False), (b'', False)):
        assert checkpoint.read((False, {'.index': content, '.data-00000-of-00001': values})) == accepted
