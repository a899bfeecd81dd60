"""Values that come from other programs, and that one part hands to another."""
import pathlib

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from helpers import SMALL_RUN

from dcgan_tf1 import api
from dcgan_tf1.data import tfrecords
from dcgan_tf1.evaluate import arrays
from dcgan_tf1.model.inputs import BatchPlan
from dcgan_tf1.runs import saved_settings
from dcgan_tf1.settings import cli_flags
from dcgan_tf1.settings.train import TrainSettings
from dcgan_tf1.train.workers import task
from dcgan_tf1.util.errors import UserError
from dcgan_tf1.util.pages import format_value


def test_types_of_numpy_and_pathlib(tmp_path):
    settings = cli_flags.build(TrainSettings, {
        'run_dir': tmp_path / 'run', 'steps': np.int64(4), 'epsilon': np.float32(0.5), 'xla': np.bool_(True),
        'extra_bn_momentums': np.array([0.5]), 'seed': np.array(3), 'recipe': 'sparse_softmax'})
    assert (settings.run_dir, settings.steps, settings.epsilon, settings.xla, settings.extra_bn_momentums,
            settings.seed) == (str(tmp_path / 'run'), 4, 0.5, True, (0.5,), 3)
    with pytest.raises(UserError, match='--steps=0.5 must be a whole number'):
        cli_flags.build(TrainSettings, {'steps': np.float32(0.5)})


def test_none_means_not_given():
    """The flag file that a run writes gives the same settings again."""
    settings = cli_flags.build(TrainSettings, {'recipe': 'machinecurve', 'holdout': None, 'steps': None, 'epochs': 2})
    assert (settings.holdout, settings.steps, 'holdout' in settings.given) == (0, None, False)
    assert cli_flags.parse(TrainSettings, *cli_flags.to_flags(settings)) == settings


def test_a_generator_that_is_asked_again_and_again(trained):
    """The graph of its Session does not grow. The path of the run may be an object of pathlib."""
    run = trained(*SMALL_RUN, '--steps=5')
    with api.open_run(pathlib.Path(run.path)) as generator:
        first = generator.latent_vectors(3, seed=1)
        count = len(generator._graph.get_operations())
        for seed in (1, 2, 2 ** 31 - 1):
            again = generator.latent_vectors(5, seed)
            assert again.shape == (5, 100) and np.array_equal(again[:3], first) == (seed == 1)
        assert len(generator._graph.get_operations()) == count


@pytest.mark.any_tensorflow
def test_line_ends_do_not_make_another_network(tmp_path):
    """Git may change them from one machine to another."""
    checksums = []
    for content in (b'a\nb\n', b'a\r\nb\r\n', b'a\nc\n'):
        (tmp_path / 'net.py').write_bytes(content)
        checksums.append(saved_settings.network_checksum(str(tmp_path / 'net.py')))
    assert checksums[0] == checksums[1] != checksums[2]


@pytest.mark.any_tensorflow
@pytest.mark.parametrize('values,expected', [
    ([-0.004, 0.5, 1.004], [0, 128, 255]), ([-0.5, 0.5], [64, 191]),
    ([False, True], [0, 255]), ([0., 1.], [0, 255])])
def test_the_range_of_images(values, expected):
    images = np.reshape(values, [1, 1, -1, 1])
    np.testing.assert_allclose(arrays.to_uint8(images, None, 'images').ravel(), expected, atol=1)


@pytest.mark.any_tensorflow
def test_small_numbers_are_not_zero():
    assert [format_value(value) for value in (0.00012, 0., 0.12345, 1234.5)] == ['0.00012', '0.000', '0.123', '1234']


@pytest.mark.any_tensorflow
def test_empty_lists_of_other_tasks():
    text = '{"cluster": {"worker": ["a:1", "b:1"], "ps": []}, "task": {"type": "worker", "index": 1}}'
    assert task.read({'TF_CONFIG': text})[:2] == (['a:1', 'b:1'], 1)


def test_epochs_that_are_a_whole_number_of_steps():
    assert BatchPlan('continuous', 10000, 28, 0).steps_in(21) == 7500


def test_runs_are_no_records(tmp_path):
    """The names of checkpoints look like those of shards."""
    with tf.python_io.TFRecordWriter(str(tmp_path / 'a.tfrecord')) as writer:
        writer.write(b'1')
    (tmp_path / 'model-2.data-00000-of-00001').write_bytes(b'12345678')
    (tmp_path / 'runs').mkdir()
    for name in ('config.json', 'train.flags', 'b.tfrecord'):
        (tmp_path / 'runs' / name).write_bytes(b'12345678')
    assert tfrecords.load(str(tmp_path)).names == ['a.tfrecord#000000000']
