"""The page that computes: a generator as a program with rounded weights, and batch statistics to choose from."""
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence

import numpy as np
import tensorflow.compat.v1 as tf

from dcgan_tf1.explore import page as explore_page
from dcgan_tf1.explore import program, rounding
from dcgan_tf1.explore.settings import ExploreSettings
from dcgan_tf1.model import graph
from dcgan_tf1.sample.sampler import Generator, Statistics
from dcgan_tf1.sample.saved_model import set_variables
from dcgan_tf1.sample.settings import GeneratorSettings
from dcgan_tf1.util import terminal
from dcgan_tf1.util.device import create_session
from dcgan_tf1.util.errors import UserError

BATCH = 16  # images on the page, which are its batch in training mode
MEASURED_BATCHES = 4  # of the images whose error the page states
MAX_BYTES_OF_16_BITS = 2500000  # with more, the page would have more than 4 MB, so weights get 8 bits
MAX_WEIGHT_BYTES = 16000000
_NUM_DIRECTIONS = 6
_NUMBERS_OF_BATCHES = (1, 2, 3, 5, 10, 20, 50, 100)  # of the standing statistics to choose from

Weights = Mapping[str, np.ndarray]  # {name of a variable: value}


class Error(NamedTuple):
    """What rounding the weights changes in images, in gray levels of 255."""

    mean: float
    largest: float  # of all pixels


def page(texts: Mapping[str, str], settings: ExploreSettings, generator: Generator) -> bytes:
    """Builds the page of a generator. Raises UserError if it is too large, or has an op that the page does not know."""
    # The browser computes in float32; alternative kernels have other ops.
    used = generator.settings.replace(precision='float32', kernels='native')
    weights = generator.weights()
    bits = choose_bits(weights, used.network)
    rounded = rounding.rounded(weights, bits)
    with tf.Graph().as_default(), create_session() as session:
        trained = graph.build_generator(used, training=True)
        set_variables(session, rounded)
        converted = program.convert(session, trained, used.network)
    moving = generator.statistics('moving')
    numbers = [number for number in _NUMBERS_OF_BATCHES if number < settings.standing_batches]
    standing = {number: generator.statistics('standing', batches=number)
                for number in [*numbers, settings.standing_batches] if moving}
    noise = generator.latent_vectors(MEASURED_BATCHES * BATCH, settings.seed)
    terminal.say('measuring what %d bits per weight change' % bits)
    kinds = [None, moving, initial(moving), standing[settings.standing_batches]] if moving else [{}]
    error = measure(*images(used, [weights, rounded], noise, kinds))
    average = standing.get(settings.standing_batches, {})
    data = {
        'nodes': converted.nodes,
        'constants': [rounding.stored(np.asarray(value, np.float32), bits) for value in converted.constants],
        'layers': [{'name': layer.mean.rpartition('/')[0], 'epsilon': layer.epsilon} for layer in converted.layers],
        'moving': _stored_statistics(converted.layers, moving),
        'standing': [{'batches': number, 'layers': _stored_statistics(converted.layers, values)}
                     for number, values in standing.items()],
        'latents': rounding.stored(noise[:BATCH]), 'noise_dim': used.noise_dim,
        'directions': rounding.stored(directions(generator, average)),
        'distribution': used.noise_distribution, 'interpolation': settings.interpolation,
        'image': [used.image_size, used.image_size, used.channels], 'batch_size': used.batch_size,
    }
    return explore_page.fill('live.html', {
        **texts, 'noise_dim': str(used.noise_dim), 'batch_size': str(used.batch_size), 'bits': str(bits),
        'mean_error': '%.2g' % error.mean, 'largest_error': '%.2g' % error.largest,
        'weights': format(sum(value.size for name, value in weights.items() if name not in moving), ',')}, data)


def choose_bits(weights: Weights, network: str) -> int:
    """16 bits for each weight, or 8 if the page would be too large. Raises UserError if it still would."""
    count = sum(value.size for value in weights.values() if value.ndim > 1)
    if count > MAX_WEIGHT_BYTES:
        raise UserError('the generator of --network=%s has %.1f million weights, more than the %g million that a live '
                        'page may have: run explore without --live' % (network, count / 1e6, MAX_WEIGHT_BYTES / 1e6))
    return 16 if 2 * count <= MAX_BYTES_OF_16_BITS else 8


def initial(statistics: Statistics) -> Statistics:
    """The statistics of a training that never ran its update ops: mean 0 and variance 1."""
    return {name: np.zeros_like(value) if name.endswith('mean') else np.ones_like(value)
            for name, value in statistics.items()}


def images(settings: GeneratorSettings, versions: Sequence[Weights], noise: np.ndarray,
           kinds: Sequence[Optional[Statistics]]) -> np.ndarray:
    """What TensorFlow computes in float32, in gray levels from 0 to 255: [versions, kinds, n, height, width, channels].

    Args:
      settings: of the generator.
      versions: different weights, each of all its variables.
      noise: [n, noise_dim], where n is a multiple of `BATCH`.
      kinds: statistics of batch norm; None stands for those of each `BATCH` images.
    """
    found = {}
    for training in (True, False):
        with tf.Graph().as_default(), create_session() as session:
            generator = graph.build_generator(settings, training)
            for version, weights in enumerate(versions):
                for kind, statistics in enumerate(kinds):
                    if (statistics is None) == training:
                        set_variables(session, {**weights, **(statistics or {})})
                        found[version, kind] = np.concatenate([
                            session.run(generator.images, {generator.noise: batch})
                            for batch in np.split(noise, len(noise) // BATCH)])
    return (np.array([[found[version, kind] for kind in range(len(kinds))] for version in range(len(versions))])
            + 1) * 127.5


def measure(exact: np.ndarray, approximate: np.ndarray) -> Error:
    """The differences between images."""
    differences = np.abs(exact - approximate)
    return Error(float(differences.mean()), float(differences.max()))


def directions(generator: Generator, statistics: Statistics) -> np.ndarray:
    """Directions in latent space along which images change most, float32 [directions, noise_dim], orthonormal.

    The images are approximated as a linear function of the latent vectors. The directions are those in which that
    function changes most: the singular vectors of its matrix.
    """
    noise_dim = generator.settings.noise_dim
    noise = generator.latent_vectors(100 + 5 * noise_dim, seed=1)
    found = generator.generate(noise, statistics).reshape(len(noise), -1)
    matrix = np.linalg.lstsq(noise - noise.mean(axis=0), found - found.mean(axis=0), rcond=None)[0]
    return np.linalg.svd(matrix, full_matrices=False)[0].T[:_NUM_DIRECTIONS].astype(np.float32)


def _stored_statistics(layers: Sequence[program.Layer], statistics: Statistics) -> List[Dict[str, Any]]:
    return [{'mean': rounding.stored(statistics[layer.mean]),
             'variance': rounding.stored(statistics[layer.variance])}
            for layer in layers]
