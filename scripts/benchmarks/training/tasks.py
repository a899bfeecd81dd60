"""What every worker knows of a recipe and its images. No framework is imported here: each worker has only its own."""
import collections
import os

import numpy as np

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# What a module's `build` returns.
#   train: runs that many steps to their end, and returns the last losses, the discriminator's and the generator's;
#   parameters: {'Generator': …, 'Discriminator': …}, the trainable ones, or None;
#   framework, device: texts;
#   device_peak: a function: bytes that the framework had at most in use on a GPU, or None without one;
#   scale: milliseconds a step are those of `train` times this;
#   details: a dict for the JSON file.
Worker = collections.namedtuple('Worker', 'train parameters framework device device_peak scale details')
Worker.__new__.__defaults__ = (1., {})  # of the last two

Hyperparameters = collections.namedtuple(
    'Hyperparameters', 'batch_size noise_dim noise_distribution learning_rate beta1 beta2 epsilon image_shape')


def flagfile(name):
    return os.path.join(ROOT, 'flags', name + '.flags')


def hyperparameters(task):
    """Of a task: the recipe's flagfile, with the task's changes."""
    with open(flagfile(task['recipe']), encoding='utf-8') as file:
        flags = dict(line.strip()[2:].split('=', 1) for line in file if line.startswith('--'))
    assert flags['learning_rate_generator'] == flags['learning_rate_discriminator']
    size, channels = int(flags.get('image_size', 28)), int(flags.get('channels', 1))
    size = task.get('image_size') or size
    return Hyperparameters(
        task.get('batch_size') or int(flags['batch_size']), int(flags['noise_dim']), flags['noise_distribution'],
        float(flags['learning_rate_generator']), float(flags['beta1']), float(flags['beta2']),
        float(flags['epsilon']), (size, size, channels))


def pictures(image_shape, count=None):
    """uint8 [count, *image_shape]: the digits that scikit-learn carries, enlarged, and repeated up to `count`."""
    from PIL import Image
    from sklearn.datasets import load_digits
    height, width, channels = image_shape
    small = np.round(load_digits().images * (255 / 16)).astype(np.uint8)
    large = np.stack([np.asarray(Image.fromarray(image).resize((width, height), Image.BILINEAR)) for image in small])
    images = np.repeat(large[..., np.newaxis], channels, axis=3)
    return images if count is None else images[np.arange(count) % len(images)]


def processor():
    """The processor's name."""
    try:
        with open('/proc/cpuinfo') as file:
            model = next(line.split(':')[1].strip() for line in file if line.startswith('model name'))
    except (OSError, StopIteration):
        import platform
        model = platform.processor() or platform.machine()
    return '%d cores of %s' % (os.cpu_count(), model)
