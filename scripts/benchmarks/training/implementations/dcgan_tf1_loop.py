"""This package's loop: one `Session.run` per step, which feeds nothing."""
from typing import Any, Dict

import tensorflow.compat.v1 as tf

from dcgan_tf1.data import Images
from dcgan_tf1.model import graph
from dcgan_tf1.model import inputs as model_inputs
from dcgan_tf1.settings import cli_flags
from dcgan_tf1.settings.train import TrainSettings
from dcgan_tf1.train import autotune
from scripts.benchmarks.training.implementations import TrainingProgram, hyperparameters, tensorflow_process
from scripts.lib.machine import digit_images, tensorflow_device


def _settings(task):
    """The training settings of a task, with what --kernels=auto and --precision=auto stand for here."""
    hyper = hyperparameters(task)
    settings = autotune.choose(cli_flags.parse(
        TrainSettings, '--recipe=' + task['recipe'], '--schedule=' + task['schedule'],
        '--batch_size=%d' % hyper.batch_size, '--image_size=%d' % hyper.image_shape[0],
        '--shuffle=continuous',  # the last batch of an epoch would be smaller, and faster, than those of the others
        *task['options'].get('flags', ())))
    return settings


def _images(task):
    return Images(digit_images(hyperparameters(task).image_shape), 'scikit-learn')


def build_graph(task: Dict[str, Any]) -> graph.TrainGraph:
    """Builds the training graph of a task in the current default graph."""
    settings, images = _settings(task), _images(task)
    return graph.build_training(settings, images, model_inputs.batch_plan(settings, images.num_examples))


def build(task: Dict[str, Any]) -> TrainingProgram:
    """See `implementations`."""
    tf.logging.set_verbosity(tf.logging.ERROR)
    settings = _settings(task)
    loop = autotune.build(settings, _images(task))
    return TrainingProgram(loop.train, tensorflow_process.count_parameters(loop.graph),
                           tensorflow_process.FRAMEWORK, tensorflow_device(), tensorflow_process.gpu_memory,
                           details={'precision': settings.precision, 'kernels': settings.kernels})
