"""Where the names of old libraries are today, on the libraries that are installed."""
import importlib
from types import ModuleType
from typing import Any, List, NamedTuple, Optional

from dcgan_tf1.legacy.put_back import arguments, contrib, keras2, old_names, slim_names, tensorflow1
from dcgan_tf1.legacy.put_back.importer import module_or_none

COMPAT = 'tf1_compat'  # the module that is written beside the script
V1 = 'tensorflow.compat.v1'
_PUT_BACK = 'dcgan_tf1.legacy.put_back.'
_REAL_PARTS = ('python', 'core', 'tools', 'lite', 'compiler')  # parts of tensorflow that are no part of its API
_TABLES = {'numpy': old_names._NUMPY, **old_names._LIBRARIES}
_LIBRARIES = {name.split('.')[0] for name in _TABLES}
_STATIC_SHAPE = ('nn.conv2d_transpose', 'nn.deconv2d')


class Target(NamedTuple):
    """What to write for a name."""

    path: str  # the full name today; '' if there is none
    problem: str = ''  # why there is none; empty if only what is in it has a place: tf.contrib, for example


class Targets:
    """Finds names in the installed libraries. Imports TensorFlow, for which the variable of Keras 2 must be set."""

    def __init__(self) -> None:
        import tensorflow.compat.v1 as v1
        self._v1 = v1
        self.keras_package = tensorflow1.keras_package(v1)
        self.needs_keras2 = False  # whether any name that was found is in Keras 2

    def find(self, path: str) -> Optional[Target]:
        """The place of a name, such as 'tensorflow.contrib.layers.flatten'; None if its library has not changed."""
        top, *names = path.split('.')
        if top == 'tensorflow':
            target: Optional[Target] = self._tensorflow(names)
        elif top == 'keras':
            target = self._keras(names)
        else:
            target = self._library(path)
        if target is not None and target.path.startswith(('tf_slim', self.keras_package)):
            self.needs_keras2 = True
        return target

    def _tensorflow(self, names: List[str]) -> Target:
        dotted = '.'.join(names)
        if names[:2] == ['compat', 'v1']:
            return self._tensorflow(names[2:])
        if names[:2] == ['compat', 'v2'] or (names[:1] == ['compat'] and len(names) == 1):
            return Target('tensorflow.' + dotted)
        if names[:1] == ['contrib']:
            return self._contrib(names[1:])
        if names[:1] == ['examples']:
            return self._tutorials(names[1:])
        if names[:1] == ['keras']:
            moved = self._moved_in_keras(names[1:])
            if moved:
                return moved
        if names and names[0] in _REAL_PARTS:
            new = slim_names.MOVED.get('.'.join(['tensorflow', *names[:-1]]), {}).get(names[-1])
            return Target('%s.%s' % (V1, new) if new else 'tensorflow.' + dotted)
        for old in _STATIC_SHAPE:
            if dotted == old:
                return Target(COMPAT + '.conv2d_transpose')
        return self._in_v1(names)

    def _in_v1(self, names: List[str]) -> Target:
        """A name of the TensorFlow 1 API, as far as it consists of modules; the rest are attributes of an object."""
        value: Any = self._v1
        for count, name in enumerate(names, 1):
            old, rest = '.'.join(names[:count]), names[count:]
            if old in arguments.OLD and arguments.OLD[old].new:
                return Target('.'.join([V1, arguments.OLD[old].new, *rest]))
            if not hasattr(value, name):
                if old in arguments.RENAMED:
                    return self._tensorflow([*arguments.RENAMED[old].split('.'), *rest])
                return Target('', arguments.REFUSED.get(old) or 'tf.%s: TensorFlow %s has no such name' % (
                    old, self._v1.__version__))
            value = getattr(value, name)
            if not isinstance(value, ModuleType):
                break
        if names and 'keras' in str(getattr(value, '__module__', '') or getattr(value, '__name__', '')):
            self.needs_keras2 = True
        return Target('.'.join([V1, *names]))

    def _contrib(self, names: List[str]) -> Target:
        if not names:
            return Target('')
        part, *rest = names
        if rest[:1] == ['python']:  # the files inside tf.contrib stand for their part
            rest = rest[-1:] if contrib.source_of(part, rest[-1], self._v1) or part == 'learn' else []
        if part == 'learn':
            return self._tutorial_data([name for name in rest if name not in ('datasets', 'learn', 'mnist', 'base')])
        if part == 'slim' and rest[:1] == ['nets']:
            return Target('.'.join(['tf_slim', *rest]))
        if part not in contrib.SOURCES:
            return Target('', 'tf.contrib.%s: TensorFlow 2 has no tf.contrib' % part)
        path = '.'.join([part, *rest[:1]])
        if path in contrib.ELSEWHERE:
            new = contrib.ELSEWHERE[path]
            return self._tensorflow([*new.split('.'), *rest[1:]]) if new else Target('', 'tf.contrib.%s' % path)
        if not rest:
            first = 'tf_slim' if part in ('layers', 'framework') else next(iter(contrib.SOURCES[part]), '')
            return Target(_path_of_source(first))
        source = contrib.source_of(part, rest[0], self._v1)
        if source is None:
            return Target('', 'tf.contrib.%s: TensorFlow 2 has no tf.contrib' % path)
        if source.startswith('tf.') or source == 'tf':
            return self._in_v1([*source.split('.')[1:], *rest])
        if source.startswith('tf_slim'):
            return Target('.'.join([contrib.in_tf_slim(source, rest[0]), *rest[1:]]))
        return Target('.'.join([_path_of_source(source), *rest]))

    def _tutorials(self, names: List[str]) -> Target:
        """The packages around the tutorials' loader of MNIST."""
        package = ['tutorials', 'mnist', 'input_data']
        if names == package[:len(names)] and len(names) < len(package):
            return Target('')
        if names[:3] == package:
            return self._tutorial_data(names[3:])
        return Target('', 'tensorflow.examples.%s: TensorFlow has removed it' % '.'.join(names))

    def _tutorial_data(self, names: List[str]) -> Target:
        return Target('.'.join([COMPAT, *names]))

    def _keras(self, names: List[str]) -> Target:
        moved = self._moved_in_keras(names)
        if moved:
            return moved
        value: Any = importlib.import_module(self.keras_package)
        for name in names:
            if not hasattr(value, name):
                return Target('', 'keras.%s: Keras has removed it' % '.'.join(names))
            value = getattr(value, name)
            if not isinstance(value, ModuleType):
                break
        return Target('.'.join([self.keras_package, *names]))

    def _moved_in_keras(self, names: List[str]) -> Optional[Target]:
        for count in range(len(names), 0, -1):
            sources = keras2.MOVED.get('.'.join(names[:count]))
            for source in sources or ():
                path = source if source.startswith('tf_keras') else '%s.%s' % (self.keras_package, source)
                if count == len(names) or hasattr(module_or_none(path), names[count]):
                    return Target('.'.join([path, *names[count:]]))
            if sources:
                return Target('', 'keras.%s: Keras has removed it' % '.'.join(names))
        return None

    def _library(self, path: str) -> Optional[Target]:
        names = path.split('.')
        if names[0] not in _LIBRARIES or module_or_none(names[0]) is None:
            return None
        for count in range(len(names) - 1, 0, -1):
            module, rest = _module(names[:count]), names[count:]
            library = module.__name__ if module else '.'.join(names[:count])
            if library in _TABLES:
                # NumPy warns if it is asked for some names.
                if rest[0] in vars(module or object) or (library != 'numpy' and hasattr(module, rest[0])):
                    return None
                if rest[0] in _TABLES[library]:
                    return Target('.'.join([_path_of_source(_TABLES[library][rest[0]].path), *rest[1:]]))
                return Target('', '%s: it was removed' % path) if module is None else None
        return Target('') if path in _TABLES and module_or_none(path) is None else None


def _module(names: List[str]) -> Optional[ModuleType]:
    """A module, also as an attribute of another: `matplotlib.pyplot.cm` is `matplotlib.cm`."""
    module = module_or_none('.'.join(names))
    if module is None and len(names) > 1:
        found = getattr(_module(names[:-1]), names[-1], None)
        module = found if isinstance(found, ModuleType) else None
    return module


def _path_of_source(source: str) -> str:
    """The full name of what the tables of `put_back` call 'module:name', or 'tf.module'."""
    if source.startswith(_PUT_BACK):
        return '.'.join([COMPAT, *source.split(':')[1:]])
    if source == 'tf' or source.startswith('tf.'):
        return V1 + source[2:]
    return source.replace(':', '.')
