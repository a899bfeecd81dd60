"""Reference for the recipe `sparse_softmax`: the networks and the step of post 004's source in `tf.layers`.

A step is two `Session.run`s with feeds, the second one with new noise.

Source: https://valueml.com/deep-convolutional-generative-adversarial-network-python/, which follows
`dcgan.ipynb` of https://github.com/aymericdamien/TensorFlow-Examples
"""
from typing import Any, List, NamedTuple, Tuple

import numpy as np
import tensorflow.compat.v1 as tf


class Script(NamedTuple):
    """A graph to train with feeds."""
    images: tf.Tensor  # placeholder [batch, 28, 28, 1] in [-1, 1]
    noise: tf.Tensor  # placeholder [batch, 100]
    is_training: tf.Tensor  # placeholder
    generated: tf.Tensor  # [batch, 28, 28, 1] in [-1, 1]
    real_logits: tf.Tensor  # [batch, 2]
    discriminator_loss: tf.Tensor
    generator_loss: tf.Tensor
    train_discriminator: tf.Operation
    train_generator: tf.Operation
    # Update ops of the passes over real images, over generated images, and over these on top of the generator.
    discriminator_updates: List[List[tf.Operation]]


def _build_networks(layers: Any, is_training: tf.Tensor):
    """Functions (generator, discriminator) with their variable scopes."""
    def normalized(x):
        return layers.batch_normalization(x, training=is_training)

    def leaky(x):
        return tf.nn.leaky_relu(x, alpha=0.2)

    def generator(noise):
        with tf.variable_scope('Generator'):
            x = tf.nn.relu(normalized(layers.dense(noise, 7 * 7 * 128)))
            x = tf.reshape(x, [-1, 7, 7, 128])
            x = tf.nn.relu(normalized(layers.conv2d_transpose(x, 64, 5, strides=2, padding='same')))
            return tf.nn.tanh(layers.conv2d_transpose(x, 1, 5, strides=2, padding='same'))

    def discriminator(x):
        with tf.variable_scope('Discriminator', reuse=tf.AUTO_REUSE):
            x = leaky(normalized(layers.conv2d(x, 64, 5, strides=2, padding='same')))
            x = leaky(normalized(layers.conv2d(x, 128, 5, strides=2, padding='same')))
            x = leaky(normalized(layers.dense(tf.reshape(x, [-1, 7 * 7 * 128]), 1024)))
            return layers.dense(x, 2)
    return generator, discriminator


def _cross_entropy(logits, label):
    labels = label * tf.ones([tf.shape(logits)[0]], tf.int32)
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(logits=logits, labels=labels))


def build(layers: Any, learning_rate: float = 0.002, epsilon: float = 1e-8,
          updates_with_step: bool = False) -> Script:
    """Builds the graph in the current default graph.

    Args:
      layers: the module `tf.layers`.
      learning_rate: of Adam.
      epsilon: of Adam.
      updates_with_step: make the discriminator's update ops control dependencies of its training step, as the
        source does. All three forward passes then update the same variables in an undefined order. Without
        it, `step` runs them one after the other.
    """
    noise = tf.placeholder(tf.float32, [None, 100])
    images = tf.placeholder(tf.float32, [None, 28, 28, 1])
    is_training = tf.placeholder(tf.bool)
    generator, discriminator = _build_networks(layers, is_training)
    generated = generator(noise)
    update_counts = [len(tf.get_collection(tf.GraphKeys.UPDATE_OPS))]
    logits = []
    for x in (images, generated, generated):  # real, fake, and fake again on top of the generator
        logits.append(discriminator(x))
        update_counts.append(len(tf.get_collection(tf.GraphKeys.UPDATE_OPS)))
    real, fake, stacked = logits
    discriminator_loss = _cross_entropy(real, 1) + _cross_entropy(fake, 0)
    generator_loss = _cross_entropy(stacked, 1)

    def adam():
        return tf.train.AdamOptimizer(learning_rate, beta1=0.5, beta2=0.999, epsilon=epsilon)

    updates = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
    with tf.control_dependencies(updates[:update_counts[0]]):
        train_generator = adam().minimize(generator_loss, var_list=tf.trainable_variables('Generator/'))
    with tf.control_dependencies(updates[update_counts[0]:] if updates_with_step else []):
        train_discriminator = adam().minimize(
            discriminator_loss, var_list=tf.trainable_variables('Discriminator/'))
    discriminator_updates = [updates[start:stop] for start, stop in zip(update_counts, update_counts[1:])]
    return Script(images, noise, is_training, generated, real, discriminator_loss, generator_loss,
                  train_discriminator, train_generator, discriminator_updates)


def step(session: tf.Session, script: Script, images: np.ndarray, noise: np.ndarray,
         generator_noise: np.ndarray) -> Tuple[float, float]:
    """Trains the discriminator with all update ops, then the generator.

    Returns: (discriminator loss, generator loss).
    """
    feed = {script.images: images, script.noise: noise, script.is_training: True}
    for updates in script.discriminator_updates:
        session.run(updates, feed)
    _, discriminator_loss = session.run([script.train_discriminator, script.discriminator_loss], feed)
    _, generator_loss = session.run([script.train_generator, script.generator_loss],
                                    {script.noise: generator_noise, script.is_training: True})
    return discriminator_loss, generator_loss
