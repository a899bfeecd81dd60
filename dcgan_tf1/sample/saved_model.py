"""A generator as a SavedModel, without this package."""
import os
from typing import Mapping

import numpy as np
import tensorflow.compat.v1 as tf

from dcgan_tf1.model import graph
from dcgan_tf1.sample.sampler import Statistics
from dcgan_tf1.sample.settings import GeneratorSettings
from dcgan_tf1.util.device import create_session


def freeze(settings: GeneratorSettings, weights: Mapping[str, np.ndarray], statistics: Statistics,
           pixels: str) -> tf.GraphDef:
    """A generator from `noise` to `images` with all its variables turned into constants.

    Args:
      settings: of the generator.
      weights: {name: value} of its variables.
      statistics: those of batch norm.
      pixels: type of the images: 'float' for float32 from 0 to 1, or 'uint8'.
    """
    with tf.Graph().as_default() as built, create_session() as session:
        generator = graph.build_generator(settings, training=False)
        unit_images = (generator.images + 1) / 2
        if pixels == 'float':
            images = tf.identity(unit_images, 'images')
        else:  # as `pixels.to_uint8`
            images = tf.cast(tf.clip_by_value(tf.round(unit_images * 255), 0, 255), tf.uint8, 'images')
        set_variables(session, {**weights, **statistics})
        return tf.graph_util.convert_variables_to_constants(session, built.as_graph_def(), [images.op.name])


def set_variables(session: tf.Session, values: Mapping[str, np.ndarray]) -> None:
    """Gives all variables of the default graph the values that this {name: value} has for them."""
    variables = tf.global_variables()
    session.run([variable.initializer for variable in variables],
                {variable.initializer.inputs[1]: values[variable.op.name] for variable in variables})


def save(frozen_graph: tf.GraphDef, noise_dim: int, path: str) -> None:
    """Writes the graph that `freeze` returns as a SavedModel."""
    with tf.Graph().as_default(), create_session() as session:
        noise = tf.placeholder(tf.float32, [None, noise_dim], 'noise')
        images, = tf.import_graph_def(frozen_graph, {'noise:0': noise}, ['images:0'], name='Generator')
        os.rmdir(path)  # before TensorFlow 1.15, the builder wants to create the folder itself
        builder = tf.saved_model.builder.SavedModelBuilder(path)
        builder.add_meta_graph_and_variables(
            session, [tf.saved_model.tag_constants.SERVING],
            {tf.saved_model.signature_constants.DEFAULT_SERVING_SIGNATURE_DEF_KEY:
             tf.saved_model.signature_def_utils.predict_signature_def({'noise': noise}, {'images': images})})
        builder.save()
