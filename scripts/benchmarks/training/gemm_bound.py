"""A bound on the time per step: the step's matrix products alone, at the best rate that this machine reaches.

  bound = Σ FLOPs of the step's convolutions and dense layers inside the image / best rate of a matrix product

The sum runs over the operations of the package's own step with TensorFlow's native kernels: forward passes,
gradients of inputs and gradients of weights, in the recipe's schedule. A convolution counts 2 · batch · pairs
· input channels · filters FLOPs, where `pairs` counts the pairs of an output pixel and a kernel entry that
falls on an input pixel. Entries that fall on the padding are not counted.

The rate is the best one that TensorFlow's `matmul` reaches, in the same precision, among the shapes that
these convolutions have as matrix products (with image patches as rows). It is measured in every window. Batch
norm, activations, losses, the optimizer and input count nothing.
"""
import collections
import time
from typing import Any, Dict, List, NamedTuple, Sequence, Tuple

import tensorflow.compat.v1 as tf

from dcgan_tf1.util.device import session_config
from scripts.benchmarks.training.implementations import (
    TrainingProgram,
    dcgan_tf1_loop,
    hyperparameters,
    tensorflow_process,
)
from scripts.lib.machine import tensorflow_device

NATIVE_KERNELS = ['--kernels=native']  # the convolutions as they are written
_MIN_SHARE = 0.01  # shapes with a smaller share of the FLOPs are not timed: small products are slow
_MIN_SECONDS = 0.05  # of one run of products, so that the run's overhead does not count
_MAX_CHAIN = 500  # products per run

_CONVOLUTIONS = ('Conv2D', 'Conv2DBackpropInput', 'Conv2DBackpropFilter')


class Product(NamedTuple):
    """A convolution or dense layer, or one of their gradients, as a matrix product."""
    flops: int  # inside the image
    gemm: Tuple[int, int, int]  # (m, k, n) of the product [m, k] × [k, n]


def _gemm_flops(gemm):
    m, k, n = gemm
    return 2 * m * k * n


def _count_pairs(size, kernel, stride, output_size, padding):
    """Counts the pairs (output, kernel entry) on the input along one axis, with TensorFlow's padding."""
    before = max((output_size - 1) * stride + kernel - size, 0) // 2 if padding == b'SAME' else 0
    starts = [position * stride - before for position in range(output_size)]
    return sum(max(0, min(size, start + kernel) - max(0, start)) for start in starts)


def _convolution(op, batch):
    """The `Product` of a convolution or one of its two gradients, which take the same products."""
    # The images, kernel and output of the convolution that this op is, or is the gradient of.
    images, kernel, output = {
        'Conv2D': lambda: (op.inputs[0], op.inputs[1], op.outputs[0]),
        'Conv2DBackpropInput': lambda: (op.outputs[0], op.inputs[1], op.inputs[2]),
        'Conv2DBackpropFilter': lambda: (op.inputs[0], op.outputs[0], op.inputs[2]),
    }[op.type]()
    rows, columns, channels, filters = kernel.shape.as_list()
    (_, height, width, _), (_, out_height, out_width, _) = images.shape.as_list(), output.shape.as_list()
    strides, padding = op.get_attr('strides'), op.get_attr('padding')
    pairs = _count_pairs(height, rows, strides[1], out_height, padding) * _count_pairs(
        width, columns, strides[2], out_width, padding)
    pixels, patch = batch * out_height * out_width, rows * columns * channels
    gemm = {'Conv2D': (pixels, patch, filters), 'Conv2DBackpropInput': (pixels, filters, patch),
            'Conv2DBackpropFilter': (patch, pixels, filters)}[op.type]
    return Product(2 * batch * pairs * channels * filters, gemm)


def _dense(op, batch):
    shapes = [[batch if size is None else size for size in value.shape.as_list()] for value in op.inputs]
    first, second = (shape[::-1] if op.get_attr(flag) else shape
                     for shape, flag in zip(shapes, ('transpose_a', 'transpose_b')))
    gemm = (*first, second[1])
    return Product(_gemm_flops(gemm), gemm)


def products(fetches: Sequence[Any], batch: int) -> List[Product]:
    """The matrix products that a `Session.run` of the fetches takes.

    Args:
      fetches: tensors or operations.
      batch: replaces dimensions whose size is unknown in the graph.
    """
    needed, pending, results = set(), [getattr(fetch, 'op', fetch) for fetch in fetches], []
    while pending:
        op = pending.pop()
        if op not in needed:
            needed.add(op)
            pending += [value.op for value in op.inputs] + list(op.control_inputs)
    for op in needed:
        # Some results are only control dependencies: an optimizer's gate waits for both gradients of an
        # operation, even if one is not used. TensorFlow's graph optimizer removes these.
        if not any(user in needed for value in op.outputs for user in value.consumers()):
            continue
        if op.type in _CONVOLUTIONS:
            results.append(_convolution(op, batch))
        elif op.type == 'MatMul':
            results.append(_dense(op, batch))
    return results


class _Chain:
    """Matrix products of one shape, one after the other in one `Session.run`."""

    def __init__(self, gemm, dtype, length):
        m, k, n = gemm
        self.length = length
        with tf.Graph().as_default():
            factors = [tf.get_variable(name, initializer=tf.cast(tf.random_uniform(shape, -1, 1), dtype),
                                       use_resource=True) for name, shape in (('a', [m, k]), ('b', [k, n]))]
            values = [factor.read_value() for factor in factors]
            product = None
            for _ in range(length):
                with tf.control_dependencies([] if product is None else [product]):
                    product = tf.matmul(*values)
            self._last = product[0, 0]  # reading a value waits for a GPU
            config = session_config()
            # Otherwise the optimizers would replace the equal products with one.
            config.graph_options.rewrite_options.disable_meta_optimizer = True
            config.graph_options.optimizer_options.opt_level = tf.OptimizerOptions.L0
            self._session = tf.Session(config=config)
            self._session.run(tf.global_variables_initializer())
            self._session.run(self._last)

    def run(self):
        """Computes all products. Returns seconds per product."""
        start = time.perf_counter()
        self._session.run(self._last)
        return (time.perf_counter() - start) / self.length

    def close(self):
        self._session.close()


def _flops_by_shape(task, batch):
    """{(m, k, n): FLOPs of the step's products of this shape}."""
    options = {'flags': ['--precision=' + task['precision'], *NATIVE_KERNELS]}
    with tf.Graph().as_default():
        step = dcgan_tf1_loop.build_graph({**task, 'options': options}).step
        step_products = products([step.train_op, step.discriminator_loss, step.generator_loss], batch)
    flops = collections.Counter()
    for product in step_products:
        flops[product.gemm] += product.flops
    return flops


def build(task: Dict[str, Any]) -> TrainingProgram:
    """A program whose "step" is a run of the fastest matrix product."""
    tf.logging.set_verbosity(tf.logging.ERROR)
    flops = _flops_by_shape(task, hyperparameters(task).batch_size)
    total = sum(flops.values())
    dtype = tf.bfloat16 if task['precision'] == 'bfloat16' else tf.float32
    rates = {}
    for gemm, shape_flops in flops.items():
        if shape_flops >= total * _MIN_SHARE:
            chain = _Chain(gemm, dtype, 4)
            rates[gemm] = _gemm_flops(gemm) / min(chain.run() for _ in range(3))
            chain.close()
    best = max(rates, key=rates.get)
    seconds = _gemm_flops(best) / rates[best]
    chain = _Chain(best, dtype, int(min(_MAX_CHAIN, max(1, _MIN_SECONDS / seconds))))

    def train(steps):
        for _ in range(steps):
            chain.run()

    return TrainingProgram(
        train, None, tensorflow_process.FRAMEWORK, tensorflow_device(), tensorflow_process.gpu_memory,
        total / _gemm_flops(best) / chain.length,
        {'gflop_per_step': total / 1e9, 'gemm': list(best), 'gflops_before_windows': rates[best] / 1e9})
