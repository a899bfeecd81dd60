"""Times our training loop against the source's kind of loop, on the same TensorFlow, in one interleaved run.

  .venv-3.11/bin/python scripts/benchmark.py          (the environment that scripts/test.py sets up)

The source's loop: the networks written with `tf.layers`, images and noise fed from NumPy, two `Session.run`s a
step, the update ops of all of the discriminator's applications with its step. Both train recipe sparse_softmax on
batches of 128; windows of steps alternate, so that a machine that gets slower gets slower for both. Writes
results/benchmark/README.md and sparse_softmax.json.
"""
import argparse
import json
import os
import platform
import sys
import time

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
sys.path.append(os.path.join(sys.path[-1], 'tests', 'oracles'))
os.environ['TF_USE_LEGACY_KERAS'] = '1'  # with it, tf_keras brings tf.layers to today's TensorFlow

import numpy as np
import tensorflow.compat.v1 as tf
import tf_layers_sparse_softmax as source
from absl import flags

from dcgan_tf1 import data, graph, loop, options
from dcgan_tf1.run_folder import write

RESULTS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'results', 'benchmark')


def our_loop(settings, images):
    """A function that trains a number of steps."""
    with tf.Graph().as_default():
        training = graph.build_training(settings, images, options.batch_plan(settings, images.num_examples))
        session = loop.session()
        session.run(tf.global_variables_initializer())
        training.start(session, 0)
        tf.get_default_graph().finalize()
    step = training.step

    def train(steps):
        for _ in range(steps):
            session.run([step.train_op, step.discriminator_loss, step.generator_loss])
    return train


def their_loop(settings, images):
    """The same of the source."""
    with tf.Graph().as_default():
        script = source.build(tf.layers, updates_with_step=True)
        session = loop.session()
        session.run(tf.global_variables_initializer())
    random = np.random.RandomState(settings.seed)
    pixels = images.pixels.astype(np.float32) / 255

    def noise():
        return random.uniform(-1, 1, (settings.batch_size, settings.noise_dim))

    def train(steps):
        for _ in range(steps):
            batch = pixels[random.randint(0, len(pixels), settings.batch_size)] * 2 - 1
            session.run([script.train_discriminator, script.discriminator_loss],
                        {script.images: batch, script.noise: noise(), script.is_training: True})
            session.run([script.train_generator, script.generator_loss],
                        {script.noise: noise(), script.is_training: True})
    return train


def measure(loops, windows, steps):
    """Milliseconds a step, a list of `windows` values for each of the loops, taken in turn."""
    times = {name: [] for name in loops}
    for window in range(windows + 1):
        for name, train in loops.items():
            began = time.perf_counter()
            train(steps)
            if window:  # the first is the warm-up
                times[name].append(1000 * (time.perf_counter() - began) / steps)
    return times


def device():
    """The accelerators that TensorFlow sees, or the processor."""
    with tf.Session() as session:
        names = [found.name for found in session.list_devices() if found.device_type == 'GPU']
    if names:
        return ', '.join(names)
    try:
        with open('/proc/cpuinfo') as file:
            model = next(line.split(':')[1].strip() for line in file if line.startswith('model name'))
    except (OSError, StopIteration):
        model = platform.processor()
    return '%d cores of %s' % (os.cpu_count(), model)


def report(times, arguments, settings):
    """The README's text and the figures behind it."""
    ours, theirs = np.array(times['ours']), np.array(times['source'])
    ratios = theirs / ours  # window by window
    figures = {'device': device(), 'tensorflow': tf.__version__, 'python': platform.python_version(),
               'batch_size': settings.batch_size, 'steps_a_window': arguments.steps,
               'milliseconds_a_step': {name: [round(value, 2) for value in values] for name, values in times.items()},
               'ratio': {'median': round(float(np.median(ratios)), 3), 'lowest': round(float(ratios.min()), 3),
                         'highest': round(float(ratios.max()), 3)}}
    rows = ''.join('| %s | %.0f | %.0f–%.0f | %.0f | %.2f |\n' % (
        label, np.median(values), values.min(), values.max(),
        1000 * settings.batch_size / np.median(values), np.median(theirs / values))
        for label, values in (("the source's loop", theirs), ('ours', ours)))
    return figures, '''# Speed of recipe sparse_softmax

Made by `scripts/benchmark.py`: TensorFlow %s, Python %s, %s; float32, batch %d.
%d windows of %d steps of each loop in turn, after one that is not counted; medians. The ratio is the median of the
window-by-window ratios, from %.2f to %.2f.

| loop | ms a step | range | images/s | times the source's |
| --- | --- | --- | --- | --- |
%s
The machine may be shared: the ratio of the two medians is %.2f.
The source's loop: `tf.layers`, fed from NumPy, two `Session.run`s a step. Ours: one `Session.run` a step, no feeds.
''' % (tf.__version__, platform.python_version(), figures['device'], settings.batch_size, len(ours), arguments.steps,
       ratios.min(), ratios.max(), rows, np.median(theirs) / np.median(ours))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--windows', type=int, default=7, help='counted windows of each loop')
    parser.add_argument('--steps', type=int, default=20, help='steps a window')
    parser.add_argument('--output', default=RESULTS, help='folder for the results')
    arguments = parser.parse_args()
    if min(arguments.windows, arguments.steps) < 1:
        parser.error('--windows and --steps must be 1 or more')
    tf.logging.set_verbosity(tf.logging.ERROR)
    flag_values = flags.FlagValues()
    options.declare_training(flag_values)
    settings = options.settings(flag_values(['train']), flag_values)
    images = data.load('digits')[1]
    try:
        loops = {'source': their_loop(settings, images), 'ours': our_loop(settings, images)}
    except (AttributeError, ImportError):
        sys.exit("error: tf.layers is not here: run this in the environment of scripts/test.py, or install tf_keras")
    figures, text = report(measure(loops, arguments.windows, arguments.steps), arguments, settings)
    os.makedirs(arguments.output, exist_ok=True)
    write(os.path.join(arguments.output, 'sparse_softmax.json'), (json.dumps(figures, indent=2) + '\n').encode())
    write(os.path.join(arguments.output, 'README.md'), text.encode())
    print(text)


if __name__ == '__main__':
    main()
