"""What is compared, as data. Adding a recipe or an implementation takes one line."""
from typing import Any, Dict, List, NamedTuple, Sequence, Tuple

# The schedules that each recipe is timed with, its own first.
RECIPES = {
    'graph_mode': ('generator_then_discriminator', 'simultaneous'),
    'sparse_softmax': ('discriminator_then_generator',),
    'learnopencv_torch': ('discriminator_then_generator_same_images',),
}
PRECISIONS = ('float32', 'bfloat16', 'auto')
POST, PACKAGE, BOUND = "post's loop", 'dcgan_tf1', 'GEMM bound'
AUTO = PACKAGE + ', auto'  # --precision=auto --kernels=auto
# The same program as PACKAGE in float32, started last. What differs between the two is noise.
CONTROL = 'control: ' + PACKAGE


class Implementation(NamedTuple):
    """A training loop in one precision."""
    name: str  # in tables
    precision: str  # one of PRECISIONS
    module: str  # in this package; has `build(task)`, see `implementations`
    options: Dict[str, Any]  # further options of the module; must fit into JSON
    own_schedule_only: bool  # not timed with the recipe's other schedules
    recipes: Tuple[str, ...]  # the recipes that it implements


def _implementation(name, precision, module, own_schedule_only=False, recipes=tuple(RECIPES), **options):
    return Implementation(name, precision, module, options, own_schedule_only, recipes)


def _package(name, precision, *flags, **keywords):
    return _implementation(name, precision, 'implementations.dcgan_tf1_loop',
                           flags=['--precision=' + precision, *flags], **keywords)


def _torch(name, **options):
    return [_implementation('PyTorch ' + name, precision, 'implementations.torch_loop', **options)
            for precision in ('float32', 'bfloat16')]


# A post's loop runs the post's own schedule. It is not compared with others, which do less work per step.
IMPLEMENTATIONS = [
    _implementation(POST, 'float32', 'implementations.post_loops', True, ('graph_mode', 'sparse_softmax')),
    _implementation(POST, 'float32', 'implementations.post_001_loop', True, ('learnopencv_torch',)),
    *(_package(PACKAGE, precision, '--kernels=native') for precision in ('float32', 'bfloat16')),
    _package(PACKAGE + ', alternative kernels', 'bfloat16', '--kernels=alternative'),
    _package(AUTO, 'auto', '--kernels=auto'),
    _implementation('Keras 3 tf.function', 'float32', 'implementations.keras_loop', policy='float32'),
    _implementation('Keras 3 tf.function', 'bfloat16', 'implementations.keras_loop', policy='mixed_bfloat16'),
    *_torch('eager'),
    *_torch('channels_last', channels_last=True),
    *_torch('compile + channels_last', channels_last=True, compiled=True),
    _implementation(BOUND, 'float32', 'gemm_bound'),
    _implementation(BOUND, 'bfloat16', 'gemm_bound'),
    _package(CONTROL, 'float32', '--kernels=native', own_schedule_only=True),
]


def is_fixed_choice(name: str) -> bool:
    """Whether an implementation is this package, with a precision and kernels that it does not choose itself."""
    return name.startswith(PACKAGE) and name != AUTO


def is_selected(name: str, prefixes: str) -> bool:
    """Whether a name begins with one of the comma-separated prefixes. All names do if there are none."""
    return not prefixes or any(name.startswith(prefix.strip()) for prefix in prefixes.split(','))


def entries(recipe: str, prefixes: str = '', precisions: Sequence[str] = PRECISIONS
            ) -> List[Tuple[str, Implementation]]:
    """All pairs (schedule, implementation) of a recipe; those of its own schedule come first.

    Args:
      recipe: a key of `RECIPES`.
      prefixes: select implementations by name, see `is_selected`.
      precisions: select implementations by precision; of `PRECISIONS`.
    """
    schedules = RECIPES[recipe]
    return [(schedule, implementation) for schedule in schedules for implementation in IMPLEMENTATIONS
            if recipe in implementation.recipes and implementation.precision in precisions
            and is_selected(implementation.name, prefixes)
            and (schedule == schedules[0] or not implementation.own_schedule_only)]
