"""Functions of TensorFlow that had other arguments, or other names, before TensorFlow 1.0 or until 1.15.

What TensorFlow 2 would take for something else gets the old meaning. Calls that mean the same today are not changed.
"""
import functools
from types import MappingProxyType
from typing import Any, Callable, Dict, Mapping, NamedTuple, Tuple

import numpy as np

from dcgan_tf1.legacy.put_back import division
from dcgan_tf1.legacy.put_back.record import MissingName, Record

Arguments = Dict[str, Any]


def _always(args: Tuple, keywords: Arguments) -> bool:
    return True


def _has_positional(args: Tuple, keywords: Arguments) -> bool:
    return bool(args)


def _starts_with_number(args: Tuple, keywords: Arguments) -> bool:
    return bool(args) and isinstance(args[0], (int, np.integer))


def swaps_inputs_and_labels(args: Tuple, keywords: Arguments) -> bool:
    """Whether the fourth argument contains the labels, which are integers."""
    return len(args) > 3 and division.is_integer(args[3]) and not division.is_integer(args[2])


def _has_flips(args: Tuple, keywords: Arguments) -> bool:
    return len(args) > 1 and isinstance(args[1], (list, tuple, np.ndarray)) and len(args[1]) > 0 and all(
        isinstance(flip, (bool, np.bool_)) for flip in args[1])


def _second_is_number(args: Tuple, keywords: Arguments) -> bool:
    return len(args) > 1 and isinstance(args[1], (int, np.integer))


def _more_than(count: int) -> Callable[[Tuple, Arguments], bool]:
    return lambda args, keywords: len(args) > count


def _indices_of_flips(keywords: Arguments) -> Arguments:
    return {**keywords, 'axis': np.flatnonzero(keywords['axis']).tolist()}


def _size_of_two_numbers(keywords: Arguments) -> Arguments:
    keywords = dict(keywords)
    return {'size': [keywords.pop('new_height'), keywords.pop('new_width')], **keywords}


class Old(NamedTuple):
    """How a function was called."""

    order: str  # names that its positional arguments have today, in their old order
    instead: str  # what to write
    is_old: Callable[[Tuple, Arguments], bool] = _always  # whether positional arguments are in the old order
    keywords: Mapping[str, str] = MappingProxyType({})  # {old keyword: today's; empty if it is to be left out}
    new: str = ''  # today's name, if it is another
    convert: Callable[[Arguments], Arguments] = dict  # today's keyword arguments, from those with today's names


_LOSS = 'write: tf.nn.%s(labels=…, logits=…)'
_SUMMARY = {'tag': 'name', 'tags': 'name', 'name': ''}
_CLASSES = ('weights biases inputs labels num_sampled num_classes num_true sampled_values remove_accidental_hits '
            'partition_strategy name')
# {name in tf: how it was called}. In the first part, before TensorFlow 1.0; in the second, in TensorFlow 1.15.
OLD: Dict[str, Old] = {
    'nn.sigmoid_cross_entropy_with_logits': Old(
        'logits labels name', _LOSS % 'sigmoid_cross_entropy_with_logits', _has_positional, {'targets': 'labels'}),
    'nn.softmax_cross_entropy_with_logits': Old(
        'logits labels dim name', _LOSS % 'softmax_cross_entropy_with_logits', _has_positional),
    'nn.sparse_softmax_cross_entropy_with_logits': Old(
        'logits labels name', _LOSS % 'sparse_softmax_cross_entropy_with_logits', _has_positional),
    'nn.nce_loss': Old(_CLASSES, 'write: tf.nn.nce_loss(weights, biases, labels=…, inputs=…, …)',
                       swaps_inputs_and_labels),
    'nn.sampled_softmax_loss': Old(
        _CLASSES, 'write: tf.nn.sampled_softmax_loss(weights, biases, labels=…, inputs=…, …)',
        swaps_inputs_and_labels),
    'concat': Old('axis values name', 'write: tf.concat(values, axis)', _starts_with_number, {'concat_dim': 'axis'}),
    'split': Old('axis num_or_size_splits value name', 'write: tf.split(value, number, axis)', _starts_with_number,
                 {'split_dim': 'axis', 'num_split': 'num_or_size_splits'}),
    'reverse': Old('tensor axis name', 'write: tf.reverse(x, axis=[…]); these are the numbers of the axes', _has_flips,
                   {'dims': 'axis'}, convert=_indices_of_flips),
    'batch_matmul': Old('a b adjoint_a adjoint_b name', 'write: tf.matmul',
                        keywords={'x': 'a', 'y': 'b', 'adj_x': 'adjoint_a', 'adj_y': 'adjoint_b'}, new='matmul'),
    'image.resize_images': Old('images new_height new_width method align_corners',
                               'write: tf.image.resize_images(images, [height, width])', _second_is_number,
                               {'new_height': 'new_height', 'new_width': 'new_width'}, convert=_size_of_two_numbers),
    'scalar_summary': Old('name tensor collections', 'write: tf.summary.scalar',
                          keywords={**_SUMMARY, 'values': 'tensor'}, new='summary.scalar'),
    'histogram_summary': Old('name values collections', 'write: tf.summary.histogram',
                             keywords=_SUMMARY, new='summary.histogram'),
    'image_summary': Old('name tensor max_outputs collections', 'write: tf.summary.image',
                         keywords={**_SUMMARY, 'max_images': 'max_outputs'}, new='summary.image'),
    'audio_summary': Old('name tensor sample_rate max_outputs collections', 'write: tf.summary.audio',
                         keywords=_SUMMARY, new='summary.audio'),
    **{name: Old('input k sorted name', 'write: tf.%s(…, name=…)' % name, _more_than(3))
       for name in ('nn.top_k', 'math.top_k')},
    **{name: Old('indices updates shape name', 'write: tf.%s(…, name=…)' % name, _more_than(3))
       for name in ('scatter_nd', 'manip.scatter_nd')},
    **{name: Old('tensor indices updates name', 'write: tf.%s(…, name=…)' % name, _more_than(3))
       for name in ('tensor_scatter_add', 'tensor_scatter_sub', 'tensor_scatter_update')},
    'numpy_function': Old('func inp Tout name', 'write: tf.numpy_function(…, name=…)', _more_than(3)),
    'image.adjust_jpeg_quality': Old('image jpeg_quality name', 'write: tf.image.adjust_jpeg_quality(…, name=…)',
                                     _more_than(2)),
    **{name: Old('a b transpose_a transpose_b adjoint_a adjoint_b a_is_sparse b_is_sparse name',
                 'write: tf.matmul(…, name=…)', _more_than(8)) for name in ('matmul', 'linalg.matmul')},
}
# Names from before TensorFlow 1.0 for what has the same arguments today: {old name: new name in tf}.
RENAMED = {
    'mul': 'multiply', 'sub': 'subtract', 'neg': 'negative', 'pack': 'stack', 'unpack': 'unstack', 'select': 'where',
    'concat_v2': 'concat', 'merge_summary': 'summary.merge', 'merge_all_summaries': 'summary.merge_all',
    'inv': 'reciprocal', 'batch_matrix_inverse': 'matrix_inverse', 'complex_abs': 'abs', 'listdiff': 'setdiff1d',
    'initialize_all_tables': 'tables_initializer', 'train.SummaryWriter': 'summary.FileWriter',
    'nn.deconv2d': 'nn.conv2d_transpose', 'nn.rnn': 'nn.static_rnn', 'nn.bidirectional_rnn':
    'nn.static_bidirectional_rnn', 'image.per_image_whitening': 'image.per_image_standardization',
}
REFUSED = {'estimator': 'tf.estimator: TensorFlow has removed it in version 2.16, and it cannot be put back; use '
                        'TensorFlow 2.15 or older'}
PARTS = sorted({name.split('.')[0] for name in [*OLD, *RENAMED] if '.' in name})


def finder(v1: Any, record: Record) -> Callable[[str], Any]:
    """A function that finds what a name in `tf` means in a script, such as 'nn.relu'. It raises `MissingName`."""
    known: Dict[str, Any] = {}

    def find(name: str) -> Any:
        if name in OLD:
            if name not in known:
                known[name] = accepting(name, _attribute(v1, OLD[name].new or name), record)
            return known[name]
        try:
            return _attribute(v1, name)
        except AttributeError as error:
            if name not in RENAMED:
                raise MissingName(REFUSED.get(name) or 'tf.%s: TensorFlow %s has no such name, and it cannot be put '
                                  'back' % (name, v1.__version__)) from error
        record.add('tf.' + name, 'write: tf.' + RENAMED[name])
        return _attribute(v1, RENAMED[name])
    return find


def accepting(name: str, function: Callable[..., Any], record: Record) -> Callable[..., Any]:
    """A function of `OLD` that accepts its old arguments, and notes that a script uses them."""
    old = OLD[name]

    def call(*args: Any, **keywords: Any) -> Any:
        if not (old.is_old(args, keywords) or set(keywords) & set(old.keywords)):
            return function(*args, **keywords)
        order = old.order.split()
        if len(args) > len(order):
            raise TypeError('tf.%s takes at most %d positional arguments: %s' % (name, len(order), old.instead))
        record.add('tf.%s%s' % (name, '' if old.new else '(%s, …)' % ', '.join(order[:2])), old.instead)
        keywords = {old.keywords.get(keyword, keyword): value for keyword, value in keywords.items()}
        keywords.pop('', None)
        return function(**old.convert({**keywords, **dict(zip(order, args))}))
    return call


def _attribute(module: Any, path: str) -> Any:
    return functools.reduce(getattr, path.split('.'), module)
