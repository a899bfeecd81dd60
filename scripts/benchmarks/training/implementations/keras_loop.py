"""Keras 3 with the same networks, losses, schedules and initial distributions: a `tf.function` a training step.

bfloat16 is the policy `mixed_bfloat16`, with float32 logits and images, as Keras's guide has it.
"""
import keras
import tensorflow as tf
from keras import layers

from benchmarking import on_tensorflow
from benchmarking.recipe import Worker, hyperparameters, pictures

if not keras.__version__.startswith('3'):
    raise ImportError('keras is %s here, not 3' % keras.__version__)


def _leaky():
    return layers.LeakyReLU(negative_slope=0.2)


def _graph_mode(how):
    size, channels = how.image_shape[0] // 4, how.image_shape[2]

    def normalized(layer):
        return [layer, layers.BatchNormalization(), _leaky()]

    def halving(kind, width, **keywords):
        return kind(width, 5, strides=2, padding='same', **keywords)
    generator = keras.Sequential([
        keras.Input((how.noise_dim,)), layers.Reshape((1, 1, how.noise_dim)),
        *normalized(layers.Conv2DTranspose(256, size, use_bias=False)),
        *normalized(halving(layers.Conv2DTranspose, 128, use_bias=False)),
        halving(layers.Conv2DTranspose, channels), layers.Activation('tanh', dtype='float32')])
    discriminator = keras.Sequential([
        keras.Input(how.image_shape),
        *normalized(halving(layers.Conv2D, 128, use_bias=False)),
        *normalized(halving(layers.Conv2D, 256, use_bias=False)),
        layers.Conv2D(1, size), layers.Flatten(dtype='float32')])
    return generator, discriminator


def _sparse_softmax(how):
    size, channels = how.image_shape[0] // 4, how.image_shape[2]

    def halving(kind, width):
        return kind(width, 5, strides=2, padding='same')
    generator = keras.Sequential([
        keras.Input((how.noise_dim,)), layers.Dense(size * size * 128), layers.BatchNormalization(), layers.ReLU(),
        layers.Reshape((size, size, 128)),
        halving(layers.Conv2DTranspose, 64), layers.BatchNormalization(), layers.ReLU(),
        halving(layers.Conv2DTranspose, channels), layers.Activation('tanh', dtype='float32')])
    discriminator = keras.Sequential([
        keras.Input(how.image_shape),
        halving(layers.Conv2D, 64), layers.BatchNormalization(), _leaky(),
        halving(layers.Conv2D, 128), layers.BatchNormalization(), _leaky(),
        layers.Flatten(), layers.Dense(1024), layers.BatchNormalization(), _leaky(), layers.Dense(2, dtype='float32')])
    return generator, discriminator


def _learnopencv_torch(how):
    size, channels = how.image_shape[0], how.image_shape[2]
    widths = [64 << layer for layer in range(size.bit_length() - 3)]

    def convolution(kind, width, strides=2, padding='same'):
        return kind(width, 4, strides=strides, padding=padding, use_bias=False,
                    kernel_initializer=keras.initializers.RandomNormal(0., 0.02))

    def normalize():
        return layers.BatchNormalization(momentum=0.9, epsilon=1e-5,
                                         gamma_initializer=keras.initializers.RandomNormal(1., 0.02))
    generator = [keras.Input((how.noise_dim,)), layers.Reshape((1, 1, how.noise_dim))]
    for number, width in enumerate(reversed(widths)):
        generator += [convolution(layers.Conv2DTranspose, width, *(() if number else (1, 'valid'))), normalize(),
                      layers.ReLU()]
    generator += [convolution(layers.Conv2DTranspose, channels), layers.Activation('tanh', dtype='float32')]
    discriminator = [keras.Input(how.image_shape), convolution(layers.Conv2D, widths[0]), _leaky()]
    for width in widths[1:]:
        discriminator += [convolution(layers.Conv2D, width), normalize(), _leaky()]
    discriminator += [convolution(layers.Conv2D, 1, 1, 'valid'), layers.Flatten(dtype='float32')]
    return keras.Sequential(generator), keras.Sequential(discriminator)


# Losses: logits → the scalar loss of saying anything but «real» (true) or «fake».

def _log_epsilon(logits, real):
    return -tf.reduce_mean(tf.math.log(tf.sigmoid(logits if real else -logits) + 1e-12))


def _cross_entropy(logits, real):
    labels = tf.fill([tf.shape(logits)[0]], int(real))
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))


def _sigmoid(logits, real):
    return tf.reduce_mean(tf.nn.softplus(-logits if real else logits))


RECIPES = {'graph_mode': (_graph_mode, _log_epsilon), 'sparse_softmax': (_sparse_softmax, _cross_entropy),
           'learnopencv_torch': (_learnopencv_torch, _sigmoid)}


class _Schedules:
    """Training steps by the names of our schedules: each a function (real images, noise, further noise) → losses."""

    def __init__(self, generator, discriminator, loss, how):
        self._generator, self._discriminator, self._loss = generator, discriminator, loss
        self._adams = {}
        for model in (generator, discriminator):
            self._adams[model] = keras.optimizers.Adam(how.learning_rate, how.beta1, how.beta2, how.epsilon)
            self._adams[model].build(model.trainable_variables)

    def _judged(self, images):
        return self._discriminator(images, training=True)

    def _update(self, model, tape, loss):
        self._adams[model].apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)

    def _update_generator(self, noise):
        with tf.GradientTape() as tape:
            loss = self._loss(self._judged(self._generator(noise, training=True)), True)
        self._update(self._generator, tape, loss)
        return loss

    def _update_discriminator(self, real, fake):
        with tf.GradientTape() as tape:
            loss = self._loss(self._judged(real), True) + self._loss(self._judged(fake), False)
        self._update(self._discriminator, tape, loss)
        return loss

    def generator_then_discriminator(self, real, noise, _):
        generator_loss = self._update_generator(noise)
        return self._update_discriminator(real, self._generator(noise, training=True)), generator_loss

    def discriminator_then_generator(self, real, noise, further_noise):
        discriminator_loss = self._update_discriminator(real, self._generator(noise, training=True))
        return discriminator_loss, self._update_generator(further_noise)

    def simultaneous(self, real, noise, _):
        with tf.GradientTape(persistent=True) as tape:
            fake = self._judged(self._generator(noise, training=True))
            losses = [self._loss(self._judged(real), True) + self._loss(fake, False), self._loss(fake, True)]
        gradients = [tape.gradient(loss, model.trainable_variables)
                     for model, loss in zip((self._discriminator, self._generator), losses)]
        for model, gradient in zip((self._discriminator, self._generator), gradients):
            self._adams[model].apply(gradient, model.trainable_variables)
        return losses

    def discriminator_then_generator_same_images(self, real, noise, _):
        with tf.GradientTape() as tape:
            fake = self._generator(noise, training=True)
            discriminator_loss = self._update_discriminator(real, tf.stop_gradient(fake))
            generator_loss = self._loss(self._judged(fake), True)
        self._update(self._generator, tape, generator_loss)
        return discriminator_loss, generator_loss


def build(task):
    keras.utils.set_random_seed(0)
    keras.mixed_precision.set_dtype_policy(task['options']['policy'])
    how = hyperparameters(task)
    networks, loss = RECIPES[task['recipe']]
    models = networks(how)
    schedule = getattr(_Schedules(*models, loss, how), task['schedule'])
    for gpu in tf.config.list_physical_devices('GPU'):
        tf.config.experimental.set_memory_growth(gpu, True)

    def noise():
        shape = (how.batch_size, how.noise_dim)
        return tf.random.normal(shape) if how.noise_distribution == 'normal' else tf.random.uniform(shape, -1, 1)

    @tf.function
    def step(images):
        return schedule((tf.cast(images, tf.float32) - 127.5) / 127.5, noise(), noise())

    pixels = pictures(how.image_shape)
    batches = iter(tf.data.Dataset.from_tensor_slices(pixels).shuffle(len(pixels)).repeat()
                   .batch(how.batch_size, drop_remainder=True).prefetch(2))

    def train(steps):
        for _ in range(steps):
            losses = step(next(batches))
        return [float(loss) for loss in losses]  # waits for a GPU

    parameters = {name: sum(tf.TensorShape(variable.shape).num_elements() for variable in model.trainable_variables)
                  for name, model in zip(('Generator', 'Discriminator'), models)}
    return Worker(train, parameters, 'Keras ' + keras.__version__,
                  on_tensorflow.device(), on_tensorflow.device_peak)
