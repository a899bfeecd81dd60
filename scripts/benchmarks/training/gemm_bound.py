"""The floor: how long a step takes where it does nothing but multiply matrices, as fast as this machine can.

  floor = Σ FLOPs of the step's convolutions and dense layers, *inside the image* / the matrix product's rate

The sum runs over the operations of our own step (forward passes, gradients of inputs and of weights, in the recipe's
schedule), with the framework's own kernels. A convolution counts 2 · batch · pairs · input channels · filters, where
`pairs` are the pairs of an output pixel and a kernel's number that falls on a pixel of the input: what falls on the
padding is 0, and not counted. The rate is the best that TensorFlow's `matmul` reaches, in the contestant's precision,
among the shapes that those convolutions have as matrix products (image patches as rows), and timed in every window.
Nothing else is counted: no batch norm, no optimizer, no input. Batch norm's and the losses' sums are not products.
"""
import collections
import time

import tensorflow.compat.v1 as tf

from benchmarking import on_tensorflow, ours
from benchmarking.recipe import Worker, hyperparameters
from dcgan_tf1 import loop

NATIVE = ['--kernels=native']  # the convolutions as they are written

# flops: of one operation; gemm: (m, k, n), its shape as a product [m, k] × [k, n].
Product = collections.namedtuple('Product', 'flops gemm')


def _flops(gemm):
    m, k, n = gemm
    return 2 * m * k * n


def _pairs(size, kernel, stride, out, padding):
    """Along one axis: how many pairs (output, number of the kernel) fall on the input. TensorFlow's padding."""
    before = max((out - 1) * stride + kernel - size, 0) // 2 if padding == b'SAME' else 0
    return sum(max(0, min(size, place * stride - before + kernel) - max(0, place * stride - before))
               for place in range(out))


def _convolution(op, batch):
    """A forward convolution, or one of its two gradients: they take the same products."""
    # (image, kernel, output) of the convolution that it is, or is the gradient of.
    image, kernel, output = {
        'Conv2D': lambda: (op.inputs[0], op.inputs[1], op.outputs[0]),
        'Conv2DBackpropInput': lambda: (op.outputs[0], op.inputs[1], op.inputs[2]),
        'Conv2DBackpropFilter': lambda: (op.inputs[0], op.outputs[0], op.inputs[2]),
    }[op.type]()
    rows, columns, channels, filters = kernel.shape.as_list()
    (_, height, width, _), (_, out_height, out_width, _) = image.shape.as_list(), output.shape.as_list()
    strides, padding = op.get_attr('strides'), op.get_attr('padding')
    pairs = _pairs(height, rows, strides[1], out_height, padding) * _pairs(
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
    return Product(_flops(gemm), gemm)


def products(fetches, batch):
    """The `Product`s that a run of the fetches takes. Sizes left open in the graph are taken for the batch."""
    needed, todo, found = set(), [getattr(fetch, 'op', fetch) for fetch in fetches], []
    while todo:
        op = todo.pop()
        if op not in needed:
            needed.add(op)
            todo += [value.op for value in op.inputs] + list(op.control_inputs)
    for op in needed:
        # Some only wait in a control dependency for what no one uses (an optimizer's gate holds both gradients of an
        # operation back until both are there). TensorFlow's graph optimizer takes those out.
        if not any(user in needed for value in op.outputs for user in value.consumers()):
            continue
        if op.type in ('Conv2D', 'Conv2DBackpropInput', 'Conv2DBackpropFilter'):
            found.append(_convolution(op, batch))
        elif op.type == 'MatMul':
            found.append(_dense(op, batch))
    return found


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
            self._last = product[0, 0]  # waits for a GPU
            config = loop.session_config()
            # An optimizer would see that they are all the same.
            config.graph_options.rewrite_options.disable_meta_optimizer = True
            config.graph_options.optimizer_options.opt_level = tf.OptimizerOptions.L0
            self._session = tf.Session(config=config)
            self._session.run(tf.global_variables_initializer())
            self._session.run(self._last)

    def run(self):
        """Seconds a product."""
        began = time.perf_counter()
        self._session.run(self._last)
        return (time.perf_counter() - began) / self.length

    def close(self):
        self._session.close()


def build(task):
    tf.logging.set_verbosity(tf.logging.ERROR)
    batch = hyperparameters(task).batch_size
    with tf.Graph().as_default():
        step = ours.training_graph({**task, 'options': {'flags': ['--precision=' + task['precision'], *NATIVE]}}).step
        all_products = products([step.train_op, step.discriminator_loss, step.generator_loss], batch)
    flops = collections.Counter()
    for product in all_products:
        flops[product.gemm] += product.flops
    total = sum(flops.values())
    dtype = tf.bfloat16 if task['precision'] == 'bfloat16' else tf.float32
    rates = {}
    for gemm, share in flops.items():
        if share >= total / 100:  # the small ones are not the fast ones
            chain = _Chain(gemm, dtype, 4)
            rates[gemm] = _flops(gemm) / min(chain.run() for _ in range(3))
            chain.close()
    best = max(rates, key=rates.get)
    seconds = _flops(best) / rates[best]
    chain = _Chain(best, dtype, int(min(500, max(1, 0.05 / seconds))))  # a run is long against its own overhead

    def train(steps):
        for _ in range(steps):
            chain.run()

    return Worker(train, None, on_tensorflow.FRAMEWORK, on_tensorflow.device(), on_tensorflow.device_peak,
                  total / _flops(best) / chain.length,
                  {'gflop_a_step': total / 1e9, 'gemm': list(best), 'gflops_first_seen': rates[best] / 1e9})
