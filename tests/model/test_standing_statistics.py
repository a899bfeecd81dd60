"""Standing statistics, and moving averages with extra momentums."""
import os

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from helpers import FEW_FILTERS, MAIN_RUN, assert_same_variables, final_variables
from PIL import Image

from dcgan_tf1.model import graph as graphs
from dcgan_tf1.model import standing_statistics
from dcgan_tf1.model.layers import BATCH_STATISTICS, batch_norm, dense, update_moving_statistics
from dcgan_tf1.model.network import Network
from dcgan_tf1.sample import sampler, statistics_cache
from dcgan_tf1.sample.preparation import for_run
from dcgan_tf1.util import grids, pixels
from dcgan_tf1.util.errors import UserError

RUN = (*MAIN_RUN, FEW_FILTERS, '--steps=6')
MOMENTUMS = (0., 0.9, 0.9801)


@pytest.fixture
def plain_run(trained):
    return trained(*RUN)


@pytest.fixture
def run(trained):
    """A small run with moving averages of extra momentums, whose grids show images with standing statistics."""
    return trained(*RUN, '--extra_bn_momentums=0,0.9,0.9801', '--bn_mode=standing', '--standing_batches=3')


@pytest.fixture
def settings(run, sampling_settings):
    """Settings of `sample` for the last checkpoint of the run."""
    return for_run(sampling_settings('--run_dir=' + run.path, '--output=x.npy'))


@pytest.fixture
def generator(settings):
    with sampler.Generator(settings) as opened:
        yield opened


def small_generator():
    """(generator, inputs of its two batch norms), of which one normalizes vectors and the other images."""
    noise, is_training = tf.placeholder(tf.float32, [None, 5]), tf.placeholder(tf.bool, [])
    inputs = []

    def function(x, training):
        inputs.append(dense(x, 12))
        x = tf.reshape(tf.nn.relu(batch_norm(inputs[0], training)), [-1, 2, 2, 3])
        inputs.append(x * [1., 2., 3.] + 10)
        return batch_norm(inputs[1], training)
    forward_pass = Network('Generator', function, is_training)(noise)
    return graphs.Generator(noise, is_training, forward_pass.output, forward_pass.statistics), inputs


def test_statistics_are_pooled_over_batches():
    """Mean and variance are those of all inputs of a layer, as if they had come in one batch."""
    with tf.Graph().as_default(), tf.Session() as session:
        generator, layer_inputs = small_generator()
        session.run(tf.global_variables_initializer())
        batches = [np.random.RandomState(seed).normal(seed, 1 + seed, (7, 5)) for seed in range(4)]
        statistics = standing_statistics.accumulate(session, generator, generator.noise, iter(batches))
        for tensor, layer in zip(layer_inputs, ('batch_normalization', 'batch_normalization_1')):
            x = np.concatenate([session.run(tensor, {generator.noise: batch, generator.is_training: True})
                                for batch in batches])
            x = x.reshape(-1, x.shape[-1]).astype(np.float64)
            np.testing.assert_allclose(statistics['Generator/%s/moving_mean' % layer], x.mean(axis=0), rtol=1e-5,
                                       atol=1e-6)
            np.testing.assert_allclose(statistics['Generator/%s/moving_variance' % layer], x.var(axis=0), rtol=1e-5)
        # With the statistics of a single batch, an image alone is the same as among the batch in batch mode.
        feed = standing_statistics.feed_dict(generator, standing_statistics.accumulate(
            session, generator, generator.noise, batches[:1]))
        image = session.run(generator.images, {generator.noise: batches[0][:1], **feed})
        batch_images = session.run(generator.images, {generator.noise: batches[0], generator.is_training: True})
        np.testing.assert_allclose(image, batch_images[:1], atol=2e-5)


@pytest.mark.slow
@pytest.mark.parametrize('layer', ['batch_normalization', 'batch_normalization_1'])
@pytest.mark.parametrize('statistic,initial', [('moving_mean', 0), ('moving_variance', 1)])
def test_higher_momentums_stay_closer_to_the_initial_value(layer, statistic, initial, run):
    variables = final_variables(run)
    name = 'Generator/%s/%s' % (layer, statistic)
    averages = {momentum: variables['%s_momentum_%s' % (name, momentum)] for momentum in MOMENTUMS}
    assert not np.allclose(averages[0.9], averages[0.])
    distances = [np.abs(average - initial).mean() for average in (averages[0.9], averages[0.9801], variables[name])]
    assert distances[0] > distances[1] > distances[2] > 0  # the layer's own momentum is 0.99


@pytest.mark.slow
def test_extra_averages_and_grids_do_not_change_the_training(run, plain_run):
    variables, plain_variables = final_variables(run), final_variables(plain_run)
    assert_same_variables(variables, plain_variables, subset=True)
    extra = set(variables) - set(plain_variables)
    assert len(extra) == 3 * 2 * 2  # momentums, layers, mean and variance
    assert not [name for name in extra if 'Discriminator' in name]


def test_two_updates_equal_one_with_the_squared_momentum(graph):
    x = tf.placeholder(tf.float32, [None, 3])
    batch_norm(x, tf.constant(True), momentum=0.9)
    statistics = tf.get_collection(BATCH_STATISTICS)
    updates = update_moving_statistics([statistic._replace(extra_momentums=[0.81]) for statistic in statistics])
    second_updates = update_moving_statistics(statistics)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for seed in range(3):
            feed = {x: np.random.RandomState(seed).normal(seed, 2, (6, 3))}
            session.run(updates, feed)
            session.run(second_updates, feed)
        for name in ('moving_mean', 'moving_variance'):
            updated_twice, squared_momentum = [session.run(variable) for variable in tf.global_variables()
                                               if name in variable.op.name]
            np.testing.assert_allclose(updated_twice, squared_momentum, rtol=1e-5)


def test_images_with_another_momentum(generator):
    noise = generator.latent_vectors(5, 0)
    own, other = (generator.generate(noise, generator.statistics('moving', momentum)) for momentum in (None, 0.9))
    assert not np.allclose(own, other, atol=1e-3)
    with pytest.raises(UserError, match='no moving averages of --bn_momentum=0.5: train with --extra_bn_momentums=0.5'):
        generator.statistics('moving', 0.5)


def test_images_with_standing_statistics(generator):
    """They do not depend on each other, but on the statistics."""
    statistics = generator.statistics('standing', batches=3)
    noise = generator.latent_vectors(6, 0)
    images = generator.generate(noise, statistics)
    single_images = [generator.generate(noise[index:index + 1], statistics) for index in range(6)]
    np.testing.assert_allclose(np.concatenate(single_images), images, atol=1e-5)
    assert not np.allclose(images, generator.generate(noise, generator.statistics('moving')), atol=1e-3)
    assert not np.allclose(images, generator.generate(noise, generator.statistics('standing', batches=1)), atol=1e-3)


def test_the_cache_beside_the_checkpoint(generator, settings, monkeypatch):
    checkpoint = settings.checkpoint
    with open(checkpoint + '.index', 'rb') as file:
        index = file.read()
    statistics = generator.statistics('standing', batches=4)
    assert os.path.exists(checkpoint + '.standing-4x8.npz')
    with open(checkpoint + '.index', 'rb') as file:
        assert file.read() == index
    # The next call reads the cache and computes nothing …
    monkeypatch.setattr(standing_statistics, 'accumulate', None)
    assert_same_variables(generator.statistics('standing', batches=4), statistics)
    # … unless it belongs to another checkpoint of the same name, or to another generator, or is damaged.
    shapes = {name: value.shape for name, value in statistics.items()}
    cache = statistics_cache.StatisticsCache(checkpoint, 4, 8, 'one')
    assert cache.read(shapes) is None
    cache.write(statistics)
    assert_same_variables(cache.read(shapes), statistics)
    assert statistics_cache.StatisticsCache(checkpoint, 4, 8, 'another').read(shapes) is None
    with open(checkpoint + '.index', 'ab') as file:
        file.write(b'x')
    assert statistics_cache.StatisticsCache(checkpoint, 4, 8, 'one').read(shapes) is None
    with open(checkpoint + '.index', 'wb') as file:
        file.write(index)
    with open(cache.path, 'r+b') as file:
        file.truncate(100)
    assert cache.read(shapes) is None


def test_a_cache_that_cannot_be_written(generator, monkeypatch):
    def disk_is_full(*_):
        raise OSError(28, 'No space left on device')
    monkeypatch.setattr(statistics_cache, 'write_atomically', disk_is_full)
    assert generator.statistics('standing', batches=2)


@pytest.mark.slow
def test_grids_of_a_training_with_standing_statistics(run, generator, settings):
    """They show the images that `sample` generates."""
    assert (settings.bn_mode, settings.standing_batches) == ('standing', 3)
    images = generator.generate(generator.latent_vectors(4, 0), generator.statistics('standing', batches=3))
    grid = np.asarray(Image.open(run.grid(6)))
    np.testing.assert_allclose(grids.grid(pixels.to_uint8(images), scale=2).astype(int), grid, atol=1)
