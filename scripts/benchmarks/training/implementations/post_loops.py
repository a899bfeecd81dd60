"""The TensorFlow 1 posts' own loops: networks of `tf.layers`, images and noise fed from NumPy, several `Session.run`s.

Needs TensorFlow 1.15, or tf_keras with TF_USE_LEGACY_KERAS=1 (which the parent sets).
"""
import os
import sys

import numpy as np
import tensorflow.compat.v1 as tf

from benchmarking import on_tensorflow
from benchmarking.recipe import ROOT, Worker, hyperparameters, pictures
from dcgan_tf1 import loop

sys.path.append(os.path.join(ROOT, 'tests', 'oracles'))
import tf_layers_graph_mode
import tf_layers_sparse_softmax


def _graph_mode(session, layers, how, pixels):
    """Three runs a step: both losses; the generator; the discriminator. No update ops. Mini-batches are cut before."""
    script = tf_layers_graph_mode.build(layers, with_updates=False)
    batches = [pixels[start:start + how.batch_size]
               for start in range(0, len(pixels) - how.batch_size + 1, how.batch_size)]
    count = 0

    def step():
        nonlocal count
        images, count = batches[count % len(batches)], count + 1
        feed = {script.noise: np.random.uniform(-1, 1, (len(images), 1, 1, how.noise_dim)), script.is_training: True}
        with_images = {script.images: images, **feed}
        losses = session.run(script.losses, with_images)
        session.run(script.train_generator, feed)
        session.run(script.train_discriminator, with_images)
        return losses
    return step


def _sparse_softmax(session, layers, how, pixels):
    """Two runs a step, on noise of their own: the discriminator, with the update ops of its three applications; the
    generator."""
    script = tf_layers_sparse_softmax.build(layers, updates_with_step=True)

    def feed():
        return {script.noise: np.random.uniform(-1, 1, (how.batch_size, how.noise_dim)), script.is_training: True}

    def step():
        batch = pixels[np.random.randint(0, len(pixels), how.batch_size)]
        return [session.run([script.train_discriminator, script.discriminator_loss],
                            {script.images: batch, **feed()})[1],
                session.run([script.train_generator, script.generator_loss], feed())[1]]
    return step


def build(task):
    tf.logging.set_verbosity(tf.logging.ERROR)
    try:
        layers = tf.layers
    except (AttributeError, ImportError):
        raise ImportError('no tf.layers (pip install tf_keras brings it to this TensorFlow)') from None
    how = hyperparameters(task)
    pixels = pictures(how.image_shape).astype(np.float32) / 127.5 - 1
    with tf.Graph().as_default():
        session = loop.session()
        step = {'graph_mode': _graph_mode, 'sparse_softmax': _sparse_softmax}[task['recipe']](
            session, layers, how, pixels)
        parameters = on_tensorflow.trainable(lambda scope: tf.trainable_variables(scope + '/'))
        session.run(tf.global_variables_initializer())

    def train(steps):
        for _ in range(steps):
            losses = step()
        return [float(loss) for loss in losses]
    return Worker(train, parameters, on_tensorflow.FRAMEWORK, on_tensorflow.device(), on_tensorflow.device_peak)
