"""Every flag: declared, validated when parsed, written to a run folder and compared with what is there.

The defaults of the training flags are the recipe `sparse_softmax`.
"""
import collections
import math
import os
import pkgutil
import sys

import numpy as np
from absl import app, flags

from dcgan_tf1 import checkpoints, data, image_files, kernels, latent, metrics, networks
from dcgan_tf1.batches import SHUFFLES, BatchPlan
from dcgan_tf1.errors import UserError
from dcgan_tf1.losses import LOSSES
from dcgan_tf1.randomness import DISTRIBUTIONS
from dcgan_tf1.schedules import SCHEDULES

BN_MODES = ('batch', 'moving', 'standing')
PRECISIONS = ('float32', 'bfloat16')

_NO_FLAGFILE = 'a --flagfile holds what is no text, or names flagfiles without end: name a text file of flags'

# What a later call on the same run folder may change: how far to train, where things lie, and what is kept.
_FREE_ON_RESUME = {'steps', 'epochs', 'data_dir', 'run_dir', 'cache_dir', 'follow_links', 'keep_checkpoints'}

# What runs did that were made before these were flags.
_EARLIER = {'precision': 'float32', 'kernels': 'native', 'xla': False, 'extra_bn_momentums': [], 'standing_batches': 100,
            'evaluate_every': 0, 'evaluation_images': 5000, 'best_by': 'frechet_distance', 'classifier_steps': 2345,
            'follow_links': True}


class _Declarations:
    """Declares flags in `flag_values` with the checks that absl itself does not have."""

    def __init__(self, flag_values):
        self._flags = flag_values

    def text(self, name, default, help):
        flags.DEFINE_string(name, default, help, flag_values=self._flags)

    def path(self, name, default, help):
        self.text(name, default, help)
        self._check(name, lambda value: value is None or (value.strip() and '\0' not in value), 'must not be empty')

    def choice(self, name, default, choices, help):
        flags.DEFINE_enum(name, default, sorted(choices), help, flag_values=self._flags)

    def boolean(self, name, default, help):
        flags.DEFINE_boolean(name, default, help, flag_values=self._flags)

    def integer(self, name, default, lowest, help, highest=2 ** 31 - 1):
        flags.DEFINE_integer(name, default, help, flag_values=self._flags)
        self._check(name, lambda value: value is None or lowest <= value <= highest,
                    'must be a whole number from %d to %d' % (lowest, highest))

    def number(self, name, default, allowed, condition, help):
        flags.DEFINE_float(name, default, help, flag_values=self._flags)
        self._check(name, lambda value: value is None or _float32(value, allowed), condition)

    def numbers(self, name, allowed, condition, help):
        """A list of different numbers, each as of `number`."""
        def valid(texts):
            try:
                return len(set(map(float, texts))) == len(texts) and all(_float32(float(text), allowed)
                                                                         for text in texts)
            except ValueError:
                return False
        flags.DEFINE_list(name, [], help, flag_values=self._flags)
        self._check(name, valid, condition)

    def one_of(self, *names):
        """At least one of these flags must be given."""
        flags.register_multi_flags_validator(names, lambda values: any(values.values()),
                                             'name one of --' + ', --'.join(names), flag_values=self._flags)

    def of(self, names, others, allowed, message):
        """Each of these flags may be given only where the values of the others (a dict) are `allowed`."""
        for name in names:
            flags.register_multi_flags_validator(
                [name, *others], lambda values, flag=self._flags[name]: not flag.present or allowed(values),
                '--%s %s' % (name, message), flag_values=self._flags)

    def _check(self, name, condition, message):
        flags.register_validator(name, condition, message, flag_values=self._flags)


def _float32(value, allowed):
    """Whether the value is allowed, and so is what float32, in which graphs compute, makes of it."""
    with np.errstate(over='ignore'):
        rounded = float(np.float32(value))
    return math.isfinite(rounded) and allowed(value) and allowed(rounded)


def modules(package):
    """Names of a package's modules that are no shared parts: values of a flag."""
    return [module.name for module in pkgutil.iter_modules(package.__path__)
            if not module.name.startswith('_')]


def declare_training(flag_values=flags.FLAGS):
    """Declares the flags of `python -m dcgan_tf1.train`."""
    declare = _Declarations(flag_values)
    declare.text('recipe', 'sparse_softmax', 'name of the recipe; it only names the run folder')
    flags.register_validator(
        'recipe', lambda name: bool(name.strip()) and not set(name) & set('/\\') and name[0] != '.',
        'must be a plain name, for it becomes part of a folder\'s name', flag_values=flag_values)
    declare.choice('network', 'sparse_softmax', modules(networks), 'architecture of both networks')
    declare.choice('loss', 'sparse_softmax', LOSSES, 'loss of both networks')
    declare.choice('schedule', 'discriminator_then_generator', SCHEDULES,
                   'order of the updates within a step')
    declare.boolean('update_ops', True, 'update the moving statistics of batch norm; false leaves them at 0 and 1')

    declare.choice('dataset', 'mnist', modules(data), 'what to train on; digits needs neither file nor network')
    declare.path('data_dir', None, 'folder of the data set\'s files. mnist, fashion_mnist: train-images-idx3-ubyte, '
                 'gzip\'d or not; without them Keras\'s cache is used, and filled by download. image_folder: any '
                 'tree of JPEG, PNG, GIF and BMP files')
    declare.integer('image_size', 28, 8, 'height and width of the images, in pixels', highest=256)
    flags.register_multi_flags_validator(
        ['data_dir', 'dataset'],
        lambda values: values['data_dir'] is None or data.reads_files(values['dataset']),
        '--data_dir must be left out, or another --dataset be named: this one reads no files', flag_values=flag_values)
    declare.choice('channels', '1', ('1', '3'), '1 for grey images, 3 for colour')
    declare.boolean('center_crop', False, 'image_folder: cut the largest square out of the middle before resizing; '
                    'false squeezes the whole picture, as the sources do')
    declare.boolean('antialias', True, 'image_folder: smooth before shrinking, as PyTorch does; false: don\'t, as '
                    'TensorFlow')
    declare.boolean('skip_unreadable', False, 'image_folder: leave out files that can\'t be read (they are counted); '
                    'false stops at the first')
    declare.boolean('follow_links', False, 'image_folder: take links to files that lie outside of --data_dir; false: '
                    'such a link counts as a file that can\'t be read')
    declare.integer('holdout', None, 0, 'training images to leave out, from the front; default: 5000 of mnist '
                    'and fashion_mnist, as the loader of the TensorFlow tutorials did, and none of others')

    declare.integer('steps', 10000, 1, 'length of the whole run in steps (resumed parts included)')
    declare.number('epochs', 0., lambda value: value >= 0, 'must be 0 or more',
                   'length in passes over the data, used where --steps is not given')
    declare.of(['epochs'], ['steps'], lambda values: values['epochs'] or flag_values['steps'].present,
               'must be above 0 where --steps is not given')
    declare.integer('batch_size', 128, 2, 'images a step (batch norm needs 2 or more)')
    declare.choice('batch_plan', 'continuous', PLANS, 'how the images are cut into batches: continuous (a new order '
                   'every epoch, no gap between epochs), epochs (a new order every epoch, whose last batch holds what '
                   'is left) or fixed (cut once, the same batches every epoch)')
    declare.integer('noise_dim', 100, 1, 'length of a noise vector', highest=100000)
    declare.choice('noise_distribution', 'uniform', DISTRIBUTIONS, 'of its numbers: uniform on [-1, 1), or normal '
                   'with mean 0 and variance 1')
    declare.boolean('full_noise_batch', True, 'batch_size noise vectors also for a batch of fewer images; false: as '
                    'many as images')
    declare.integer('discriminator_updates', 1, 1, 'updates of the discriminator for one of the generator, each on a '
                    'batch of its own', highest=100)
    for name in ('generator', 'discriminator'):
        declare.number('learning_rate_' + name, 0.002, lambda value: value > 0, 'must be above 0',
                       'Adam\'s learning rate of the ' + name)
    for name, default, of in (('beta1', 0.5, 'first'), ('beta2', 0.999, 'second')):
        declare.number(name, default, lambda value: 0 <= value < 1, 'must be 0 or more and below 1',
                       'Adam\'s decay of the %s moment' % of)
    declare.number('epsilon', 1e-8, lambda value: value > 0, 'must be above 0', 'Adam\'s epsilon')
    declare.boolean('corrected_epsilon', False, 'add epsilon to the bias-corrected moment, as PyTorch does; false: to '
                    'the uncorrected one, as TensorFlow and Keras do')
    declare.choice('precision', 'float32', PRECISIONS, 'of convolutions and dense layers; variables, batch statistics, '
                   'logits, losses and Adam are float32 in either. (float16 is not offered: it would need its losses '
                   'scaled, and what computes fast in it does so in bfloat16.)')
    declare.choice('kernels', 'auto', kernels.CHOICES, 'auto: on CPUs, some convolutions and gradients by '
                   'other routes than TensorFlow\'s own, where those were measured to be faster; native: TensorFlow\'s '
                   'own throughout')
    declare.boolean('xla', False, 'let XLA compile what runs on a GPU')
    declare.integer('seed', 0, 0, 'of the weights, the order of the images and all noise')

    declare.path('run_dir', None, 'run folder; default: runs/RECIPE-DATASET-SEED. A folder with a run in '
                 'it is continued')
    declare.path('init_checkpoint', None, 'checkpoint of another run, or of a TF1 script with tf.layers\'s names, to '
                 'start from (path without .index)')
    declare.integer('log_every', 100, 1, 'steps between logged losses')
    declare.integer('sample_every', 500, 1, 'steps between grids of generated images')
    declare.integer('sample_size', 64, 1, 'images in a grid', highest=10000)
    declare.choice('bn_mode', 'batch', BN_MODES, 'statistics that batch norm uses when images are made: batch, of the '
                   'images made together; moving, the averages of training; standing, those of --standing_batches '
                   'batches made for it (default of the commands that read a run: as the run drew its grids)')
    declare.integer('standing_batches', 100, 1, 'batches of --batch_size images that standing statistics are taken of',
                    highest=100000)
    declare.numbers('extra_bn_momentums', lambda value: 0 <= value < 1, 'must be different numbers from 0 to below 1',
                    'keep moving averages of the generator\'s statistics with these momenta too (a comma-separated '
                    'list), beside those that its layers have: to make images with, by sample\'s --bn_momentum')
    flags.register_multi_flags_validator(
        ['extra_bn_momentums', 'update_ops'], lambda values: values['update_ops'] or not values['extra_bn_momentums'],
        '--extra_bn_momentums needs --update_ops: without them no average is ever updated', flag_values=flag_values)
    declare.integer('checkpoint_every', 500, 1, 'steps between checkpoints')
    declare.integer('keep_checkpoints', 5, 1, 'how many of the latest checkpoints to keep')
    declare.integer('evaluate_every', 0, 0, 'steps between evaluations, each as `evaluate` makes it, with a checkpoint '
                    'of its own; the best is kept. 0: none')
    declare.integer('evaluation_images', 5000, 10, 'images to generate for an evaluation', highest=1000000)
    declare.choice('best_by', 'frechet_distance', metrics.rankings(), 'score that says which checkpoint is the best '
                   '(sharpness_ratio: nearest to 1; that alone needs no labels)')
    declare.path('cache_dir', os.path.join('runs', 'classifiers'), 'where the classifiers are kept that evaluations '
                 'look through')
    declare.integer('classifier_steps', 2345, 1, 'steps that a classifier is trained for, of 128 images each')
    flags.register_multi_flags_validator(
        ['evaluate_every', 'best_by', 'dataset'],
        lambda values: not values['evaluate_every'] or values['best_by'] in metrics.rankings(
            data.has_labels(values['dataset'])),
        '--best_by must be %s where the data set has no labels' % ' or '.join(metrics.rankings(classified=False)),
        flag_values=flag_values)
    flags.register_multi_flags_validator(
        ['sample_size', 'bn_mode'],
        lambda values: values['bn_mode'] != 'batch' or values['sample_size'] > 1,
        'a grid of one image has no batch statistics: --sample_size=1 needs --bn_mode=moving or standing',
        flag_values=flag_values)


def declare_sampling(flag_values=flags.FLAGS):
    """Declares the flags of `python -m dcgan_tf1.sample`: its own, and training's, so that it reads their flagfiles."""
    declare = _declare_generator(flag_values)
    declare.integer('num_images', 36, 1, 'how many images to make', highest=1000000)
    declare.integer('columns', None, 1, 'images a row of the grid; default: as square as can be')
    declare.integer('padding', 2, 0, 'pixels between the images of a grid', highest=100)
    declare.choice('walk', None, latent.MODES, 'go from noise vector to noise vector in straight lines, or on '
                   'circles: num_images walks. A .gif or .mp4 shows all at once, going round; else each is a row from '
                   'its first vector to its last')
    declare.integer('stops', 4, 2, 'of a walk: noise vectors that it goes through', highest=1000)
    declare.integer('frames', 12, 1, 'of a walk: images from one noise vector up to the next', highest=1000)
    declare.text('arithmetic', None, 'sums of noise vectors, named by their numbers from 0: 0,3,7-1,4,8+2,5,9 is the '
                 'mean of three, less the mean of three others, and so on')
    flags.register_validator('arithmetic', lambda text: text is None or latent.parse_expression(text) is not None,
                             'must be like 0,3,7-1,4,8+2,5,9', flag_values=flag_values)
    declare.path('noise', None, '.npy file of noise vectors [num_images, noise_dim] to use instead of --seed')
    declare.boolean('reverse', False, 'reverse the colours: dark on white')
    declare.integer('scale', 2, 1, 'screen pixels a pixel, in a PNG', highest=32)
    declare.path('output', None, 'file to write: .png (a grid), .npy (float32 [num_images, height, width, channels] in '
                 '[-1, 1]), .npz (the same as images, and noise), of a walk .gif or (with ffmpeg) .mp4; without a '
                 'suffix: a folder of PNG files, one an image')
    flags.mark_flag_as_required('output', flag_values=flag_values)
    flags.register_validator(
        'output', lambda path: path is None or image_files.suffix(path) in ('', *image_files.SUFFIXES),
        'must end in %s, or name a folder' % ', '.join(image_files.SUFFIXES), flag_values=flag_values)
    flags.register_multi_flags_validator(
        ['output', 'walk'], lambda values: (values['walk'] is not None or values['output'] is None
                                            or image_files.suffix(values['output']) not in image_files.ANIMATIONS),
        '%s are for a --walk' % ' and '.join(image_files.ANIMATIONS), flag_values=flag_values)
    flags.register_multi_flags_validator(
        ['walk', 'arithmetic'], lambda values: not (values['walk'] and values['arithmetic']),
        'choose --walk or --arithmetic', flag_values=flag_values)
    declare.of(['stops', 'frames'], ['walk'], lambda values: values['walk'], 'is of a --walk: name one')
    declare.of(['num_images'], ['noise', 'arithmetic'], lambda values: not (values['noise'] or values['arithmetic']),
               'must be left out with --noise or --arithmetic, which say themselves how many images are made')

    def writes(values, suffixes):
        return values['output'] is None or image_files.suffix(values['output']) in suffixes
    looked_at = image_files.PICTURES + image_files.ANIMATIONS
    declare.of(['columns', 'padding', 'reverse', 'scale'], ['output'], lambda values: writes(values, looked_at),
               'is of what ends in %s: name such an --output' % ', '.join(looked_at))
    declare.of(['columns'], ['output', 'walk', 'arithmetic'], lambda values: not values['arithmetic'] and (
        not values['walk'] or writes(values, image_files.ANIMATIONS)),
        'must be left out where the rows are walks, or terms of a sum')
    declare.one_of('run_dir', 'checkpoint')


def declare_evaluation(flag_values=flags.FLAGS):
    """Declares the flags of `python -m dcgan_tf1.evaluate`: its own, and training's, so that it reads their
    flagfiles.
    """
    declare = _declare_generator(flag_values)
    declare.integer('num_images', 10000, 1, 'how many images to make', highest=1000000)
    declare.path('images', None, 'score these images instead, with --run_dir against the data of that run: a folder of '
                 'image files, or a .npy file of uint8 [images, height, width, channels] or of floats in [-1, 1]')
    declare.of(['checkpoint', 'num_images', 'bn_momentum'], ['images'], lambda values: not values['images'],
               'is of images to be made: leave it out, or --images')
    declare.path('output', None, 'JSON file to write; default: scores.json in the run folder, if there is one')
    declare.one_of('run_dir', 'checkpoint', 'images')


def declare_export(flag_values=flags.FLAGS):
    """Declares the flags of `python -m dcgan_tf1.export`: its own, and training's, so that it reads their flagfiles."""
    declare = _declare_generator(flag_values)
    declare.choice('pixels', 'float', ('float', 'uint8'), 'what the images are made of: float32 from 0 to 1, or uint8 '
                   'from 0 to 255')
    declare.path('output', None, 'folder to write, which must not be there yet')
    flags.mark_flag_as_required('output', flag_values=flag_values)
    flags.register_validator('bn_mode', lambda mode: mode != 'batch', 'must be moving or standing: in batch mode an '
                             'image would depend on its companions', flag_values=flag_values)
    declare.one_of('run_dir', 'checkpoint')


def declare_report(flag_values=flags.FLAGS):
    """Declares the flags of `python -m dcgan_tf1.report`."""
    _Declarations(flag_values).path('output', None, 'HTML file to write; default: report.html in the first run\'s '
                                    'folder')


def _declare_generator(flag_values):
    """Declares training's flags and those that say what makes images."""
    declare_training(flag_values)
    flag_values.set_default('bn_mode', None)
    declare = _Declarations(flag_values)
    declare.path('checkpoint', None, 'checkpoint to make images with. Of a run: its step, or best; default: the last. '
                 'By its path without .index: one of any script, of the network that the other flags say')
    declare.number('bn_momentum', None, lambda value: 0 <= value < 1, 'must be 0 or more and below 1',
                   'with --bn_mode=moving: use the averages of this momentum, one of --extra_bn_momentums of the training')
    flags.register_multi_flags_validator(
        ['bn_momentum', 'bn_mode'],
        lambda values: values['bn_momentum'] is None or values['bn_mode'] == 'moving',
        '--bn_momentum needs --bn_mode=moving', flag_values=flag_values)
    flags.register_multi_flags_validator(
        ['checkpoint', 'run_dir'],
        lambda values: values['run_dir'] or not checkpoints.is_run_checkpoint(values['checkpoint']),
        '--checkpoint needs --run_dir where it is a step, or best', flag_values=flag_values)
    return declare


def settings(argv, flag_values=flags.FLAGS):
    """The parsed flags of this module as a namedtuple. `steps` is None where `--epochs` counts instead.

    Its class has `given`, the names of the flags that the command line or a flagfile gave.
    Raises: UserError where the command line holds something that is not a flag.
    """
    if argv[1:]:
        raise UserError('%s is not a flag (flags look like --steps=1000); --help lists them' % argv[1])
    # Declared here, so listed under this module's name: absl's own flags are left out.
    values = {flag.name: flag.value for flag in flag_values.flags_by_module_dict()[__name__]}
    if values.get('epochs') and not flag_values['steps'].present:
        values['steps'] = None
    values['channels'] = int(values['channels'])
    values['extra_bn_momentums'] = [float(text) for text in values['extra_bn_momentums']]
    kind = collections.namedtuple('Settings', sorted(values))
    kind.given = frozenset(name for name in values if flag_values[name].present)
    return kind(**values)


def parsed(declare, *arguments):
    """The `settings` that a command's flags, as declared by `declare`, have with these arguments."""
    flag_values = flags.FlagValues()
    declare(flag_values)
    return settings(_parse(flag_values, ['command', *arguments]), flag_values)


def command_line(argv):
    """Parses a command's flags: the `flags_parser` of absl's `app.run`. What is no flagfile is told in one line."""
    try:
        return app.parse_flags_with_usage(argv)
    except (ValueError, RecursionError):
        sys.exit('error: ' + _NO_FLAGFILE)


def _parse(flag_values, argv):
    try:
        return flag_values(argv)
    except (ValueError, RecursionError) as error:
        raise flags.CantOpenFlagFileError(_NO_FLAGFILE) from error


def resolve(chosen, num_examples):
    """Training settings with what hangs on other settings filled in: the steps in `epochs` passes over the
    num_examples training images, and the run folder.
    """
    if chosen.steps is None:
        chosen = chosen._replace(steps=math.ceil(
            batch_plan(chosen, num_examples).steps(chosen.epochs) / chosen.discriminator_updates))
    return chosen._replace(run_dir=run_dir(chosen), epochs=0.)


def batch_plan(chosen, num_examples):
    """The `BatchPlan` that settings ask for."""
    return BatchPlan(chosen.batch_plan, num_examples, chosen.batch_size, chosen.seed)


def run_dir(chosen):
    """The run folder of training settings: by default named after recipe, data set and seed."""
    return chosen.run_dir or os.path.join(
        'runs', '%s-%s-%d' % (chosen.recipe, chosen.dataset, chosen.seed))


def flagfile(chosen):
    """Settings as the text of a flagfile: `--flagfile=…` with it gives the same settings again."""
    return '\n'.join(_arguments(chosen._asdict())) + '\n'


def _arguments(values):
    """Flags as the command line gives them, of {name: value}."""
    lines = []
    for name, value in sorted(values.items()):
        if isinstance(value, bool):
            lines.append('--%s=%s' % (name, str(value).lower()))
        elif isinstance(value, list):
            lines.append('--%s=%s' % (name, ','.join(map(str, value))))
        elif value is not None:
            lines.append('--%s=%s' % (name, value))
    return lines


def trained(folder):
    """The flags of a run, from its `RunFolder`'s config.json, with what that says nothing of because it is older.

    Raises: UserError where one is missing, or holds what its flag does not take.
    """
    held = _completed(folder.read_config()['flags'])
    try:
        chosen = parsed(declare_training, *_arguments(held))._asdict()
        wrong = [name for name in chosen if name not in held or chosen[name] != held[name]]
    except (flags.Error, UserError, OverflowError) as error:
        wrong = [str(error).split('\n')[0]]
    if wrong:
        raise UserError('%s is damaged (%s): restore it, or name another --run_dir' % (folder.config, ', '.join(wrong)))
    return {**held, **chosen}


def _completed(earlier):
    return {**_EARLIER, **earlier}


def changed(chosen, earlier):
    """Flags whose values differ from those of the run (a dict) and may not: a list of «--flag: …» texts."""
    return _different(chosen, earlier, (set(chosen._fields) | set(_completed(earlier))) - _FREE_ON_RESUME)


def as_trained(chosen, trained, names):
    """Settings of a command with the run's values (a dict, of `trained`) of these flags.

    Raises: UserError where the command was given others.
    """
    different = _different(chosen, trained, chosen.given & set(names))
    if different:
        raise UserError('--run_dir=%s is a run with other flags: %s; leave those out, the run says them'
                        % (chosen.run_dir, '; '.join(different)))
    return chosen._replace(**{name: trained[name] for name in names})


def _different(chosen, earlier, names):
    ours, earlier = chosen._asdict(), _completed(earlier)
    return ['--%s is %s there, not %s' % (name, earlier.get(name), ours.get(name))
            for name in sorted(names) if ours.get(name) != earlier.get(name)]
