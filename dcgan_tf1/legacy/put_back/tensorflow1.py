"""`import tensorflow as tf` as in TensorFlow 1: `tf.compat.v1` without v2 behavior, and what that has lost."""
import functools
import importlib
import importlib.util
import os
import sys
from types import ModuleType
from typing import Any, Callable, Dict, Optional

from dcgan_tf1.legacy.put_back import arguments, contrib, input_data, keras2, mnist_files, shapes, slim_names, slots
from dcgan_tf1.legacy.put_back.importer import Importer, Namespace, PutBack, module_or_none
from dcgan_tf1.legacy.put_back.record import LAYERS, TF_KERAS, MissingModule, MissingName, Record
from dcgan_tf1.util.errors import UserError

_COMPAT = 'write: import tensorflow.compat.v1 as tf; tf.disable_v2_behavior()'
_KERAS = TF_KERAS + '; without it, this is Keras 3'
_MNIST = ('write: (x, y), (test_x, test_y) = tf.keras.datasets.mnist.load_data(); mnist.train.images is '
          'x[5000:].reshape(-1, 784) / 255.; or use --migrate, which writes this loader beside the script')
_DATASETS = {'mnist': 'mnist.npz', 'fashion_mnist': 'fashion-mnist'}  # {module of Keras: file or folder in its cache}


def install(importer: Importer, record: Record) -> None:
    """Makes `import tensorflow` import the TensorFlow 1 API from now on.

    Raises:
        UserError: if a package that it needs is not installed.
    """
    os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '2')
    if keras2.use_legacy() and 'tensorflow' in sys.modules and not vars(sys.modules['tensorflow']).get(
            '_tf_uses_legacy_keras', True):
        raise UserError('TensorFlow is already imported without TF_USE_LEGACY_KERAS=1: run dcgan_tf1.legacy in a '
                        'process of its own')
    import tensorflow
    mnist_files.install()
    _accept_flags_of_absl(record)
    importer.provide('tensorflow.examples', _tutorials(record))
    for name in ('tensorflow.contrib.learn.python.learn.datasets', 'tensorflow.contrib.learn.datasets'):
        importer.provide(name, _datasets(record, name))
    if tensorflow.__version__.startswith('1.'):
        keras2.provide(importer, 'tensorflow.keras', record)
        _patch_keras_datasets([tensorflow.keras.datasets], record)
        _accept_float_flags(tensorflow, record)
        return
    import tensorflow.compat.v1 as v1
    v1.compat.v1 = v1  # otherwise `import tensorflow.compat.v1` gives a copy, or in TensorFlow 2.0 and 2.1 nothing
    keras = keras_package(v1)
    level = v1.logging.get_verbosity()
    v1.logging.set_verbosity(v1.logging.ERROR)  # it warns that it is deprecated
    v1.disable_v2_behavior()
    v1.logging.set_verbosity(level)
    _repair_tf_slim(importer)
    _accept_float_flags(v1, record)
    shapes.accept_float_sizes(lambda: record.add('a float in a shape', 'write: // instead of /',
                                                 through_libraries=True))
    slots.create_in_reused_scopes(lambda: record.add(
        'new variables of an optimizer or a moving average in a scope with reuse',
        'leave the scope before minimize() or apply()', through_libraries=True))
    v1.nn.conv2d_transpose = _recorded_conv2d_transpose(record)
    importer.provide('tensorflow.contrib', contrib.provider(v1, record))
    keras2.provide(importer, keras, record)
    old_layers = 'tf_keras.legacy_tf_layers'
    importer.provide(old_layers, keras2.alias(old_layers, 'tf_keras.src.legacy_tf_layers'))
    datasets = []
    if keras.startswith('tf_keras'):
        datasets = [importlib.import_module('tf_keras.src.datasets')]
        v1.layers = _recorded_layers(v1.layers, record)
    _patch_keras_datasets([*datasets, v1.keras.datasets], record)
    parts = _parts(v1, record)
    for name, module in parts.items():
        importer.provide('tensorflow.' + name, _part_provider(module))
    for name in arguments.REFUSED:
        if not hasattr(v1, name):
            importer.provide('tensorflow.' + name, _refused)
    sys.modules['tensorflow'] = TensorFlow1(v1, tensorflow, record, parts)


def _parts(v1: Any, record: Record) -> Dict[str, ModuleType]:
    """The modules, such as `tf.nn`, with functions that had other arguments. `tf.compat.v1.nn` stays as it is."""
    find = arguments.finder(v1, record)
    return {part: Namespace('tensorflow.' + part, lambda name, part=part: find('%s.%s' % (part, name)),  # type: ignore
                            dir(getattr(v1, part)))
            for part in arguments.PARTS}


def _refused(name: str) -> None:
    raise MissingModule(arguments.REFUSED[name.split('.')[1]], name=name)


def _part_provider(part: ModuleType) -> Callable[[str], Optional[ModuleType]]:
    def provide(name: str) -> Optional[ModuleType]:
        inner = name[len(part.__name__) + 1:]
        return functools.reduce(getattr, inner.split('.'), part) if inner else part  # type: ignore[arg-type]
    return provide


def keras_package(v1: Any) -> str:
    """The package with the Keras of TensorFlow 1, to which `tf.layers` belongs.

    Raises:
        UserError: if it is not installed.
    """
    version = [int(number) for number in v1.__version__.split('.')[:2]]
    if version >= [2, 16] and module_or_none('tf_keras') is None:  # its own Keras is Keras 3
        raise UserError('tf_keras is not installed, which contains tf.layers: pip install tf_keras==%d.%d.*'
                        % tuple(version))
    uses_tf_keras = v1.keras.layers.Dense.__module__.startswith('tf_keras.')
    return 'tf_keras.api._v1.keras' if uses_tf_keras else 'tensorflow.compat.v1.keras'


def _recorded_layers(layers: Any, record: Record) -> ModuleType:
    """`tf.layers`, whose uses are recorded, also those as `tf.compat.v1.layers`."""
    def find(name: str) -> Any:
        if keras2.needs_this_package():
            record.add('tf.layers', LAYERS)
        return getattr(layers, name)
    return Namespace('tensorflow.compat.v1.layers', find)


def _patch_keras_datasets(packages: Any, record: Record) -> None:
    for package in packages:
        for name, place in _DATASETS.items():
            module = importlib.import_module('%s.%s' % (package.__name__, name))
            mnist_files.patch_keras(module, lambda name=name, place=place: record.add(  # type: ignore[misc]
                'keras.datasets.%s without a download' % name,
                'nothing has to be changed: Keras downloads ~/.keras/datasets/%s, if it is not there' % place))


def _repair_tf_slim(importer: Importer) -> None:
    for module, names in slim_names.MOVED.items():
        importer.put_back(module, {name: PutBack('tensorflow.compat.v1:' + new, 'write: tf.' + new)
                                   for name, new in names.items()})


class TensorFlow1(ModuleType):
    """The module `tensorflow` that scripts see."""

    def __init__(self, v1: ModuleType, tensorflow: ModuleType, record: Record, parts: Dict[str, ModuleType]) -> None:
        super().__init__('tensorflow')
        self.__path__ = list(v1.__path__) + list(tensorflow.__path__)
        self.__file__ = tensorflow.__file__
        self.__version__ = v1.__version__  # type: ignore[attr-defined]
        self.__spec__ = tensorflow.__spec__
        self._v1, self._record = v1, record
        self._special: Dict[str, Callable[[], Any]] = {
            'contrib': lambda: importlib.import_module('tensorflow.contrib'),
            'examples': lambda: importlib.import_module('tensorflow.examples'),
            'python': lambda: importlib.import_module('tensorflow.python'),
            **{name: lambda part=part: part for name, part in parts.items()},  # type: ignore[misc]
        }
        self._find = arguments.finder(v1, record)

    def __getattr__(self, name: str) -> Any:
        if name != 'compat':  # a script that writes tf.compat.v1 is migrated
            self._record.add('import tensorflow as tf', _COMPAT, per_file=True)
        if name == 'keras':
            self._record_keras()
        if name in self._special:
            return self._special[name]()
        return self._find(name)

    def _record_keras(self) -> None:
        if self._v1.keras.layers.Dense.__module__.startswith('tf_keras.') and keras2.needs_this_package():
            self._record.add('tf.keras', _KERAS)

    def __dir__(self) -> Any:
        return sorted({*dir(self._v1), *self._special})


def _accept_float_flags(tensorflow: Any, record: Record) -> None:
    """Lets the default of an integer flag be infinite, as before absl checked it."""
    flags = tensorflow.app.flags
    original = flags.DEFINE_integer

    def define_integer(*args: Any, **kwargs: Any) -> Any:
        given = {**kwargs, **dict(zip(('name', 'default'), args))}
        name, default = (given.get(new, given.get(old)) for new, old in (('name', 'flag_name'),
                                                                         ('default', 'default_value')))
        if isinstance(default, float):
            record.add('DEFINE_integer(%r, %s)' % (name, default), 'write: DEFINE_float')
            return flags.DEFINE_float(*args, **kwargs)
        return original(*args, **kwargs)
    for module in (flags, tensorflow.flags):
        module.DEFINE_integer = define_integer


def _accept_flags_of_absl(record: Record) -> None:
    """Lets scripts define flags that absl has come to define itself, such as log_dir."""
    from absl import flags
    values: Any = flags.FlagValues
    new = values.__setitem__

    def define(self: Any, name: str, flag: Any) -> None:
        if name in self and (self.find_module_defining_flag(name) or '').startswith('absl.'):
            record.add('the flag --%s, which absl defines, too' % name, 'add the argument allow_override=True',
                       through_libraries=True)
            delattr(self, name)
        new(self, name, flag)
    values.__setitem__ = define


def _recorded_conv2d_transpose(record: Record) -> Callable[..., Any]:
    """That of `shapes`, which notes where it is needed."""
    def conv2d_transpose(*args: Any, **kwargs: Any) -> Any:
        result = shapes.new_conv2d_transpose(*args, **kwargs)
        before = str(result.shape)
        if str(shapes.keep_shape(result, *args, **kwargs).shape) != before:
            record.add('the static shape of tf.nn.conv2d_transpose', 'write: y.set_shape(output_shape)')
        return result
    return conv2d_transpose


def _tutorials(record: Record) -> Callable[[str], Optional[ModuleType]]:
    """The packages around the tutorials' loader of MNIST."""
    def provide(name: str) -> Optional[ModuleType]:
        if name.endswith('.input_data'):
            record.add(name, _MNIST)
            return input_data  # type: ignore[return-value]
        if 'tensorflow.examples.tutorials.mnist'.startswith(name):
            return Namespace(name, lambda part: importlib.import_module('%s.%s' % (name, part)))
        raise MissingModule('the module %s: it cannot be put back' % name, name=name)
    return provide


def _datasets(record: Record, package: str) -> Callable[[str], Optional[ModuleType]]:
    """`tf.contrib.learn.datasets`, of which MNIST is put back."""
    def find(name: str) -> Any:
        if name not in ('mnist', 'base') and not hasattr(input_data, name):
            raise MissingName('tf.contrib.learn.datasets.%s: it cannot be put back' % name)
        record.add('tf.contrib.learn.datasets.' + name, _MNIST)
        if name == 'load_dataset':
            return mnist_files.load_dataset
        return input_data if name in ('mnist', 'base') else getattr(input_data, name)
    datasets = Namespace(package, find)

    def provide(name: str) -> Optional[ModuleType]:
        if name == package:
            return datasets
        record.add(name, _MNIST)
        if name.endswith(('.mnist', '.base')):
            return input_data  # type: ignore[return-value]
        raise MissingModule('the module %s: it cannot be put back' % name, name=name)
    return provide
