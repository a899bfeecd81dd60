"""The command `evaluate`; see `__main__`."""
import contextlib
import json
import os
from typing import Optional, Tuple

import numpy as np

from dcgan_tf1.data import has_labels, image_folder, options_of
from dcgan_tf1.evaluate import arrays
from dcgan_tf1.evaluate.evaluator import IDENTITY_KEYS, Evaluator, evaluate_images, images_of, score_table
from dcgan_tf1.evaluate.preparation import for_run_and_data
from dcgan_tf1.evaluate.settings import EvaluateSettings
from dcgan_tf1.runs.folder import RunFolder
from dcgan_tf1.sample import sampler
from dcgan_tf1.sample.preparation import for_generator
from dcgan_tf1.util import files, image_files, terminal
from dcgan_tf1.util.errors import UserError
from dcgan_tf1.util.files import write_atomically


def run(settings: EvaluateSettings) -> int:
    """The command; returns the exit status. Raises UserError."""
    prepare = for_run_and_data if settings.run_dir else for_generator
    if settings.images:
        settings = prepare(settings)
        _prepare_output(settings)
        images = read_images(settings)
        with contextlib.closing(Evaluator(settings, images.shape[1:])) as evaluator:
            evaluation = evaluate_images(settings, images, evaluator)
    else:
        with sampler.open_generator(settings, prepare) as generator:
            settings = generator.settings
            _prepare_output(settings)
            statistics = generator.own_statistics()
            shape = (settings.image_size, settings.image_size, settings.channels)
            with contextlib.closing(Evaluator(settings, shape)) as evaluator:
                images = images_of(generator, settings, statistics)
                evaluation = evaluate_images(settings, images, evaluator)
    print(score_table(evaluation), end='', flush=True)  # before --output=/dev/stdout
    if settings.output:
        write_atomically(settings.output, (json.dumps(evaluation, indent=1) + '\n').encode())
    elif settings.run_dir and not settings.images:
        RunFolder(settings.run_dir).add_scores(evaluation, IDENTITY_KEYS)
    return 0


def _prepare_output(settings: EvaluateSettings) -> None:
    if settings.output:
        files.prepare_output(settings.output)
    elif settings.run_dir and not settings.images:
        files.prepare_output(RunFolder(settings.run_dir).scores)


def read_images(settings: EvaluateSettings) -> np.ndarray:
    """The images of --images, uint8 [n, height, width, channels]. Raises UserError."""
    name = '--images=' + settings.images
    if not os.path.isdir(settings.images):
        return arrays.to_uint8(arrays.read(settings.images, name), settings.pixel_range, name)
    if settings.pixel_range:
        raise UserError('%s is a folder, whose image files name their range themselves: remove --pixel_range' % name)
    options = options_of(image_folder.load, settings.replace(data_dir=settings.images))
    folder = image_folder.load(**options, flag='--images')
    _check_sizes(settings, name, folder)
    images = folder.first(folder.num_examples)
    for remark in folder.remarks():
        terminal.say(remark)
    return images


def _check_sizes(settings: EvaluateSettings, name: str, folder: image_folder.ImageFolder) -> None:
    """Says so if pictures of --images are resized. Raises UserError if the dataset has labels, and so a single size."""
    sizes = {path: _size(os.path.join(folder.source, path)) for path in folder.names}
    wanted = settings.image_size, settings.image_size
    others = {path: size for path, size in sizes.items() if size and size != wanted}
    if others:
        text = '%d of %d pictures in %s are not %d×%d, such as %s with %d×%d' % (
            len(others), len(sizes), name, *wanted, min(others), *others[min(others)])
        if has_labels(settings.dataset):
            raise UserError('%s: name pictures of the size of --dataset=%s' % (text, settings.dataset))
        terminal.say(text + ': they are resized, as those of --dataset are')


def _size(path: str) -> Optional[Tuple[int, int]]:
    """(width, height) of a picture; None if it cannot be read."""
    try:
        with image_files.open_image(path) as image:
            return image.size
    except Exception:  # Pillow raises many types
        return None
