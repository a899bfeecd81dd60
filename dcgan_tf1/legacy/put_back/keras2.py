"""`import keras` as in Keras 2, whose modules have moved since."""
import functools
import importlib
import importlib.util
import os
from types import ModuleType
from typing import Any, Callable, Dict, Optional, Tuple

from dcgan_tf1.legacy.put_back.importer import Importer, Namespace, module_or_none
from dcgan_tf1.legacy.put_back.record import TF_KERAS, MissingModule, MissingName, Record

_VARIABLE, _OURS = 'TF_USE_LEGACY_KERAS', 'True'  # users write 1, which TensorFlow takes for the same
_ENGINE = ('layers', 'models', 'utils', 'tf_keras.src.engine.base_layer')
# {module of Keras 2: where its names are today}: parts of Keras or, if they begin with tf_keras, modules.
MOVED: Dict[str, Tuple[str, ...]] = {
    **{'layers.' + name: ('layers',) for name in (
        'advanced_activations', 'convolutional', 'convolutional_recurrent', 'core', 'cudnn_recurrent', 'embeddings',
        'local', 'noise', 'normalization', 'pooling', 'recurrent', 'wrappers')},
    'layers.merge': ('layers', 'tf_keras.src.layers.merging.base_merge'),
    **{'utils.' + name: ('utils', 'tf_keras.src.utils.' + name) for name in (
        'conv_utils', 'data_utils', 'generic_utils', 'io_utils', 'layer_utils', 'np_utils', 'vis_utils')},
    'backend.tensorflow_backend': ('backend',), 'backend.common': ('backend',),
    **{name: _ENGINE for name in ('engine', 'engine.base_layer', 'engine.input_layer', 'engine.network',
                                  'engine.sequential', 'engine.topology', 'engine.training')},
    'objectives': ('losses',),
}


def use_legacy() -> bool:
    """Lets TensorFlow, before it is imported, use tf_keras, if that is installed; returns whether it is."""
    found = importlib.util.find_spec('tf_keras') is not None
    if found and os.environ.get(_VARIABLE) not in ('1', 'true'):
        os.environ[_VARIABLE] = _OURS
    return found


def needs_this_package() -> bool:
    """Whether neither the user nor the script has set the variable with which TensorFlow uses tf_keras."""
    return os.environ.get(_VARIABLE) == _OURS


def provide(importer: Importer, target: str, record: Record) -> None:
    """Lets `import keras` import another package, for libraries, too: Keras 3 needs TensorFlow 2.

    Args:
        importer: what Python asks for modules.
        target: the name of the package with the API of Keras 2.
        record: notes what the script uses.
    """
    importer.provide('keras', _provider('keras', target, record))
    for name in MOVED:  # `from keras.utils import np_utils` asks for a module of the package utils
        importer.provide('%s.%s' % (target, name), _provider(target, target, record))


def alias(old: str, new: str) -> Callable[[str], Optional[ModuleType]]:
    """A provider that supplies the package `new` under the name `old`."""
    def provide_alias(name: str) -> Optional[ModuleType]:
        return importlib.import_module(new + name[len(old):])
    return provide_alias


def _provider(package: str, target: str, record: Record) -> Callable[[str], Optional[ModuleType]]:
    find = alias(package, target)

    @functools.lru_cache(maxsize=None)
    def moved(path: str) -> ModuleType:
        return Namespace('keras.' + path, functools.partial(_find, target, path))

    def provide_module(name: str) -> Optional[ModuleType]:
        path = name[len(package) + 1:]
        if path in MOVED:
            record.add('keras.' + path, 'write: ' + ' or '.join(
                'keras.' + part for part in MOVED[path] if not part.startswith('tf_keras')))
            return moved(path)
        if package == target:  # something in a module that has moved: importing it would ask here again
            raise MissingModule('the module %s: it cannot be put back' % name, name=name)
        if package == 'keras':
            record.add('import keras', 'write: from tensorflow.compat.v1 import keras; ' + TF_KERAS)
        try:
            module: Any = find(name)
            if name == 'keras' and not hasattr(module, '__version__'):
                module.__version__ = vars(importlib.import_module('tf_keras'))['__version__']
            return module
        except ImportError as error:
            raise MissingModule('the module %s: it cannot be put back (%s)' % (name, error), name=name) from error
    return provide_module


def _find(target: str, path: str, name: str) -> Any:
    if '%s.%s' % (path, name) in MOVED:
        return importlib.import_module('keras.%s.%s' % (path, name))
    for source in MOVED[path]:
        module = module_or_none(source if source.startswith('tf_keras') else '%s.%s' % (target, source))
        if hasattr(module, name):
            return getattr(module, name)
    raise MissingName('keras.%s.%s: Keras has removed it, and it cannot be put back' % (path, name))
