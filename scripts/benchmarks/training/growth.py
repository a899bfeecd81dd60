"""How time and memory grow with the batch size, the image size and the dataset, each in a new process."""
import tempfile
from typing import List, NamedTuple

from scripts.benchmarks.training import catalog
from scripts.benchmarks.training.race import Result, log, run_interleaved
from scripts.benchmarks.training.tasks import recipe_hyperparameters
from scripts.lib.machine import write_image_files

_WINDOWS = 3


class Growth(NamedTuple):
    """One measurement."""
    recipe: str
    quantity: str  # batch size, image size, images in memory, or image files
    size: int  # its value
    result: Result


def measure_growth(recipe: str, min_steps: int, prefixes: str = '') -> List[Growth]:
    """Measures a recipe with its own schedule.

    Args:
      recipe: a key of `catalog.RECIPES`.
      min_steps: minimum steps per window.
      prefixes: select implementations by name, see `catalog.is_selected`.
    """
    schedule = catalog.RECIPES[recipe][0]
    results = []

    def measure(quantity, size, **changes):
        for implementation in catalog.GROWTH_IMPLEMENTATIONS:
            if catalog.is_selected(implementation.name, prefixes):
                log('%s, %s %d' % (recipe, quantity, size))
                entries = [(schedule, implementation)]
                result, = run_interleaved(recipe, entries, _WINDOWS, min_steps, 0., **changes)
                results.append(Growth(recipe, quantity, size, result))

    for size in catalog.BATCH_SIZES:
        measure('batch size', size, batch_size=size)
    for size in catalog.IMAGE_SIZES[recipe]:
        measure('image size', size, image_size=size, batch_size=catalog.IMAGE_SIZES_BATCH)
    if recipe_hyperparameters(recipe).image_shape[2] == 1:
        for size in catalog.IMAGES_IN_MEMORY:
            measure('images in memory', size, num_images=size)
    else:  # this recipe reads image files
        for size in catalog.IMAGE_FILES:
            with tempfile.TemporaryDirectory() as folder:
                write_image_files(folder, size)
                measure('image files', size, data_dir=folder)
    return results
