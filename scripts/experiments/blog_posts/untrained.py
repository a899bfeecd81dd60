"""Measures what needs no training: counts, untrained networks, first steps and times."""
import time
from typing import Any, Dict, Iterable, List

import numpy as np
import tensorflow.compat.v1 as tf

from dcgan_tf1 import data
from dcgan_tf1.data import Images
from dcgan_tf1.model import graph, randomness
from dcgan_tf1.model.inputs import BatchPlan
from dcgan_tf1.settings import cli_flags
from dcgan_tf1.settings.train import TrainSettings
from dcgan_tf1.train import autotune
from dcgan_tf1.util import terminal
from dcgan_tf1.util.device import create_session
from scripts.lib import machine, trainings
from scripts.lib.arguments import ExperimentArguments
from scripts.lib.measurements import Measurements


def training_settings(recipe: str, *flags: str) -> TrainSettings:
    """Settings of a training of this recipe."""
    return cli_flags.parse(TrainSettings, '--recipe=' + recipe, *flags)


def steps_per_epoch(recipe: str, num_images: int) -> int:
    """Steps in one epoch of so many images."""
    settings = training_settings(recipe)
    return BatchPlan(settings.shuffle, num_images, settings.batch_size, 0).steps_in(1)


def _build_untrained(recipe, seed=0):
    """Builds a recipe's generator, in inference mode, and discriminator in the current graph."""
    settings = training_settings(recipe)
    tf.set_random_seed(seed)
    return graph.build_generator(settings, training=False), graph.build_discriminator(settings)


def parameters(recipe: str) -> Dict[str, List[List]]:
    """{scope: [[layer, number of parameters, number of trainable ones], …]}, in the order of the layers."""
    counts = {'Generator': {}, 'Discriminator': {}}
    with tf.Graph().as_default():
        _build_untrained(recipe)
        trainable = {variable.name for variable in tf.trainable_variables()}
        for scope, layers in counts.items():
            for variable in tf.global_variables(scope + '/'):
                count = layers.setdefault(variable.op.name.split('/')[1], [0, 0])
                size = int(variable.shape.num_elements())
                count[0] += size
                count[1] += size if variable.name in trainable else 0
    return {scope: [[layer, *count] for layer, count in layers.items()] for scope, layers in counts.items()}


def decision(recipe: str, seed: int) -> float:
    """The logit of an untrained discriminator for an image of an untrained generator, in inference mode."""
    settings = training_settings(recipe)
    with tf.Graph().as_default(), create_session() as session:
        generator, discriminator = _build_untrained(recipe, seed)
        noise = randomness.noise(settings.noise_distribution, seed, randomness.SAMPLE_NOISE, 0, 1,
                                 settings.noise_dim)
        session.run(tf.global_variables_initializer())
        image = session.run(generator.images, {generator.noise: session.run(noise)})
        return float(session.run(discriminator.logits, {discriminator.images: image,
                                                         discriminator.is_training: False})[0, 0])


def first_losses(recipe: str, seed: int, arguments: ExperimentArguments) -> Dict[str, Any]:
    """Both losses of the first step, equal to those of a training with this seed."""
    settings = autotune.choose(training_settings(recipe, '--seed=%d' % seed, *trainings.dataset_flags(arguments)))
    _, images = data.load_for(settings)
    loop_of_one_step = autotune.build(settings, images)
    with loop_of_one_step.session:
        discriminator_loss, generator_loss = loop_of_one_step.train(1)
    return {'seed': seed, 'precision': settings.precision, 'generator_loss': rounded(generator_loss),
            'discriminator_loss': rounded(discriminator_loss)}


def rounded(loss: float) -> float:
    """A loss with six significant digits, more than any table shows."""
    return float('%.6g' % loss)


def step_times(recipe: str, arguments: ExperimentArguments) -> Dict[str, Any]:
    """Times of our step in milliseconds, with images in memory."""
    settings = autotune.choose(training_settings(recipe, *trainings.flags_of(arguments, 'precision', 'batch_size')))
    shape = (settings.image_size, settings.image_size, settings.channels)
    timed = autotune.build(settings, Images(machine.digit_images(shape), 'scikit-learn'))
    milliseconds = []
    with timed.session:
        timed.train(2)
        for _ in range(arguments.timed_steps):
            start = time.perf_counter()
            timed.train(1)
            milliseconds.append(1000 * (time.perf_counter() - start))
    return {'recipe': recipe, 'device': machine.tensorflow_device(),
            'framework': 'TensorFlow ' + tf.__version__, 'images': 'in memory',
            'precision': arguments.precision, 'batch_size': settings.batch_size,
            'steps': len(milliseconds), 'median': round(float(np.median(milliseconds)), 1),
            'smallest': round(min(milliseconds), 1), 'largest': round(max(milliseconds), 1)}


def measure_untrained(measurements: Measurements, published: Dict[str, Any],
                      arguments: ExperimentArguments) -> None:
    """Measures everything that needs no training and was not measured yet."""
    def measure(key, function, *inputs):
        if not measurements.has(*key):
            measurements.add(key, function(*inputs))
    for post in arguments.posts:
        for recipe in published[post].get('steps_per_epoch', ()):
            measure(('batches', recipe), steps_per_epoch, recipe, published[post]['num_images'])
    if '003' in arguments.posts:
        recipe = published['003']['recipe']
        measure(('parameters', recipe), parameters, recipe)
        for seed in _progress(range(arguments.decision_seeds), 'untrained decisions'):
            measure(('decision', seed), decision, recipe, seed)
    if '001' in arguments.posts and arguments.timed_steps:
        for recipe in _progress(sorted(published['001']['steps_per_epoch']), 'times'):
            key = ('seconds', recipe, machine.tensorflow_device().replace(' ', '_'), 'in_memory')
            measure(key, step_times, recipe, arguments)
    if '004' in arguments.posts:
        for seed in _progress(range(arguments.first_step_seeds), 'first steps'):
            measure(('first', seed), first_losses, published['004']['recipe'], seed, arguments)


def _progress(items: Iterable, description: str) -> Iterable:
    return terminal.bar(iterable=items, desc=description)
