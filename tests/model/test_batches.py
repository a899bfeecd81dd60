"""Batch plan and latent vectors depend only on seed and step, and are the same on every TensorFlow."""
import hashlib

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from dcgan_tf1.model import randomness
from dcgan_tf1.model.inputs import BatchPlan


def planned_batches(num_examples, batch_size, seed, start, count, shuffle='continuous'):
    """The indices in `count` batches, from step `start` on."""
    with tf.Graph().as_default(), tf.Session() as session:
        start_step = tf.placeholder(tf.int64, [])
        dataset = BatchPlan(shuffle, num_examples, batch_size, seed).indices(start_step)
        iterator = tf.data.make_initializable_iterator(dataset)
        session.run(iterator.initializer, {start_step: start})
        batch = iterator.get_next()
        return [session.run(batch) for _ in range(count)]


@pytest.mark.parametrize('num_examples,batch_size', [(10, 5), (10, 3), (10, 10), (7, 4), (5, 12)])
def test_every_epoch_has_every_example_once(num_examples, batch_size):
    order = np.reshape(planned_batches(num_examples, batch_size, 0, 0, num_examples * 3), (-1, num_examples))
    assert (np.sort(order) == np.arange(num_examples)).all()
    assert len({tuple(epoch) for epoch in order}) > 1


@pytest.mark.slow
@pytest.mark.any_tensorflow
def test_more_than_a_million_examples():
    """Hardly any keys are equal, so hardly any examples keep their order for this reason."""
    plan = BatchPlan('continuous', 10 ** 6 + 1, 10 ** 6 + 1, 7)
    order, = planned_batches(plan.num_examples, plan.batch_size, plan.seed, 1, 1)
    assert (np.sort(order) == np.arange(plan.num_examples)).all()
    with tf.Graph().as_default(), tf.Session() as session:
        keys = session.run(plan._keys(tf.constant(1, tf.int64)))
    assert len(np.unique(keys)) == plan.num_examples and (np.diff(keys[order]) > 0).all()


@pytest.mark.parametrize('start', [1, 3, 4, 9, 10**6, 10**12])
def test_batches_do_not_depend_on_the_first_step(start):
    np.testing.assert_array_equal(planned_batches(10, 3, 5, start, 8)[2:], planned_batches(10, 3, 5, start + 2, 6))


@pytest.mark.slow
@pytest.mark.parametrize('num_examples,batch_size', [(10, 5), (10, 4), (10, 10), (7, 4), (5, 12)])
def test_the_last_batch_of_an_epoch_is_smaller(num_examples, batch_size):
    """The order is new in every epoch, or with `once` always the same."""
    epoch_length = -(-num_examples // batch_size)
    for shuffle in ('per_epoch', 'once'):
        batches = planned_batches(num_examples, batch_size, 0, 0, 3 * epoch_length, shuffle)
        assert [len(batch) for batch in batches[:epoch_length]] == [
            min(batch_size, num_examples - start) for start in range(0, num_examples, batch_size)]
        orders = [tuple(np.concatenate(batches[start:start + epoch_length]))
                  for start in range(0, 3 * epoch_length, epoch_length)]
        assert all(sorted(order) == list(range(num_examples)) for order in orders)
        assert len(set(orders)) == (3 if shuffle == 'per_epoch' else 1)
        for start in (1, epoch_length, epoch_length + 1):
            later_batches = planned_batches(num_examples, batch_size, 0, start, 3 * epoch_length - start, shuffle)
            for batch, expected in zip(later_batches, batches[start:]):
                np.testing.assert_array_equal(batch, expected)


@pytest.mark.parametrize('shuffle,ten_epochs', [('continuous', 4297), ('per_epoch', 4300), ('once', 4300)])
def test_length_of_an_epoch(shuffle, ten_epochs):
    """55,000 images are 429.7 batches of 128."""
    plan = BatchPlan(shuffle, 55000, 128, 0)
    assert plan.steps_in(1) == 430 and plan.steps_in(10) == ten_epochs
    assert plan.epochs_in(430) == (430 * 128 / 55000 if shuffle == 'continuous' else 1)


def test_batches_per_epoch_in_the_posts():
    """000: 2143 batches of 28, the last of 24. 001: 498 batches of 128 for 63,632 images. 002: the last of 96."""
    assert BatchPlan('per_epoch', 60000, 28, 0).steps_in(1) == 2143 and 60000 - 2142 * 28 == 24
    assert BatchPlan('per_epoch', 63632, 128, 0).steps_in(1) == 498
    assert len(planned_batches(60000, 128, 0, 468, 1, 'once')[0]) == 96


def test_the_order_depends_on_the_seed():
    np.testing.assert_array_equal(planned_batches(100, 10, 1, 0, 5), planned_batches(100, 10, 1, 0, 5))
    assert not np.array_equal(planned_batches(100, 10, 1, 0, 5), planned_batches(100, 10, 2, 0, 5))


def test_plan_and_noise_are_the_same_on_every_tensorflow():
    """The checksums were computed on TensorFlow 1.15.5 and on 2.21."""
    indices = np.array(planned_batches(55000, 128, 3, 12345, 100), '<i4')
    assert hashlib.md5(indices.tobytes()).hexdigest() == 'df1f457d4faf38c6daf97639f21623fa'
    with tf.Graph().as_default(), tf.Session() as session:
        noise = session.run(randomness.noise('uniform', 3, randomness.NOISE, tf.constant(7, tf.int64), 128, 100))
    assert noise.dtype == np.float32 and -1 <= noise.min() < -0.999 and 0.999 < noise.max() < 1
    assert hashlib.md5(noise.astype('<f4').tobytes()).hexdigest() == 'eb9e7d4ca9bfb7d36c8fae47b8d9f920'


def test_noise_differs_by_seed_stream_and_step(graph):
    noises = [randomness.noise('uniform', seed, stream, step, 2, 3)
              for seed in (0, 1) for stream in (randomness.NOISE, randomness.GENERATOR_NOISE) for step in (0, 1)]
    with tf.Session() as session:
        first, again = session.run(noises), session.run(noises)
    np.testing.assert_array_equal(first, again)
    assert len({noise.tobytes() for noise in first}) == 8
