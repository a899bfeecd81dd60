"""The Keras recipes against models and training steps written with Keras 3, run eagerly."""
import os

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from dcgan_tf1 import graph as graphs
from dcgan_tf1 import layers, options
from dcgan_tf1.data import Images
from dcgan_tf1.networks import machinecurve, paperspace

keras = pytest.importorskip('keras', minversion='3', reason='Keras 3 needs TensorFlow 2.16 or later')

FLAGS = os.path.join(os.path.dirname(__file__), '..', '..', 'flags')


def batch_norm_and_leaky():
    return [keras.layers.BatchNormalization(), keras.layers.LeakyReLU(negative_slope=0.3)]


def up(filters, strides, **arguments):
    return keras.layers.Conv2DTranspose(filters, 5, strides=strides, padding='same', use_bias=False, **arguments)


def grey_models(noise_dim, first, widths, discriminator_widths):
    """(generator, discriminator) of the two MNIST recipes, without dropout."""
    generator = keras.Sequential([
        keras.Input((noise_dim,)), keras.layers.Dense(7 * 7 * first, use_bias=False), *batch_norm_and_leaky(),
        keras.layers.Reshape((7, 7, first)), up(widths[0], 1), *batch_norm_and_leaky(),
        up(widths[1], 2), *batch_norm_and_leaky(), up(1, 2, activation='tanh')])
    discriminator = [keras.Input((28, 28, 1))]
    for width in discriminator_widths:
        discriminator += [keras.layers.Conv2D(width, 5, strides=2, padding='same'),
                          keras.layers.LeakyReLU(negative_slope=0.3)]
    return generator, keras.Sequential([*discriminator, keras.layers.Flatten(), keras.layers.Dense(1)])


def colour_models(smooth=False):
    """(generator, discriminator) of the 64×64 recipe; the discriminator's scores are logits here.

    With `smooth` every ReLU is an ELU.
    """
    def relu():
        return keras.layers.ELU() if smooth else keras.layers.ReLU()

    def leaky_relu():
        return keras.layers.ELU() if smooth else keras.layers.LeakyReLU(negative_slope=0.2)

    def normalize():
        return keras.layers.BatchNormalization(momentum=0.1, epsilon=0.8, center=1.0, scale=0.02)

    def convolution(kind, width, strides=2):
        return kind(width, 4, strides=strides, padding='same', use_bias=False)
    generator = [keras.Input((1, 1, 100)), convolution(keras.layers.Conv2DTranspose, 512, 4)]
    for width in (256, 128, 64, 3):
        generator += [normalize(), relu(), convolution(keras.layers.Conv2DTranspose, width)]
    discriminator = [keras.Input((64, 64, 3)), convolution(keras.layers.Conv2D, 64), leaky_relu()]
    for width in (128, 256, 512):
        discriminator += [convolution(keras.layers.Conv2D, width), normalize(), leaky_relu()]
    return (keras.Sequential([*generator, keras.layers.Activation('tanh')]),
            keras.Sequential([*discriminator, convolution(keras.layers.Conv2D, 1)]))


class KerasStep:
    """The sources' training steps."""

    def __init__(self, models, from_logits, beta1, epsilon):
        self.generator, self.discriminator = models
        self.optimizers = [keras.optimizers.Adam(0.0002, beta_1=beta1, beta_2=0.999, epsilon=epsilon)
                           for _ in models]
        self._cross_entropy = keras.losses.BinaryCrossentropy(from_logits=from_logits)
        self._from_logits = from_logits

    def loss(self, scores, label):
        # A plain sigmoid: of its own activation Keras would find the logits again.
        scores = scores if self._from_logits else tf.sigmoid(scores)
        return self._cross_entropy(label * tf.ones_like(scores), scores)

    def update(self, which, tape, loss):
        variables = (self.generator, self.discriminator)[which].trainable_variables
        self.optimizers[which].apply_gradients(zip(tape.gradient(loss, variables), variables))

    def simultaneous(self, images, noise):
        with tf.GradientTape(persistent=True) as tape:
            fake = self.generator(noise, training=True)
            real_scores, fake_scores = (self.discriminator(x, training=True) for x in (images, fake))
            generator_loss = self.loss(fake_scores, 1)
            discriminator_loss = self.loss(real_scores, 1) + self.loss(fake_scores, 0)
        self.update(0, tape, generator_loss)
        self.update(1, tape, discriminator_loss)
        return discriminator_loss, generator_loss

    def three_updates(self, images, noise):
        noise = noise[:, None, None, :]
        fake, losses = self.generator(noise, training=True), []
        for x, label in ((images, 1), (fake, 0)):
            with tf.GradientTape() as tape:
                losses.append(self.loss(self.discriminator(x, training=True), label))
            self.update(1, tape, losses[-1])
        with tf.GradientTape() as tape:
            generator_loss = self.loss(self.discriminator(self.generator(noise, training=True), training=True), 1)
        self.update(0, tape, generator_loss)
        return losses[0] + losses[1], generator_loss


# Models, whether the loss takes logits, step, β1, and an Adam epsilon of the gradients' size: with a smaller one,
# rounding alone makes steps of full size where a gradient is 0.
RECIPES = {
    'machinecurve': (lambda: grey_models(75, 128, (56, 28), (28, 64)), True, 'simultaneous', 0.5, 1e-3),
    'paperspace': (lambda: grey_models(100, 256, (128, 64), (64, 128)), True, 'simultaneous', 0.9, 1e-3),
    'learnopencv_tf': (colour_models, False, 'three_updates', 0.5, 1e-4),
    'learnopencv_tf, smooth': (lambda: colour_models(True), False, 'three_updates', 0.5, 1e-4),
}


def assert_close(ours, theirs, name, tolerance=1e-5):
    scale = max(np.abs(theirs).max(), 1e-30)
    assert np.abs(np.asarray(ours) - theirs).max() <= tolerance * scale, name


def our_variables(scope):
    return [v for v in tf.global_variables(scope + '/') if 'Adam' not in v.op.name]


@pytest.mark.parametrize('recipe', sorted(RECIPES))
def test_ten_steps(recipe, training_settings, monkeypatch, make_smooth):
    """Outputs, losses and ten steps of training on the same weights and feeds, without dropout (see test_layers).

    Of the 64×64 recipe with its own kinked activations, the outputs and losses of the first step.
    """
    make_models, from_logits, schedule, beta1, epsilon = RECIPES[recipe]
    for module in (machinecurve, paperspace):
        monkeypatch.setattr(module, 'dropout', lambda x, rate, is_training: x)
    if 'smooth' in recipe:
        make_smooth()
    colour, recipe_name = 'learnopencv' in recipe, recipe.split(',')[0]
    batch_size, steps = 4 if colour else 8, 1 if recipe == 'learnopencv_tf' else 10
    settings = training_settings('--flagfile=' + os.path.join(FLAGS, recipe_name + '.flags'),
                                 '--batch_size=%d' % batch_size, '--epsilon=%r' % epsilon,
                                 '--learning_rate_generator=0.0002', '--learning_rate_discriminator=0.0002')
    assert settings.beta1 == beta1
    size = (settings.image_size, settings.image_size, settings.channels)
    random = np.random.RandomState(0)
    feeds = [(random.uniform(-1, 1, (batch_size, *size)).astype(np.float32),
              random.randn(batch_size, settings.noise_dim).astype(np.float32)) for _ in range(steps)]
    names, initial, made, our_losses, final = our_steps(settings, feeds)
    step = KerasStep(make_models(), from_logits, beta1, epsilon)
    models = {'Generator': step.generator, 'Discriminator': step.discriminator}
    for scope, model in models.items():
        assert [tuple(weight.shape) for weight in model.weights] == [value.shape for value in initial[scope]]
        model.set_weights(initial[scope])
    noise = feeds[0][1][:, None, None, :] if colour else feeds[0][1]
    assert_close(made[1], step.generator(noise, training=False).numpy(), 'inference')
    assert_close(made[0], step.generator(noise, training=True).numpy(), 'training')
    for scope, model in models.items():
        model.set_weights(initial[scope])
    for (images, noise), ours in zip(feeds, our_losses):
        losses = getattr(step, schedule)(tf.constant(images), tf.constant(noise))
        assert_close(ours, [float(loss) for loss in losses], 'losses')
    for scope, model in models.items() if steps > 1 else ():
        for name, ours, theirs, before in zip(names[scope], final[scope], model.get_weights(), initial[scope]):
            if 'moving_variance' in name:
                continue  # Keras 3 puts the biased variance there: see the next test
            error, change = np.abs(ours - theirs).max(), np.abs(theirs - before).max()
            assert change > 0, name
            assert error <= max(1e-5 * np.abs(theirs).max(), 1e-7), name
            # Of the change, too, but for the rounding of the variable itself.
            assert error <= 1e-3 * change + 2 ** -22 * np.abs(theirs).max(), name


def our_steps(settings, feeds):
    """(names, initial values) of the variables, images in training and inference mode, losses, final values."""
    images = Images(np.zeros((16, *feeds[0][0].shape[1:]), np.uint8), 'a test')
    with tf.Graph().as_default(), tf.Session() as session:
        training = graphs.build_training(settings, images, options.batch_plan(settings, 16))
        inputs, step = training.inputs, training.step
        variables = {scope: our_variables(scope) for scope in ('Generator', 'Discriminator')}
        session.run(tf.global_variables_initializer())
        training.start(session, 0)
        initial = session.run(variables)
        made = [session.run(training.generator.images, {inputs.noise: feeds[0][1], inputs.is_training: mode})
                for mode in (True, False)]
        losses = [session.run([step.train_op, step.discriminator_loss, step.generator_loss],
                              {inputs.real_images: real, inputs.noise: noise})[1:] for real, noise in feeds]
        names = {scope: [v.op.name for v in variables[scope]] for scope in variables}
        return names, initial, made, losses, session.run(variables)


def test_moving_variance_is_keras_2s():
    """Keras 2, with which the posts were written, moves to n / (n − 1) times what Keras 3 moves to, for images."""
    x = np.random.RandomState(0).randn(3, 4, 5, 2).astype(np.float32) * 3
    with tf.Graph().as_default(), tf.Session() as session:
        y = layers.batch_norm(tf.constant(x), tf.constant(True))
        updates = layers.update_moving_statistics(tf.get_collection(layers.BATCH_STATISTICS))
        session.run(tf.global_variables_initializer())
        normalized, _ = session.run([y, updates])
        ours = session.run(tf.global_variables()[-1])
    layer = keras.layers.BatchNormalization()
    assert_close(normalized, layer(x, training=True).numpy(), 'output')
    np.testing.assert_allclose(ours - 0.99, (layer.moving_variance.numpy() - 0.99) * 60 / 59, rtol=1e-4)


@pytest.mark.parametrize('recipe,counts', [
    ('paperspace', {'Generator': [1254400, 50176, 819200, 512, 204800, 256, 1600],
                    'Discriminator': [1664, 204928, 6273]})])
def test_parameter_counts_that_the_post_prints(recipe, counts, training_settings, random_images, graph):
    settings = training_settings('--flagfile=' + os.path.join(FLAGS, recipe + '.flags'), '--batch_size=2')
    graphs.build_training(settings, random_images, options.batch_plan(settings, 40))
    for scope, expected in counts.items():
        by_layer = {}
        for variable in our_variables(scope):
            layer = variable.op.name.split('/')[1]
            by_layer[layer] = by_layer.get(layer, 0) + int(np.prod(variable.shape.as_list()))
        assert list(by_layer.values()) == expected
    total = sum(int(np.prod(v.shape.as_list())) for v in our_variables('Generator'))
    trainable = sum(int(np.prod(v.shape.as_list())) for v in tf.trainable_variables('Generator/'))
    assert (total, trainable, total - trainable) == (2330944, 2305472, 25472)
    assert sum(int(np.prod(v.shape.as_list())) for v in our_variables('Discriminator')) == 212865
