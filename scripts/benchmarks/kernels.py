"""Times the alternative kernels of `dcgan_tf1/kernels.py` against TensorFlow's native ones.

  python -m scripts.benchmarks.kernels --batch_sizes=32,128

Measures every layer of the recipes that has stride 2, in float32 and bfloat16. The rules in `kernels.py` that
choose a kernel follow from this table. Writes README.md to --output.
"""
import argparse
import os
import sys
import time
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
import tensorflow.compat.v1 as tf

from dcgan_tf1 import kernels, markdown
from dcgan_tf1.cli import exit_status
from dcgan_tf1.run_folder import write_atomically
from dcgan_tf1.session import create_session
from scripts.lib.arguments import at_least, list_of, path
from scripts.lib.machine import tensorflow_device
from scripts.lib.paths import results_folder


class Layer(NamedTuple):
    """A convolution or transposed convolution with stride 2 and padding `same`."""
    size: int  # height and width of its larger side, in pixels
    large_channels: int  # channels of its larger side
    small_channels: int  # channels of its smaller side
    kernel_size: int

    @property
    def small_size(self) -> int:
        """Height and width of the smaller side, in pixels."""
        return -(-self.size // 2)

    @property
    def kernel_shape(self) -> List[int]:
        """Shape of the kernel."""
        return [self.kernel_size, self.kernel_size, self.large_channels, self.small_channels]


LAYERS = {
    'sparse_softmax': [Layer(28, 1, 64, 5), Layer(14, 64, 128, 5)],
    'graph_mode': [Layer(28, 1, 128, 5), Layer(14, 128, 256, 5)],
    'machinecurve': [Layer(28, 1, 28, 5), Layer(14, 28, 64, 5), Layer(14, 28, 56, 5)],
    'paperspace': [Layer(28, 1, 64, 5), Layer(14, 64, 128, 5)],
    'learnopencv_*': [Layer(64, 3, 64, 4), Layer(32, 64, 128, 4), Layer(16, 128, 256, 4), Layer(8, 256, 512, 4)],
    'paper': [Layer(64, 3, 128, 5), Layer(32, 128, 256, 5), Layer(16, 256, 512, 5), Layer(8, 512, 1024, 5)],
}
OPERATIONS = ('weight gradient', 'transposed convolution')

_INTRODUCTION = '''# Alternative convolution kernels

When is a kernel of [dcgan_tf1/kernels.py](../../../dcgan_tf1/kernels.py) faster than TensorFlow's native one?

Measured by `python -m scripts.benchmarks.kernels` with TensorFlow %s on %s: medians of %d rounds, in each of
which all kernels take turns. Cells give the milliseconds of the native kernel → of the alternative kernel,
and the speed-up. Bold: the rules in `kernels.py` choose the alternative kernel.

'''


def build_operations(layer: Layer, batch_size: int,
                     dtype: tf.DType) -> Dict[str, Tuple[tf.Operation, tf.Operation]]:
    """{name of the operation: (native kernel, alternative kernel)}, on random variables."""
    small_shape = [batch_size, layer.small_size, layer.small_size, layer.small_channels]
    with tf.variable_scope('inputs'):
        images, kernel, gradients = [
            tf.get_variable(name, initializer=tf.cast(tf.random_normal(shape), dtype),
                            use_resource=True).read_value()
            for name, shape in (('images', [batch_size, layer.size, layer.size, layer.large_channels]),
                                ('kernel', layer.kernel_shape), ('gradients', small_shape))]
    geometry = {'strides': [1, 2, 2, 1], 'padding': 'SAME'}
    weight_gradient = (
        tf.nn.conv2d_backprop_filter(images, kernel.shape.as_list(), gradients, **geometry).op,
        kernels.weight_gradient(images, gradients, layer.kernel_size, 2, 'SAME').op)
    transposed = (
        tf.nn.conv2d_backprop_input(images.shape.as_list(), kernel, gradients, **geometry).op,
        kernels.subpixel_transpose(gradients, kernel, (layer.size, layer.size), 2, 'SAME').op)
    return dict(zip(OPERATIONS, (weight_gradient, transposed)))


def measure(layer: Layer, batch_size: int, dtype: tf.DType, rounds: int) -> Dict[str, Tuple[float, float]]:
    """{name of the operation: median milliseconds of (native kernel, alternative kernel)}."""
    with tf.Graph().as_default(), create_session() as session:
        pairs = build_operations(layer, batch_size, dtype)
        session.run(tf.global_variables_initializer())
        runs = [session.make_callable(op) for pair in pairs.values() for op in pair]
        times = np.zeros((rounds + 1, len(runs)))
        for row in times:
            for column, run in enumerate(runs):
                start = time.perf_counter()
                run()
                row[column] = 1000 * (time.perf_counter() - start)
        medians = np.median(times[1:], axis=0)  # the first round is for warming up
        return {name: tuple(medians[2 * number:2 * number + 2]) for number, name in enumerate(pairs)}


def uses_alternative(layer: Layer, dtype: tf.DType) -> Dict[str, bool]:
    """{name of the operation: whether the rules in `kernels.py` choose the alternative kernel}."""
    return dict(zip(OPERATIONS, (
        kernels.dilated_is_faster(layer.kernel_shape, [layer.small_size] * 2, 2, dtype),
        kernels.subpixel_is_faster(layer.kernel_shape, 2))))


def _row(recipe: str, layer: Layer, batch_size: int, dtype: tf.DType, rounds: int) -> List[Any]:
    chosen = uses_alternative(layer, dtype)
    cells = [recipe, '%d×%d, %d ↔ %d, %d×%d kernel' % (
        layer.size, layer.size, layer.large_channels, layer.small_channels, layer.kernel_size, layer.kernel_size),
        batch_size, dtype.name]
    for name, (native, alternative) in measure(layer, batch_size, dtype, rounds).items():
        speed_up = '%.2f×' % (native / alternative)
        cells.append('%.1f → %.1f: %s' % (native, alternative, '**%s**' % speed_up if chosen[name] else speed_up))
    return cells


def parse(arguments: Optional[Sequence[str]]) -> argparse.Namespace:
    """Parses the command line."""
    parser = argparse.ArgumentParser(prog='python -m scripts.benchmarks.kernels', description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--batch_sizes', type=list_of(at_least(1)), default='128',
                        help='comma-separated (default: %(default)s)')
    parser.add_argument('--rounds', type=at_least(1), default=7,
                        help='measurements of each kernel (default: %(default)s)')
    parser.add_argument('--output', type=path, default=results_folder('benchmarks', 'kernels'),
                        help='folder for the results')
    return parser.parse_args(arguments)


def main(arguments: Optional[Sequence[str]] = None) -> None:
    """The script."""
    parsed = parse(arguments)
    tf.logging.set_verbosity(tf.logging.ERROR)
    rows = []
    for recipe, layers in LAYERS.items():
        for layer in layers:
            for batch_size in parsed.batch_sizes:
                for dtype in (tf.float32, tf.bfloat16):
                    rows.append(_row(recipe, layer, batch_size, dtype, parsed.rounds))
                    print(*rows[-1], sep=' | ', flush=True)
    text = _INTRODUCTION % (tf.__version__, tensorflow_device(), parsed.rounds)
    text += markdown.table(['recipe', 'layer', 'batch size', 'precision', *OPERATIONS], rows)
    os.makedirs(parsed.output, exist_ok=True)
    write_atomically(os.path.join(parsed.output, 'README.md'), text.encode())


if __name__ == '__main__':
    sys.exit(exit_status(main))
