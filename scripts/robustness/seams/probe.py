"""Generates images by the Python API and by SavedModels, in a process of its own: an object in JSON says which."""
import json
import sys
from typing import Any, Dict, Iterator, Tuple

import numpy as np
import tensorflow.compat.v1 as tf

from dcgan_tf1 import api
from dcgan_tf1.model.standing_statistics import NoiseBatches
from dcgan_tf1.util.device import create_session


def _of_the_api(request: Dict[str, Any]) -> Iterator[Tuple[str, np.ndarray]]:
    noise = np.load(request['noise'])
    opened = (api.open_run(request['run_dir']) if request['run_dir'] else api.open_checkpoint(**request['settings']))
    with opened as generator:
        corners = generator.latent_vectors(4)
        with tf.Graph().as_default(), create_session() as session:
            batch, = NoiseBatches(generator.settings).draw(session, 1)
        for mode in request['modes']:
            yield mode, generator.images(noise, mode, standing_batches=3)
            yield 'corners, ' + mode, generator.images(corners, mode, standing_batches=3)
            yield 'one batch, ' + mode, generator.images(batch, mode, standing_batches=1)
        for momentum in request['momentums']:
            yield 'momentum %g' % momentum, generator.images(noise, 'moving', momentum)


def _of_saved_models(request: Dict[str, Any]) -> Iterator[Tuple[str, np.ndarray]]:
    for mode, path in request['models'].items():
        with tf.Graph().as_default(), create_session() as session:
            meta_graph = tf.saved_model.loader.load(session, ['serve'], path)
            signature = meta_graph.signature_def['serving_default']
            yield 'exported, ' + mode, session.run(signature.outputs['images'].name, {
                signature.inputs['noise'].name: np.load(request['noise'])})


if __name__ == '__main__':
    words = json.loads(sys.argv[1])
    np.savez(words['output'], **dict(_of_the_api(words)), **dict(_of_saved_models(words)))
