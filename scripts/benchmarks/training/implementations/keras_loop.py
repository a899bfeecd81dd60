"""Keras 3 with the same networks, losses, schedules and initial distributions: one `tf.function` per step.

bfloat16 is the policy `mixed_bfloat16` with float32 logits and images, as Keras's guide recommends.
"""
from typing import Any, Dict

import keras
import tensorflow as tf

if not keras.__version__.startswith('3'):
    raise ImportError('Keras 3 is needed; this is Keras %s' % keras.__version__)

from scripts.benchmarks.training.implementations import (
    TrainingProgram,
    hyperparameters,
    keras_networks,
    tensorflow_process,
)
from scripts.lib.machine import digit_images, tensorflow_device


class _Schedules:
    """Training steps, named like the package's schedules.

    Each is a function (real images, noise, extra noise) → (discriminator loss, generator loss).
    """

    def __init__(self, generator, discriminator, loss, hyper):
        self._generator, self._discriminator, self._loss = generator, discriminator, loss
        self._optimizers = {}
        for model in (generator, discriminator):
            self._optimizers[model] = keras.optimizers.Adam(
                hyper.learning_rate, hyper.beta1, hyper.beta2, hyper.epsilon)
            self._optimizers[model].build(model.trainable_variables)

    def _logits(self, images):
        return self._discriminator(images, training=True)

    def _update(self, model, tape, loss):
        self._optimizers[model].apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)

    def _update_generator(self, noise):
        with tf.GradientTape() as tape:
            loss = self._loss(self._logits(self._generator(noise, training=True)), True)
        self._update(self._generator, tape, loss)
        return loss

    def _update_discriminator(self, real, fake):
        with tf.GradientTape() as tape:
            loss = self._loss(self._logits(real), True) + self._loss(self._logits(fake), False)
        self._update(self._discriminator, tape, loss)
        return loss

    def generator_then_discriminator(self, real, noise, _):
        generator_loss = self._update_generator(noise)
        return self._update_discriminator(real, self._generator(noise, training=True)), generator_loss

    def discriminator_then_generator(self, real, noise, extra_noise):
        discriminator_loss = self._update_discriminator(real, self._generator(noise, training=True))
        return discriminator_loss, self._update_generator(extra_noise)

    def simultaneous(self, real, noise, _):
        with tf.GradientTape(persistent=True) as tape:
            fake_logits = self._logits(self._generator(noise, training=True))
            losses = [self._loss(self._logits(real), True) + self._loss(fake_logits, False),
                      self._loss(fake_logits, True)]
        models = (self._discriminator, self._generator)
        gradients = [tape.gradient(loss, model.trainable_variables) for model, loss in zip(models, losses)]
        for model, gradient in zip(models, gradients):
            self._optimizers[model].apply(gradient, model.trainable_variables)
        return losses

    def discriminator_then_generator_same_images(self, real, noise, _):
        with tf.GradientTape() as tape:
            fake = self._generator(noise, training=True)
            discriminator_loss = self._update_discriminator(real, tf.stop_gradient(fake))
            generator_loss = self._loss(self._logits(fake), True)
        self._update(self._generator, tape, generator_loss)
        return discriminator_loss, generator_loss


def build(task: Dict[str, Any]) -> TrainingProgram:
    """See `implementations`. Options: `policy`, Keras's dtype policy."""
    keras.utils.set_random_seed(0)
    keras.mixed_precision.set_dtype_policy(task['options']['policy'])
    hyper = hyperparameters(task)
    build_networks, loss = keras_networks.RECIPES[task['recipe']]
    models = build_networks(hyper)
    schedule = getattr(_Schedules(*models, loss, hyper), task['schedule'])
    for gpu in tf.config.list_physical_devices('GPU'):
        tf.config.experimental.set_memory_growth(gpu, True)

    def noise():
        shape = (hyper.batch_size, hyper.noise_dim)
        if hyper.noise_distribution == 'normal':
            return tf.random.normal(shape)
        return tf.random.uniform(shape, -1, 1)

    @tf.function
    def step(images):
        return schedule((tf.cast(images, tf.float32) - 127.5) / 127.5, noise(), noise())

    pixels = digit_images(hyper.image_shape)
    batches = iter(tf.data.Dataset.from_tensor_slices(pixels).shuffle(len(pixels)).repeat()
                   .batch(hyper.batch_size, drop_remainder=True).prefetch(2))

    def train(steps):
        for _ in range(steps):
            losses = step(next(batches))
        return [float(loss) for loss in losses]  # reading the values waits for a GPU

    parameters = {name: sum(tf.TensorShape(variable.shape).num_elements()
                            for variable in model.trainable_variables)
                  for name, model in zip(('Generator', 'Discriminator'), models)}
    return TrainingProgram(train, parameters, 'Keras ' + keras.__version__, tensorflow_device(),
                           tensorflow_process.gpu_memory)
