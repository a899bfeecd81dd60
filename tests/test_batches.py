"""The batch plan and the noise: functions of (seed, step), the same on every TensorFlow."""
import hashlib

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from dcgan_tf1 import randomness
from dcgan_tf1.batches import BatchPlan


def plan(num_examples, batch_size, seed, start, count, kind='continuous'):
    with tf.Graph().as_default(), tf.Session() as session:
        start_step = tf.placeholder(tf.int64, [])
        dataset = BatchPlan(kind, num_examples, batch_size, seed).indices(start_step)
        iterator = tf.data.make_initializable_iterator(dataset)
        session.run(iterator.initializer, {start_step: start})
        batch = iterator.get_next()
        return [session.run(batch) for _ in range(count)]


@pytest.mark.parametrize('num_examples,batch_size', [(10, 5), (10, 3), (10, 10), (7, 4), (5, 12)])
def test_every_epoch_holds_every_example_once(num_examples, batch_size):
    order = np.reshape(plan(num_examples, batch_size, 0, 0, num_examples * 3), (-1, num_examples))
    assert (np.sort(order) == np.arange(num_examples)).all()
    assert len({tuple(epoch) for epoch in order}) > 1


@pytest.mark.parametrize('start', [1, 3, 4, 9, 10**6, 10**12])
def test_a_batch_is_the_same_wherever_the_plan_starts(start):
    np.testing.assert_array_equal(plan(10, 3, 5, start, 8)[2:], plan(10, 3, 5, start + 2, 6))


@pytest.mark.parametrize('num_examples,batch_size', [(10, 5), (10, 4), (10, 10), (7, 4), (5, 12)])
def test_epochs_end_with_what_is_left(num_examples, batch_size):
    """A new order every epoch, or with `fixed` the same batches again."""
    an_epoch = -(-num_examples // batch_size)
    for kind in ('epochs', 'fixed'):
        cut = plan(num_examples, batch_size, 0, 0, 3 * an_epoch, kind)
        assert [len(batch) for batch in cut[:an_epoch]] == [
            min(batch_size, num_examples - start) for start in range(0, num_examples, batch_size)]
        orders = [tuple(np.concatenate(cut[start:start + an_epoch])) for start in range(0, 3 * an_epoch, an_epoch)]
        assert all(sorted(order) == list(range(num_examples)) for order in orders)
        assert len(set(orders)) == (3 if kind == 'epochs' else 1)
        for start in (1, an_epoch, an_epoch + 1):
            for a, b in zip(cut[start:], plan(num_examples, batch_size, 0, start, 3 * an_epoch - start, kind)):
                np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize('kind,steps', [('continuous', 430), ('epochs', 430), ('fixed', 430)])
def test_length_of_an_epoch(kind, steps):
    """55,000 images in batches of 128: 429.7 batches, the last of a new epoch's order shared with the next."""
    cut = BatchPlan(kind, 55000, 128, 0)
    assert cut.steps(1) == steps and cut.steps(10) == (4297 if kind == 'continuous' else 4300)
    assert cut.epochs(430) == (430 * 128 / 55000 if kind == 'continuous' else 1)


def test_batches_an_epoch_that_the_posts_print():
    """000: 2143 batches of 28, the last of 24; 001: 498 batches of 128 for 63,632 images; 002: the last of 96."""
    assert BatchPlan('epochs', 60000, 28, 0).steps(1) == 2143 and 60000 - 2142 * 28 == 24
    assert BatchPlan('epochs', 63632, 128, 0).steps(1) == 498
    assert len(plan(60000, 128, 0, 468, 1, 'fixed')[0]) == 96


def test_the_seed_decides():
    np.testing.assert_array_equal(plan(100, 10, 1, 0, 5), plan(100, 10, 1, 0, 5))
    assert not np.array_equal(plan(100, 10, 1, 0, 5), plan(100, 10, 2, 0, 5))


def test_plan_and_noise_are_the_same_on_every_tensorflow():
    """Pinned, on TensorFlow 1.15.5 and on 2.21."""
    indices = np.array(plan(55000, 128, 3, 12345, 100), '<i4')
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
