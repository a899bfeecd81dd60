"""Networks of the user: the two functions of a Python file, or of a module that can be imported."""
import contextlib
import importlib
import importlib.util
import inspect
import os
import pathlib
import re
import sys
import threading
import traceback
import zlib
from types import ModuleType
from typing import Any, Callable, Dict, Iterator, NamedTuple, Optional, Sequence, Union

import tensorflow.compat.v1 as tf

from dcgan_tf1.model.layers import BATCH_STATISTICS
from dcgan_tf1.util.errors import UserError

# Names that TF1 code uses for the parameter that selects the mode of batch norm and dropout.
_IS_TRAINING = ('is_training', 'training', 'is_train', 'isTrain', 'train', 'phase_train', 'phase')


_MODULE = 'dcgan_tf1_network'  # name of the module that a file becomes
_folders: Dict[str, str] = {}  # {name of a module that a network imported from the folder of its file: that folder}


class _Local(threading.local):
    """What holds for the networks that a thread loads."""

    contents: Optional[Dict[str, bytes]] = None  # {path: content} of the files that `unchanged` has read


_local = _Local()


class Functions(NamedTuple):
    """The two functions of a network."""

    generator: Callable[..., tf.Tensor]  # (noise, is_training, image_shape) → images
    discriminator: Callable[..., tf.Tensor]  # (images, is_training) → logits


def load(name: str) -> Functions:
    """Loads such a network. Raises UserError if it cannot be imported, or its functions do not fit."""
    if importlib.util.find_spec('tf_keras'):
        # TensorFlow 2 gives away its tf.layers, which is in this library, only where this variable is set.
        os.environ.setdefault('TF_USE_LEGACY_KERAS', '1')
    module = _import(name)
    missing = [function for function in Functions._fields if not callable(getattr(module, function, None))]
    if missing:
        raise UserError('--network=%s must define the functions generator and discriminator, but has no %s (see '
                        'docs/your-own-network.md)' % (name, ' and no '.join(missing)))

    def generator(noise: tf.Tensor, is_training: Union[bool, tf.Tensor], image_shape: Sequence[int]) -> tf.Tensor:
        return _in_mode(is_training, lambda mode: _reshape_images(
            name, _call(name, module.generator, noise, mode, image_shape), image_shape))

    def discriminator(images: tf.Tensor, is_training: Union[bool, tf.Tensor]) -> tf.Tensor:
        return _in_mode(is_training, lambda mode: _check_logits(
            name, _call(name, module.discriminator, images, mode, images.shape.as_list()[1:])))
    return Functions(generator, discriminator)


def _join_statistics(num_before: int, num_between: int) -> None:
    """Makes one of the two statistics that each layer of `layers` recorded, in training mode and in inference mode.

    Args:
        num_before: how many statistics the graph had before the network.
        num_between: how many it had after the network in training mode.
    """
    recorded = tf.get_collection_ref(BATCH_STATISTICS)
    used = {statistic.moving.name: statistic.used for statistic in recorded[num_between:]}
    recorded[num_before:] = [statistic._replace(used=used.get(statistic.moving.name, statistic.used))
                             for statistic in recorded[num_before:num_between]]


@contextlib.contextmanager
def unchanged() -> Iterator[None]:
    """In this block, the file of a network is read once, so that it may be edited meanwhile."""
    previous, _local.contents = _local.contents, {}
    try:
        yield
    finally:
        _local.contents = previous


def content(path: str) -> bytes:
    """The content of the file of a network. Raises OSError."""
    contents = {} if _local.contents is None else _local.contents
    key = os.path.abspath(path)
    if key not in contents:
        with open(path, 'rb') as file:
            contents[key] = file.read()
    return contents[key]


def source(name: str) -> Optional[str]:
    """Path of the Python file that --network=NAME stands for, if it is not built in; None if there is no such module.

    Raises:
        UserError: if a package that contains the module cannot be imported.
    """
    if name.endswith('.py'):
        return name
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError) as error:
        raise _import_error(name, error) from error
    return spec.origin if spec else None


def _in_mode(is_training: Union[bool, tf.Tensor], call: Callable[[bool], tf.Tensor]) -> tf.Tensor:
    """Calls a function in training mode, in inference mode, or for a tensor in both.

    With a tensor, layers would hide their update ops in conditional ops, where `network` cannot recognize them.
    """
    if isinstance(is_training, bool):
        return call(is_training)
    num_before = len(tf.get_collection(BATCH_STATISTICS))
    training = call(True)
    num_between = len(tf.get_collection(BATCH_STATISTICS))
    inference = call(False)
    _join_statistics(num_before, num_between)
    return tf.cond(is_training, lambda: training, lambda: inference)


def _import(name: str) -> ModuleType:
    try:
        with _missing_names_explained(name):
            if not name.endswith('.py'):
                return importlib.import_module(name)
            module = ModuleType(_MODULE)
            module.__file__ = name
            sys.modules[_MODULE] = module  # data classes look for it there
            with _imports_from(str(pathlib.Path(name).resolve().parent)):
                exec(compile(content(name), name, 'exec', dont_inherit=True), module.__dict__)
            return module
    except FileNotFoundError as error:
        raise UserError('--network=%s does not exist: name a Python file, or a network that --help lists'
                        % name) from error
    except SyntaxError as error:
        raise UserError('--network=%s: line %s of %s is not Python 3 (%s): fix that line'
                        % (name, error.lineno, error.filename, error.msg)) from error
    except ImportError as error:
        raise _import_error(name, error) from error


@contextlib.contextmanager
def _missing_names_explained(name: str) -> Iterator[None]:
    """Raises UserError if the block uses something that TensorFlow lacks, as old code does."""
    try:
        yield
    except (AttributeError, ImportError) as error:
        match = re.search(r"(module 'tensorflow[\w.]*' has no attribute '|No module named 'tensorflow\.)(\w+)",
                          str(error))
        if match is None:
            raise
        library = str(pathlib.Path(sys.modules[tf.Session.__module__].__file__).parents[2])
        place = [frame for frame in traceback.extract_tb(error.__traceback__)
                 if not frame.filename.startswith((library, '<'))][-1]
        fix = ('write "import tensorflow.compat.v1 as tf"' if hasattr(tf, match.group(2)) else
               'run the command with python -m dcgan_tf1.legacy -m in place of python -m, which puts it back')
        raise UserError('--network=%s: line %s of %s uses tf.%s, which TensorFlow %s does not have: %s'
                        % (name, place.lineno, place.filename, match.group(2), tf.__version__, fix)) from error


def _import_error(name: str, error: Exception) -> UserError:
    return UserError('--network=%s cannot be imported (%s): name a Python file, a module that can be imported, or a '
                     'network that --help lists' % (name, error))


@contextlib.contextmanager
def _imports_from(folder: str) -> Iterator[None]:
    """In this block, the modules in a folder come first, and not those of the same names that another network used."""
    for name, other in list(_folders.items()):
        if other != folder:
            del _folders[name]
            for module in [module for module in sys.modules if module == name or module.startswith(name + '.')]:
                del sys.modules[module]
    path, modules = sys.path, set(sys.modules)
    sys.path = [folder, *path]
    try:
        yield
    finally:
        sys.path = path
        for name in set(sys.modules) - modules:
            if '.' not in name and _place(sys.modules[name]) == folder:
                _folders[name] = folder


def _place(module: Any) -> str:
    """The folder that contains a module's file, or its folder if it is a package."""
    paths = [*getattr(module, '__path__', []), getattr(module, '__file__', None) or '']
    return os.path.dirname(os.path.realpath(paths[0]))


def _call(name: str, function: Callable[..., Any], x: tf.Tensor, is_training: bool, image_shape: Sequence[int]) -> Any:
    """Calls a function with those of the other arguments that it has parameters for."""
    # Scopes inherit tf.AUTO_REUSE. With a true value, `if reuse: scope.reuse_variables()` would fail in the first call.
    available: Dict[str, Any] = {'image_shape': tuple(image_shape), 'reuse': False,
                                 **dict.fromkeys(_IS_TRAINING, is_training)}
    parameters = list(inspect.signature(function).parameters.values())[1:]
    if not inspect.signature(function).parameters:
        raise UserError('--network=%s: the function %s takes nothing: its first parameter must be the %s'
                        % (name, function.__name__, 'latent vectors' if function.__name__ == 'generator' else 'images'))
    unknown = [parameter.name for parameter in parameters if parameter.name not in available
               and parameter.default is parameter.empty
               and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)]
    if unknown:
        raise UserError('--network=%s: the function %s has a parameter %s, for which there is no value: give it a '
                        'default (known are is_training and image_shape)' % (name, function.__name__, unknown[0]))
    # The names of the variables, and so the checkpoints, are those that the function chooses in the current scope.
    with _missing_names_explained(name), tf.variable_scope(
            tf.get_variable_scope(), custom_getter=_get_seeded_variable, auxiliary_name_scope=False):
        return function(x, **{parameter.name: available[parameter.name] for parameter in parameters
                              if parameter.name in available})


def _get_seeded_variable(getter: Callable[..., tf.Variable], name: str, *args: Any, initializer: Any = None,
                         **options: Any) -> tf.Variable:
    """Seeds initial weights by the name of the variable, as `layers.py` does.

    Without it, layers of tf_keras would draw other weights in every process, whatever the seed of the graph.
    """
    seed = zlib.crc32(name.encode()) & 0x7FFFFFFF
    is_float = (options.get('dtype') or tf.float32) == tf.float32
    if is_float and (initializer is None or type(initializer).__name__ == 'GlorotUniform'):
        initializer = tf.glorot_uniform_initializer(seed=seed)  # the default of `tf.get_variable` and of layers
    config = initializer.get_config() if hasattr(initializer, 'get_config') else {}
    if 'seed' in config and config['seed'] is None:
        initializer = type(initializer).from_config({**config, 'seed': seed})
    return getter(name, *args, initializer=initializer, **options)


def _reshape_images(name: str, images: Any, image_shape: Sequence[int]) -> tf.Tensor:
    shape = images.shape.as_list() if isinstance(images, tf.Tensor) else None
    height, width, channels = image_shape
    if shape and shape[1:] == [height, width, channels]:
        return images
    if shape and shape[1:] == [height * width * channels]:
        return tf.reshape(images, [-1, *image_shape])
    raise UserError('--network=%s: the generator returns %s, but must return images of the shape [batch, %d, %d, %d]: '
                    'change it, or --image_size and --channels'
                    % (name, 'the shape %s' % shape if shape else type(images).__name__, height, width, channels))


def _check_logits(name: str, logits: Any) -> tf.Tensor:
    if not isinstance(logits, tf.Tensor):
        raise UserError('--network=%s: the discriminator returns a %s, but must return its logits alone'
                        % (name, type(logits).__name__))
    if logits.op.type in ('Sigmoid', 'Softmax'):
        raise UserError('--network=%s: the discriminator returns probabilities, but must return logits: leave out the '
                        '%s at its end' % (name, logits.op.type.lower()))
    return logits
