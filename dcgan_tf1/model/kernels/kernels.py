"""Convolutions whose values and gradients may take other routes than TensorFlow's own kernels.

`routes` has these routes. Each is chosen for single convolutions, because none is faster for all of them.
`use_kernels` selects which convolutions take which route. `kernel_timing` finds out which ones are faster here.
"""
import contextlib
import functools
import itertools
import re
import threading
from typing import Collection, ContextManager, FrozenSet, Iterator, List, NamedTuple, Optional, Sequence, Tuple

import tensorflow.compat.v1 as tf

from dcgan_tf1.model.kernels import routes
from dcgan_tf1.util.errors import UserError

CHOICES = ('native', 'auto')
# {name: what it is a route of, the gradient of a convolution's kernel or of its input}. The gradient of the input is a
# transposed convolution. 'transposed' is for dense layers.
ROUTES = {'dilated': 'kernel', 'patches': 'kernel', 'subpixel': 'input', 'transposed': 'input'}
MIN_WEIGHTS = 2 ** 20  # of dense layers with other routes: smaller ones take too little time


class Convolution(NamedTuple):
    """A convolution. A transposed convolution counts as the convolution that it is the gradient of.

    A dense layer counts as a convolution with a 1×1 kernel of an image of 1×1 pixels.
    """

    size: Tuple[int, int]  # height and width of its input
    kernel: Tuple[int, int, int, int]  # height, width, input channels, output channels
    strides: int  # along both height and width
    padding: str  # 'SAME' or 'VALID'
    dtype: str  # 'float32' or 'bfloat16'

    @property
    def output_size(self) -> Tuple[int, ...]:
        """Height and width of its output."""
        cut = [length - 1 if self.padding == 'VALID' else 0 for length in self.kernel[:2]]
        return tuple(-(-(length - less) // self.strides) for length, less in zip(self.size, cut))

    @property
    def is_dense(self) -> bool:
        """Whether this is a dense layer."""
        return (*self.size, *self.kernel[:2]) == (1, 1, 1, 1)


class Route(NamedTuple):
    """A route for one convolution."""

    name: str  # one of ROUTES
    convolution: Convolution

    def __str__(self) -> str:
        """Its name in --kernels, such as dilated-14x14-5x5x64x128-s2-same-float32."""
        size, kernel, strides, padding, dtype = self.convolution
        return '%s-%s-%s-s%d-%s-%s' % (self.name, 'x'.join(map(str, size)), 'x'.join(map(str, kernel)), strides,
                                       padding.lower(), dtype)


_ROUTE = re.compile(r'(%s)-(\d{1,5}x\d{1,5})-(\d{1,5}(?:x\d{1,5}){3})-s(\d{1,3})-(same|valid)-(float32|bfloat16)'
                    % '|'.join(ROUTES))


@functools.lru_cache(maxsize=None)
def parse(choice: str) -> Optional[FrozenSet[Route]]:
    """The routes that a value of --kernels names: those of 'dilated-…,subpixel-…', or none for 'native' and 'auto'.

    Returns None for what is no value of --kernels. A training replaces 'auto' with what it measured; elsewhere nothing
    is measured.
    """
    matches = [_ROUTE.fullmatch(name) for name in choice.split(',')] if choice not in CHOICES else []
    if not all(matches):
        return None
    found = set()
    for name, size, kernel, strides, padding, dtype in (match.groups() for match in matches if match):
        (height, width), (rows, columns, channels, filters) = (map(int, text.split('x')) for text in (size, kernel))
        found.add(Route(name, Convolution((height, width), (rows, columns, channels, filters), int(strides),
                                          padding.upper(), dtype)))
    return frozenset(found) if all(is_possible(*route) for route in found) else None


def is_choice(choice: str) -> bool:
    """Whether this is a value of --kernels."""
    return parse(choice) is not None


def is_possible(name: str, convolution: Convolution) -> bool:
    """Whether a convolution can take a route."""
    if convolution.is_dense or name == 'transposed':
        return convolution.is_dense and name == 'transposed'
    return name == 'dilated' or convolution.strides > 1


class _Local(threading.local):
    """What applies to the convolutions that a thread builds."""

    choice = 'native'  # of the innermost `use_kernels`
    found: Optional[List[Convolution]] = None  # where `recording` collects them


_local = _Local()


@contextlib.contextmanager
def use_kernels(choice: str) -> Iterator[None]:
    """Selects the routes of all convolutions that are built in this block.

    Args:
        choice: a value of --kernels; see `parse`.
    """
    if not is_choice(choice):
        raise UserError('--kernels=%s must be native or auto, or be copied from config.json of a run' % choice)
    previous, _local.choice = _local.choice, choice
    try:
        yield
    finally:
        _local.choice = previous


@contextlib.contextmanager
def recording() -> Iterator[List[Convolution]]:
    """Collects the distinct convolutions that are built in this block, in a list that it yields."""
    previous, _local.found = _local.found, []
    try:
        yield _local.found
    finally:
        _local.found = previous


def conv2d(x: tf.Tensor, kernel: tf.Tensor, strides: int, padding: str) -> tf.Tensor:
    """`tf.nn.conv2d`, whose gradients may take other routes.

    Args:
        x: [batch, height, width, channels].
        kernel: [size, size, channels, filters].
        strides: stride along both height and width.
        padding: 'SAME' or 'VALID'.

    Returns:
        [batch, height', width', filters].
    """
    chosen = _routes_of(x.shape.as_list()[1:3], kernel.shape.as_list(), strides, padding, kernel.dtype)
    with _override_gradient('Conv2D', chosen):
        return tf.nn.conv2d(x, kernel, strides=[1, strides, strides, 1], padding=padding)


def conv2d_transpose(x: tf.Tensor, kernel: tf.Tensor, size: Sequence[int], strides: int,
                     padding: str) -> tf.Tensor:
    """`tf.nn.conv2d_transpose`, which may itself take another route, and so may its gradients.

    Args:
        x: [batch, height, width, channels].
        kernel: [size, size, filters, channels].
        size: (height', width') of the output. `conv2d` with the same strides and padding must map it to
            (height, width).
        strides: stride along both height and width.
        padding: 'SAME' or 'VALID'.

    Returns:
        [batch, height', width', filters].
    """
    chosen = _routes_of(size, kernel.shape.as_list(), strides, padding, kernel.dtype)
    if 'subpixel' in chosen:
        return routes.subpixel_transpose(x, kernel, size, strides, padding)
    filters = int(kernel.shape[2])
    with _override_gradient('Conv2DBackpropInput', chosen):
        y = tf.nn.conv2d_transpose(x, kernel, tf.stack([tf.shape(x)[0], *size, filters]),
                                   strides=[1, strides, strides, 1], padding=padding)
    y.set_shape([x.shape[0], *size, filters])
    return y


def matmul(x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """`tf.matmul`, whose gradient with respect to x may take another route.

    Args:
        x: [batch, features].
        kernel: [features, units]. With fewer than `MIN_WEIGHTS` elements, it takes no other route.

    Returns:
        [batch, units].
    """
    if (kernel.shape.num_elements() or 0) < MIN_WEIGHTS:
        return tf.matmul(x, kernel)
    chosen = _routes_of((1, 1), [1, 1, *kernel.shape.as_list()], 1, 'VALID', kernel.dtype)
    with _override_gradient('MatMul', chosen):
        return tf.matmul(x, kernel)


def _routes_of(size: Sequence[Optional[int]], kernel: Sequence[Optional[int]], strides: int, padding: str,
               dtype: tf.DType) -> FrozenSet[str]:
    """The routes of a convolution that is built now, from its fields. Those of unknown size take none."""
    if None in [*size, *kernel]:
        return frozenset()
    (height, width), (rows, columns, channels, filters) = map(int, size), map(int, kernel)
    convolution = Convolution((height, width), (rows, columns, channels, filters), strides, padding,
                              dtype.base_dtype.name)
    if _local.found is not None and convolution not in _local.found:
        _local.found.append(convolution)
    return _chosen(_local.choice, convolution)


def _chosen(choice: str, convolution: Convolution) -> FrozenSet[str]:
    return frozenset(route.name for route in parse(choice) or () if route.convolution == convolution)


def _override_gradient(op_type: str, chosen: FrozenSet[str]) -> ContextManager:
    return tf.get_default_graph().gradient_override_map({op_type: _gradient_name(op_type, chosen)} if chosen else {})


def _gradient_name(op_type: str, chosen: Collection[str]) -> str:
    return '.'.join(['dcgan_tf1', op_type, *sorted(chosen)])


def _conv2d_gradient(op: tf.Operation, gradient: tf.Tensor,
                     chosen: Collection[str]) -> Tuple[tf.Tensor, tf.Tensor]:
    x, kernel = op.inputs
    strides, padding = _strides_and_padding(op)
    if 'subpixel' in chosen:
        input_gradient = routes.subpixel_transpose(gradient, kernel, x.shape.as_list()[1:3], strides, padding)
    else:
        input_gradient = tf.nn.conv2d_backprop_input(tf.shape(x), kernel, gradient,
                                                     strides=[1, strides, strides, 1], padding=padding)
    return input_gradient, _weight_gradient(x, gradient, kernel, strides, padding, chosen)


def _conv2d_transpose_gradient(op: tf.Operation, gradient: tf.Tensor,
                               chosen: Collection[str]) -> Tuple[Optional[tf.Tensor], tf.Tensor, tf.Tensor]:
    _, kernel, x = op.inputs
    strides, padding = _strides_and_padding(op)
    return (None, _weight_gradient(gradient, x, kernel, strides, padding, chosen),
            tf.nn.conv2d(gradient, kernel, strides=[1, strides, strides, 1], padding=padding))


def _matmul_gradient(op: tf.Operation, gradient: tf.Tensor,
                     chosen: Collection[str]) -> Tuple[tf.Tensor, tf.Tensor]:
    x, kernel = op.inputs
    if 'transposed' in chosen:
        input_gradient = routes.dense_input_gradient(gradient, kernel)
    else:
        input_gradient = tf.matmul(gradient, kernel, transpose_b=True)
    return input_gradient, tf.matmul(x, gradient, transpose_a=True)


def _strides_and_padding(op: tf.Operation) -> Tuple[int, str]:
    return op.get_attr('strides')[1], op.get_attr('padding').decode()


def _weight_gradient(images: tf.Tensor, gradient: tf.Tensor, kernel: tf.Tensor, strides: int, padding: str,
                     chosen: Collection[str]) -> tf.Tensor:
    if 'patches' in chosen:
        return routes.weight_gradient_of_patches(images, gradient, int(kernel.shape[0]), strides, padding)
    if 'dilated' in chosen:
        return routes.weight_gradient(images, gradient, int(kernel.shape[0]), strides, padding)
    return tf.nn.conv2d_backprop_filter(images, tf.shape(kernel), gradient, strides=[1, strides, strides, 1],
                                        padding=padding)


# The gradient of an operation is selected by name, and is built when nobody knows the choice any more. So there is one
# for each set of routes.
for _op_type, _function in (('Conv2D', _conv2d_gradient), ('Conv2DBackpropInput', _conv2d_transpose_gradient),
                            ('MatMul', _matmul_gradient)):
    for _set in itertools.chain.from_iterable(itertools.combinations(ROUTES, n + 1) for n in range(len(ROUTES))):
        tf.RegisterGradient(_gradient_name(_op_type, _set))(functools.partial(_function, chosen=_set))
