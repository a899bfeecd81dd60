"""The Keras recipes against models and training steps written with Keras 3, run eagerly."""
import os

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from training_steps import assert_close, assert_same_training, network_variables, record_training

from dcgan_tf1.model import graph as graphs
from dcgan_tf1.model import layers
from dcgan_tf1.model.inputs import batch_plan
from dcgan_tf1.model.networks import machinecurve, paperspace

keras = pytest.importorskip('keras', minversion='3', reason='Keras 3 needs TensorFlow 2.16 or later')

FLAGS = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'flags')


def batch_norm_and_leaky_relu():
    return [keras.layers.BatchNormalization(), keras.layers.LeakyReLU(negative_slope=0.3)]


def upsampling(filters, strides, **arguments):
    return keras.layers.Conv2DTranspose(filters, 5, strides=strides, padding='same', use_bias=False, **arguments)


def grayscale_models(noise_dim, first_filters, generator_filters, discriminator_filters):
    """(generator, discriminator) of the two MNIST recipes, without dropout."""
    generator = keras.Sequential([
        keras.Input((noise_dim,)), keras.layers.Dense(7 * 7 * first_filters, use_bias=False),
        *batch_norm_and_leaky_relu(), keras.layers.Reshape((7, 7, first_filters)),
        upsampling(generator_filters[0], 1), *batch_norm_and_leaky_relu(),
        upsampling(generator_filters[1], 2), *batch_norm_and_leaky_relu(), upsampling(1, 2, activation='tanh')])
    discriminator = [keras.Input((28, 28, 1))]
    for filters in discriminator_filters:
        discriminator += [keras.layers.Conv2D(filters, 5, strides=2, padding='same'),
                          keras.layers.LeakyReLU(negative_slope=0.3)]
    return generator, keras.Sequential([*discriminator, keras.layers.Flatten(), keras.layers.Dense(1)])


def color_models(smooth=False):
    """(generator, discriminator) of the 64×64 recipe. The discriminator gives logits; `KerasStep` adds the sigmoid.

    With `smooth`, every ReLU and leaky ReLU is an ELU.
    """
    def relu():
        return keras.layers.ELU() if smooth else keras.layers.ReLU()

    def leaky_relu():
        return keras.layers.ELU() if smooth else keras.layers.LeakyReLU(negative_slope=0.2)

    def batch_norm():
        return keras.layers.BatchNormalization(momentum=0.1, epsilon=0.8, center=1.0, scale=0.02)

    def convolution(layer, filters, strides=2):
        return layer(filters, 4, strides=strides, padding='same', use_bias=False)
    generator = [keras.Input((1, 1, 100)), convolution(keras.layers.Conv2DTranspose, 512, 4)]
    for filters in (256, 128, 64, 3):
        generator += [batch_norm(), relu(), convolution(keras.layers.Conv2DTranspose, filters)]
    discriminator = [keras.Input((64, 64, 3)), convolution(keras.layers.Conv2D, 64), leaky_relu()]
    for filters in (128, 256, 512):
        discriminator += [convolution(keras.layers.Conv2D, filters), batch_norm(), leaky_relu()]
    return (keras.Sequential([*generator, keras.layers.Activation('tanh')]),
            keras.Sequential([*discriminator, convolution(keras.layers.Conv2D, 1)]))


class KerasStep:
    """The training steps of the posts."""

    def __init__(self, models, from_logits, beta1, epsilon):
        self.generator, self.discriminator = models
        self.generator_optimizer, self.discriminator_optimizer = [
            keras.optimizers.Adam(0.0002, beta_1=beta1, beta_2=0.999, epsilon=epsilon) for _ in models]
        self._cross_entropy = keras.losses.BinaryCrossentropy(from_logits=from_logits)
        self._from_logits = from_logits

    def loss(self, logits, label):
        # From the output of its own sigmoid Keras would recover the logits, which the posts' Keras 2 does not do.
        scores = logits if self._from_logits else tf.sigmoid(logits)
        return self._cross_entropy(label * tf.ones_like(scores), scores)

    def update_generator(self, tape, loss):
        variables = self.generator.trainable_variables
        self.generator_optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))

    def update_discriminator(self, tape, loss):
        variables = self.discriminator.trainable_variables
        self.discriminator_optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))

    def simultaneous(self, images, noise):
        with tf.GradientTape(persistent=True) as tape:
            fake = self.generator(noise, training=True)
            real_scores, fake_scores = (self.discriminator(x, training=True) for x in (images, fake))
            generator_loss = self.loss(fake_scores, 1)
            discriminator_loss = self.loss(real_scores, 1) + self.loss(fake_scores, 0)
        self.update_generator(tape, generator_loss)
        self.update_discriminator(tape, discriminator_loss)
        return discriminator_loss, generator_loss

    def three_updates(self, images, noise):
        noise = noise[:, None, None, :]
        fake, losses = self.generator(noise, training=True), []
        for x, label in ((images, 1), (fake, 0)):
            with tf.GradientTape() as tape:
                losses.append(self.loss(self.discriminator(x, training=True), label))
            self.update_discriminator(tape, losses[-1])
        with tf.GradientTape() as tape:
            generator_loss = self.loss(self.discriminator(self.generator(noise, training=True), training=True), 1)
        self.update_generator(tape, generator_loss)
        return losses[0] + losses[1], generator_loss


# Models, whether the loss takes logits, the training step, β1, and Adam's epsilon. The epsilon is of the size of the
# gradients: with a smaller one, Adam turns the rounding errors of a zero gradient into full-size updates.
RECIPES = {
    'machinecurve': (lambda: grayscale_models(75, 128, (56, 28), (28, 64)), True, 'simultaneous', 0.5, 1e-3),
    'paperspace': (lambda: grayscale_models(100, 256, (128, 64), (64, 128)), True, 'simultaneous', 0.9, 1e-3),
    'learnopencv_tf': (color_models, False, 'three_updates', 0.5, 1e-4),
    'learnopencv_tf, smooth': (lambda: color_models(True), False, 'three_updates', 0.5, 1e-4),
}


@pytest.mark.slow
@pytest.mark.parametrize('recipe', sorted(RECIPES))
def test_training_equals_keras(recipe, training_settings, monkeypatch, make_smooth):
    """Images, losses, and variables after ten steps on the same weights and batches, without dropout.

    Of the 64×64 recipe with its own ReLUs, only the images and losses of the first step are compared. (Dropout is
    tested in test_layers.py.)
    """
    make_models, from_logits, schedule, beta1, epsilon = RECIPES[recipe]
    for module in (machinecurve, paperspace):
        monkeypatch.setattr(module, 'dropout', lambda x, rate, is_training: x)
    if 'smooth' in recipe:
        make_smooth()
    is_color, recipe_name = 'learnopencv' in recipe, recipe.split(',')[0]
    batch_size, num_steps = 4 if is_color else 8, 1 if recipe == 'learnopencv_tf' else 10
    settings = training_settings('--flagfile=' + os.path.join(FLAGS, recipe_name + '.flags'),
                                 '--batch_size=%d' % batch_size, '--epsilon=%r' % epsilon,
                                 '--learning_rate_generator=0.0002', '--learning_rate_discriminator=0.0002')
    assert settings.beta1 == beta1
    image_shape = (settings.image_size, settings.image_size, settings.channels)
    random = np.random.RandomState(0)
    feeds = [(random.uniform(-1, 1, (batch_size, *image_shape)).astype(np.float32),
              random.randn(batch_size, settings.noise_dim).astype(np.float32)) for _ in range(num_steps)]
    record = record_training(settings, feeds)
    step = KerasStep(make_models(), from_logits, beta1, epsilon)
    models = {'Generator': step.generator, 'Discriminator': step.discriminator}
    for scope, model in models.items():
        assert [tuple(weight.shape) for weight in model.weights] == [value.shape for value in record.initial[scope]]
        model.set_weights(record.initial[scope])
    noise = feeds[0][1][:, None, None, :] if is_color else feeds[0][1]
    assert_close(record.inference_images, step.generator(noise, training=False).numpy(), 'inference')
    assert_close(record.training_images, step.generator(noise, training=True).numpy(), 'training')
    for scope, model in models.items():
        model.set_weights(record.initial[scope])
    for (images, noise), losses in zip(feeds, record.losses):
        expected = getattr(step, schedule)(tf.constant(images), tf.constant(noise))
        assert_close(losses, [float(loss) for loss in expected], 'losses')
    for scope, model in models.items() if num_steps > 1 else ():
        for name, actual, expected, initial in zip(record.names[scope], record.final[scope], model.get_weights(),
                                                   record.initial[scope]):
            if 'moving_variance' not in name:  # Keras 3 stores the biased variance there: see the next test
                assert_same_training(actual, expected, initial, name)


def test_the_moving_variance_is_that_of_keras_2():
    """For images, Keras 2, which the posts used, moves to n / (n − 1) times the variance that Keras 3 moves to."""
    x = np.random.RandomState(0).randn(3, 4, 5, 2).astype(np.float32) * 3
    with tf.Graph().as_default(), tf.Session() as session:
        y = layers.batch_norm(tf.constant(x), tf.constant(True))
        updates = layers.update_moving_statistics(tf.get_collection(layers.BATCH_STATISTICS))
        session.run(tf.global_variables_initializer())
        normalized, _ = session.run([y, updates])
        moving_variance = session.run(tf.global_variables()[-1])
    layer = keras.layers.BatchNormalization()
    assert_close(normalized, layer(x, training=True).numpy(), 'output')
    np.testing.assert_allclose(moving_variance - 0.99, (layer.moving_variance.numpy() - 0.99) * 60 / 59, rtol=1e-4)


@pytest.mark.parametrize('recipe,counts', [
    ('paperspace', {'Generator': [1254400, 50176, 819200, 512, 204800, 256, 1600],
                    'Discriminator': [1664, 204928, 6273]})])
def test_parameter_counts_printed_in_the_post(recipe, counts, training_settings, random_images, graph):
    settings = training_settings('--flagfile=' + os.path.join(FLAGS, recipe + '.flags'), '--batch_size=2')
    graphs.build_training(settings, random_images, batch_plan(settings, 40))
    for scope, expected in counts.items():
        by_layer = {}
        for variable in network_variables(scope):
            layer = variable.op.name.split('/')[1]
            by_layer[layer] = by_layer.get(layer, 0) + int(np.prod(variable.shape.as_list()))
        assert list(by_layer.values()) == expected
    total = sum(int(np.prod(v.shape.as_list())) for v in network_variables('Generator'))
    trainable = sum(int(np.prod(v.shape.as_list())) for v in tf.trainable_variables('Generator/'))
    assert (total, trainable, total - trainable) == (2330944, 2305472, 25472)
    assert sum(int(np.prod(v.shape.as_list())) for v in network_variables('Discriminator')) == 212865
