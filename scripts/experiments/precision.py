"""Compares trainings in bfloat16 with trainings in float32.

  python -m scripts.experiments.precision --data_dir=my/mnist --image_dir=my/pictures
  python -m scripts.experiments.precision --data_dir=my/mnist --recipes=graph_mode_dense,machinecurve

Trains recipes in both precisions with several seeds, and tests whether the losses differ more between the
precisions than between the seeds. The rule: split each run into five segments. In each segment, the mean loss
of a bfloat16 run must lie within the range of the float32 runs' means, extended by the width of this range on
both sides. (A normal variable lies outside this interval of four others with a probability of 6%, of three
others with 13%.)

Writes precision.json, README.md and a figure per recipe to --output. Recipes from earlier calls stay there.
The script can be interrupted: run the same command again, and it reuses the runs below --runs.
"""
import dataclasses
import os
import sys
from typing import Any, Dict, List, Optional, Tuple

import numpy as np

from dcgan_tf1.runs.folder import RunFolder
from dcgan_tf1.settings import cli, cli_flags, fields
from dcgan_tf1.settings.train import TrainSettings
from dcgan_tf1.util import charts, pages
from dcgan_tf1.util.files import write_atomically
from scripts.lib import runs, trainings
from scripts.lib.arguments import existing_folder, names, output_folder
from scripts.lib.measurements import read_json, write_json, write_page
from scripts.lib.trainings import IMAGE_FOLDER_RECIPES, MNIST_RECIPES

LOSSES = ('discriminator_loss', 'generator_loss')
NUM_SEGMENTS = 5
_COMMAND = 'python -m scripts.experiments.precision'
_INTRODUCTION = '''# bfloat16 compared with float32

Each run is split into five segments. *Within the seeds' spread* counts the mean losses of bfloat16 runs, over
a segment, that lie within the range of the float32 runs' means, extended by the width of this range on both
sides. (A normal variable lies outside this interval of four others with a probability of 6%, of three others
with 13%.) All losses were finite. Seeds count from 0.

'''


@dataclasses.dataclass(frozen=True)
class PrecisionArguments(fields.Settings):
    """Arguments of this script."""

    recipes: Tuple[str, ...] = names(
        (), MNIST_RECIPES + IMAGE_FOLDER_RECIPES, 'recipes to train; default: all whose data is given')
    data_dir: Optional[str] = existing_folder(None, 'folder of MNIST')
    image_dir: Optional[str] = existing_folder(None, 'folder of image files, for the 64×64 recipes')
    steps: int = fields.integer(500, NUM_SEGMENTS, 'of each run')
    seeds: int = fields.integer(4, 2, 'number of float32 runs per recipe')
    bfloat16_seeds: int = fields.integer(2, 1, 'number of bfloat16 runs per recipe')
    batch_size: Optional[int] = fields.integer(None, 2, 'default: that of each recipe')
    image_size: Optional[int] = fields.integer(None, 8, 'smaller images for the 64×64 recipes')
    runs: str = fields.path(os.path.join('runs', 'precision'), 'folder of all runs')
    output: str = output_folder('experiments', 'precision')

    RULES = (fields.at_least_one_of('data_dir', 'image_dir'),
             fields.Rule(lambda arguments: all(_data_dir(recipe, arguments) for recipe in arguments.recipes),
                         '--recipes: %s need --data_dir, the others --image_dir' % ', '.join(MNIST_RECIPES)))


def _data_flag(recipe):
    return '--data_dir' if recipe in MNIST_RECIPES else '--image_dir'


def _data_dir(recipe, arguments):
    return arguments.data_dir if recipe in MNIST_RECIPES else arguments.image_dir


def train(recipe: str, precision: str, seed: int, arguments: PrecisionArguments) -> np.ndarray:
    """Trains a run and returns its losses, [steps, 2], the discriminator's first."""
    folder = runs.run_folder(arguments.runs, '%s-%s' % (recipe, precision), seed)
    print(folder, file=sys.stderr, flush=True)
    flags = ['--precision=' + precision, '--seed=%d' % seed, '--steps=%d' % arguments.steps, '--log_every=1',
             '--checkpoint_every=100', '--data_dir=' + os.path.abspath(_data_dir(recipe, arguments)),
             *trainings.flags_of(arguments, 'batch_size', *['image_size'] * (recipe in IMAGE_FOLDER_RECIPES))]
    trainings.train(recipe, folder, *flags)
    trainings.check_step(folder, arguments.steps)
    return np.array([[record[loss] for loss in LOSSES] for record in RunFolder(folder).read_metrics()])


def compare(float32: np.ndarray, bfloat16: np.ndarray) -> List[Dict[str, Any]]:
    """Compares the mean losses of the segments.

    Args:
      float32, bfloat16: losses, [runs, steps, 2].
    Returns:
      A dict per loss and segment: loss, first and last (step), low and high (of the float32 means), bfloat16
      (means), within (how many of these lie within the seeds' spread).
    """
    rows = []
    for index, loss in enumerate(LOSSES):
        for steps in np.array_split(np.arange(float32.shape[1]), NUM_SEGMENTS):
            means = float32[:, steps, index].mean(axis=1)
            low, high = means.min(), means.max()
            others = bfloat16[:, steps, index].mean(axis=1)
            within = (others >= 2 * low - high) & (others <= 2 * high - low)
            rows.append({'loss': loss, 'first': int(steps[0]) + 1, 'last': int(steps[-1]) + 1,
                         'low': float(low), 'high': float(high), 'bfloat16': others.tolist(),
                         'within': int(np.sum(within))})
    return rows


def figure(rows: List[Dict[str, Any]], seeds: int) -> bytes:
    """A PNG of the mean losses of the segments: a bar is the range of the float32 runs, a dot a bfloat16 run.

    Args:
      rows: a result of `compare`.
      seeds: number of float32 runs.
    """
    drawing = charts.figure(7, 2.8)
    for axes, loss in zip(drawing.subplots(1, len(LOSSES)), LOSSES):
        for row in (row for row in rows if row['loss'] == loss):
            length, middle = row['last'] - row['first'] + 1, (row['first'] + row['last']) / 2
            axes.bar(middle, row['high'] - row['low'], 0.9 * length, row['low'], color=charts.COLORS['light_gray'],
                     label='float32, range of %d seeds' % seeds if row['first'] == 1 else None)
            axes.plot([middle] * len(row['bfloat16']), row['bfloat16'], 'o', color=charts.COLORS['vermilion'],
                      markersize=4, label='bfloat16, each seed' if row['first'] == 1 else None)
        charts.label(axes, x='Steps', y=loss.replace('_', ' ').capitalize())
    charts.legend_above(drawing, drawing.axes[0], 2)
    return charts.render(drawing)


def readme(comparisons: Dict[str, Dict[str, Any]]) -> str:
    """The text of README.md. `comparisons` is the content of precision.json."""
    rows = []
    for recipe, comparison in comparisons.items():
        settings = comparison['how']
        within = '%d of %d' % (sum(row['within'] for row in comparison['rows']),
                               sum(len(row['bfloat16']) for row in comparison['rows']))
        image_size = '%d×%d' % (settings['image_size'], settings['image_size'])
        rows.append([recipe, settings['batch_size'], image_size, settings['steps'], settings['seeds'],
                     settings['bfloat16_seeds'], within])
    parts = [_INTRODUCTION, pages.markdown_table([
        'recipe', 'batch size', 'image size', 'steps', 'float32 runs', 'bfloat16 runs',
        'within the seeds\' spread'], rows)]
    for recipe, comparison in comparisons.items():
        rows = [[row['loss'].replace('_loss', ''), '%d–%d' % (row['first'], row['last']),
                 '%.3f–%.3f' % (row['low'], row['high']),
                 ', '.join('%.3f' % mean for mean in row['bfloat16'])]
                for row in comparison['rows']]
        parts += ['\n## %s\n\n![Losses](%s.png)\n\n' % (recipe, recipe),
                  'Measured with %s:\n\n```\n%s\n```\n\n' % (
                      comparison['how']['versions'], _command(recipe, comparison['how'])),
                  pages.markdown_table(['loss', 'steps', 'float32', 'bfloat16'], rows)]
    return ''.join(parts)


def write_report(folder: str, comparisons: Dict[str, Dict[str, Any]]) -> None:
    """Writes README.md and a figure per recipe. `comparisons` is the content of precision.json."""
    for recipe, comparison in comparisons.items():
        write_atomically(os.path.join(folder, recipe + '.png'),
                         figure(comparison['rows'], comparison['how']['seeds']))
    write_page(folder, readme(comparisons))


def _command(recipe, settings):
    """The command that measures a recipe with these settings."""
    own = cli_flags.parse(TrainSettings, '--recipe=' + recipe)
    # The MNIST recipes have the size of MNIST's images, and no other.
    defaults = {'steps': 500, 'seeds': 4, 'bfloat16_seeds': 2, 'batch_size': own.batch_size,
                'image_size': own.image_size}
    changes = ['--%s=%d' % (name, settings[name]) for name, default in defaults.items()
               if settings[name] != default]
    data = '=my/mnist' if recipe in MNIST_RECIPES else '=my/pictures'
    return ' '.join([_COMMAND, _data_flag(recipe) + data, '--recipes=' + recipe, *changes])


def main(arguments: PrecisionArguments) -> int:
    """The script; returns the exit status."""
    os.makedirs(arguments.output, exist_ok=True)
    stored = os.path.join(arguments.output, 'precision.json')
    comparisons = read_json(stored, {})
    recipes = arguments.recipes or [recipe for recipe in MNIST_RECIPES + IMAGE_FOLDER_RECIPES
                                    if _data_dir(recipe, arguments)]
    for recipe in recipes:
        losses = [np.stack([train(recipe, precision, seed, arguments) for seed in range(num_seeds)])
                  for precision, num_seeds in (('float32', arguments.seeds),
                                               ('bfloat16', arguments.bfloat16_seeds))]
        config = RunFolder(runs.run_folder(arguments.runs, recipe + '-float32', 0)).read_config()
        comparisons[recipe] = {'rows': compare(*losses), 'how': {
            'steps': arguments.steps, 'seeds': arguments.seeds, 'bfloat16_seeds': arguments.bfloat16_seeds,
            'batch_size': config['flags']['batch_size'], 'image_size': config['flags']['image_size'],
            'versions': 'TensorFlow ' + config['versions']['tensorflow']}}
        write_json(stored, comparisons)
        write_report(arguments.output, comparisons)
    print(readme(comparisons))
    return 0


if __name__ == '__main__':
    cli.main(main, PrecisionArguments)
