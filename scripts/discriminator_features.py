"""What the discriminator of a run learned: its features under a linear SVM, its filters, what its units answer to.

  .venv-3.11/bin/python scripts/discriminator_features.py --run_dir=runs/sparse_softmax-mnist-0
  .venv-3.11/bin/python scripts/discriminator_features.py --run_dir=runs/learnopencv_torch-image_folder-0 \\
      --data_dir=my/classes

By the protocol of the DCGAN paper (Radford et al. 2016, arXiv 1511.06434, sections 5.1 and 6.2): the activations of
every convolution, max-pooled to 4×4 and put together, go into a linear L2-SVM, trained on labels that the discriminator
never saw. The trained discriminator is compared with itself before its training and with raw pixels. C is the one of
the list that does best on every fifth training image, of an SVM trained on the others; then all of them train it.

Each layer's features (and the pixels) are centred, and divided by the root mean square of their length: so every layer
weighs the same, and one list of C serves all. Computed in float32, whatever precision the run was trained in.

Batch norm: the features of an image must depend on nothing but the image, so not on a batch. The moving statistics will
not do either, for they mix real with generated images, which training shows to the discriminator in batches of their
own. Here the untrained and the trained discriminator alike use standing statistics: those of batches of real training
images, of the run's size, pooled.

Images: the labelled data set that the run was trained on, without what --holdout kept from it. Of a run on an
image_folder, --data_dir names a tree with folders `train` and `test`, each of which holds a folder for each class; or
one tree of such folders, of which every fifth image is then for testing. In such a tree, and in `digits`, the
discriminator may have seen test images (not their labels).

Writes to --output: features.json, table.md, filters.png (the first layer's) and guided.png (guided backpropagation,
Springenberg et al. 2015, arXiv 1412.6806, of the last convolution's first channels, on the test images with the
largest responses; as the paper's figure 5).
"""
import argparse
import json
import math
import os
import sys

import numpy as np

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))

import tensorflow.compat.v1 as tf

from arguments import any_path, at_least, folder
from dcgan_tf1 import data, graph, layers, loop, options, plots, sampler, standing
from dcgan_tf1.checkpoints import restore
from dcgan_tf1.data import image_folder
from dcgan_tf1.errors import UserError, exit_status
from dcgan_tf1.run_folder import RunFolder, write

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
GRID = 4
COSTS = (0.01, 0.03, 0.1, 0.3, 1, 3)  # C of the SVM
PART = 5  # every fifth image is held out
BATCHES = 100  # that standing statistics are pooled over, at the most
CHANNELS, IMAGES = 6, 8  # in guided.png: channels of the last convolution, and images for each
TOGETHER = 500  # images that go through a discriminator at a time


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--run_dir', type=folder, required=True, help='folder of a run')
    parser.add_argument('--checkpoint', type=any_path,
                        help='its step, best, or its path without .index; default: the last')
    parser.add_argument('--data_dir', type=folder, help='folder of the data set; default: the run\'s')
    parser.add_argument('--train_images', type=at_least(2 * PART), default=10000,
                        help='at the most, spread evenly over what there is')
    parser.add_argument('--test_images', type=at_least(IMAGES), default=10000, help='likewise')
    parser.add_argument('--output', type=any_path,
                        help='folder for the results; default: results/discriminator_features/RECIPE')
    return parser.parse_args(arguments)


def of_run(arguments):
    """(settings, as of `sampler.of_run`, with the run's seed; the flags that the run was trained with, a dict)."""
    settings = sampler.of_run(options.parsed(
        options.declare_evaluation, '--run_dir=' + arguments.run_dir,
        *(['--checkpoint=' + arguments.checkpoint] if arguments.checkpoint else ())))
    trained = options.trained(RunFolder(settings.run_dir))
    return settings._replace(seed=trained['seed'], precision='float32'), trained


def images_of(how, train_images, test_images):
    """((pixels, labels) to train with, (pixels, labels) to test with): uint8 [n, height, width, channels], int [n].

    Args:
      how: flags of a training, of which those count that concern data.
    Raises: UserError where the images can't be had, or have no classes.
    """
    labelled = data.labelled(**how)
    if labelled:
        everything, seen = data.load(**how)
        left_out = everything.num_examples - seen.num_examples  # from the front
        parts = [(part.images.pixels.__getitem__, np.arange(first, len(part.labels)), part.labels)
                 for part, first in zip(labelled, (left_out, 0))]
    else:
        parts = _of_folders(how)
    found = []
    for (take, indices, labels), count in zip(parts, (train_images, test_images)):
        # Spread: files come class by class.
        chosen = indices[np.linspace(0, len(indices) - 1, min(count, len(indices))).round().astype(int)]
        found.append((take(chosen), labels[chosen]))
    return found


def _of_folders(how):
    """The training and the test part of a tree whose folders are classes: (function indices → pixels, the part's
    indices, labels of all that the function knows) each.
    """
    def load(folder):
        images = image_folder.load(**{**how, 'data_dir': folder, 'skip_unreadable': False})
        return images, images.classes()
    root = how['data_dir']
    folders = [os.path.join(root, part) for part in ('train', 'test')]
    if all(map(os.path.isdir, folders)):
        loaded = [load(folder) for folder in folders]
        indices = [np.arange(images.num_examples) for images, _ in loaded]
    else:
        loaded = [load(root)] * 2
        everything = np.arange(loaded[0][0].num_examples)
        test = everything % PART == PART - 1
        indices = [everything[~test], everything[test]]
        print('%s has no folders train and test: every fifth image is for testing, though the discriminator may have '
              'seen it' % root, file=sys.stderr)
    training, test = (classes for _, classes in loaded)
    names = sorted(set(training))
    if '' in names or len(names) < 2 or set(test) - set(names):
        raise UserError('--data_dir=%s must hold a folder of image files for each of two or more classes, or such '
                        'folders in train and the same in test; it has %s and %s' % (root, *(
                            ', '.join(name or 'files outside' for name in sorted(set(part)))
                            for part in (training, test))))
    return [(images.decode, chosen, np.searchsorted(names, classes))
            for (images, classes), chosen in zip(loaded, indices)]


def to_floats(pixels):
    """uint8 → float32 in [−1, 1], as training feeds them."""
    return (pixels.astype(np.float32) - 127.5) / 127.5


def pooled(x):
    """x [n, height, width, channels] → [n, 4, 4, channels]: the largest of each cell of a grid.

    Cell i of a side of s pixels goes from pixel floor(i · s / 4) up to ceil((i + 1) · s / 4), without that: where s is
    no multiple of 4, neighbouring cells share a pixel (PyTorch's AdaptiveMaxPool2d cuts so too).
    """
    for axis in (1, 2):
        size = int(x.shape[axis])
        cells = [np.arange(cell * size // GRID, -(-(cell + 1) * size // GRID)) for cell in range(GRID)]
        x = tf.stack([tf.reduce_max(tf.gather(x, cell, axis=axis), axis) for cell in cells], axis)
    return x


@tf.RegisterGradient('dcgan_tf1.Guided')
def _guided_gradient(operation, gradient):
    return tf.where((gradient > 0) & (operation.inputs[0] > 0), gradient, tf.zeros_like(gradient))


def guiding():
    """Within it, activation functions are built that pass back what is positive, where their input is.

    That is guided backpropagation, which was made for ReLUs; leaky ones and ELUs are treated like them.
    """
    return tf.get_default_graph().gradient_override_map(
        {kind: 'dcgan_tf1.Guided' for kind in ('Relu', 'LeakyRelu', 'Elu')})


class Discriminator:
    """A discriminator in a graph and a Session of its own, with standing statistics. A context manager."""

    def __init__(self, settings, checkpoint, batches):
        """
        Args:
          settings: as of `of_run`.
          checkpoint: its path, or None for the initial weights of the settings' seed.
          batches: an iterable of real images, float32 [batch, height, width, channels] in [−1, 1].
        Raises: UserError where the checkpoint is not one of this discriminator, or there is no convolution in it.
        """
        with tf.Graph().as_default():
            tf.set_random_seed(settings.seed)  # as training does, of the weights
            with guiding():
                self._network = graph.build_discriminator(settings)
            activations = [x for x in self._network.activations if x.shape.ndims == 4]
            if not activations:
                raise UserError('--network=%s has no convolution in its discriminator: name a run of another'
                                % settings.network)
            self._features = [layers.flatten(pooled(x)) for x in activations]
            self._responses = tf.reduce_max(activations[-1], [1, 2])
            self._channel = tf.placeholder(tf.int32, [])
            self._guided = tf.gradients(tf.gather(self._responses, self._channel, axis=1), self._network.images)[0]
            self._kernel = next(variable for variable in tf.trainable_variables() if variable.shape.ndims == 4)
            variables = tf.global_variables()
            saver = tf.train.Saver(variables)
            self._session = loop.session()
            self._session.run(tf.global_variables_initializer())
            if checkpoint:
                restore(self._session, saver, checkpoint, variables)
        self._feed = standing.feed(self._network, standing.accumulate(
            self._session, self._network, self._network.images, batches))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._session.close()

    def features(self, images):
        """float32 [n, 4 · 4 · channels] of every convolution, a list. `images`: float32 [n, …] in [−1, 1]."""
        return self._run(self._features, images)

    def responses(self, images):
        """float32 [n, channels]: the last convolution's largest activation in each channel."""
        return self._run([self._responses], images)[0]

    def guided(self, images, channel):
        """Guided gradients of the responses in that channel with respect to the images: float32, of their shape."""
        return self._run([self._guided], images, {self._channel: channel})[0]

    def filters(self):
        """The first layer's: float32 [filters, height, width, channels]."""
        return self._session.run(self._kernel).transpose(3, 0, 1, 2)

    def _run(self, fetches, images, feed=()):
        parts = [self._session.run(fetches, {self._network.images: part, **self._feed, **dict(feed)})
                 for part in np.array_split(images, math.ceil(len(images) / TOGETHER))]
        return [np.concatenate(fetched) for fetched in zip(*parts)]


def classify(training, labels, test, test_labels):
    """Trains linear L2-SVMs: squared hinge loss, squared norm, each class against the others.

    Args:
      training, test: features, a list of float32 [n, width].
    Returns: a dict: dimensions; C, the chosen; held_out_accuracy of every C; test_accuracy.
    """
    from sklearn.svm import LinearSVC  # takes a second

    def scaled(parts):
        return np.concatenate([(part - mean) / length for part, mean, length in zip(parts, means, lengths)], axis=1)
    means = [part.mean(axis=0) for part in training]
    lengths = [np.sqrt(np.mean(np.sum((part - mean) ** 2, axis=1))) or 1. for part, mean in zip(training, means)]
    training = scaled(training)
    held_out = np.arange(len(labels)) % PART == PART - 1

    def svm(cost, chosen):
        # The dual problem, to the tolerance that liblinear itself has by default: scikit-learn's smaller one was
        # measured to take much longer, and to change an accuracy by an image or two.
        return LinearSVC(C=cost, dual=True, tol=0.1, random_state=0).fit(training[chosen], labels[chosen])
    accuracies = [svm(cost, ~held_out).score(training[held_out], labels[held_out]) for cost in COSTS]
    best = COSTS[int(np.argmax(accuracies))]
    return {'dimensions': training.shape[1], 'C': best,
            'held_out_accuracy': {str(cost): float(accuracy) for cost, accuracy in zip(COSTS, accuracies)},
            'test_accuracy': float(svm(best, slice(None)).score(scaled(test), test_labels))}


def table(results):
    """A Markdown table of features.json's content."""
    rows = ['| features | dimensions | C | held-out accuracy | test accuracy |', '| --- | --- | --- | --- | --- |']
    for name, found in results['features'].items():
        accuracy = found['test_accuracy']
        rows.append('| %s | %d | %g | %.2f %% | %.2f ± %.2f %% |' % (
            name, found['dimensions'], found['C'], 100 * found['held_out_accuracy'][str(found['C'])], 100 * accuracy,
            100 * math.sqrt(accuracy * (1 - accuracy) / results['test_images'])))
    return '\n'.join(rows) + '\n'


def to_picture(x):
    """float [n, …] → uint8: each divided by its own largest absolute value, so that 0 is mid-grey."""
    largest = np.abs(x).max(axis=tuple(range(1, x.ndim)), keepdims=True)
    return plots.to_bytes(x / np.where(largest > 0, largest, 1))


def guided_picture(discriminator, images):
    """For each of the last convolution's first channels, the images with the largest responses, largest first, and
    below them the guided gradients.
    """
    responses = discriminator.responses(images)
    rows = []
    for channel in range(min(CHANNELS, responses.shape[1])):
        chosen = images[np.argsort(-responses[:, channel], kind='stable')[:IMAGES]]
        rows += [plots.to_bytes(chosen), to_picture(discriminator.guided(chosen, channel))]
    return plots.grid(np.concatenate(rows), columns=IMAGES, padding=1, scale=4)


def side_by_side(pictures):
    """The bytes of a PNG: pictures of one size, {name: uint8 [height, width, 3]}, under their names."""
    height, width = next(iter(pictures.values())).shape[:2]
    figure = plots.canvas(5.5 * len(pictures), 5.5 * height / width + 0.4)
    for axes, (name, picture) in zip(figure.subplots(1, len(pictures)), pictures.items()):
        axes.imshow(picture)
        axes.set_title(name)
        axes.axis('off')
    return plots.rendered(figure)


def run(arguments):
    """The command; returns the exit status. Raises UserError."""
    tf.logging.set_verbosity(tf.logging.ERROR)
    settings, trained = of_run(arguments)
    output = arguments.output or os.path.join(ROOT, 'results', 'discriminator_features', settings.recipe)
    os.makedirs(output, exist_ok=True)
    how = {**trained, 'data_dir': arguments.data_dir or trained['data_dir']}
    (training, labels), (test, test_labels) = images_of(how, arguments.train_images, arguments.test_images)
    training, test = to_floats(training), to_floats(test)
    size = settings.batch_size
    if len(training) < size:
        raise UserError('%d training images are less than a batch of the run, %d: raise --train_images'
                        % (len(training), size))
    order = np.random.RandomState(0).permutation(len(training))
    batches = [training[order[first:first + size]]
               for first in range(0, min(len(order) // size, BATCHES) * size, size)]
    features, filters, guided = {}, {}, {}

    def measure(name, of):
        print(name, file=sys.stderr, flush=True)
        features[name] = classify(of(training), labels, of(test), test_labels)
    measure('raw pixels', lambda images: [images.reshape(len(images), -1)])
    for name, path in (('untrained discriminator', None), ('trained discriminator', settings.checkpoint)):
        with Discriminator(settings, path, batches) as discriminator:
            filters[name] = plots.grid(to_picture(discriminator.filters()), padding=1, scale=16)
            guided[name] = guided_picture(discriminator, test)
            measure(name, discriminator.features)
    results = {'recipe': settings.recipe, 'dataset': how['dataset'], 'seed': settings.seed,
               'checkpoint': os.path.basename(settings.checkpoint), 'train_images': len(training),
               'test_images': len(test), 'standing_batches': len(batches), 'batch_size': size,
               'tensorflow': tf.__version__, 'features': features}
    for name, content in (('features.json', (json.dumps(results, indent=1) + '\n').encode()),
                          ('table.md', table(results).encode()),
                          ('filters.png', side_by_side(filters)),
                          ('guided.png', side_by_side(guided))):
        write(os.path.join(output, name), content)
    print(table(results), end='')
    return 0


def main(arguments=None):
    return run(parse(arguments))


if __name__ == '__main__':
    sys.exit(exit_status(main))
