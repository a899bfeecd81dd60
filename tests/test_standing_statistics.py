"""Standing statistics, and moving ones of further momenta."""
import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from PIL import Image

from dcgan_tf1 import graph, plots, sampler, standing
from dcgan_tf1.batches import BatchPlan
from dcgan_tf1.checkpoints import last_checkpoint
from dcgan_tf1.errors import UserError
from dcgan_tf1.graph import build_training
from dcgan_tf1.layers import BATCH_STATISTICS, batch_norm, dense, update_moving_statistics
from dcgan_tf1.run_folder import RunFolder
from dcgan_tf1.schedules import SCHEDULES

SMALL = ('--dataset=digits', '--batch_size=8', '--sample_size=4', '--steps=6')
MOMENTA = '--further_momenta=0,0.9,0.9801'


@pytest.fixture
def run(trained):
    """A small run that kept further averages."""
    return trained(*SMALL, MOMENTA, '--log_every=1')


@pytest.fixture
def settings(run, sampling_settings):
    """(flags…) → settings of `sample` on a copy of the run's checkpoint."""
    return lambda *args: sampler.of_run(sampling_settings('--run_dir=' + run.path, '--output=x.npy', *args))


@pytest.fixture
def generator(settings):
    with sampler.Sampler(settings()) as opened:
        yield opened


def small_generator():
    """Two batch norms, of vectors and of images, whose inputs a test sees."""
    noise, is_training = tf.placeholder(tf.float32, [None, 5]), tf.placeholder(tf.bool, [])
    inputs = []

    def function(x, training):
        inputs.append(dense(x, 12))
        x = tf.reshape(tf.nn.relu(batch_norm(inputs[0], training)), [-1, 2, 2, 3])
        inputs.append(x * [1., 2., 3.] + 10)
        return batch_norm(inputs[1], training)
    applied = graph.Network('Generator', function, is_training)(noise)
    made = graph.Generator(noise, is_training, applied.output, applied.statistics)
    return made, inputs


def test_pooled_over_batches():
    """Mean and variance of all that came in, as if it had come in one batch."""
    with tf.Graph().as_default(), tf.Session() as session:
        made, inputs = small_generator()
        session.run(tf.global_variables_initializer())
        batches = [np.random.RandomState(seed).normal(seed, 1 + seed, (7, 5)) for seed in range(4)]
        found = standing.accumulate(session, made, made.noise, iter(batches))
        came = [np.concatenate([session.run(x, {made.noise: batch, made.is_training: True}) for batch in batches])
                for x in inputs]
        for x, layer in zip(came, ('batch_normalization', 'batch_normalization_1')):
            x = x.reshape(-1, x.shape[-1]).astype(np.float64)
            np.testing.assert_allclose(found['Generator/%s/moving_mean' % layer], x.mean(axis=0), rtol=1e-5, atol=1e-6)
            np.testing.assert_allclose(found['Generator/%s/moving_variance' % layer], x.var(axis=0), rtol=1e-5)
        # With the statistics of one batch, that batch is made as in batch mode; and alone as among others.
        one = standing.accumulate(session, made, made.noise, batches[:1])
        alone = session.run(made.images, {made.noise: batches[0][:1], **standing.feed(made, one)})
        together = session.run(made.images, {made.noise: batches[0], made.is_training: True})
        np.testing.assert_allclose(alone, together[:1], atol=2e-5)


def test_further_momenta(run):
    """Each equals its closed form, and leaves the layers' own averages and the training as they are."""
    reader = tf.train.load_checkpoint(last_checkpoint(run))
    for layer in ('batch_normalization', 'batch_normalization_1'):
        for of in ('moving_mean', 'moving_variance'):
            name = 'Generator/%s/%s' % (layer, of)
            values = {momentum: reader.get_tensor('%s_momentum_%s' % (name, momentum))
                      for momentum in (0.0, 0.9, 0.9801)}
            assert not np.allclose(values[0.9], values[0.0])
            own = reader.get_tensor(name)
            # Nearer to where it began, the higher the momentum.
            initial = float(of == 'moving_variance')
            gaps = [np.abs(value - initial).mean() for value in (values[0.9], values[0.9801], own)]
            assert gaps[0] > gaps[1] > gaps[2] > 0
    assert not [name for name in reader.get_variable_to_shape_map() if 'Discriminator' in name and 'momentum' in name]


def test_updated_twice_is_the_momentum_squared(graph):
    x = tf.placeholder(tf.float32, [None, 3])
    batch_norm(x, tf.constant(True), momentum=0.9)
    statistics = tf.get_collection(BATCH_STATISTICS)
    updates = update_moving_statistics([statistic._replace(further_momenta=[0.81]) for statistic in statistics])
    again = update_moving_statistics(statistics)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for seed in range(3):
            feed = {x: np.random.RandomState(seed).normal(seed, 2, (6, 3))}
            session.run(updates, feed)
            session.run(again, feed)
        for name in ('moving_mean', 'moving_variance'):
            twice, squared = [session.run(variable) for variable in tf.global_variables()
                              if name in variable.op.name]
            np.testing.assert_allclose(twice, squared, rtol=1e-5)


@pytest.mark.parametrize('schedule', sorted(SCHEDULES))
def test_in_every_schedule(schedule, training_settings, random_images, graph):
    """A further average of the layers' own momentum is their own average, wherever its updates are in a step."""
    settings = training_settings('--batch_size=4', '--schedule=' + schedule, '--further_momenta=0.99')
    training = build_training(settings, random_images, BatchPlan('continuous', 40, 4, 0))
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        training.start(session, 0)
        for _ in range(2):
            session.run(training.step.train_op)
        values = session.run({variable.op.name: variable for variable in tf.global_variables()})
    further = [name for name in values if name.endswith('_momentum_0.99')]
    assert len(further) == 4
    for name in further:
        np.testing.assert_array_equal(values[name], values[name[:-len('_momentum_0.99')]])
        assert np.abs(values[name] - float('variance' in name)).max() > 1e-3


def test_training_is_the_same_with_further_momenta(run, trained):
    """They only watch."""
    plain = tf.train.load_checkpoint(last_checkpoint(trained(*SMALL, '--log_every=1')))
    watched = tf.train.load_checkpoint(last_checkpoint(run))
    names = plain.get_variable_to_shape_map()
    for name in names:
        np.testing.assert_array_equal(watched.get_tensor(name), plain.get_tensor(name), err_msg=name)
    assert len(watched.get_variable_to_shape_map()) == len(names) + 3 * 2 * 2  # momenta, layers, mean and variance


def test_moving_of_another_momentum(generator):
    noise = generator.noise(5, 0)
    own, other = (generator.images(noise, generator.statistics('moving', momentum)) for momentum in (None, 0.9))
    assert not np.allclose(own, other, atol=1e-3)
    with pytest.raises(UserError, match='no moving statistics of --bn_momentum=0.5: train with --further_momenta=0.5'):
        generator.statistics('moving', 0.5)


def test_standing_images(generator, settings):
    values = generator.statistics('standing', batches=3)
    noise = generator.noise(6, 0)
    together = generator.images(noise, values)
    np.testing.assert_allclose(np.concatenate([generator.images(noise[index:index + 1], values) for index in range(6)]),
                               together, atol=1e-5)
    assert not np.allclose(together, generator.images(noise, generator.statistics('moving')), atol=1e-3)
    # The more batches, the less it matters which.
    assert not np.allclose(together, generator.images(noise, generator.statistics('standing', batches=1)), atol=1e-3)


def test_stored_beside_the_checkpoint(generator, settings, monkeypatch):
    checkpoint = settings().checkpoint
    before = open(checkpoint + '.index', 'rb').read()
    values = generator.statistics('standing', batches=4)
    store = standing.Store(checkpoint, 4, 8)
    shapes = {name: value.shape for name, value in values.items()}
    assert store.path == checkpoint + '.standing-4x8.npz'
    for name, value in store.read(shapes).items():
        np.testing.assert_array_equal(value, values[name])
    assert open(checkpoint + '.index', 'rb').read() == before
    # Read, not made again …
    monkeypatch.setattr(standing, 'accumulate', None)
    np.testing.assert_array_equal(generator.statistics('standing', batches=4)[name], values[name])
    # … unless it is of another checkpoint of that name, or damaged.
    monkeypatch.setattr(store, '_fingerprint', 'another')
    assert store.read(shapes) is None
    with open(store.path, 'r+b') as file:
        file.truncate(100)
    assert standing.Store(checkpoint, 4, 8).read(shapes) is None


def test_where_nothing_can_be_stored(generator, monkeypatch):
    def full(*_):
        raise OSError(28, 'No space left on device')
    monkeypatch.setattr(standing, 'write', full)
    assert generator.statistics('standing', batches=2)


def test_training_draws_its_grids_with_standing_statistics(trained, sampling_settings):
    """As `sample` makes them, and without a trace in the run."""
    run = trained(*SMALL, '--bn_mode=standing', '--standing_batches=3')
    plain = tf.train.load_checkpoint(last_checkpoint(trained(*SMALL, '--log_every=1')))
    reader = tf.train.load_checkpoint(last_checkpoint(run))
    for name in plain.get_variable_to_shape_map():
        np.testing.assert_array_equal(reader.get_tensor(name), plain.get_tensor(name), err_msg=name)
    chosen = sampler.of_run(sampling_settings('--run_dir=' + run.path, '--output=x.npy', '--standing_batches=3'))
    assert chosen.bn_mode == 'standing'
    with sampler.Sampler(chosen) as opened:
        made = opened.images(opened.noise(4, 0), opened.statistics('standing', batches=3))
    grid = np.asarray(Image.open(RunFolder(run.path).grid(6)))
    np.testing.assert_allclose(plots.grid(plots.to_bytes(made), scale=2).astype(int), grid, atol=1)
