"""Which statistics batch norm should use when a GAN is sampled: trains, samples in every mode, scores, draws.

  .venv-3.11/bin/python scripts/ablate_batch_norm.py --data_dir=my/mnist
  .venv-3.11/bin/python scripts/ablate_batch_norm.py --data_dir=my/mnist --ends=sparse_softmax=10000,graph_mode=9380

(The second with all 20 epochs of graph_mode: for who has a GPU.)

While a GAN trains, its batch norm uses the batch at hand, so the moving statistics change nothing in its weights: one
training a recipe and seed gives all variants. It keeps averages of several momenta (`--further_momenta`), is stopped at
every stage, and its generator is sampled with each kind of statistics. Runs lie below --runs and are reused. What was
measured goes to measurements.json in --output stage by stage; what is there is not measured again, so that a stopped
script goes on, and seeds can be added later. Then it writes tables (tables.md, scores.csv) and figures there.
"""
import argparse
import collections
import csv
import io
import os
import sys

import numpy as np

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))

import tensorflow.compat.v1 as tf

import trainings
from arguments import any_path, at_least, folder, list_of, one_of
from dcgan_tf1 import data, evaluate, image_files, metrics, options, plots, sampler
from dcgan_tf1.errors import exit_status
from dcgan_tf1.run_folder import write
from trainings import ROOT

MOMENTUM = 0.99  # that of the recipes' batch norm
# A mode: name for tables, and which statistics it samples with, (kind, of what).
Mode = collections.namedtuple('Mode', 'name kind value')
MODES = (
    Mode('batch', 'batch', None),
    Mode('moving 0.9', 'moving', 0.9),
    Mode('moving 0.99', 'moving', None),
    Mode('moving 0.999', 'moving', 0.999),
    # Two updates of one statistic with the same batch are one with the momentum squared.
    Mode('moving 0.99, updated twice', 'moving', MOMENTUM ** 2),
    # The share of the initial 0 and 1 taken out, as Adam corrects its moments: what warm-up alone does.
    Mode('moving 0.99, corrected', 'corrected', None),
    Mode('never updated', 'initial', None),
    Mode('standing 1', 'standing', 1),
    Mode('standing 10', 'standing', 10),
    Mode('standing 100', 'standing', 100),
)
TRUTH = MODES[-1]  # what the other statistics are compared with
SHOWN = ('frechet_distance', 'precision', 'recall', 'most_frequent_share', 'modes', 'total_variation',
         'classifier_score', 'sharpness_ratio')
NOISES = 8  # images of each mode in a picture
TOGETHER = 64  # images made together where companions matter
GIVEN_UP_FROM = 1000  # steps after which a collapsed training is not gone on with
ALIKE = 1.5  # classifier score below which it is collapsed; 1: all images are the same to the classifier


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--data_dir', type=folder, help='folder of the data set')
    parser.add_argument('--dataset', default='mnist', choices=options.modules(data))
    parser.add_argument('--recipes', type=list_of(one_of(trainings.recipes())), default='sparse_softmax,graph_mode',
                        help='comma-separated')
    parser.add_argument('--seeds', type=at_least(1), default=3, help='trainings of each recipe that do not collapse, '
                        'from seed 0 on (of twice as many)')
    parser.add_argument('--stages', type=list_of(at_least(1)), default='100,300,1000,3000',
                        help='steps at which the generators are sampled')
    parser.add_argument('--ends', type=trainings.ends, default='sparse_softmax=10000,graph_mode=3000',
                        help='the last stage of each recipe')
    parser.add_argument('--num_images', type=at_least(NOISES), default=5000,
                        help='images that are scored in every mode')
    parser.add_argument('--precision', default='float32', choices=options.PRECISIONS)
    parser.add_argument('--batch_size', type=at_least(2), help='default: the recipe\'s')
    parser.add_argument('--classifier_steps', type=at_least(1), default=2345)
    parser.add_argument('--runs', type=any_path, default=os.path.join('runs', 'batch_norm'),
                        help='where the run folders lie')
    parser.add_argument('--output', type=any_path, default=os.path.join(ROOT, 'results', 'batch_norm'),
                        help='folder for the results')
    parsed = parser.parse_args(arguments)
    if set(parsed.ends) - set(trainings.recipes()):
        parser.error('--ends: choose among %s' % ', '.join(trainings.recipes()))
    return parsed


def stages(recipe, arguments):
    """Steps at which a recipe is sampled, in order."""
    end = arguments.ends.get(recipe, max(arguments.stages))
    return sorted({step for step in arguments.stages if step < end} | {end})


def run_dir(recipe, seed, arguments):
    return os.path.join(arguments.runs, '%s-%d' % (recipe, seed))


def train(recipe, seed, step, arguments):
    """Trains a run up to a step. Exits where that fails."""
    momenta = sorted({mode.value for mode in MODES if mode.kind == 'moving' and mode.value is not None})
    trainings.train(recipe, run_dir(recipe, seed, arguments), '--seed=%d' % seed, '--steps=%d' % step,
                    '--further_momenta=' + ','.join(map(str, momenta)), '--checkpoint_every=500', '--log_every=10',
                    '--sample_every=100', *trainings.data_flags(arguments))
    trainings.check_stands_at(run_dir(recipe, seed, arguments), step)


def evaluation_settings(arguments, *further):
    """Settings of `evaluate`, as its command line would give them."""
    return options.parsed(
        options.declare_evaluation, '--classifier_steps=%d' % arguments.classifier_steps,
        '--cache_dir=' + os.path.join(arguments.runs, 'classifiers'), *further)


def statistics(generator, mode, updates):
    """What a `sampler.Sampler` normalizes with in a mode, after so many updates of the moving statistics."""
    if mode.kind in options.BN_MODES:
        return generator.statistics(mode.kind, *((mode.value, None) if mode.kind == 'moving' else (None, mode.value)))
    found = generator.statistics('moving')
    kept = MOMENTUM ** updates
    for name, value in found.items():
        initial = 0. if name.endswith('mean') else 1.
        found[name] = (np.full_like(value, initial) if mode.kind == 'initial'
                       else ((value - kept * initial) / (1 - kept)).astype(np.float32))
    return found


def gaps(found, truth):
    """How far statistics are from others, a layer each: root mean squares over the channels.

    Returns: {'mean': of the difference of means, in standard deviations; 'variance': of the logarithm of the ratio of
      variances}, each a list.
    """
    means = [name for name in sorted(truth) if name.endswith('mean')]
    variances = [name[:-len('mean')] + 'variance' for name in means]

    def rms(values):
        return float(np.sqrt(np.mean(np.square(values))))
    return {'mean': [rms((found[mean] - truth[mean]) / np.sqrt(truth[variance] + 1e-3))
                     for mean, variance in zip(means, variances)],
            'variance': [rms(np.log((found[name] + 1e-3) / (truth[name] + 1e-3))) for name in variances]}


def measure(recipe, seed, step, arguments, evaluator):
    """Samples a run that stands at a step in every mode: ({mode: figures}, a picture of the same noises in each)."""
    settings = sampler.of_run(evaluation_settings(
        arguments, '--run_dir=' + run_dir(recipe, seed, arguments)))
    figures, rows = {}, []
    with sampler.Sampler(settings) as generator:
        noise = generator.noise(arguments.num_images, 0)
        companions = np.concatenate([noise[:NOISES], generator.noise(arguments.num_images, 1)[NOISES:]])
        truth = statistics(generator, TRUTH, step)
        for mode in MODES:
            used = statistics(generator, mode, step)
            images = plots.to_bytes(generator.images(noise, used))
            others = plots.to_bytes(generator.images(companions[:TOGETHER], used))
            same = plots.to_bytes(generator.images(noise[:TOGETHER], used))
            figures[mode.name] = {
                'scores': {name: score.value for name, score in evaluator.scores(images).items()},
                # The same noises among 56 others, mean absolute difference in grey levels of 0 to 255.
                'change_with_companions': float(np.abs(others[:NOISES].astype(float) - same[:NOISES]).mean()),
                'gaps': gaps(used, truth) if used is not None else None}
            rows.append(images[:NOISES])
    return figures, plots.grid(np.concatenate(rows), columns=NOISES)


def main(arguments=None):
    arguments = parse(arguments)
    tf.logging.set_verbosity(tf.logging.ERROR)
    os.makedirs(os.path.join(arguments.output, 'samples'), exist_ok=True)
    measurements = trainings.Measurements(arguments.output, {name: getattr(arguments, name) for name in (
        'dataset', 'num_images', 'precision', 'batch_size', 'classifier_steps')}, real=None)
    plan = {recipe: stages(recipe, arguments) for recipe in arguments.recipes}
    try:
        measure_all(measurements, plan, arguments)
    finally:  # a stopped script shows what it has
        report(measurements, plan, arguments)
    return 0


def measure_all(measurements, plan, arguments):
    """Trains and measures what is not measured yet."""
    evaluator = None
    # The seeds in turn, so that a stopped script has all recipes; as many again for those that collapse.
    for seed in range(2 * arguments.seeds):
        for recipe, steps in plan.items():
            if seed - len(collapsed(measurements, recipe)) >= arguments.seeds:
                continue
            for step in steps:
                if seed in collapsed(measurements, recipe):
                    break
                if measurements.has(recipe, seed, step):
                    continue
                print('%s, seed %d, step %d' % (recipe, seed, step), file=sys.stderr, flush=True)
                train(recipe, seed, step, arguments)
                evaluator = evaluator or evaluate.Evaluator(
                    evaluation_settings(arguments, '--images=none', *trainings.data_flags(arguments)),
                    lambda text: print(text, file=sys.stderr))
                figures, picture = measure(recipe, seed, step, arguments, evaluator)
                if seed == 0:
                    write(os.path.join(arguments.output, 'samples', '%s_%06d.png' % (recipe, step)),
                          plots.png(picture))
                real = {name: score.value for name, score in evaluator.references(arguments.num_images).items()}
                measurements.add((recipe, seed, step), figures, real={**evaluator.about, 'scores': real})


def collapsed(measurements, recipe):
    """{seed: step} of the trainings that are given up: at that step, `GIVEN_UP_FROM` or later, the images made with the
    statistics of the batch were all alike to the classifier.
    """
    return {seed: step for (_, seed, step), figures in reversed(measurements.items(recipe, None, None))
            if step >= GIVEN_UP_FROM and figures['batch']['scores']['classifier_score'] < ALIKE}


def figures_of(measurements, recipe, step):
    """A list of {mode: figures}: of every seed that did not collapse."""
    lost = collapsed(measurements, recipe)
    return [figures for (_, seed, _), figures in measurements.items(recipe, None, step) if seed not in lost]


def report(measurements, plan, arguments):
    """Writes tables and figures of all that was measured of the plan."""
    plan = {recipe: [step for step in steps if figures_of(measurements, recipe, step)]
            for recipe, steps in plan.items()}
    plan = {recipe: steps for recipe, steps in plan.items() if steps}
    if not plan:
        return
    text, rows = tables(measurements, plan, arguments)
    file = io.StringIO()
    csv.writer(file, lineterminator='\n').writerows([('recipe', 'step', 'statistics', 'score', 'mean', 'sd', 'seeds'),
                                                     *rows])
    for name, content in (('tables.md', text.encode()), ('scores.csv', file.getvalue().encode()),
                          ('scores.png', curves(measurements, plan)), ('digits.png', histograms(measurements, plan)),
                          *(('%s.png' % recipe, pictures(recipe, steps, arguments)) for recipe, steps in plan.items())):
        write(os.path.join(arguments.output, name), content)
    print(text)


def tables(measurements, plan, arguments):
    """(Markdown, rows for the CSV file)."""
    real = measurements.content['real']
    text = '''# Statistics of batch norm, measured

Made by `scripts/ablate_batch_norm.py` (%s of %s; %d images of every mode; classifier right on %.2f %% of the test
images). Mean ± standard deviation over the seeds. «Real» are as many images of the test set.

''' % (arguments.precision, arguments.dataset, arguments.num_images, 100 * real['classifier_accuracy'])
    rows = []
    for recipe, steps in plan.items():
        for seed, step in sorted(collapsed(measurements, recipe).items()):
            scores = measurements.of(recipe, seed, step)[0]['batch']['scores']
            text += ('%s, seed %d: collapsed. At step %d its images were all alike (classifier score %.2f, Fréchet '
                     'distance %.0f, with the statistics of the batch); it was not trained on, and is not in the '
                     'means.\n\n' % (recipe, seed, step, scores['classifier_score'], scores['frechet_distance']))
        for step in steps:
            measured = figures_of(measurements, recipe, step)
            text += '## %s, step %d (%d seed%s)\n\n| statistics | %s |\n|%s\n' % (
                recipe, step, len(measured), 's' * (len(measured) > 1),
                ' | '.join(name.replace('_', ' ') for name in SHOWN),
                ' --- |' * (1 + len(SHOWN)))
            for mode in MODES:
                cells = []
                for name in sorted(measured[0][mode.name]['scores']):
                    if isinstance(measured[0][mode.name]['scores'][name], list):
                        continue
                    values = [figures[mode.name]['scores'][name] for figures in measured]
                    mean, sd = np.mean(values), np.std(values, ddof=1) if len(values) > 1 else float('nan')
                    rows.append((recipe, step, mode.name, name, '%.6g' % mean, '%.3g' % sd, len(measured)))
                    if name in SHOWN:
                        cells.append((SHOWN.index(name), metrics.text(float(mean)) + (
                            ' ± %.2g' % sd if len(values) > 1 else '')))
                text += '| %s | %s |\n' % (mode.name, ' | '.join(cell for _, cell in sorted(cells)))
            text += '| real | %s |\n\n' % ' | '.join(metrics.text(real['scores'][name]) for name in SHOWN)
            text += '''How far the statistics are from those of 100 standing batches, a layer each from the noise on:
means (in standard deviations) and logarithms of variances. And how many grey levels eight images change among 56
other companions.

| statistics | means | log variances | change with companions |
| --- | --- | --- | --- |
'''
            for mode in MODES:
                first = measured[0][mode.name]['gaps']
                found = [np.mean([figures[mode.name]['gaps'][of] for figures in measured], axis=0) if first else []
                         for of in ('mean', 'variance')]
                change = np.mean([figures[mode.name]['change_with_companions'] for figures in measured])
                text += '| %s | %s | %.2f |\n' % (mode.name, ' | '.join(
                    ', '.join('%.3f' % gap for gap in layers) or '–' for layers in found), change)
            text += '\n'
    return text, rows


# Distinguishable in grey: dark to light within a family, and another dash for each family.
_STYLES = dict(zip((mode.name for mode in MODES), (
    ('#000000', '-'), ('#9ecae1', '-'), ('#3182bd', '-'), ('#08306b', '-'), ('#3182bd', ':'), ('#3182bd', '--'),
    ('#d62728', '-'), ('#a1d99b', '-'), ('#41ab5d', '-'), ('#00441b', '-'))))


def curves(measurements, plan):
    """A PNG: scores against the step, a column a recipe; means over the seeds, with their range."""
    drawn = ('frechet_distance', 'most_frequent_share', 'sharpness_ratio', 'recall')
    drawing = plots.canvas(5.2 * len(plan) + 2, 2.6 * len(drawn))
    axes = drawing.subplots(len(drawn), len(plan), squeeze=False)
    for column, (recipe, steps) in enumerate(plan.items()):
        for row, name in enumerate(drawn):
            axis = axes[row, column]
            for mode in MODES:
                values = [[figures[mode.name]['scores'].get(name, np.nan)
                           for figures in figures_of(measurements, recipe, step)] for step in steps]
                colour, dash = _STYLES[mode.name]
                axis.plot(steps, list(map(np.mean, values)), dash, color=colour, linewidth=1.4, marker='.',
                          label=mode.name)
                axis.fill_between(steps, list(map(np.min, values)), list(map(np.max, values)), color=colour, alpha=0.12,
                                  linewidth=0)
            real = measurements.content['real']['scores'].get(name)
            if real is not None:
                axis.axhline(real, color='#888888', linewidth=0.8, label='real images')
            axis.set_xscale('log')
            axis.set_xticks(steps)
            axis.set_xticklabels(map(str, steps))
            axis.minorticks_off()
            if name == 'frechet_distance':
                axis.set_yscale('log')
            axis.set_title('%s, %s' % (recipe, name.replace('_', ' ')), fontsize=9)
            axis.tick_params(labelsize=8)
            axis.set_xlabel('step', fontsize=8)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    drawing.legend(handles, labels, loc='center right', fontsize=8)
    return plots.rendered(drawing, (0, 0, 1 - 2 / (5.2 * len(plan) + 2), 1))


def histograms(measurements, plan):
    """A PNG: shares of the classes at the last stage, a row a recipe, a column a mode; means over the seeds."""
    drawing = plots.canvas(1.5 * len(MODES), 1 + 1.6 * len(plan))
    axes = drawing.subplots(len(plan), len(MODES), squeeze=False, sharey='row')
    wanted = measurements.content['real']['scores']['histogram']
    for row, (recipe, steps) in enumerate(plan.items()):
        for axis, mode in zip(axes[row], MODES):
            shares = np.mean([figures[mode.name]['scores']['histogram']
                              for figures in figures_of(measurements, recipe, steps[-1])], axis=0)
            axis.bar(range(len(shares)), shares, color='#1b6ca8')
            axis.step(np.arange(len(wanted) + 1) - 0.5, [*wanted, wanted[-1]], where='post', color='#d95f02',
                      linewidth=0.9)
            axis.set_title('%s\n%s' % (recipe, mode.name.replace(', ', ',\n')), fontsize=7)
            axis.set_xticks(range(len(shares)))
            axis.tick_params(labelsize=6)
    return plots.rendered(drawing)


def pictures(recipe, steps, arguments):
    """A PNG: the same noises in every mode, a column a stage, from seed 0."""
    drawing = plots.canvas(1.4 + 2.6 * len(steps), 0.5 + 0.29 * len(MODES))
    axes = drawing.subplots(1, len(steps), squeeze=False)[0]
    for axis, step in zip(axes, steps):
        picture = image_files.read(os.path.join(arguments.output, 'samples', '%s_%06d.png' % (recipe, step)))
        axis.imshow(picture, interpolation='nearest')
        axis.set_title('%s, step %d' % (recipe, step), fontsize=8)
        height = (len(picture) - 2) / len(MODES)
        axis.set_yticks([2 + height * (row + 0.5) for row in range(len(MODES))])
        axis.set_yticklabels([mode.name for mode in MODES] if axis is axes[0] else [], fontsize=7)
        axis.set_xticks([])
    return plots.rendered(drawing)


if __name__ == '__main__':
    sys.exit(exit_status(main))
