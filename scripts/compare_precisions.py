"""Trains recipes in float32 and in bfloat16, and compares how their losses differ with how they differ between seeds.

  .venv-3.11/bin/python scripts/compare_precisions.py --data_dir=my/mnist --image_dir=my/pictures
  .venv-3.11/bin/python scripts/compare_precisions.py --data_dir=my/mnist --recipes=graph_mode_dense,machinecurve

Every training is a run folder below --runs: what is finished is not trained again, what was stopped goes on.

The rule: in each fifth of the run, the mean of a loss over a bfloat16 run lies *within the seeds' spread*, which is the
range of the float32 runs' means, widened by its own width on either side. (A normal variable would miss what four draws
of it span so in 6 % of the cases.) Writes precision.json, a figure a recipe and README.md to --output; recipes that are
there from earlier calls stay.
"""
import argparse
import json
import os
import sys

import numpy as np

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))

import trainings
from arguments import any_path, at_least, folder, list_of, one_of
from dcgan_tf1 import plots
from dcgan_tf1.errors import exit_status
from dcgan_tf1.run_folder import RunFolder, write
from trainings import ROOT

MNIST = ('graph_mode_dense', 'machinecurve', 'sparse_softmax', 'graph_mode', 'paperspace')
FOLDER = ('learnopencv_tf', 'learnopencv_torch', 'paper')
LOSSES = ('discriminator_loss', 'generator_loss')
PARTS = 5


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--recipes', type=list_of(one_of(MNIST + FOLDER)),
                        help='comma-separated; default: those that there is data for')
    parser.add_argument('--data_dir', type=folder, help='folder of MNIST')
    parser.add_argument('--image_dir', type=folder, help='folder of pictures, for the 64×64 recipes')
    parser.add_argument('--steps', type=at_least(PARTS), default=500)
    parser.add_argument('--seeds', type=at_least(2), default=4, help='float32 runs of each recipe')
    parser.add_argument('--bfloat16_seeds', type=at_least(1), default=2, help='bfloat16 runs of each')
    parser.add_argument('--batch_size', type=at_least(2), help='default: each recipe\'s')
    parser.add_argument('--image_size', type=at_least(8), help='of the 64×64 recipes, to make them smaller')
    parser.add_argument('--runs', type=any_path, default=os.path.join('runs', 'precision'),
                        help='where the run folders lie')
    parser.add_argument('--output', type=any_path, default=os.path.join(ROOT, 'results', 'precision'),
                        help='folder for the results')
    parsed = parser.parse_args(arguments)
    parsed.recipes = parsed.recipes or [
        *(MNIST if parsed.data_dir else ()), *(FOLDER if parsed.image_dir else ())]
    for recipe in parsed.recipes:
        if not (parsed.data_dir if recipe in MNIST else parsed.image_dir):
            parser.error('--recipes: %s needs %s' % (recipe, '--data_dir' if recipe in MNIST else '--image_dir'))
    if not parsed.recipes:
        parser.error('name a --data_dir, an --image_dir, or both')
    return parsed


def train(recipe, precision, seed, arguments):
    """Losses of every step, float64 [steps, 2], discriminator's first. Exits where a training fails."""
    folder = os.path.join(arguments.runs, '%s-%s-%d' % (recipe, precision, seed))
    print(folder, file=sys.stderr, flush=True)
    trainings.train(recipe, folder, '--precision=' + precision, '--seed=%d' % seed, '--steps=%d' % arguments.steps,
                    '--log_every=1', '--checkpoint_every=100', '--data_dir=' + os.path.abspath(
                        arguments.data_dir if recipe in MNIST else arguments.image_dir),
                    *(['--batch_size=%d' % arguments.batch_size] if arguments.batch_size else ()),
                    *(['--image_size=%d' % arguments.image_size] if arguments.image_size and recipe in FOLDER else ()))
    trainings.check_stands_at(folder, arguments.steps)
    return np.array([[record[loss] for loss in LOSSES] for record in RunFolder(folder).read_metrics()])


def compare(float32, bfloat16):
    """Means of each part, and how they compare.

    Args: losses [runs, steps, 2].
    Returns: a list of dicts, one a loss and part: loss, first, last (steps), low, high (of float32's means), bfloat16
      (a list of means), within (of the list, how many lie within the seeds' spread).
    """
    rows = []
    for index, loss in enumerate(LOSSES):
        for part in np.array_split(np.arange(float32.shape[1]), PARTS):
            means = float32[:, part, index].mean(axis=1)
            low, high = means.min(), means.max()
            ours = bfloat16[:, part, index].mean(axis=1)
            rows.append({'loss': loss, 'first': int(part[0]) + 1, 'last': int(part[-1]) + 1, 'low': float(low),
                         'high': float(high), 'bfloat16': ours.tolist(),
                         'within': int(np.sum((ours >= 2 * low - high) & (ours <= 2 * high - low)))})
    return rows


def figure(recipe, by_precision):
    """A PNG: a column a loss; running means of every run. `by_precision`: losses in float32 and in bfloat16."""
    drawing = plots.canvas(9, 2.7)
    for index, (axis, loss) in enumerate(zip(drawing.subplots(1, len(LOSSES)), LOSSES)):
        for name, colour, runs in zip(('float32', 'bfloat16'), ('#888888', '#d62728'), by_precision):
            window = max(1, runs.shape[1] // 20)
            for number, run in enumerate(runs):
                smooth = np.convolve(run[:, index], np.ones(window) / window, 'valid')
                axis.plot(np.arange(len(smooth)) + window, smooth, color=colour, linewidth=1,
                          label=name if number == 0 else None)
        axis.set_title('%s, %s' % (recipe, loss.replace('_', '\'s ')), fontsize=9)
        axis.tick_params(labelsize=8)
        axis.legend(fontsize=8)
        axis.set_xlabel('step (mean of the %d up to it)' % window, fontsize=8)
    return plots.rendered(drawing)


def readme(comparisons):
    """The text of README.md. `comparisons`: {recipe: {'how': …, 'rows': …}}, as in precision.json."""
    text = '''# bfloat16 against float32

Made by `scripts/compare_precisions.py`; seeds from 0 on. A loss is *within the seeds' spread* where a bfloat16 run's
mean over a fifth of the steps lies in the range of the float32 runs' means, widened by its width on either side. (A
normal variable would miss what four draws of it span so in 6 % of the cases, what three span in 13 %.) All losses were
finite.

| recipe | batches of | images | steps | runs in float32, in bfloat16 | within the seeds' spread |
| --- | --- | --- | --- | --- | --- |
'''
    for recipe, comparison in comparisons.items():
        rows, how = comparison['rows'], comparison['how']
        text += '| %s | %d | %d×%d | %d | %d, %d | %d of %d |\n' % (
            recipe, how['batch_size'], how['image_size'], how['image_size'], how['steps'], how['seeds'],
            how['bfloat16_seeds'], sum(row['within'] for row in rows), sum(len(row['bfloat16']) for row in rows))
    for recipe, comparison in comparisons.items():
        text += '\n## %s\n\n![losses](%s.png)\n\nWith %s.\n\n| loss | steps | float32 | bfloat16 |\n%s\n' % (
            recipe, recipe, comparison['how']['versions'], '| --- | --- | --- | --- |')
        for row in comparison['rows']:
            text += '| %s | %d–%d | %.3f–%.3f | %s |\n' % (
                row['loss'].replace('_loss', ''), row['first'], row['last'], row['low'], row['high'],
                ', '.join('%.3f' % mean for mean in row['bfloat16']))
    return text


def main(arguments=None):
    arguments = parse(arguments)
    os.makedirs(arguments.output, exist_ok=True)
    kept = os.path.join(arguments.output, 'precision.json')
    comparisons = {}
    if os.path.exists(kept):
        comparisons = trainings.read_json(kept)
    for recipe in arguments.recipes:
        losses = [np.stack([train(recipe, precision, seed, arguments) for seed in range(seeds)])
                  for precision, seeds in (('float32', arguments.seeds), ('bfloat16', arguments.bfloat16_seeds))]
        config = RunFolder(os.path.join(arguments.runs, recipe + '-float32-0')).read_config()
        comparisons[recipe] = {'rows': compare(*losses), 'how': {
            'steps': arguments.steps, 'seeds': arguments.seeds, 'bfloat16_seeds': arguments.bfloat16_seeds,
            'batch_size': config['flags']['batch_size'], 'image_size': config['flags']['image_size'],
            'versions': 'TensorFlow ' + config['versions']['tensorflow']}}
        for name, content in ((recipe + '.png', figure(recipe, losses)),
                              ('precision.json', (json.dumps(comparisons, indent=1) + '\n').encode()),
                              ('README.md', readme(comparisons).encode())):
            write(os.path.join(arguments.output, name), content)
    print(readme(comparisons))


if __name__ == '__main__':
    sys.exit(exit_status(main))
