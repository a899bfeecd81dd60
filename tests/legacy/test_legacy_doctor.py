"""The doctor for batch norm, on networks with one fault each, and on healthy ones."""
import os
import re

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from helpers import FEW_FILTERS, MAIN_RUN, ROOT, TENSORFLOW

from dcgan_tf1.legacy import doctor, session_runs
from dcgan_tf1.legacy.doctor import findings as doctor_findings
from dcgan_tf1.legacy.doctor import repair
from dcgan_tf1.settings.recipes import names as recipe_names
from dcgan_tf1.train import training

NOISE, REAL = [3, 4], [3, 6, 6, 2]


class Gan:
    """A generator and a discriminator with batch norm on vectors and on images."""

    def __init__(self, layers, momentum=0.99, training=None):
        self.layers, self.momentum = layers, momentum
        self.noise = tf.placeholder(tf.float32, NOISE)
        self.real = tf.placeholder(tf.float32, REAL)
        self.training = tf.placeholder(tf.bool, []) if training is None else training
        self.images = self.generator(self.noise)
        self.on_real, self.on_fake = self.discriminator(self.real), self.discriminator(self.images)
        self.d_loss = tf.reduce_mean(tf.square(self.on_real - 1)) + tf.reduce_mean(tf.square(self.on_fake))
        self.g_loss = tf.reduce_mean(tf.square(self.on_fake - 1))

    def normalize(self, x):
        return self.layers.batch_normalization(x, training=self.training, momentum=self.momentum)

    def generator(self, noise, **scope):
        with tf.variable_scope('Generator', reuse=tf.AUTO_REUSE):
            x = tf.nn.relu(self.normalize(self.layers.dense(noise, 72)))
            x = self.layers.conv2d(tf.reshape(x, [-1, 6, 6, 2]), 2, 3, padding='same')
            return tf.nn.tanh(self.normalize(x))

    def discriminator(self, images):
        with tf.variable_scope('Discriminator', reuse=tf.AUTO_REUSE):
            x = tf.nn.relu(self.normalize(self.layers.conv2d(images, 2, 3)))
            return self.layers.dense(self.layers.flatten(x), 1)

    def train_ops(self, g_updates, d_updates, g_variables=None):
        with tf.control_dependencies(g_updates):
            g = tf.train.AdamOptimizer().minimize(
                self.g_loss, var_list=tf.trainable_variables('Generator') if g_variables is None else g_variables)
        with tf.control_dependencies(d_updates):
            d = tf.train.AdamOptimizer().minimize(self.d_loss, var_list=tf.trainable_variables('Discriminator'))
        return g, d

    def feed(self, training=True):
        feed = {self.noise: np.random.rand(*NOISE), self.real: np.random.rand(*REAL)}
        if not isinstance(self.training, bool):
            feed[self.training] = training
        return feed

    def train(self, g, d, session, steps=3):
        session.run(tf.global_variables_initializer())
        for _ in range(steps):
            session.run(d, self.feed())
            session.run(g, self.feed())


def updates(scope=None):
    return tf.get_collection(tf.GraphKeys.UPDATE_OPS, scope)


def kinds(findings):
    return [finding.kind for finding in findings]


def layers_of(findings, kind):
    return [layer for finding in findings if finding.kind == kind for layer in finding.layers]


GENERATOR = ['Generator/batch_normalization', 'Generator/batch_normalization_1']
DISCRIMINATOR = ['Discriminator/batch_normalization']


@pytest.mark.slow
@pytest.mark.parametrize('fixed', [False, True], ids=['placeholder', 'training=True'])
def test_the_averages_of_a_healthy_gan_only_have_to_warm_up(graph, tf_layers, fixed):
    gan = Gan(tf_layers, training=True if fixed else None)
    g, d = gan.train_ops(updates('Generator'), updates('Discriminator'))
    with doctor.watch() as watched, tf.Session() as session:
        gan.train(g, d, session)
        session.run(gan.images, gan.feed(training=False))
    findings = watched.findings()
    assert set(kinds(findings)) == {'warm_up'}
    # 0.99^459 is the first power below 1%. The generator has made 3 updates, the discriminator 2 in each of 3 steps.
    assert sorted((finding.layers, finding.text.split('; ')[1]) for finding in findings) == [
        (DISCRIMINATOR, '453 more updates bring that to 1%'), (GENERATOR, '456 more updates bring that to 1%')]


@pytest.mark.slow
@pytest.mark.any_tensorflow
def test_enough_updates_end_the_warm_up(graph, tf_layers):
    gan = Gan(tf_layers, momentum=0.5)
    g, d = gan.train_ops(updates('Generator'), updates('Discriminator'))
    with doctor.watch() as watched, tf.Session() as session:
        gan.train(g, d, session, steps=6)  # 0.5^6 is more than 1%; the discriminator updates twice in a step
        finding, = watched.findings()
        assert finding.layers == GENERATOR and 'set momentum' not in finding.advice  # it is below 0.9 already
        session.run(g, gan.feed())
    assert not watched.findings() and not watched.report()


@pytest.mark.slow
@pytest.mark.any_tensorflow
def test_updates_in_inference_mode_do_not_count(graph, tf_layers):
    gan = Gan(tf_layers)
    g, d = gan.train_ops(updates('Generator'), updates('Discriminator'))
    with doctor.watch() as watched, tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run([g, d], gan.feed(training=False))
    assert set(layers_of(watched.findings(), 'never_updated')) == {*GENERATOR, *DISCRIMINATOR}


@pytest.mark.slow
@pytest.mark.parametrize('always_training', [False, True])
def test_update_ops_that_never_run_are_found(always_training, graph, tf_layers):
    gan = Gan(tf_layers, training=always_training or None)
    g, d = gan.train_ops([], updates('Discriminator'))
    with doctor.watch() as watched, tf.Session() as session:
        gan.train(g, d, session)
    findings = watched.findings()
    assert layers_of(findings, 'never_updated') == GENERATOR and 'initial_statistics' not in kinds(findings)
    assert 'UPDATE_OPS' in watched.report() and ('training mode only' in watched.report()) == always_training


@pytest.mark.parametrize('depends', [False, True])
def test_a_generator_that_has_not_trained_yet_is_found(depends, graph, tf_layers):
    """As one whose critic trains alone at first."""
    gan = Gan(tf_layers, momentum=0.)
    _, d = gan.train_ops(updates('Generator') if depends else [], updates('Discriminator'))
    with doctor.watch() as watched, tf.Session() as session:
        session.run(tf.global_variables_initializer())
        assert not watched.findings()
        session.run(d, gan.feed())
    findings = watched.findings()
    assert layers_of(findings, 'not_in_step') == ([] if depends else GENERATOR)
    assert depends or 'UPDATE_OPS' in findings[0].advice


@pytest.mark.slow
@pytest.mark.parametrize('by_reuse', [False, True], ids=['placeholder', 'second application'])
def test_inference_with_initial_statistics_is_found(graph, tf_layers, by_reuse):
    gan = Gan(tf_layers)
    g, d = gan.train_ops([], updates('Discriminator'))
    if by_reuse:
        training, gan.training = gan.training, False
        samples = gan.generator(gan.noise)
        gan.training = training
    with doctor.watch() as watched, tf.Session() as session:
        gan.train(g, d, session)
        session.run(samples if by_reuse else gan.images, gan.feed(training=by_reuse))
    assert layers_of(watched.findings(), 'initial_statistics') == GENERATOR


@pytest.mark.any_tensorflow
def test_layers_that_are_built_for_inference_get_other_advice(graph, tf_layers):
    gan = Gan(tf_layers, training=False)
    g, d = gan.train_ops(updates('Generator'), updates('Discriminator'))
    with doctor.watch() as watched, tf.Session() as session:
        gan.train(g, d, session)
    finding, = watched.findings()
    assert finding.kind == 'initial_statistics' and set(finding.layers) == {*GENERATOR, *DISCRIMINATOR}
    assert 'training=is_training' in finding.advice and 'UPDATE_OPS' not in finding.advice


def findings_of(layers, g_updates=lambda: updates('Generator'), g_variables=lambda: None, steps=2, momentum=0.,
                training=None):
    with tf.Graph().as_default():
        gan = Gan(layers, momentum, training)
        g, d = gan.train_ops(g_updates(), updates('Discriminator'), g_variables())
        with doctor.watch() as watched, tf.Session() as session:
            gan.train(g, d, session, steps)
        return watched.findings()


def code_of(advice, end, **words):
    """The code in a line of advice, where words in capitals or dots stand for something of the script."""
    code, names = re.search('write: (.*?)' + end, advice).group(1), {'tf': tf}
    for word, replacement in words.items():
        code = code.replace({'dots': '…'}.get(word, word), replacement)
    return lambda: exec(code, names) or next(names[name] for name in ('updates', 'var_list') if name in names)


# {finding: (what is wrong, what the advice makes of it)}, as arguments of `findings_of`. That for updates in the other
# step is the first.
ADVICE = {
    'never_updated': ({'g_updates': list}, lambda advice: {
        'g_updates': code_of(advice, ', and create the train op', NETWORK='Generator')}),
    'optimized': ({'g_variables': lambda: tf.global_variables('Generator')}, lambda advice: {
        'g_variables': code_of(advice, ';', dots='v.name.startswith("Generator")')}),
    'initial_statistics': ({'training': False}, lambda advice: {
        'training': None if 'training=is_training' in advice else False}),
    'warm_up': ({'momentum': 0.99, 'steps': 44}, lambda advice: {
        'momentum': float(re.search(r'set momentum .* to ([\d.]+)', advice).group(1)), 'steps': 44}),
}


@pytest.mark.slow
@pytest.mark.any_tensorflow
@pytest.mark.parametrize('kind', list(ADVICE))
def test_a_script_that_follows_the_advice_has_no_such_finding(kind, tf_layers):
    wrong, followed = ADVICE[kind]
    finding = next(finding for finding in findings_of(tf_layers, **wrong) if finding.kind == kind)
    assert kind not in kinds(findings_of(tf_layers, **followed(finding.advice)))


def test_the_advice_for_layers_of_keras_works(graph):
    keras = pytest.importorskip('tf_keras.api._v1.keras') if TENSORFLOW >= (2, 16) else tf.keras
    layer = keras.layers.BatchNormalization(momentum=0.)
    with tf.variable_scope('Generator'):
        weights = tf.get_variable('kernel', [4, 3])
        loss = tf.reduce_mean(tf.square(layer(tf.matmul(tf.ones([2, 4]), weights), training=True) - 1))
    plain = tf.train.AdamOptimizer(name='plain').minimize(loss)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        with doctor.watch() as watched:
            session.run(plain)
        finding, = watched.findings()
        names = {'layer': layer}
        exec(re.search('Write: (.*?) for the layers of Keras', finding.advice).group(1), names)
        with tf.control_dependencies(names['updates']):
            step = tf.train.AdamOptimizer(name='fixed').minimize(loss)
        session.run(tf.global_variables_initializer())
        with doctor.watch() as watched:
            session.run(step)
        assert not watched.findings()


@pytest.mark.parametrize('is_grouped', [False, True])
def test_update_ops_outside_of_the_collection_get_other_advice(is_grouped, graph):
    """As those of Keras layers, or of batch norm that a script writes itself."""
    with tf.variable_scope('Generator/norm'):
        moving = tf.get_variable('moving_mean', [3], initializer=tf.zeros_initializer(), trainable=False)
        x = tf.matmul(tf.ones([2, 4]), tf.get_variable('kernel', [4, 3]))
        update = tf.assign_sub(moving, 0.1 * (moving - tf.reduce_mean(x, 0)))
        if is_grouped:
            tf.add_to_collection(tf.GraphKeys.UPDATE_OPS, tf.group(update))
        step = tf.train.AdamOptimizer().minimize(tf.reduce_mean(tf.square(x)))
    with doctor.watch() as watched, tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(step)
    finding, = watched.findings()
    assert finding.kind == 'never_updated' and ('layer.updates' in finding.advice) != is_grouped


@pytest.mark.slow
@pytest.mark.any_tensorflow
def test_sampling_before_the_first_step_is_no_fault(graph, tf_layers):
    gan = Gan(tf_layers)
    g, d = gan.train_ops(updates('Generator'), updates('Discriminator'))
    with doctor.watch() as watched, tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(gan.images, gan.feed(training=False))
        assert layers_of(watched.findings(), 'initial_statistics') == GENERATOR
        session.run([g, d], gan.feed())
        assert set(kinds(watched.findings())) == {'warm_up'}
        session.run(gan.images, gan.feed(training=False))
    assert set(kinds(watched.findings())) == {'warm_up'}


@pytest.mark.slow
def test_restored_statistics_are_no_fault(graph, tf_layers, tmp_path):
    gan = Gan(tf_layers, momentum=0.5)
    g, d = gan.train_ops(updates('Generator'), updates('Discriminator'))
    saver = tf.train.Saver()
    with tf.Session() as session:
        gan.train(g, d, session)
        saver.save(session, str(tmp_path / 'model'))
    with doctor.watch() as watched, tf.Session() as session:
        session.run(tf.global_variables_initializer())
        saver.restore(session, str(tmp_path / 'model'))
        session.run(gan.images, gan.feed(training=False))
        session.run([g, d], gan.feed())
    assert not watched.findings()


@pytest.mark.slow
def test_updates_in_the_step_of_the_other_network_are_found(graph, tf_layers):
    gan = Gan(tf_layers)
    g, d = gan.train_ops(updates(), updates())
    with doctor.watch() as watched, tf.Session() as session:
        gan.train(g, d, session)
    findings = [finding for finding in watched.findings() if finding.kind == 'other_step']
    assert sorted(finding.layers for finding in findings) == [DISCRIMINATOR, GENERATOR]


@pytest.mark.slow
@pytest.mark.any_tensorflow
def test_one_step_for_both_networks_is_no_fault(graph, tf_layers):
    gan = Gan(tf_layers)
    step = gan.train_ops(updates(), updates())
    with doctor.watch() as watched, tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(step, gan.feed())
    assert set(kinds(watched.findings())) == {'warm_up'}


@pytest.mark.slow
def test_optimized_statistics_are_found(graph, tf_layers):
    gan = Gan(tf_layers)
    everything = [variable for variable in tf.global_variables() if variable.name.startswith('Generator')]
    g, d = gan.train_ops(updates('Generator'), updates('Discriminator'), everything)
    with doctor.watch() as watched, tf.Session() as session:
        gan.train(g, d, session)
    # TensorFlow 1 computes no gradient for the statistics of the fused op, so they are not trained there.
    assert layers_of(watched.findings(), 'optimized') in (GENERATOR[:1], GENERATOR)


def test_trainable_statistics_that_no_optimizer_changes_are_no_fault(graph):
    weights = tf.get_variable('weights', [3])
    tf.get_variable('layer/pop_mean', [3], initializer=tf.zeros_initializer())
    step = tf.train.AdamOptimizer().minimize(tf.reduce_sum(weights ** 2))
    with doctor.watch() as watched, tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(step)
    assert not watched.findings()


def test_a_network_without_batch_norm_has_no_findings(graph):
    weights = tf.get_variable('weights', [3])
    step = tf.train.AdamOptimizer().minimize(tf.reduce_sum(weights ** 2))
    with doctor.watch() as watched, tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(step)
    assert not watched.findings()


@pytest.mark.slow
def test_watching_changes_no_result(graph, tf_layers):
    gan = Gan(tf_layers)
    g, _ = gan.train_ops(updates('Generator'), updates('Discriminator'))
    feeds = [gan.feed() for _ in range(4)]

    def results():
        with tf.Session() as session:
            for index, variable in enumerate(tf.global_variables()):
                variable.load(np.random.RandomState(index).rand(*variable.shape.as_list()), session)
            for feed in feeds:  # on TensorFlow 1, an op that reads weights may run before or after the update
                session.run({'a': [(g, [])], 'b': {}}, feed)
            return session.run(tf.global_variables('Generator'))
    expected = results()
    with doctor.watch():
        actual = results()
    for value, expected_value in zip(actual, expected):
        np.testing.assert_array_equal(value, expected_value)


@pytest.mark.slow
def test_a_training_of_this_package_has_no_fault(training_settings, tmp_path):
    """The whole training loop, with samples. Only the averages have not warmed up."""
    settings = training_settings(*MAIN_RUN, FEW_FILTERS, '--steps=2', '--sample_every=1',
                                 '--run_dir=%s' % tmp_path)
    with doctor.watch() as watched:
        assert training.train(settings) == 0
    assert set(kinds(watched.findings())) == {'warm_up'}


def test_every_recipe_updates_its_averages(training_settings):
    assert all(training_settings('--recipe=' + name).update_ops for name in recipe_names())


@pytest.mark.slow
@pytest.mark.any_tensorflow
def test_watching_can_be_nested(graph, tf_layers):
    gan = Gan(tf_layers)
    g, d = gan.train_ops([], [])

    class Reader(session_runs.Listener):
        def after_run(self, session, fetches, feed_dict, extra):
            session.run(tf.global_variables())
    with session_runs.listen(Reader()), doctor.watch() as watched:
        with session_runs.listen(session_runs.Listener()) as counter, tf.Session() as session:
            gan.train(g, d, session)
    assert counter.count == 7 and set(kinds(watched.findings())) == {'never_updated'}


@pytest.mark.slow
@pytest.mark.any_tensorflow
def test_the_example_of_the_documentation(graph, tf_layers, capsys):
    with open(os.path.join(ROOT, 'docs', 'batch-norm-doctor.md'), encoding='utf-8') as file:
        example = re.search('```python\n(.*?)```', file.read(), re.S).group(1)
    gan = Gan(tf_layers)
    g, d = gan.train_ops([], [])
    with tf.Session() as session:
        exec(example, {'train': lambda: gan.train(g, d, session)})
    assert GENERATOR[0] in capsys.readouterr().out


def test_the_number_of_updates_that_a_momentum_needs():
    assert doctor_findings.updates_needed(0.99) == 459 and 0.99 ** 459 <= 0.01 < 0.99 ** 458
    assert doctor_findings.updates_needed(0.1) == 2 and doctor_findings.updates_needed(0.) == 0


@pytest.mark.slow
@pytest.mark.any_tensorflow
def test_repair_remembers_the_last_feeds(graph, tf_layers, monkeypatch, tmp_path):
    gan = Gan(tf_layers)
    _, d = gan.train_ops([], [])
    monkeypatch.setattr(repair, 'BATCHES', 4)
    feeds = [gan.feed() for _ in range(6)]
    size = sum(np.asarray(value).nbytes for value in feeds[0].values())
    for max_bytes, remembered in ((2 ** 28, 4), (2 * size, 2), (1, 1)):
        monkeypatch.setattr(repair, '_MAX_BYTES', max_bytes)
        repairing = repair.Repairing(doctor.Doctor(), str(tmp_path / 'model'))
        with session_runs.listen(repairing), tf.Session() as session:
            session.run(tf.global_variables_initializer())
            for feed in feeds:
                session.run(d, feed)
        assert [feed[gan.noise].tolist() for feed in repairing._feeds] == [
            feed[gan.noise].tolist() for feed in feeds[-remembered:]]


def test_repair_says_that_layers_have_no_batch_statistics(graph, tf_layers, tmp_path):
    gan = Gan(tf_layers, training=False)
    g, d = gan.train_ops([], [])
    repairing = repair.Repairing(doctor.Doctor(), str(tmp_path / 'model'))
    with session_runs.listen(repairing), tf.Session() as session:
        gan.train(g, d, session)
    assert 'no batch statistics of Discriminator/batch_normalization, Gen' in repairing.text()
    assert not (tmp_path / 'model.index').exists()
