"""The batch plan and the noise: functions of (seed, step), the same on every TensorFlow."""
import hashlib

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from dcgan_tf1 import batches, randomness


def plan(num_examples, batch_size, seed, start, count):
    with tf.Graph().as_default(), tf.Session() as session:
        start_step = tf.placeholder(tf.int64, [])
        dataset = batches.shuffled_indices(num_examples, batch_size, seed, start_step)
        iterator = tf.data.make_initializable_iterator(dataset)
        session.run(iterator.initializer, {start_step: start})
        batch = iterator.get_next()
        return np.array([session.run(batch) for _ in range(count)])


@pytest.mark.parametrize('num_examples,batch_size', [(10, 5), (10, 3), (10, 10), (7, 4), (5, 12)])
def test_every_epoch_holds_every_example_once(num_examples, batch_size):
    order = plan(num_examples, batch_size, 0, 0, num_examples * 3).reshape(-1, num_examples)
    assert (np.sort(order) == np.arange(num_examples)).all()
    assert len({tuple(epoch) for epoch in order}) > 1


@pytest.mark.parametrize('start', [1, 3, 4, 9, 10**6, 10**12])
def test_a_batch_is_the_same_wherever_the_plan_starts(start):
    np.testing.assert_array_equal(plan(10, 3, 5, start, 8)[2:], plan(10, 3, 5, start + 2, 6))


def test_the_seed_decides():
    np.testing.assert_array_equal(plan(100, 10, 1, 0, 5), plan(100, 10, 1, 0, 5))
    assert not np.array_equal(plan(100, 10, 1, 0, 5), plan(100, 10, 2, 0, 5))


def test_plan_and_noise_are_the_same_on_every_tensorflow():
    """Pinned, on TensorFlow 1.15.5 and on 2.21."""
    indices = plan(55000, 128, 3, 12345, 100).astype('<i4')
    assert hashlib.md5(indices.tobytes()).hexdigest() == 'df1f457d4faf38c6daf97639f21623fa'
    with tf.Graph().as_default(), tf.Session() as session:
        noise = session.run(randomness.uniform_noise(3, randomness.NOISE, tf.constant(7, tf.int64), 128, 100))
    assert noise.dtype == np.float32 and -1 <= noise.min() < -0.999 and 0.999 < noise.max() < 1
    assert hashlib.md5(noise.astype('<f4').tobytes()).hexdigest() == 'eb9e7d4ca9bfb7d36c8fae47b8d9f920'


def test_noise_differs_by_seed_stream_and_step(graph):
    noises = [randomness.uniform_noise(seed, stream, step, 2, 3)
              for seed in (0, 1) for stream in (randomness.NOISE, randomness.GENERATOR_NOISE) for step in (0, 1)]
    with tf.Session() as session:
        first, again = session.run(noises), session.run(noises)
    np.testing.assert_array_equal(first, again)
    assert len({noise.tobytes() for noise in first}) == 8
