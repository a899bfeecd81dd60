"""Reference for `graph_mode` and `graph_mode_dense`: the networks and the step of post 002 in `tf.layers`.

Source: https://cfml.se/deep-convolutional-generative-adversarial-networks/
"""
from typing import Any, List, NamedTuple, Tuple

import numpy as np
import tensorflow.compat.v1 as tf


class Script(NamedTuple):
    """A graph to train with feeds."""
    images: tf.Tensor  # placeholder [batch, 28, 28, 1] in [-1, 1]
    noise: tf.Tensor  # placeholder [batch, 1, 1, 100] or [batch, 100]
    is_training: tf.Tensor  # placeholder
    generated: tf.Tensor  # [batch, 28, 28, 1] in [-1, 1]
    losses: Tuple[tf.Tensor, tf.Tensor]  # discriminator, generator
    train_generator: tf.Operation
    train_discriminator: tf.Operation
    discriminator_updates: List[List[tf.Operation]]  # of the pass over real images, then over generated ones


def convolutional(layers: Any, is_training: tf.Tensor):
    """The networks of `graph_mode`: functions (generator, discriminator) without variable scopes."""
    def block(x, layer, *arguments, **options):
        x = layer(x, *arguments, use_bias=False, **options)
        return tf.nn.leaky_relu(layers.batch_normalization(x, training=is_training))

    def generator(noise):
        x = block(noise, layers.conv2d_transpose, 256, 7, strides=1, padding='valid')
        x = block(x, layers.conv2d_transpose, 128, 5, strides=2, padding='same')
        return tf.nn.tanh(layers.conv2d_transpose(x, 1, 5, strides=2, padding='same'))

    def discriminator(x):
        x = block(x, layers.conv2d, 128, 5, strides=2, padding='same')
        x = block(x, layers.conv2d, 256, 5, strides=2, padding='same')
        return tf.nn.sigmoid(layers.conv2d(x, 1, 7, strides=1, padding='valid'))
    return generator, discriminator


def dense(layers: Any, is_training: tf.Tensor):
    """The networks of `graph_mode_dense`, two dense layers each: functions as in `convolutional`."""
    def generator(noise):
        x = layers.dense(noise, 128, activation=tf.nn.relu)
        return tf.reshape(layers.dense(x, 784, activation=tf.nn.tanh), [-1, 28, 28, 1])

    def discriminator(x):
        x = layers.dense(layers.flatten(x), 128, activation=tf.nn.relu)
        return layers.dense(x, 1, activation=tf.nn.sigmoid)
    return generator, discriminator


# {recipe: (function that builds the networks, shape of a noise vector)}
NETWORKS = {'graph_mode': (convolutional, (1, 1, 100)), 'graph_mode_dense': (dense, (100,))}


def build(layers: Any, learning_rate: float = 0.0002, epsilon: float = 1e-8, recipe: str = 'graph_mode',
          with_updates: bool = True) -> Script:
    """Builds the graph in the current default graph.

    Args:
      layers: the module `tf.layers`.
      learning_rate: of Adam.
      epsilon: of Adam.
      recipe: graph_mode or graph_mode_dense.
      with_updates: run the generator's update ops with its training step. The post does not run them.
    """
    build_networks, noise_shape = NETWORKS[recipe]
    noise = tf.placeholder(tf.float32, [None, *noise_shape])
    images = tf.placeholder(tf.float32, [None, 28, 28, 1])
    is_training = tf.placeholder(tf.bool, [])
    generate, classify = build_networks(layers, is_training)

    def discriminator(x):
        with tf.variable_scope('Discriminator', reuse=tf.AUTO_REUSE):
            return classify(x)
    with tf.variable_scope('Generator'):
        generated = generate(noise)
    generator_updates = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
    real = discriminator(images)
    count_after_real = len(tf.get_collection(tf.GraphKeys.UPDATE_OPS))
    fake = discriminator(generated)
    updates = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
    losses = (tf.reduce_mean(-(tf.log(real + 1e-12) + tf.log(1 - fake + 1e-12))),
              tf.reduce_mean(-tf.log(fake + 1e-12)))

    def minimize(loss, scope):
        return tf.train.AdamOptimizer(learning_rate, beta1=0.5, epsilon=epsilon).minimize(
            loss, var_list=tf.trainable_variables(scope))
    with tf.control_dependencies(generator_updates if with_updates else []):
        train_generator = minimize(losses[1], 'Generator/')
    train_discriminator = minimize(losses[0], 'Discriminator/')
    # Separated by forward pass: as control dependencies, two updates of a variable run in an undefined order.
    discriminator_updates = [updates[len(generator_updates):count_after_real], updates[count_after_real:]]
    return Script(images, noise, is_training, generated, losses, train_generator, train_discriminator,
                  discriminator_updates)


def step(session: tf.Session, script: Script, images: np.ndarray, noise: np.ndarray) -> Tuple[float, float]:
    """Trains the generator, then the discriminator, with the same noise and with all update ops.

    Returns: (discriminator loss, generator loss).
    """
    feed = {script.images: images, script.noise: noise, script.is_training: True}
    generator_loss = session.run([script.train_generator, script.losses[1]], feed)[1]
    for updates in script.discriminator_updates:
        session.run(updates, feed)
    return session.run([script.train_discriminator, script.losses[0]], feed)[1], generator_loss
