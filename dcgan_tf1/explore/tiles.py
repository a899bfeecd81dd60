"""The images of an explore page: stages of a training, and a slice of latent space for each kind of statistics."""
import math
import os
from typing import List, NamedTuple

import numpy as np
from PIL import Image

from dcgan_tf1.runs.folder import RunFolder
from dcgan_tf1.sample.sampler import Generator, Statistics
from dcgan_tf1.util import grids, image_files, pixels, terminal

_MAX_TILE = 128  # larger images are shown at this height and width, in pixels
_STAGE_SIZE = 250  # height and width of the part of a grid that is shown, in pixels, if an image is not larger
_GRID_SCALE, _GRID_PADDING = 2, 2  # of the grids that a training writes


class Stage(NamedTuple):
    """Images that the generator made at a step of its training."""

    step: int
    picture: np.ndarray  # uint8 [height, width, 3]


class Slice(NamedTuple):
    """The images of all points of a slice of latent space, with one kind of batch-norm statistics."""

    name: str  # of the kind of statistics
    description: str
    images: np.ndarray  # uint8 [rows, columns, height, width, channels]


def stages(folder: RunFolder, image_size: int, count: int) -> List[Stage]:
    """Evenly chosen stages of a training, from its grids of generated images.

    Args:
      folder: the run.
      image_size: height and width of its images.
      count: how many stages to return; fewer, if the run has fewer grids.
    Returns: the stages, in the order of their steps; [] for a run without grids.
    Raises: UserError if a grid cannot be read.
    """
    paths = folder.grids() if os.path.isdir(folder.samples) else []
    indices = grids.evenly_spaced(len(paths), count)
    return [Stage(folder.step_of(paths[index]), _top_left(image_files.read_image(paths[index]), image_size))
            for index in terminal.track(indices, 'reading grids', len(indices))]


def _top_left(grid: np.ndarray, image_size: int) -> np.ndarray:
    """As many whole images from the top left of a grid as fit on the page, at their original size."""
    pitch = image_size + _GRID_PADDING
    side = max(1, _STAGE_SIZE // pitch) * pitch + _GRID_PADDING
    return shrink(grid[::_GRID_SCALE, ::_GRID_SCALE][:side, :side], _STAGE_SIZE)


def slices(generator: Generator, noise: np.ndarray, batch_size: int, standing_batches: int) -> List[Slice]:
    """Generates the images of a slice with every kind of batch-norm statistics.

    Args:
      generator: the generator.
      noise: float32 [rows, columns, noise_dim].
      batch_size: that of the training.
      standing_batches: number of batches for standing statistics.
    Returns: one slice per kind of statistics, or a single one if the generator has no batch norm.
    """
    def render(name: str, description: str, statistics: Statistics) -> Slice:
        images = pixels.to_uint8(generator.generate(noise.reshape(-1, noise.shape[-1]), statistics))
        images = np.stack([shrink(image, _MAX_TILE) for image in images])
        return Slice(name, description, images.reshape(noise.shape[:2] + images.shape[1:]))

    moving = generator.statistics('moving')
    if not moving:
        return [render('no batch norm', 'This generator has no batch norm, so there are no statistics to choose.', {})]
    initial = {name: np.zeros_like(value) if name.endswith('mean') else np.ones_like(value)
               for name, value in moving.items()}
    return [
        # One pooled batch: what training mode computes, without the choice of companions for each image.
        render('training mode', 'Mean and variance of one batch of %d random latent vectors, as in a training step.'
               % batch_size, generator.statistics('standing', batches=1)),
        render('moving', 'The moving averages that the training kept: inference mode.', moving),
        render('never updated', 'Mean 0 and variance 1: inference mode of a training that never ran its update ops.',
               initial),
        render('standing', 'Mean and variance of %d batches, generated with the weights of this checkpoint.'
               % standing_batches, generator.statistics('standing', batches=standing_batches)),
    ]


def sheet(images: np.ndarray) -> np.ndarray:
    """Joins images without gaps.

    Args:
      images: uint8 [rows, columns, height, width, channels].
    Returns: uint8 [rows * height, columns * width, channels].
    """
    rows, columns, height, width, channels = images.shape
    return images.transpose(0, 2, 1, 3, 4).reshape(rows * height, columns * width, channels)


def shrink(picture: np.ndarray, size: int) -> np.ndarray:
    """Scales a picture, uint8 [height, width, channels], down until no side is longer than `size` pixels."""
    height, width, channels = picture.shape
    factor = size / max(height, width)
    if factor >= 1:
        return picture
    image = Image.fromarray(picture[..., 0] if channels == 1 else picture)
    resized = image.resize((math.ceil(width * factor), math.ceil(height * factor)),
                           Image.LANCZOS)  # type: ignore[attr-defined]
    return np.asarray(resized).reshape(resized.height, resized.width, channels)
