"""Times the routes of `dcgan_tf1/kernels.py` against TensorFlow's own kernels, for every strided layer of the recipes.

  .venv-3.11/bin/python scripts/benchmark_kernels.py --batch_sizes=32,128

The rules in `kernels.py` follow from its table. Writes kernels.md to --output.
"""
import argparse
import os
import sys
import time

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))

import numpy as np
import tensorflow.compat.v1 as tf

from arguments import any_path, at_least, list_of
from benchmarking import on_tensorflow
from dcgan_tf1 import kernels, loop
from dcgan_tf1.errors import exit_status
from dcgan_tf1.run_folder import write

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# Size of the larger map, channels of it, channels of the smaller map, kernel size; all of stride 2 with same padding.
LAYERS = {
    'sparse_softmax': [(28, 1, 64, 5), (14, 64, 128, 5)],
    'graph_mode': [(28, 1, 128, 5), (14, 128, 256, 5)],
    'machinecurve': [(28, 1, 28, 5), (14, 28, 64, 5), (14, 28, 56, 5)],
    'paperspace': [(28, 1, 64, 5), (14, 64, 128, 5)],
    'learnopencv_*': [(64, 3, 64, 4), (32, 64, 128, 4), (16, 128, 256, 4), (8, 256, 512, 4)],
    'paper': [(64, 3, 128, 5), (32, 128, 256, 5), (16, 256, 512, 5), (8, 512, 1024, 5)],
}
ROUTES = ('weight gradient', 'transposed convolution')


def operations(layer, batch, dtype):
    """{route: (native op, own op)}, on random tensors that are in memory before."""
    size, large, small, kernel_size = layer
    with tf.variable_scope('inputs'):
        images, kernel, maps = [
            tf.get_variable(name, initializer=tf.cast(tf.random_normal(shape), dtype), use_resource=True).read_value()
            for name, shape in (('images', [batch, size, size, large]),
                                ('kernel', [kernel_size, kernel_size, large, small]),
                                ('maps', [batch, -(-size // 2), -(-size // 2), small]))]
    how = {'strides': [1, 2, 2, 1], 'padding': 'SAME'}
    return dict(zip(ROUTES, (
        (tf.nn.conv2d_backprop_filter(images, kernel.shape.as_list(), maps, **how).op,
         kernels.weight_gradient(images, maps, kernel_size, 2, 'SAME').op),
        (tf.nn.conv2d_backprop_input(images.shape.as_list(), kernel, maps, **how).op,
         kernels.subpixel_transpose(maps, kernel, (size, size), 2, 'SAME').op))))


def measure(layer, batch, dtype, rounds):
    """{route: (native, own)}: median milliseconds, the four taken in turn."""
    with tf.Graph().as_default(), loop.session() as session:
        pairs = operations(layer, batch, dtype)
        session.run(tf.global_variables_initializer())
        runs = [session.make_callable(op) for pair in pairs.values() for op in pair]
        times = np.zeros((rounds + 1, len(runs)))
        for row in times:
            for column, run in enumerate(runs):
                began = time.perf_counter()
                run()
                row[column] = 1000 * (time.perf_counter() - began)
        medians = np.median(times[1:], axis=0)  # the first is the warm-up
        return {route: tuple(medians[2 * number:2 * number + 2]) for number, route in enumerate(pairs)}


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--batch_sizes', type=list_of(at_least(1)), default='128', help='comma-separated')
    parser.add_argument('--rounds', type=at_least(1), default=7)
    parser.add_argument('--output', type=any_path, default=os.path.join(ROOT, 'results', 'benchmark'),
                        help='folder for the table')
    return parser.parse_args(arguments)


def main(arguments=None):
    arguments = parse(arguments)
    tf.logging.set_verbosity(tf.logging.ERROR)
    text = '''# Routes of convolutions

Made by `scripts/benchmark_kernels.py`: TensorFlow %s, %s; medians of %d rounds, taken in turn. Milliseconds of
TensorFlow's own kernel → of the route in `dcgan_tf1/kernels.py`; bold where that route is taken.

| recipe | layer | batch | precision | %s |
| --- | --- | --- | --- | --- | --- |
''' % (tf.__version__, on_tensorflow.device(), arguments.rounds, ' | '.join(ROUTES))
    for recipe, layers in LAYERS.items():
        for layer in layers:
            for batch in arguments.batch_sizes:
                for dtype in (tf.float32, tf.bfloat16):
                    size, large, small, kernel_size = layer
                    taken = {
                        'weight gradient': kernels._dilated_is_faster(
                            [kernel_size, kernel_size, large, small], [-(-size // 2)] * 2, 2, dtype),
                        'transposed convolution': kernels._subpixel_is_faster(
                            tf.TensorShape([kernel_size, kernel_size, large, small]).as_list(), 2)}
                    row = '| %s | %d×%d, %d ↔ %d, %d×%d kernel | %d | %s |' % (
                        recipe, size, size, large, small, kernel_size, kernel_size, batch, dtype.name)
                    for route, (native, own) in measure(layer, batch, dtype, arguments.rounds).items():
                        ratio = '%.2f ×' % (native / own)
                        row += ' %.1f → %.1f: %s |' % (native, own, '**%s**' % ratio if taken[route] else ratio)
                    print(row, flush=True)
                    text += row + '\n'
    os.makedirs(arguments.output, exist_ok=True)
    write(os.path.join(arguments.output, 'kernels.md'), text.encode())


if __name__ == '__main__':
    sys.exit(exit_status(main))
