"""Network architectures, one module per architecture. The names of the modules are the values of `--network`.

Each module defines two functions:

- generator(noise, is_training, image_shape) maps latent vectors [batch, noise_dim] to images
  [batch, *image_shape] in [-1, 1], where image_shape is (height, width, channels). It raises
  `UnsupportedShapeError` for shapes that it cannot generate.
- discriminator(images, is_training) maps images to logits, in the form that the recipe's loss takes.

They know nothing about sessions, flags or files. The caller opens the variable scope. Modules whose names
start with an underscore contain shared parts.

`load` also takes such functions from a file, or from any module that can be imported. They may leave out all
parameters but the first.
"""
import importlib
import importlib.util

from dcgan_tf1.model.networks import _own
from dcgan_tf1.model.networks._own import Functions, content, source, unchanged
from dcgan_tf1.model.networks._shapes import UnsupportedShapeError, initial_size, num_upsamplings

__all__ = ['Functions', 'UnsupportedShapeError', 'content', 'initial_size', 'is_built_in', 'load', 'num_upsamplings',
           'source', 'unchanged']


def is_built_in(name: str) -> bool:
    """Whether --network=NAME is a module of this package."""
    is_module_name = name.isidentifier() and not name.startswith('_')
    return is_module_name and importlib.util.find_spec('%s.%s' % (__name__, name)) is not None


def load(name: str) -> Functions:
    """Loads a network.

    Args:
        name: name of a module in this package, path of a Python file, or name of a module that can be imported.

    Raises:
        UserError: if there is no such module, it cannot be imported, or its functions do not fit.
    """
    if is_built_in(name):
        module = importlib.import_module('%s.%s' % (__name__, name))
        return Functions(module.generator, module.discriminator)
    return _own.load(name)
