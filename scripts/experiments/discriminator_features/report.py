"""The table and the pictures."""
import math
from typing import Any, Dict, List, Sequence

import numpy as np

from dcgan_tf1 import markdown, pixels, plots
from scripts.experiments.discriminator_features.network import Discriminator

NUM_CHANNELS, NUM_IMAGES = 6, 8  # in guided.png: channels of the last convolution, and images for each
DEFAULT_IMAGES = 10000  # of --train_images and --test_images
_SCALE = 4  # of the images in guided.png
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

The test images to which the first channels of the last convolution respond most, and below them the guided
gradients of these responses. The untrained and the trained discriminator respond to different images.
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
    return markdown.table(['features', 'dimensions', 'C', 'held-out accuracy', 'test accuracy'], rows)


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


def to_picture(x: np.ndarray) -> np.ndarray:
    """Scales each of float [n, …] by its own largest absolute value to uint8, so that 0 becomes mid-gray."""
    largest = np.abs(x).max(axis=tuple(range(1, x.ndim)), keepdims=True)
    return pixels.to_uint8(x / np.where(largest > 0, largest, 1))


def guided_picture(discriminator: Discriminator, images: np.ndarray) -> np.ndarray:
    """For each of the first channels, the images with the largest responses, and below them gradients."""
    responses = discriminator.responses(images)
    rows = []
    for channel in range(min(NUM_CHANNELS, discriminator.num_channels)):
        strongest = images[np.argsort(-responses[:, channel], kind='stable')[:NUM_IMAGES]]
        rows += [pixels.to_uint8(strongest), to_picture(discriminator.guided_gradients(strongest, channel))]
    return plots.grid(np.concatenate(rows), columns=NUM_IMAGES, padding=1, scale=_SCALE)


def channel_names(discriminator: Discriminator) -> List[str]:
    """Names of the channels in `guided_picture`."""
    return ['Channel %d' % channel for channel in range(min(NUM_CHANNELS, discriminator.num_channels))]


def side_by_side(pictures: Dict[str, np.ndarray], row_names: Sequence[str] = ()) -> bytes:
    """A PNG of pictures side by side.

    Args:
      pictures: {title: uint8 [height, width, 3]}, all of one size.
      row_names: names of equally high parts of the pictures, from the top.
    """
    height, width = next(iter(pictures.values())).shape[:2]
    drawing = plots.figure(7, 3.45 * height / width + 0.45)
    all_axes = drawing.subplots(1, len(pictures))
    for column, (axes, (title, picture)) in enumerate(zip(all_axes, pictures.items())):
        axes.imshow(picture, interpolation='nearest')
        axes.set_title(title.capitalize(), fontsize=10)
        axes.set_xticks([])
        axes.set_yticks([(row + 0.5) * height / len(row_names) for row in range(len(row_names))])
        axes.set_yticklabels(row_names if column == 0 else [], fontsize=9)
        axes.tick_params(length=0)
        for spine in axes.spines.values():
            spine.set_visible(False)
    return plots.render(drawing)
