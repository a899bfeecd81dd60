"""The inputs of a training step: real images in the order of the batch plan, and latent vectors."""
from typing import TYPE_CHECKING, Callable, List, NamedTuple, Optional, Tuple

import tensorflow.compat.v1 as tf

from dcgan_tf1 import pixels, randomness
from dcgan_tf1.batches import BatchPlan

if TYPE_CHECKING:
    from dcgan_tf1.data import AnyImages
    from dcgan_tf1.settings import TrainSettings


class Inputs(NamedTuple):
    """Placeholders with defaults: a training step feeds none of them, and a caller may feed any of them.

    Start the batch plan first, even if images are fed. TensorFlow's graph optimizer may make a step wait for
    the next batch of the plan anyway.
    """

    real_images: tf.Tensor  # [images, height, width, channels] in [-1, 1], the next batch of the plan
    noise: tf.Tensor  # [vectors, noise_dim], latent vectors of the discriminator's update
    generator_noise: tf.Tensor  # [vectors, noise_dim], for schedules whose generator update draws new vectors
    is_training: tf.Tensor  # boolean scalar (default true), the mode of batch norm and dropout
    extra_d_batches: List[Tuple[tf.Tensor, tf.Tensor]]  # (real_images, noise) of extra discriminator updates


def build_inputs(settings: 'TrainSettings', images: 'AnyImages', plan: BatchPlan,
                 step: tf.Tensor) -> Tuple[Inputs, Callable[[tf.Session, int], None]]:
    """Creates the inputs of a training step in the current default graph.

    Args:
        settings: settings of the training.
        images: the training set.
        plan: the batch plan of these images.
        step: int64 scalar, the number of completed steps, which determines the latent vectors.

    Returns:
        The inputs, and a function (session, step) that starts the batch plan after that many steps.
    """
    num_batches = settings.d_steps_per_g_step  # each update of the discriminator uses a batch of its own
    with tf.name_scope('batch_plan'):
        start_step = tf.placeholder(tf.int64, [], 'start_step')
        source = images.batches(plan.indices(start_step * num_batches))
        batches: List[tf.Tensor] = []
        for _ in range(num_batches):
            with tf.control_dependencies(batches[-1:]):  # take them in the order of the plan
                batches.append(source.get_next())
        real_images = [pixels.to_float(tf.cast(batch, tf.float32)) for batch in batches]
        noise_batch_size = settings.batch_size if settings.noise_batch == 'full' else tf.shape(batches[0])[0]

        def draw(stream: int, name: str = '') -> tf.Tensor:
            return randomness.noise(settings.noise_distribution, settings.seed, stream, step,
                                    noise_batch_size, settings.noise_dim, name)
        # The names select random streams; other names would change the numbers.
        noise = [draw(randomness.NOISE, 'further %d' % number if number else '')
                 for number in range(num_batches)]
        generator_noise = draw(randomness.GENERATOR_NOISE)

    def start_batches(session: tf.Session, step: int) -> None:
        session.run(source.initializer, {**source.feed, start_step: step})

    def placeholder(name: str, default: object, *shape: Optional[int]) -> tf.Tensor:
        return tf.placeholder_with_default(default, shape, name)

    pairs = [(placeholder('real_images', batch, None, *images.image_shape),
              placeholder('noise', vectors, None, settings.noise_dim))
             for batch, vectors in zip(real_images, noise)]
    generator_noise = placeholder('generator_noise', generator_noise, None, settings.noise_dim)
    return Inputs(*pairs[0], generator_noise, placeholder('is_training', True), pairs[1:]), start_batches
