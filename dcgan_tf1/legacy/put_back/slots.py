"""Variables that optimizers and moving averages create in a scope with `reuse`, as before TensorFlow 1.0.

Imports nothing of this package: `--migrate` copies what a script uses.
"""
from typing import Any, Callable

import tensorflow.compat.v1 as tf
from tensorflow.python.training import slot_creator


def create_in_reused_scopes(used: Callable[[], Any] = lambda: None) -> None:
    """Lets optimizers and moving averages create variables in a scope with `reuse`. `used` is called when one does."""
    module: Any = slot_creator
    original = module._create_slot_var

    def create(*args: Any, **kwargs: Any) -> Any:
        scope = tf.get_variable_scope()
        if scope.reuse is not True:
            return original(*args, **kwargs)
        used()
        with tf.variable_scope(scope, reuse=tf.AUTO_REUSE, auxiliary_name_scope=False):
            return original(*args, **kwargs)
    module._create_slot_var = create
