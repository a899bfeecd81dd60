"""The recorded steps of a script, and the same steps of a recipe."""
import os
from typing import Any, Dict, Iterable, Iterator, List, NamedTuple, Sequence, Tuple

import numpy as np
import tensorflow.compat.v1 as tf

from dcgan_tf1.data import Images
from dcgan_tf1.model import graph as graphs
from dcgan_tf1.model.inputs import batch_plan
from dcgan_tf1.model.layers import BATCH_STATISTICS
from dcgan_tf1.settings import cli_flags
from dcgan_tf1.settings.train import TrainSettings

NETWORKS = ('discriminator', 'generator')
Variables = Dict[str, np.ndarray]
# Of three updates with a momentum of 0.99: the weight of each batch in the new average, from the first to the last.
_THREE_UPDATES = (0.99 ** 2 * 0.01, 0.99 * 0.01, 0.01)


class Step(NamedTuple):
    """A step of a training: what it was fed, and what came out."""

    images: np.ndarray
    noise: Dict[str, np.ndarray]  # {network: [vectors, noise_dim]}, in the order in which the step trains them
    losses: Dict[str, float]
    variables: Variables  # after the step


def start(folder: str) -> Variables:
    """The variables before the first step."""
    return dict(np.load(os.path.join(folder, 'start.npz')))


def read(folder: str) -> Iterator[Step]:
    """The steps that a `Recorder` has written. Each consists of a run for either network, in any order."""
    number = 1
    while os.path.exists(_file(folder, number + 1)):
        noise, losses, images = {}, {}, None
        for run in (number, number + 1):
            content = dict(np.load(_file(folder, run)))
            network = 'discriminator' if 'images' in content else 'generator'
            images = content.pop('images', images)
            vectors = content.pop('noise')
            noise[network], losses[network] = vectors.reshape(len(vectors), -1), float(content.pop('loss'))
        yield Step(images, noise, losses, content)
        number += 2


def _file(folder: str, run: int) -> str:
    return os.path.join(folder, '%d.npz' % run)


class Recipe:
    """The training graph of a recipe, in a session."""

    def __init__(self, flags: List[str], precision: str = 'float32') -> None:
        self.settings = cli_flags.parse(TrainSettings, *flags)
        object.__setattr__(self.settings, 'precision', precision)  # users cannot choose float64
        images = Images(np.zeros([self.settings.batch_size, 28, 28, 1], np.uint8), 'the script')
        with tf.Graph().as_default() as self._graph:
            self._training = graphs.build_training(self.settings, images,
                                                   batch_plan(self.settings, images.num_examples))
            self._variables = {variable.op.name: variable for variable in tf.global_variables()}
            self._values = {name: variable.read_value() for name, variable in self._variables.items()}
            self._session = tf.Session()
            self._session.run(tf.global_variables_initializer())
        self._training.start_batches(self._session, 0)

    def load(self, values: Variables) -> None:
        """Sets variables, by their names."""
        initializers = {name: self._variables[name].initializer for name in values}
        self._session.run(initializers, {initializers[name].inputs[1]: value for name, value in values.items()})

    def step(self, inputs: Step) -> Tuple[Dict[str, float], Variables]:
        """Trains one step on the inputs of another step. Returns the losses, and all variables after the step."""
        ops = self._training.step
        _, *losses = self._session.run([ops.train_op, ops.discriminator_loss, ops.generator_loss], self._feed(inputs))
        return dict(zip(NETWORKS, losses)), self._session.run(self._values)

    def batch_statistics(self, inputs: Step, names: Iterable[str]) -> Dict[str, List[np.ndarray]]:
        """{moving statistic of the discriminator: [that of the real images, that of the generated ones]}."""
        tensors: Dict[str, List[tf.Tensor]] = {}  # of all forward passes: on real images, on generated ones, …
        for statistic in self._graph.get_collection(BATCH_STATISTICS):
            tensors.setdefault(statistic.moving.op.name, []).append(statistic.batch)
        return self._session.run({name: tensors[name][:2] for name in names}, self._feed(inputs))

    def _feed(self, inputs: Step) -> Dict[tf.Tensor, np.ndarray]:
        placeholders = self._training.inputs
        return {placeholders.real_images: inputs.images, placeholders.noise: inputs.noise['discriminator'],
                placeholders.generator_noise: inputs.noise['generator']}


def compare(folder: str, flags: List[str], precision: str, canceled: Sequence[str] = ()) -> Dict[str, Any]:
    """Trains a recipe from the first weights of a recorded script, on the same inputs.

    Args:
        folder: what a `Recorder` has written.
        flags: the settings of the recipe.
        precision: float32 or float64.
        canceled: biases that batch norm cancels. Their gradients are nothing but rounding errors.

    Returns:
        Lists with a value for every step: 'losses' and 'weights', the largest relative differences; 'moving', the same
        for the moving statistics, which start each step from those of the script; 'raced', the same for those that the
        script updates three times in a step without an order, compared with the order that fits best; 'order', which
        one that is: 0 is that of the recipe, and 1 and 2 have the real images in second or third place in any layer;
        'canceled', the largest absolute value of a canceled bias in either program. And 'same_noise', whether both
        networks are trained on the same latent vectors.

    Raises:
        ValueError: if the script trains the networks in another order than the recipe.
    """
    result: Dict[str, Any] = {name: [] for name in ('losses', 'weights', 'moving', 'raced', 'canceled', 'order')}
    recipe, before = Recipe(flags, precision), start(folder)
    recipe.load(before)
    for step in read(folder):
        moving = {name: value for name, value in before.items() if '/moving_' in name}
        recipe.load(moving)
        thrice = [name for name in moving if name.startswith('Discriminator/')
                  and recipe.settings.schedule == 'discriminator_then_generator']
        batches = recipe.batch_statistics(step, thrice)
        losses, variables = recipe.step(step)
        orders = {name: _order(variables[name], step.variables[name], *batches[name]) for name in thrice}
        variables.update({name: _in_order(order, variables[name], *batches[name]) for name, order in orders.items()})
        differences = {name: difference(variables[name], value) for name, value in step.variables.items()}
        result['losses'].append(max(difference(losses[name], step.losses[name]) for name in NETWORKS))
        result['weights'].append(max(value for name, value in differences.items()
                                     if name not in moving and name not in canceled))
        result['moving'].append(max([differences[name] for name in moving if name not in thrice], default=0.))
        result['raced'].append(max([differences[name] for name in thrice], default=0.))
        result['canceled'].append(max([float(np.abs(source[name]).max()) for source in (variables, step.variables)
                                       for name in canceled], default=0.))
        result['order'].append(max(orders.values(), default=0))
        result['same_noise'] = _check_schedule(step, recipe.settings.schedule)
        before = step.variables
    return result


def _check_schedule(step: Step, schedule: str) -> bool:
    first, same_noise = next(iter(step.noise)), bool(np.array_equal(*[step.noise[name] for name in NETWORKS]))
    if not schedule.startswith(first) or same_noise != (schedule == 'generator_then_discriminator'):
        raise ValueError('the script trains the %s first, with %s noise for the other network: that is not %s'
                         % (first, 'the same' if same_noise else 'different', schedule))
    return same_noise


def sensitivity(folder: str, flags: List[str], canceled: Sequence[str] = ()) -> Dict[str, List[float]]:
    """The same differences between two trainings of the recipe whose first weights are one rounding error apart."""
    result: Dict[str, List[float]] = {'losses': [], 'weights': []}
    random, values = np.random.RandomState(0), start(folder)
    recipe, nudged = Recipe(flags), Recipe(flags)
    recipe.load(values)
    nudged.load({name: value if '/moving_' in name else np.nextafter(
        value, random.choice([-np.inf, np.inf], value.shape).astype(value.dtype)) for name, value in values.items()})
    for step in read(folder):
        (losses, variables), (nudged_losses, nudged_variables) = recipe.step(step), nudged.step(step)
        result['losses'].append(max(difference(nudged_losses[name], losses[name]) for name in NETWORKS))
        result['weights'].append(max(difference(nudged_variables[name], variables[name]) for name in values
                                     if '/moving_' not in name and name not in canceled))
    return result


def difference(actual: Any, expected: Any) -> float:
    """The largest difference of an element, relative to the largest expected magnitude."""
    return float(np.abs(np.asarray(actual) - expected).max() / max(np.abs(expected).max(), 1e-30))


def _in_order(order: int, moving: np.ndarray, real: np.ndarray, fake: np.ndarray) -> np.ndarray:
    """A moving statistic that was updated with the batches (real, fake, fake), as if in another order."""
    return moving + (_THREE_UPDATES[order] - _THREE_UPDATES[0]) * (real - fake)


def _order(moving: np.ndarray, expected: np.ndarray, real: np.ndarray, fake: np.ndarray) -> int:
    """The order that comes closest to the expected result."""
    return int(np.argmin([difference(_in_order(order, moving, real, fake), expected) for order in range(3)]))
