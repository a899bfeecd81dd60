"""The training loops of posts 002 and 004: `tf.layers`, fed from NumPy, several `Session.run`s per step.

Needs TensorFlow 1.15, or tf_keras with TF_USE_LEGACY_KERAS=1 (which `processes` sets).
"""
from typing import Any, Dict

import numpy as np
import tensorflow.compat.v1 as tf

from dcgan_tf1.util.device import create_session
from scripts.benchmarks.training.implementations import TrainingProgram, hyperparameters, tensorflow_process
from scripts.benchmarks.training.reference import tf_layers_graph_mode, tf_layers_sparse_softmax
from scripts.lib.machine import digit_images, tensorflow_device


def _graph_mode(session, layers, hyper, pixels):
    """Three runs per step, without update ops: losses, generator's update, discriminator's update."""
    script = tf_layers_graph_mode.build(layers, with_updates=False)
    batches = [pixels[start:start + hyper.batch_size]
               for start in range(0, len(pixels) - hyper.batch_size + 1, hyper.batch_size)]
    count = 0

    def step():
        nonlocal count
        images, count = batches[count % len(batches)], count + 1
        noise = np.random.uniform(-1, 1, (len(images), 1, 1, hyper.noise_dim))
        feed = {script.noise: noise, script.is_training: True}
        feed_with_images = {script.images: images, **feed}
        losses = session.run(script.losses, feed_with_images)
        session.run(script.train_generator, feed)
        session.run(script.train_discriminator, feed_with_images)
        return losses
    return step


def _sparse_softmax(session, layers, hyper, pixels):
    """Two runs per step, each with new noise: the discriminator with its update ops, then the generator."""
    script = tf_layers_sparse_softmax.build(layers, updates_with_step=True)

    def feed():
        noise = np.random.uniform(-1, 1, (hyper.batch_size, hyper.noise_dim))
        return {script.noise: noise, script.is_training: True}

    def step():
        images = pixels[np.random.randint(0, len(pixels), hyper.batch_size)]
        _, discriminator_loss = session.run([script.train_discriminator, script.discriminator_loss],
                                            {script.images: images, **feed()})
        _, generator_loss = session.run([script.train_generator, script.generator_loss], feed())
        return discriminator_loss, generator_loss
    return step


_LOOPS = {'graph_mode': _graph_mode, 'sparse_softmax': _sparse_softmax}


def build(task: Dict[str, Any]) -> TrainingProgram:
    """See `implementations`. Raises ImportError if there is no `tf.layers`."""
    tf.logging.set_verbosity(tf.logging.ERROR)
    try:
        layers = tf.layers
    except (AttributeError, ImportError):
        raise ImportError('no tf.layers (to get it with this TensorFlow: pip install tf_keras)') from None
    hyper = hyperparameters(task)
    pixels = digit_images(hyper.image_shape).astype(np.float32) / 127.5 - 1
    with tf.Graph().as_default() as graph:
        session = create_session()
        step = _LOOPS[task['recipe']](session, layers, hyper, pixels)
        session.run(tf.global_variables_initializer())

    def train(steps):
        for _ in range(steps):
            losses = step()
        return [float(loss) for loss in losses]
    return TrainingProgram(train, tensorflow_process.count_parameters(graph), tensorflow_process.FRAMEWORK,
                           tensorflow_device(), tensorflow_process.gpu_memory)
