"""The posts' numbers, reproduced: trains what each published number needs, over several seeds, and compares.

  .venv-3.11/bin/python scripts/reproduce_blogs.py --data_dir=my/mnist
  .venv-3.11/bin/python scripts/reproduce_blogs.py --data_dir=my/mnist --posts=000,003
  .venv-3.11/bin/python scripts/reproduce_blogs.py --data_dir=my/mnist --posts=002,004 --ends=graph_mode=3000 \\
      --precision=bfloat16 --ablation_runs=runs/batch_norm

What was published stands in scripts/blogs/published.json. Runs lie below --runs; what is finished is not trained again,
what was stopped goes on. What was measured goes to measurements.json in --output, is not measured again, and seeds can
be added later; README.md, report.html and a figure a post are made of it, also of a part of it.

Rules, set before the trainings that they judge (one of sparse_softmax, which is not among them, had been compared with
post 004's table before; what was set later is said):

Exact: counts (parameters, steps an epoch), computed from the graph and the batch plan, must be equal.

Inside: a published loss or magnitude lies inside ours where it is in the central 95 % (from the 2.5th to the 97.5th
percentile) of our values: of a loss, at the steps around the published one (25 to either side in post 004, whose rows
are 500 apart, 10 in post 000, whose rows are 50 apart, as far as the run has such) of all seeds; of the first step, of
that step alone over more seeds; of the untrained decision, its magnitudes over all seeds.

Table: a table of losses is reproduced where at least as many of its numbers lie inside as of the worst of our own
seeds, each compared in the same way with all the other seeds.

Collapsed: a training of post 004 that, after 1,000 steps or later, makes images that are all alike to the classifier
(classifier score below 1.5, with the statistics of the batch) is given up, named, and made up for by another seed, as
in the ablation of batch norm. (Set before the long trainings of post 004, when it was known from that ablation that
seed 1 collapses in bfloat16.)

Two tables: over the numbers in which they differ, how likely each is under normal distributions with our means and
standard deviations, taken as independent. Ours support a table where it is more than 20 times (e^3.0) as likely as the
other and more than half of these numbers of it lie inside, else neither.

Findings of post 002, by the classifier and the sharpness of the images: «in most cases the same number», where the most
frequent digit has more than half of the images; «blurry», where inference mode is less sharp than training mode with
the same weights and noise; both reproduced where they hold for more than half of the seeds. Which digit it is hangs on
the seed: reproduced where one seed has it. The post draws every image stretched to full contrast (imshow's default), so
these findings are compared in both ways, with images as they are and stretched. (The stretched ones were added when the
others had been measured, and before they were measured themselves.) The DCGAN is better than the baseline where the
Fréchet distances of all its seeds are smaller than all the baseline's. Where trainings are of several lengths, verdicts
are of the length that most seeds have (of the longest of such); the others are shown. (That last rule was set before
any training was longer.)

Times are of their machine: no verdict.
"""
import argparse
import functools
import json
import os
import sys
import time

import numpy as np

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))

import tensorflow.compat.v1 as tf
import tqdm

import ablate_batch_norm as ablation
import trainings
from arguments import any_path, at_least, folder, list_of, one_of
from benchmarking import on_tensorflow, ours
from blogs import posts
from dcgan_tf1 import data, evaluate, graph, loop, options, plots, randomness, sampler
from dcgan_tf1.batches import BatchPlan
from dcgan_tf1.checkpoints import last_checkpoint
from dcgan_tf1.errors import exit_status
from dcgan_tf1.run_folder import RunFolder, write

PUBLISHED = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'blogs', 'published.json')
LOSSES = ('generator_loss', 'discriminator_loss')
MODES = ('batch', 'never updated', 'moving 0.99', 'standing 100')  # of `ablation.MODES`, that post 002 is about
SHOWN = 16  # images of each of them in a picture

# A training: the post that needs it, its name among the runs, its recipe, and further flags.
TRAININGS = (
    ('000', 'machinecurve', 'machinecurve', ('--log_every=2',)),
    ('000', 'machinecurve-double_sigmoid', 'machinecurve', ('--log_every=2', '--loss=double_sigmoid')),
    ('002', 'graph_mode', 'graph_mode', ()),
    ('002', 'graph_mode_dense', 'graph_mode_dense', ()),
    ('004', 'sparse_softmax', 'sparse_softmax', ('--log_every=10',)),  # as in the ablation
)


def parse(arguments, published):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--posts', type=list_of(one_of(sorted(published))), default=','.join(sorted(published)),
                        help='comma-separated')
    parser.add_argument('--seeds', type=at_least(0), default=5, help='trainings of each kind, from seed 0 on; 0: only '
                        'what needs none')
    parser.add_argument('--first_step_seeds', type=at_least(1), default=20, help='seeds of the first step of post 004')
    parser.add_argument('--decision_seeds', type=at_least(1), default=100,
                        help='seeds of the untrained decision of post 003')
    parser.add_argument('--ends', type=trainings.ends, default='',
                        help='how long to train, where not as long as the post '
                        'does: graph_mode=3000,sparse_softmax=1000 (steps)')
    parser.add_argument('--data_dir', type=folder, help='folder of the data set')
    parser.add_argument('--dataset', default='mnist', choices=options.modules(data))
    parser.add_argument('--image_dir', type=folder, help='folder of pictures to time post 001 with, decoding included; '
                        'default: images in memory')
    parser.add_argument('--timed_steps', type=at_least(0), default=5, help='of post 001; 0: none')
    parser.add_argument('--precision', default='float32', choices=options.PRECISIONS)
    parser.add_argument('--batch_size', type=at_least(2), help='default: the recipes\'')
    parser.add_argument('--num_images', type=at_least(SHOWN), default=5000,
                        help='images that are scored in every mode')
    parser.add_argument('--classifier_steps', type=at_least(1), default=2345)
    parser.add_argument('--ablation_runs', type=folder, help='--runs of scripts/ablate_batch_norm.py: its trainings of '
                        'graph_mode and sparse_softmax that are as long as those asked for are taken, in whichever '
                        'precision they are')
    parser.add_argument('--runs', type=any_path, default=os.path.join('runs', 'blogs'),
                        help='where the run folders lie')
    parser.add_argument('--output', type=any_path, default=os.path.join(trainings.ROOT, 'results', 'blogs'),
                        help='folder for the results')
    parsed = parser.parse_args(arguments)
    names = [name for _, name, _, _ in TRAININGS]
    if set(parsed.ends) - set(names):
        parser.error('--ends: choose among %s' % ', '.join(names))
    return parsed


def training_settings(recipe, *further):
    return options.parsed(options.declare_training, '--flagfile=' + trainings.flagfile(recipe), *further)


def batches(recipe, num_images):
    """Steps an epoch of so many images."""
    settings = training_settings(recipe)
    return BatchPlan(settings.batch_plan, num_images, settings.batch_size, 0).steps(1)


def untrained(recipe, seed=0):
    """A recipe's `graph.Generator`, in inference mode, and `graph.Discriminator`, in the current graph."""
    settings = training_settings(recipe)
    tf.set_random_seed(seed)
    return graph.build_generator(settings, training=False), graph.build_discriminator(settings)


def parameters(recipe):
    """{scope: [[layer, numbers in it, of these trainable], …]}, in the order in which the layers are built."""
    found = {'Generator': {}, 'Discriminator': {}}
    with tf.Graph().as_default():
        untrained(recipe)
        trainable = {variable.name for variable in tf.trainable_variables()}
        for scope, layers in found.items():
            for variable in tf.global_variables(scope + '/'):
                count = layers.setdefault(variable.op.name.split('/')[1], [0, 0])
                size = int(variable.shape.num_elements())
                count[0] += size
                count[1] += size if variable.name in trainable else 0
    return {scope: [[layer, *count] for layer, count in layers.items()] for scope, layers in found.items()}


def decision(recipe, seed):
    """The logit of an untrained discriminator, of one image of an untrained generator, both in inference mode."""
    settings = training_settings(recipe)
    with tf.Graph().as_default(), loop.session() as session:
        generator, discriminator = untrained(recipe, seed)
        noise = randomness.noise(settings.noise_distribution, seed, randomness.SAMPLE_NOISE, 0, 1, settings.noise_dim)
        session.run(tf.global_variables_initializer())
        image = session.run(generator.images, {generator.noise: session.run(noise)})
        return float(session.run(discriminator.verdict, {discriminator.images: image,
                                                         discriminator.is_training: False})[0, 0])


def first_losses(recipe, seed, arguments):
    """Both losses of the first step, as a training with this seed has them."""
    settings = training_settings(recipe, '--seed=%d' % seed, *trainings.data_flags(arguments))
    _, images = data.load(**settings._asdict())
    with tf.Graph().as_default(), loop.session() as session:
        training = graph.build_training(settings, images, options.batch_plan(settings, images.num_examples))
        session.run(tf.global_variables_initializer())
        training.start(session, 0)
        losses = session.run((training.step.train_op, *(getattr(training.step, loss) for loss in LOSSES)))[1:]
    return {'seed': seed, 'precision': settings.precision,
            **{loss: posts.short(float(value)) for loss, value in zip(LOSSES, losses)}}


def seconds(recipe, arguments):
    """Times of our step, of images in memory or of the files in --image_dir."""
    settings = training_settings(recipe)
    worker = ours.build({
        'recipe': recipe, 'schedule': settings.schedule, 'batch_size': arguments.batch_size,
        'data_dir': arguments.image_dir, 'options': {'flags': ['--precision=' + arguments.precision]}})
    worker.train(2)
    times = []
    for _ in range(arguments.timed_steps):
        began = time.perf_counter()
        worker.train(1)
        times.append(1000 * (time.perf_counter() - began))
    return {'recipe': recipe, 'device': worker.device, 'framework': worker.framework, 'images': images_kind(arguments),
            'precision': arguments.precision, 'batch_size': arguments.batch_size or settings.batch_size,
            'steps': len(times), 'median': round(float(np.median(times)), 1), 'smallest': round(min(times), 1),
            'largest': round(max(times), 1)}


def images_kind(arguments):
    return 'files' if arguments.image_dir else 'in memory'


def steps_of(name, recipe, post, arguments):
    """How long to train: as --ends says, to the last published loss, or as many epochs as the post did."""
    if name in arguments.ends:
        return arguments.ends[name]
    if 'losses' in post:
        return post['losses'][-1][0]
    settings = training_settings(recipe, *trainings.data_flags(arguments))
    return options.resolve(settings, data.load(**settings._asdict())[1].num_examples).steps


def losses_around(folder, post):
    """{loss: {step, as a text: {'at': …, 'around': […]}}}, of the published steps after the first that a run logged."""
    records = folder.read_metrics()
    found = {loss: {} for loss in LOSSES}
    for step, *_ in post['losses']:
        near = [record for record in records if abs(record['step'] - step) <= post['window']]
        at = [record for record in near if record['step'] == step]
        for loss in LOSSES if at and step > 1 else ():
            found[loss][str(step)] = {'at': posts.short(at[0][loss]), 'around': [posts.short(record[loss])
                                                                            for record in near]}
    return found


def scores(recipe, run_dir, step, arguments, evaluator, keep):
    """{mode: {score: value}} of a run that stands at a step. With `keep`, pictures go to the output."""
    settings = sampler.of_run(ablation.evaluation_settings(arguments, '--run_dir=' + run_dir))
    found = {}
    with sampler.Sampler(settings) as generator:
        noise = generator.noise(arguments.num_images, 0)
        for mode in ablation.MODES:
            if mode.name not in (MODES if recipe == 'graph_mode' else MODES[:1]):  # the baseline has no batch norm
                continue
            images = generator.images(noise, ablation.statistics(generator, mode, step))
            views = {mode.name: images}
            if mode.name == 'never updated':
                views[posts.STRETCHED] = stretched(images)
            for name, view in views.items():
                view = plots.to_bytes(view)
                found[name] = {score: value.value for score, value in evaluator.scores(view).items()}
                if keep:
                    write(posts.sample_path(arguments.output, recipe, name, step),
                          plots.png(plots.grid(view[:SHOWN], columns=SHOWN)))
    return found


def stretched(images):
    """Images [n, height, width, channels], the least value of each taken to −1, its largest to 1; uniform ones to −1.

    So matplotlib's `imshow` shows a grey image by default, and so post 002 draws all that it shows.
    """
    low, high = (bound(images, axis=(1, 2, 3), keepdims=True) for bound in (np.min, np.max))
    return 2 * (images - low) / np.where(high > low, high - low, 1) - 1


def run_dir_of(name, seed, steps, arguments):
    """(folder of a run, whether it is one of the ablation's, that is as long as asked for)."""
    if name in ('graph_mode', 'sparse_softmax') and arguments.ablation_runs:
        path = ablation.run_dir(name, seed, argparse.Namespace(runs=arguments.ablation_runs))
        last, config = last_checkpoint(RunFolder(path)), RunFolder(path).read_config()
        if last and last.endswith('-%d' % steps) and config['flags']['dataset'] == arguments.dataset:
            return path, True
    return os.path.join(arguments.runs, '%s-%d' % (name, seed)), False


def measure_small(measurements, published, arguments):
    """What needs no training: counts, times, untrained networks, first steps."""
    def measure(key, function, *inputs):
        if not measurements.has(*key):
            measurements.add(key, function(*inputs))
    for post in arguments.posts:
        for recipe in published[post].get('steps_an_epoch', ()):
            measure(('batches', recipe), batches, recipe, published[post]['num_images'])
    if '003' in arguments.posts:
        recipe = published['003']['recipe']
        measure(('parameters', recipe), parameters, recipe)
        for seed in progress(range(arguments.decision_seeds), 'untrained decisions'):
            measure(('decision', seed), decision, recipe, seed)
    if '001' in arguments.posts and arguments.timed_steps:
        for recipe in progress(sorted(published['001']['steps_an_epoch']), 'times'):
            measure(('seconds', recipe, on_tensorflow.device().replace(' ', '_'),
                     images_kind(arguments).replace(' ', '_')), seconds, recipe, arguments)
    if '004' in arguments.posts:
        for seed in progress(range(arguments.first_step_seeds), 'first steps'):
            measure(('first', seed), first_losses, published['004']['recipe'], seed, arguments)


def progress(items, what):
    return tqdm.tqdm(items, what, disable=not sys.stderr.isatty())


def collapsed(measurements, name):
    """Seeds of the trainings of that name that were given up."""
    return {figures['seed'] for figures in measurements.of('collapsed', name, None)}


def left(measurements, chosen, arguments):
    """Trainings that are not measured yet, each (seed, …): the seeds in turn, so that a stopped script has all kinds,
    and further ones for those that collapse meanwhile.
    """
    for seed in range(2 * arguments.seeds):
        for training in chosen:
            post, name, steps = training[0], training[1], training[-1]
            lost = collapsed(measurements, name)
            if seed not in lost and seed - len(lost) < arguments.seeds and not measurements.has(
                    kind(post), name, seed, steps):
                yield (seed, *training)


def measure_trainings(measurements, published, arguments):
    """Trains what is not measured yet, and measures it."""
    chosen = [(*training, steps_of(training[1], training[2], published[training[0]], arguments))
              for training in TRAININGS if training[0] in arguments.posts]

    @functools.lru_cache(maxsize=None)
    def evaluator():
        return evaluate.Evaluator(ablation.evaluation_settings(
            arguments, '--images=none', *trainings.data_flags(arguments)), bar.write)
    with tqdm.tqdm(total=sum(training[-1] for training in left(measurements, chosen, arguments)), unit='step',
                   dynamic_ncols=True, disable=not sys.stderr.isatty()) as bar:
        for seed, post, name, recipe, further, steps in left(measurements, chosen, arguments):
            bar.set_description('%s, seed %d' % (name, seed))
            if bar.disable:
                print('%s, seed %d, %d steps' % (name, seed, steps), file=sys.stderr, flush=True)
            begun = bar.n

            def show(step, begun=begun):
                bar.update(begun + step - bar.n)
            run_dir, trained = run_dir_of(name, seed, steps, arguments)
            folder, beside = RunFolder(run_dir), {}
            flags = ['--seed=%d' % seed, '--checkpoint_every=500', *further, *trainings.data_flags(arguments)]
            if not trained and post == '004' and steps > ablation.GIVEN_UP_FROM:
                trainings.train(recipe, run_dir, *flags, '--steps=%d' % ablation.GIVEN_UP_FROM, progress=show)
                score = scores(recipe, run_dir, ablation.GIVEN_UP_FROM, arguments, evaluator(), False)[
                    'batch']['classifier_score']
                if score < ablation.ALIKE:
                    measurements.add(('collapsed', name, seed), {
                        'seed': seed, 'step': ablation.GIVEN_UP_FROM, 'made_with': made_with(folder),
                        'classifier_score': score})
                    continue
            if not trained:
                trainings.train(recipe, run_dir, *flags, '--steps=%d' % steps, progress=show)
                trainings.check_stands_at(run_dir, steps)
            if kind(post) == 'losses':
                figures = {'losses': losses_around(folder, published[post])}
            else:
                figures = {'modes': scores(recipe, run_dir, steps, arguments, evaluator(), seed == 0)}
                beside['real'] = {**evaluator().about, 'scores': {
                    name: score.value for name, score in evaluator().references(arguments.num_images).items()}}
            measurements.add((kind(post), name, seed, steps), {
                'seed': seed, 'steps': steps, 'made_with': made_with(folder), **figures}, **beside)
            show(steps)


def made_with(folder):
    """What a run was trained with, a text."""
    config = folder.read_config()
    return 'TensorFlow %s in %s' % (config['versions']['tensorflow'], config['flags']['precision'])


def kind(post):
    """What is measured of the trainings of a post."""
    return 'scores' if post == '002' else 'losses'


def report(measurements, published, arguments):
    """Writes README.md, report.html and the figures of all that is measured."""
    found = posts.sections(published, measurements, arguments.output)
    head = posts.heading(measurements, RULES)
    for section in found.values():
        for block in section.blocks:
            if block[0] == 'figure':
                write(os.path.join(arguments.output, block[1]), block[3])
    for name, make in (('README.md', posts.markdown), ('report.html', posts.page)):
        write(os.path.join(arguments.output, name), make(published, found, head, command).encode())
    for post, section in found.items():
        print('%s: %s' % (post, section.verdict))
    print(os.path.join(arguments.output, 'README.md'))


RULES = __doc__[__doc__.index('Rules, set'):].strip()


def command(post):
    """How to measure a post."""
    return 'python scripts/reproduce_blogs.py --posts=%s%s' % (post, '' if post in ('001', '003')
                                                               else ' --data_dir=my/mnist')


def main(arguments=None):
    with open(PUBLISHED, encoding='utf-8') as file:
        published = json.load(file)
    arguments = parse(arguments, published)
    tf.logging.set_verbosity(tf.logging.ERROR)
    os.makedirs(os.path.join(arguments.output, 'samples'), exist_ok=True)
    measurements = trainings.Measurements(arguments.output, {name: getattr(arguments, name) for name in (
        'dataset', 'num_images', 'batch_size', 'classifier_steps')}, real=None)
    try:
        measure_small(measurements, published, arguments)
        measure_trainings(measurements, published, arguments)
    finally:  # a stopped script shows what it has
        report(measurements, published, arguments)
    return 0


if __name__ == '__main__':
    sys.exit(exit_status(main))
