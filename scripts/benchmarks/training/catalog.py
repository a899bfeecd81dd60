"""Who runs, as data: the recipes with their schedules, and the contestants. Adding one is a line."""
import collections

# The schedules that a recipe is timed with, its own first.
RECIPES = {
    'graph_mode': ('generator_then_discriminator', 'simultaneous'),
    'sparse_softmax': ('discriminator_then_generator',),
    'learnopencv_torch': ('discriminator_then_generator_same_images',),
}
POST, OURS, FLOOR = "the post's own loop", 'ours', 'GEMM floor'

# module: of this package, whose `build(task)` makes it; options: what the module takes besides; own_schedule_only:
# it is not repeated with the recipe's other schedules; recipes: those that it is for.
Contestant = collections.namedtuple('Contestant', 'name precision module options own_schedule_only recipes')


def _contestant(name, precision, module, own_schedule_only=False, recipes=tuple(RECIPES), **options):
    return Contestant(name, precision, module, options, own_schedule_only, recipes)


def _torch(name, **options):
    return [_contestant('PyTorch ' + name, precision, 'rival_torch', **options)
            for precision in ('float32', 'bfloat16')]


CONTESTANTS = [
    _contestant(POST, 'float32', 'post_tf_layers', True, ('graph_mode', 'sparse_softmax')),
    _contestant(POST, 'float32', 'rival_torch', True, ('learnopencv_torch',), as_printed=True),
    _contestant(OURS, 'float32', 'ours', flags=['--precision=float32']),
    _contestant(OURS, 'bfloat16', 'ours', flags=['--precision=bfloat16']),
    _contestant('ours, native kernels', 'float32', 'ours', True, flags=['--precision=float32', '--kernels=native']),
    _contestant('ours, native kernels', 'bfloat16', 'ours', True, flags=['--precision=bfloat16', '--kernels=native']),
    _contestant('Keras 3 tf.function', 'float32', 'rival_keras', policy='float32'),
    _contestant('Keras 3 tf.function', 'bfloat16', 'rival_keras', policy='mixed_bfloat16'),
    *_torch('eager'),
    *_torch('channels_last', channels_last=True),
    *_torch('compile + channels_last', channels_last=True, compiled=True),
    _contestant(FLOOR, 'float32', 'floor'),
    _contestant(FLOOR, 'bfloat16', 'floor'),
]

# How time and memory grow is measured of these.
GROWTH = [contestant for contestant in CONTESTANTS if contestant.name == OURS]
BATCH_SIZES = (32, 64, 128, 256, 512)
IMAGE_SIZES = {'graph_mode': (28, 64, 128), 'sparse_softmax': (28, 64, 128), 'learnopencv_torch': (32, 64, 128)}
IMAGE_SIZES_BATCH = 32  # 128×128 is 21 times the work of 28×28
IMAGES_IN_MEMORY = (6000, 60000)  # tenfold; the second is MNIST's
IMAGE_FILES = (2000, 20000)


def wanted(name, filters):
    """Whether a contestant is among those asked for: one of the comma-separated `filters` begins its name."""
    return not filters or any(name.startswith(start.strip()) for start in filters.split(','))


def entries(recipe, filters=''):
    """The pairs (schedule, contestant) of a recipe, those of its own schedule first."""
    schedules = RECIPES[recipe]
    return [(schedule, contestant) for schedule in schedules for contestant in CONTESTANTS
            if recipe in contestant.recipes and wanted(contestant.name, filters)
            and (schedule == schedules[0] or not contestant.own_schedule_only)]


def task(recipe, schedule, contestant, **changes):
    """What a worker is told, to be sent as JSON. `changes`: batch_size, image_size, num_images, data_dir."""
    return {'recipe': recipe, 'schedule': schedule, 'precision': contestant.precision, 'module': contestant.module,
            'options': contestant.options, **changes}
