"""`tf.contrib` for TensorFlow 2: the parts that GAN code uses. tf_slim supplies nearly all of it."""
import functools
import importlib
import importlib.util
import os
import re
import sys
from types import ModuleType
from typing import Any, Callable, Dict, Optional, Tuple

from dcgan_tf1.legacy.put_back import arguments
from dcgan_tf1.legacy.put_back.importer import Namespace
from dcgan_tf1.legacy.put_back.record import MissingModule, MissingName, Record

# {part of tf.contrib: where its names come from, in this order}; 'tf.' stands for tf.compat.v1.
SOURCES: Dict[str, Tuple[str, ...]] = {
    'slim': ('tf_slim',),
    'layers': ('tf_slim.layers', 'tf_slim', 'tf_slim.ops.variables'),
    'framework': ('tf_slim.ops.arg_scope', 'tf_slim.ops.variables', 'tf_slim', 'tf.train', 'tf'),
    'losses': ('tf_slim.losses', 'tf.losses'),
    'metrics': ('tf_slim.metrics', 'tf.metrics'),
    'training': ('dcgan_tf1.legacy.put_back.hparams', 'tf_slim.training.training', 'tf_slim.evaluation', 'tf.train'),
    'rnn': ('tf.nn.rnn_cell', 'tf.nn'),
    'distributions': ('tf.distributions',),
    'data': ('tf.data.experimental', 'tf.data', 'dcgan_tf1.legacy.put_back.old_functions'),
    'eager': ('tf',),
    'opt': ('tf.train',),
    'signal': ('tf.signal',),
    'stateless': (),
    'keras': (),
    'util': (),
    'deprecated': (),
}
# The same, but only when a script is run: `--migrate` does not use them.
MORE_SOURCES: Dict[str, Tuple[str, ...]] = {
    'distributions': ('tensorflow_probability.python.distributions',),
    'gan': ('tensorflow_gan.python.train', 'tensorflow_gan.python.namedtuples', 'tensorflow_gan.python'),
}
_PACKAGES = ('tf_slim', 'tensorflow_probability', 'tensorflow_gan')  # those among the sources that pip installs
# Those of tf.contrib.keras that are the same in tf.keras of TensorFlow 1.15. Its optimizers, for example, are not.
_KERAS = ('activations', 'applications', 'constraints', 'datasets', 'initializers', 'layers', 'losses', 'models',
          'preprocessing', 'regularizers', 'utils')
# Names that are elsewhere, or mean something else in these sources: {name: name in tf of any version, or None}.
ELSEWHERE = {
    'eager.py_func': 'py_function', 'framework.py_func': None, 'util.constant_value': 'get_static_value',
    'util.make_tensor_proto': 'make_tensor_proto', 'util.make_ndarray': 'make_ndarray',
    **{'stateless.stateless_' + old: 'random.stateless_' + new for old, new in (
        ('random_normal', 'normal'), ('random_uniform', 'uniform'), ('truncated_normal', 'truncated_normal'),
        ('multinomial', 'multinomial'))},
    **{'keras.' + name: 'keras.' + name for name in _KERAS},
    **{'deprecated.' + name: name for name in ('scalar_summary', 'histogram_summary', 'image_summary', 'audio_summary',
                                               'merge_summary', 'merge_all_summaries')}}
# What to write instead of names of tf.contrib.layers, slim and data, with their defaults; then, what arguments
# change. x is the input, n the number of outputs.
_NORMALIZED = '; with normalizer_fn: use_bias=False, no activation, then the normalizer, then the activation'
_CONV2D = "write: tf.layers.conv2d(x, n, size, strides, padding='same', activation=tf.nn.relu)" + _NORMALIZED
_CONV2D_TRANSPOSE = ("write: tf.layers.conv2d_transpose(x, n, size, strides, padding='same', activation=tf.nn.relu)"
                     + _NORMALIZED)
INSTEAD_OF_LAYERS = {
    'batch_norm': 'write: tf.layers.batch_normalization(x, momentum=0.999, scale=False, training=True); with '
                  'updates_collections=None: also run tf.get_collection(tf.GraphKeys.UPDATE_OPS) in every step',
    'fully_connected': 'write: tf.layers.dense(x, n, activation=tf.nn.relu)' + _NORMALIZED,
    'linear': 'write: tf.layers.dense(x, n)',
    'conv2d': _CONV2D, 'convolution2d': _CONV2D,
    'conv2d_transpose': _CONV2D_TRANSPOSE, 'convolution2d_transpose': _CONV2D_TRANSPOSE,
    'flatten': 'write: tf.layers.flatten(x)',
    'xavier_initializer': 'write: tf.glorot_uniform_initializer()',
    'xavier_initializer_conv2d': 'write: tf.glorot_uniform_initializer()',
    'variance_scaling_initializer': 'write: tf.variance_scaling_initializer(2., "fan_in", "truncated_normal")',
    'l1_regularizer': 'write: lambda w: scale * tf.reduce_sum(tf.abs(w))',
    'l2_regularizer': 'write: lambda w: scale * tf.nn.l2_loss(w)',
    'apply_regularization': 'write: tf.add_n([regularizer(w) for w in weights])',
    'model_analyzer': 'write: print(tf.trainable_variables())',
    'arg_scope': 'write the arguments in every call',
    'batch_and_drop_remainder': 'write: dataset.batch(batch_size, drop_remainder=True)',
}


def provider(v1: Any, record: Record) -> Callable[[str], Optional[ModuleType]]:
    """What an `Importer` needs to supply `tensorflow.contrib` and all its submodules."""
    parts: Dict[str, ModuleType] = {}

    def part(name: str) -> ModuleType:
        if name in parts:
            return parts[name]
        if name == 'learn':
            parts[name] = Namespace('tensorflow.contrib.learn', lambda inner: parts['learn'] if inner in (
                'python', 'learn') else _learn(inner))
        elif name in SOURCES or name in MORE_SOURCES:
            parts[name] = _part(name, v1, record)
        else:
            raise _missing(name)
        return parts[name]

    def provide(full_name: str) -> Optional[ModuleType]:
        names = full_name.split('.')[2:]
        if not names:
            return Namespace('tensorflow.contrib', part)
        # The files inside tf.contrib, such as tensorflow.contrib.layers.python.layers.layers, stand for their part.
        if names[0] == 'slim' and names[-1] == 'nets':
            return part('slim').nets
        if names[0] == 'slim' and 'nets' in names:
            return _net(names[-1])
        if len(names) > 1 and names[1] != 'python':
            raise MissingModule('the module %s: it cannot be put back' % full_name, name=full_name)
        try:
            return part(names[0])
        except MissingName as error:
            raise MissingModule(str(error), name=full_name) from error
    return provide


def _net(name: str) -> Any:
    """A module of `slim.nets`, such as `vgg`."""
    return importlib.import_module('tf_slim.nets.' + name)


def _part(part_name: str, v1: Any, record: Record) -> ModuleType:
    find_in_tensorflow = arguments.finder(v1, record)

    def find(name: str) -> Any:
        path = '%s.%s' % (part_name, name)
        if name in ('python', part_name):  # tf.contrib.layers.python.layers stands for tf.contrib.layers
            return part
        if path == 'slim.nets':
            return Namespace('tensorflow.contrib.slim.nets', _net)
        if path in ELSEWHERE:
            new = ELSEWHERE[path]
            if new is None:
                raise _missing(path)
            today = arguments.OLD[new].new if new in arguments.OLD else arguments.RENAMED.get(new, new)
            record.add('tf.contrib.' + path, 'write: tf.' + today)
            return find_in_tensorflow(new)
        source_name = source_of(part_name, name, v1) or source_of(part_name, name, v1, MORE_SOURCES)
        if source_name is None:
            raise _missing(path)
        source = _import_source(source_name, part_name, v1)
        known = INSTEAD_OF_LAYERS if part_name in ('layers', 'slim', 'data') else {}
        record.add('tf.contrib.' + path, known.get(name) or _instead(source, name, v1))
        return getattr(source, name)
    part = Namespace('tensorflow.contrib.' + part_name, find)
    return part


def _missing(name: str) -> MissingName:
    return MissingName('tf.contrib.%s: TensorFlow 2 has no tf.contrib, and this part of it cannot be put back; replace '
                       'it, or run the script on TensorFlow 1.15 (Python 3.7: pip install tensorflow==1.15.5 '
                       '"protobuf<3.21")' % name)


def source_of(part: str, name: str, v1: Any, sources: Dict[str, Tuple[str, ...]] = SOURCES) -> Optional[str]:
    """Where a name of a part of `tf.contrib` comes from: an element of `sources[part]`; None if from nowhere.

    Raises:
        MissingModule: if a package that it needs is not installed.
    """
    return next((source for source in sources.get(part, ())
                 if hasattr(_import_source(source, part, v1), name)), None)


def in_tf_slim(module: str, name: str) -> str:
    """How to write a name of a module of tf_slim after `import tf_slim`, which renames some of its modules."""
    if hasattr(importlib.import_module('tf_slim'), name):
        module = 'tf_slim'
    return '%s.%s' % (module.replace('.training.training', '.training'), name)


def _import_source(source: str, part: str, v1: Any) -> Any:
    if source.split('.')[0] == 'tf':
        return functools.reduce(getattr, source.split('.')[1:], v1)
    package = source.split('.')[0]
    if package in _PACKAGES and package not in sys.modules and importlib.util.find_spec(package) is None:
        raise MissingModule('tf.contrib.%s: it needs %s; pip install %s' % (part, package, package), name=package)
    if package == 'tensorflow_gan' and package not in sys.modules:
        _load_tensorflow_gan(v1)
    return importlib.import_module(source)


def _load_tensorflow_gan(v1: Any) -> None:
    """Imports TF-GAN without what needs Estimators, which TensorFlow has removed, or TensorFlow Hub."""
    places: Any = importlib.util.find_spec('tensorflow_gan')
    for name in ('tensorflow_gan', 'tensorflow_gan.python'):
        package = sys.modules[name] = ModuleType(name)
        package.__path__ = [os.path.join(places.submodule_search_locations[0], *name.split('.')[1:])]
    tensorflow: Any = sys.modules['tensorflow']
    tensorflow.estimator = v1.train  # TF-GAN uses its SessionRunHook under this name
    for name in ('losses', 'features', 'namedtuples', 'train'):
        importlib.import_module('tensorflow_gan.python.' + name)
    del tensorflow.estimator


def _instead(source: Any, name: str, v1: Any) -> str:
    module = source.__name__
    if module.startswith('dcgan_tf1'):
        return 'use a class of your own, or argparse.Namespace'
    if module.startswith('tensorflow_gan'):
        return 'pip install tensorflow_gan, which works on TensorFlow 2.16 and later only with this command'
    if module.startswith('tensorflow_probability'):
        return 'pip install tensorflow_probability; write: tensorflow_probability.distributions.' + name
    if module.startswith('tf_slim'):
        from tensorflow.python.framework import ops
        if 'Tensor' not in vars(ops):  # `tensorflow1` puts it back
            return ('use --migrate: tf_slim has it, but works on TensorFlow %s only after the repair that this writes'
                    % v1.__version__)
        return 'pip install tf_slim; import tf_slim; write: ' + in_tf_slim(module, name)
    return 'write: %s.%s' % (re.sub(r'^tensorflow\.(_api\.v2\.)?compat\.v1', 'tf', module).replace(
        'tf_keras.api._v1.keras.__internal__.legacy.', 'tf.nn.'), name)


def _learn(name: str) -> Any:
    if name != 'datasets':
        raise _missing('learn.' + name)
    return importlib.import_module('tensorflow.contrib.learn.datasets')
