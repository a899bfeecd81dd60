"""The oracle of recipes `graph_mode` and `graph_mode_dense`, with `tf.layers`.

The networks of post 002, and the two `Session.run`s of its step.
"""
import collections

import tensorflow.compat.v1 as tf

Script = collections.namedtuple(
    'Script', 'images noise is_training generated losses train_generator train_discriminator discriminator_updates')


def convolutions(layers, is_training):
    """Convolutions throughout: (generator, discriminator), without their scopes."""
    def block(x, layer, *arguments, **keywords):
        x = layer(x, *arguments, use_bias=False, **keywords)
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


def dense(layers, is_training):
    """The baseline, two dense layers each: (generator, discriminator), without their scopes."""
    def generator(noise):
        x = layers.dense(noise, 128, activation=tf.nn.relu)
        return tf.reshape(layers.dense(x, 784, activation=tf.nn.tanh), [-1, 28, 28, 1])

    def discriminator(x):
        x = layers.dense(layers.flatten(x), 128, activation=tf.nn.relu)
        return layers.dense(x, 1, activation=tf.nn.sigmoid)
    return generator, discriminator


# By recipe: the networks, and the shape of a noise vector.
NETWORKS = {'graph_mode': (convolutions, (1, 1, 100)), 'graph_mode_dense': (dense, (100,))}


def build(layers, learning_rate=0.0002, epsilon=1e-8, recipe='graph_mode', with_updates=True):
    """The whole graph, in the current one. `layers` is the real `tf.layers`; the rest is Adam's.

    With update ops, which the post leaves out: the generator's with its step, the discriminator's with its own.
    `with_updates` false leaves the generator's out of its step too, as the post does.
    """
    networks, noise_shape = NETWORKS[recipe]
    noise = tf.placeholder(tf.float32, [None, *noise_shape])
    images = tf.placeholder(tf.float32, [None, 28, 28, 1])
    is_training = tf.placeholder(tf.bool, [])
    generate, judge = networks(layers, is_training)

    def discriminator(x):
        with tf.variable_scope('Discriminator', reuse=tf.AUTO_REUSE):
            return judge(x)
    with tf.variable_scope('Generator'):
        generated = generate(noise)
    generator_updates = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
    real = discriminator(images)
    after_real = len(tf.get_collection(tf.GraphKeys.UPDATE_OPS))
    fake = discriminator(generated)
    updates = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
    losses = (tf.reduce_mean(-(tf.log(real + 1e-12) + tf.log(1 - fake + 1e-12))), tf.reduce_mean(-tf.log(fake + 1e-12)))

    def minimize(loss, scope):
        return tf.train.AdamOptimizer(learning_rate, beta1=0.5, epsilon=epsilon).minimize(
            loss, var_list=tf.trainable_variables(scope))
    with tf.control_dependencies(generator_updates if with_updates else []):
        train_generator = minimize(losses[1], 'Generator/')
    # By application: as control dependencies, two updates of one variable would run in either order.
    return Script(images, noise, is_training, generated, losses, train_generator, minimize(losses[0], 'Discriminator/'),
                  [updates[len(generator_updates):after_real], updates[after_real:]])


def step(session, script, images, noise):
    """Generator, then discriminator, on the same noise [batch, …]: (discriminator's loss, generator's)."""
    feed = {script.images: images, script.noise: noise, script.is_training: True}
    generator_loss = session.run([script.train_generator, script.losses[1]], feed)[1]
    for updates in script.discriminator_updates:
        session.run(updates, feed)
    return session.run([script.train_discriminator, script.losses[0]], feed)[1], generator_loss
