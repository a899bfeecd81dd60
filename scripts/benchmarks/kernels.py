"""Times the routes of `dcgan_tf1/routes.py` against TensorFlow's own kernels.

  python -m scripts.benchmarks.kernels --batch_sizes=32,128

Measures every layer of the recipes that has stride 2, and the large dense layer, in float32 and bfloat16. The rules
of --kernels=by_shape follow from this table. Writes README.md to --output.
"""
import argparse
import os
import sys
import time
from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy as np
import tensorflow.compat.v1 as tf

from dcgan_tf1 import kernel_timing, kernels, markdown
from dcgan_tf1.cli import exit_status
from dcgan_tf1.kernels import Convolution
from dcgan_tf1.run_folder import write_atomically
from scripts.lib.arguments import at_least, list_of, path
from scripts.lib.machine import tensorflow_device
from scripts.lib.paths import results_folder


def _layer(size: int, large_channels: int, small_channels: int, kernel_size: int) -> Convolution:
    """A convolution or transposed convolution with stride 2 and padding `same`. `size`: of its larger side."""
    return Convolution((size, size), (kernel_size, kernel_size, large_channels, small_channels), 2, 'SAME', 'float32')


LAYERS = {
    'sparse_softmax': [_layer(28, 1, 64, 5), _layer(14, 64, 128, 5),
                       Convolution((1, 1), (1, 1, 6272, 1024), 1, 'VALID', 'float32')],
    'graph_mode': [_layer(28, 1, 128, 5), _layer(14, 128, 256, 5)],
    'machinecurve': [_layer(28, 1, 28, 5), _layer(14, 28, 64, 5), _layer(14, 28, 56, 5)],
    'paperspace': [_layer(28, 1, 64, 5), _layer(14, 64, 128, 5)],
    'learnopencv_*': [_layer(64, 3, 64, 4), _layer(32, 64, 128, 4), _layer(16, 128, 256, 4), _layer(8, 256, 512, 4)],
    'paper': [_layer(64, 3, 128, 5), _layer(32, 128, 256, 5), _layer(16, 256, 512, 5), _layer(8, 512, 1024, 5)],
}
# {name of a route: what it computes}
OPERATIONS = {'dilated': 'weight gradient, dilated', 'patches': 'weight gradient, patches',
              'subpixel': 'transposed convolution, sub-pixel', 'transposed': 'input gradient, transposed'}

_INTRODUCTION = '''# Other routes for convolutions

When is a route of [dcgan_tf1/routes.py](../../../dcgan_tf1/routes.py) faster than TensorFlow's own kernel?

Measured by `python -m scripts.benchmarks.kernels` with TensorFlow %s on %s: medians of %d rounds, in each of
which all kernels take turns. Cells give the milliseconds of TensorFlow's kernel → of the other route, and the
speed-up. Bold: `--kernels=by_shape` takes the other route.

'''


def measure(layer: Convolution, batch_size: int, rounds: int) -> Dict[str, Tuple[float, float]]:
    """{name of a route: median milliseconds of (TensorFlow's kernel, the route)}."""
    with kernel_timing.operations(layer, batch_size) as operations:
        runs = [run for pair in operations.values() for run in pair]
        times = np.zeros((rounds + 1, len(runs)))
        for row in times:
            for column, run in enumerate(runs):
                start = time.perf_counter()
                run()
                row[column] = 1000 * (time.perf_counter() - start)
        medians = np.median(times[1:], axis=0)  # the first round is for warming up
        return {name: tuple(medians[2 * number:2 * number + 2]) for number, name in enumerate(operations)}


def _row(recipe: str, layer: Convolution, batch_size: int, rounds: int) -> List[Any]:
    chosen = {'dilated': kernels.dilated_is_faster(layer), 'subpixel': kernels.subpixel_is_faster(layer)}
    size, (kernel_size, _, large_channels, small_channels) = layer.size[0], layer.kernel
    described = 'dense, %d → %d' % (large_channels, small_channels) if layer.is_dense else (
        '%d×%d, %d ↔ %d, %d×%d kernel' % (size, size, large_channels, small_channels, kernel_size, kernel_size))
    cells = dict.fromkeys(OPERATIONS, '')
    for name, (native, alternative) in measure(layer, batch_size, rounds).items():
        speed_up = '%.2f×' % (native / alternative)
        cells[name] = '%.1f → %.1f: %s' % (native, alternative, '**%s**' % speed_up if chosen.get(name) else speed_up)
    return [recipe, described, batch_size, layer.dtype, *cells.values()]


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
                for dtype in ('float32', 'bfloat16'):
                    rows.append(_row(recipe, layer._replace(dtype=dtype), batch_size, parsed.rounds))
                    print(*rows[-1], sep=' | ', flush=True)
    text = _INTRODUCTION % (tf.__version__, tensorflow_device(), parsed.rounds)
    text += markdown.table(['recipe', 'layer', 'batch size', 'precision', *OPERATIONS.values()], rows)
    os.makedirs(parsed.output, exist_ok=True)
    write_atomically(os.path.join(parsed.output, 'README.md'), text.encode())


if __name__ == '__main__':
    sys.exit(exit_status(main))
