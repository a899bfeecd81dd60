"""The table and the pictures."""
import math
from typing import Any, Dict, Sequence

import numpy as np

from dcgan_tf1.util import charts, grids, pages, pixels
from scripts.experiments.discriminator_features.network import Discriminator

NUM_UNITS, NUM_PATCHES = 6, 9  # in guided.png: units of the last convolution, and patches of each
DEFAULT_IMAGES = 10000  # of --train_images and --test_images
_README = '''# What the discriminator of %(recipe)s learned

A linear SVM classifies images of the dataset %(dataset)s by their features. It was trained on
%(train_images)d labeled images and tested on %(test_images)d. Errors are standard errors of the accuracy.

%(table)s
Compared with its untrained weights, the training of the discriminator changes the test accuracy by
%(gain)+.2f percentage points.

Checkpoint %(checkpoint)s, seed %(seed)d, standing statistics over %(standing_batches)d batches of
%(batch_size)d images, TensorFlow %(tensorflow)s. Measured with:

```
%(command)s
```

![Filters of the first layer](filters.png)

Filters of the first layer. Each is scaled by its own largest absolute value; 0 is mid-gray.

![Guided backpropagation](guided.png)

Patches of the test images to which the first units of the last convolution of the trained discriminator respond
most, cropped to their receptive field. Below them, the guided gradients of the same units at the same positions,
in the trained and in the untrained discriminator. Each is scaled like the filters. A blank patch means that the
unit's activation there is not positive. Gray borders are outside of the image.
'''


def table(results: Dict[str, Any]) -> str:
    """A Markdown table of the content of features.json."""
    rows = []
    for name, values in results['features'].items():
        accuracy = values['test_accuracy']
        error = math.sqrt(accuracy * (1 - accuracy) / results['test_images'])
        rows.append([name, values['dimensions'], '%g' % values['C'],
                     '%.2f%%' % (100 * values['held_out_accuracy'][str(values['C'])]),
                     '%.2f ± %.2f%%' % (100 * accuracy, 100 * error)])
    return pages.markdown_table(['features', 'dimensions', 'C', 'held-out accuracy', 'test accuracy'], rows)


def readme(results: Dict[str, Any]) -> str:
    """The text of README.md."""
    trained, untrained = (results['features'][name + ' discriminator']['test_accuracy']
                          for name in ('trained', 'untrained'))
    return _README % {**results, 'table': table(results), 'gain': 100 * (trained - untrained),
                      'command': _command(results)}


def _command(results):
    parts = ['python -m scripts.experiments.discriminator_features',
             '--run_dir=runs/%(recipe)s-%(dataset)s-%(seed)d' % results]
    if results['dataset'] == 'image_folder':
        parts.append('--data_dir=my/classes')
    parts += ['--%s=%d' % (name, results[name]) for name in ('train_images', 'test_images')
              if results[name] != DEFAULT_IMAGES]
    return ' '.join(parts)


def filters_figure(discriminators: Dict[str, Discriminator]) -> bytes:
    """Draws the filters of the first layers of {title: discriminator}. Returns the content of a PNG file."""
    return _draw({title: grids.grid(to_picture(discriminator.filters()), padding=1)
                  for title, discriminator in discriminators.items()})


def to_picture(x: np.ndarray) -> np.ndarray:
    """Scales each of float [n, …] by its own largest absolute value to uint8, so that 0 becomes mid-gray."""
    largest = np.abs(x).max(axis=tuple(range(1, x.ndim)), keepdims=True)
    return pixels.to_uint8(x / np.where(largest > 0, largest, 1))


def guided_figure(trained: Discriminator, untrained: Discriminator, images: np.ndarray) -> bytes:
    """Draws the patches to which the first units of the last convolution respond most, and guided gradients.

    The trained discriminator selects the patches. Below each are the gradients of the same unit at the same position,
    in the trained and in the untrained discriminator. Everything is cropped to the unit's receptive field.

    Args:
      trained, untrained: the discriminators.
      images: float32 [n, height, width, channels] in [−1, 1].
    Returns: the content of a PNG file.
    """
    responses, fields = trained.responses(images), untrained.receptive_fields()
    pictures = {}
    for unit in range(min(NUM_UNITS, trained.num_units)):
        strongest = images[np.argsort(-responses[:, unit], kind='stable')[:NUM_PATCHES]]
        positions = trained.positions(strongest, unit)
        rows = [pixels.to_uint8(strongest)]
        rows += [to_picture(network.guided_gradients(strongest, unit, positions)) for network in (trained, untrained)]
        patches = np.concatenate([crop(row, positions, fields) for row in rows])
        pictures['Unit %d' % unit] = grids.grid(patches, columns=len(strongest), padding=1)
    return _draw(pictures, ('Image', 'Trained', 'Untrained'))


def crop(images: np.ndarray, positions: np.ndarray, fields: np.ndarray) -> np.ndarray:
    """Crops images to receptive fields. Parts of the fields that are outside of the image become mid-gray.

    Args:
      images: uint8 [n, height, width, channels].
      positions: int [n, 2], of a unit in each image.
      fields: the result of `Discriminator.receptive_fields`.
    Returns: uint8 [n, height of the largest field, width of the widest, channels].
    """
    height, width = (fields[:, :, 1] - fields[:, :, 0]).reshape(-1, 2).max(axis=0)
    patches = np.full((len(images), height, width, images.shape[3]), 128, np.uint8)
    for patch, image, (row, column) in zip(patches, images, positions):
        (top, left), (bottom, right) = fields[row, column]
        # A field that is cut off at the top or left is aligned with the other end of the patch.
        first_row, first_column = height - bottom if top == 0 else 0, width - right if left == 0 else 0
        patch[first_row:first_row + bottom - top, first_column:first_column + right - left] = (
            image[top:bottom, left:right])
    return patches


def _draw(pictures: Dict[str, np.ndarray], row_names: Sequence[str] = ()) -> bytes:
    """A PNG of pictures in two columns.

    Args:
      pictures: {title: uint8 [height, width, 3]}, all of one size.
      row_names: names of equally high parts of each picture, from the top.
    """
    height, width = next(iter(pictures.values())).shape[:2]
    rows = math.ceil(len(pictures) / 2)
    drawing = charts.figure(7, rows * (3.1 * height / width + 0.35))
    all_axes = drawing.subplots(rows, 2, squeeze=False)
    for axes in all_axes.flat:
        axes.axis('off')
    for number, (axes, (title, picture)) in enumerate(zip(all_axes.flat, pictures.items())):
        axes.axis('on')
        axes.imshow(picture, interpolation='nearest')
        axes.set_title(title, fontsize=10)
        axes.set_xticks([])
        axes.set_yticks([(row + 0.5) * height / len(row_names) for row in range(len(row_names))])
        axes.set_yticklabels(row_names if number % 2 == 0 else [], fontsize=9)
        axes.tick_params(length=0)
        for spine in axes.spines.values():
            spine.set_visible(False)
    return charts.render(drawing)
