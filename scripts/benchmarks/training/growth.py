"""How time and memory grow with the batch, the images and the data set. Every figure is a process of its own."""
import collections
import os
import tempfile

from benchmarking import contestants
from benchmarking.race import race, say
from benchmarking.recipe import hyperparameters, pictures

# what: the quantity that grows, to `size`; result: a `race.Result`.
Growth = collections.namedtuple('Growth', 'recipe what size result')


def _image_files(folder, count):
    """Small JPEG files of the digits."""
    from PIL import Image
    images = pictures((64, 64, 3))
    for number in range(count):
        Image.fromarray(images[number % len(images)]).save(os.path.join(folder, '%06d.jpg' % number))


def grow(recipe, windows, steps, filters=''):
    """A list of `Growth`s of a recipe, with its own schedule; `filters` as in `contestants.wanted`."""
    schedule = contestants.RECIPES[recipe][0]
    found = []

    def measure(what, size, **changes):
        for contestant in contestants.GROWTH:
            if contestants.wanted(contestant.name, filters):
                say('%s, %s %d' % (recipe, what, size))
                result, = race(recipe, [(schedule, contestant)], windows, steps, 0., **changes)
                found.append(Growth(recipe, what, size, result))

    for size in contestants.BATCH_SIZES:
        measure('batch size', size, batch_size=size)
    for size in contestants.IMAGE_SIZES[recipe]:
        measure('image size', size, image_size=size, batch_size=contestants.IMAGE_SIZES_BATCH)
    if hyperparameters({'recipe': recipe}).image_shape[2] == 1:
        for size in contestants.IMAGES_IN_MEMORY:
            measure('images in memory', size, num_images=size)
    else:  # the recipe reads files
        for size in contestants.IMAGE_FILES:
            with tempfile.TemporaryDirectory() as folder:
                _image_files(folder, size)
                measure('image files', size, data_dir=folder)
    return found
