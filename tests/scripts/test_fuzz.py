"""Damaged, absurd and malicious files, briefly. `python -m scripts.robustness.fuzz` reads more of them."""
import sys
import zlib

import hypothesis
import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from helpers import run_script
from PIL import Image

from scripts.robustness import fuzz
from scripts.robustness.fuzzing import TARGETS, checkpoints, command_inputs, image_files, strategies

pytestmark = pytest.mark.slow

INPUTS = 10
ON_EVERY_TENSORFLOW = ('checkpoints', '--init_checkpoint', 'newest checkpoints')


@pytest.mark.parametrize('name', [
    pytest.param(name, marks=() if name in ON_EVERY_TENSORFLOW else pytest.mark.any_tensorflow) for name in TARGETS])
def test_rejected_with_an_error_or_read_correctly(name, tmp_path, capfd):
    target = TARGETS[name](str(tmp_path))

    @hypothesis.settings(max_examples=max(3, int(INPUTS * target.share)), derandomize=True, database=None,
                         deadline=None, suppress_health_check=list(hypothesis.HealthCheck))
    @hypothesis.given(target.inputs)
    def read(drawn):
        target.read(drawn)
    read()
    assert 'Traceback' not in capfd.readouterr().err  # Python prints one for an exception in __del__


@pytest.fixture
def make_target(tmp_path):
    """(class) → a target in a folder of its own."""
    def make(target_class):
        folder = tmp_path / target_class.__name__
        folder.mkdir()
        return target_class(str(folder))
    return make


def assert_rejects(target, *inputs):
    for drawn in inputs:
        assert not target.read(drawn), drawn


# The rest are inputs that earlier versions read wrongly.


@pytest.mark.any_tensorflow
def test_arrays_with_wrong_values_or_shapes(make_target):
    huge = np.full((3, 5), 1e300)
    long = strategies.npy_with_header("{'descr': '<f4', 'fortran_order': False, 'shape': (%d, 5)}" % 2 ** 40)
    assert_rejects(make_target(command_inputs.Noise), strategies.npy(huge),
                   strategies.npy(np.array([[None] * 5])), long, strategies.npz(a=huge))
    assert_rejects(make_target(command_inputs.ScoredImages), strategies.npz(a=huge),
                   strategies.npy(np.zeros((5, 0, 0, 1))))


@pytest.mark.any_tensorflow
def test_links_out_of_the_folder_and_pipes(make_target):
    assert_rejects(make_target(image_files.Links), (False, {b'a': 'outer link'}), (False, {b'a': 'pipe'}),
                   (True, {b'a': 'broken'}))


@pytest.mark.any_tensorflow
def test_images_of_other_formats_or_sizes(make_target):
    color = Image.new('RGB', (8, 8))
    damaged = bytearray(image_files.encode(Image.effect_noise((8, 8), 99), 'PNG'))
    damaged[-20] ^= 1  # the checksum of the pixels
    huge = image_files.png_with_header(8193, 8192, 1, body=zlib.compress(bytes(8192 * 1026)))
    contents = [image_files.encode(color, 'EPS'), image_files.encode(color, 'TIFF'), bytes(damaged), huge]
    assert_rejects(make_target(image_files.ImageFiles),
                   *(('.png', False, ('foreign', content)) for content in contents))


@pytest.mark.any_tensorflow
def test_flagfiles_that_are_no_text(make_target):
    assert_rejects(make_target(command_inputs.Flagfiles), b'--recipe=\xff\xfe', b'--run_dir=a\0b')


def test_checkpoint_with_a_huge_block(make_target):
    """For a block of 2^48 bytes at 0, TensorFlow 1.15 asked for the memory, and the process ended."""
    target = make_target(checkpoints.Checkpoints)
    index, values = target.valid_files[checkpoints.INDEX], target.valid_files[checkpoints.DATA]
    huge = checkpoints.with_footer(index, bytes(3) + b'\xff\xff\xff\xff\xff\xff\x3f')
    for content, is_accepted in ((index, True), (huge, False), (b'', False)):
        assert target.read((False, {checkpoints.INDEX: content, checkpoints.DATA: values})) == is_accepted


@pytest.mark.any_tensorflow
def test_report_of_two_versions(tmp_path, monkeypatch):
    """A section replaces the one of the same version and leaves those of others."""
    monkeypatch.setattr(fuzz, 'TARGETS', {'--noise': TARGETS['--noise']})
    (tmp_path / 'README.md').write_text(
        '# Old\n\n## TensorFlow 0.1, Python 3.0\n\nother\n\n## TensorFlow %s, Python %d.%d\n\nreplaced\n' % (
            tf.__version__, *sys.version_info[:2]))
    assert run_script(fuzz, '--inputs=2', '--output=%s' % tmp_path) == 0
    text = (tmp_path / 'README.md').read_text(encoding='utf-8')
    assert text.startswith('# Damaged') and text.count('\n## TensorFlow ') == 2 and 'replaced' not in text
    assert '\n## TensorFlow 0.1, Python 3.0\n\nother\n' in text and '\n| --noise | 2 | ' in text
