"""The oracle of recipe `sparse_softmax`: the same networks and training step written with `tf.layers`.

A step is the source's: two `Session.run`s with feeds, the second on fresh noise.
"""
import collections

import tensorflow.compat.v1 as tf

Script = collections.namedtuple(
    'Script', 'images noise is_training generated real_logits discriminator_loss generator_loss '
    'train_discriminator train_generator discriminator_updates')


def build(layers, learning_rate=0.002, epsilon=1e-8, updates_with_step=False):
    """The whole graph, in the current one. `layers` is the real `tf.layers`.

    With `updates_with_step` the discriminator's updates are control dependencies of its step, as in the source. All
    three update the same variables then, in any order; without, `step` runs them one after the other.
    """
    noise = tf.placeholder(tf.float32, [None, 100])
    images = tf.placeholder(tf.float32, [None, 28, 28, 1])
    is_training = tf.placeholder(tf.bool)

    def normalized(x):
        return layers.batch_normalization(x, training=is_training)

    def leaky(x):
        return tf.nn.leaky_relu(x, alpha=0.2)

    with tf.variable_scope('Generator'):
        x = tf.nn.relu(normalized(layers.dense(noise, 7 * 7 * 128)))
        x = tf.reshape(x, [-1, 7, 7, 128])
        x = tf.nn.relu(normalized(layers.conv2d_transpose(x, 64, 5, strides=2, padding='same')))
        generated = tf.nn.tanh(layers.conv2d_transpose(x, 1, 5, strides=2, padding='same'))

    def discriminator(x):
        with tf.variable_scope('Discriminator', reuse=tf.AUTO_REUSE):
            x = leaky(normalized(layers.conv2d(x, 64, 5, strides=2, padding='same')))
            x = leaky(normalized(layers.conv2d(x, 128, 5, strides=2, padding='same')))
            x = leaky(normalized(layers.dense(tf.reshape(x, [-1, 7 * 7 * 128]), 1024)))
            return layers.dense(x, 2)

    update_count = [len(tf.get_collection(tf.GraphKeys.UPDATE_OPS))]
    logits = []
    for x in (images, generated, generated):  # real, fake, and fake once more, stacked on the generator
        logits.append(discriminator(x))
        update_count.append(len(tf.get_collection(tf.GraphKeys.UPDATE_OPS)))
    real, fake, stacked = logits

    def loss(logits, label):
        labels = label * tf.ones([tf.shape(logits)[0]], tf.int32)
        return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(logits=logits, labels=labels))

    discriminator_loss = loss(real, 1) + loss(fake, 0)
    generator_loss = loss(stacked, 1)

    def adam():
        return tf.train.AdamOptimizer(learning_rate, beta1=0.5, beta2=0.999, epsilon=epsilon)

    updates = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
    with tf.control_dependencies(updates[:update_count[0]]):
        train_generator = adam().minimize(generator_loss, var_list=tf.trainable_variables('Generator/'))
    with tf.control_dependencies(updates[update_count[0]:] if updates_with_step else []):
        train_discriminator = adam().minimize(discriminator_loss, var_list=tf.trainable_variables('Discriminator/'))
    by_application = [updates[start:stop] for start, stop in zip(update_count, update_count[1:])]
    return Script(images, noise, is_training, generated, real, discriminator_loss, generator_loss,
                  train_discriminator, train_generator, by_application)


def step(session, script, images, noise, generator_noise):
    """One training step: (discriminator's loss, generator's loss)."""
    feed = {script.images: images, script.noise: noise, script.is_training: True}
    for updates in script.discriminator_updates:
        session.run(updates, feed)
    _, discriminator_loss = session.run([script.train_discriminator, script.discriminator_loss], feed)
    _, generator_loss = session.run([script.train_generator, script.generator_loss],
                                    {script.noise: generator_noise, script.is_training: True})
    return discriminator_loss, generator_loss
