"""Flags: the defaults are the recipe, every value is checked, and settings survive being written."""
import os
import re

import pytest
from absl import flags

from dcgan_tf1 import options
from dcgan_tf1.errors import UserError

FLAGS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'flags')


def test_the_defaults_are_the_recipe(training_settings):
    path = os.path.join(FLAGS, 'sparse_softmax.flags')
    assert training_settings('--flagfile=' + path) == training_settings()
    with open(path) as file:
        named = {line[2:].split('=')[0] for line in file if line.startswith('--')}
    # What makes the recipe is spelled out in its file.
    assert named >= {'recipe', 'network', 'loss', 'schedule', 'update_ops', 'dataset', 'batch_size', 'steps', 'beta1',
                     'beta2', 'epsilon', 'learning_rate_generator', 'learning_rate_discriminator', 'noise_dim'}


@pytest.mark.parametrize('name', sorted(os.listdir(FLAGS)))
def test_every_flagfile_is_read(name, training_settings):
    assert training_settings('--flagfile=' + os.path.join(FLAGS, name)).recipe == os.path.splitext(name)[0]


# For each flag the values just inside of its edges, and those just outside, which are refused by its name.
PATH = (['a', ' a b', 'ä/b.c'], ['', ' '])
BOOLEAN = (['true', 'false'], ['', 'maybe', '2'])
COUNT = (['1', '2147483647'], ['', '0', '-1', '2147483648', '1.5', 'many'])  # steps, vectors and the like
RATE = (['1e-30', '1e30'], ['', '0', '-1', 'nan', 'inf', '1e-50', '1e50', 'fast'])  # those two are 0 and inf in float32
DECAY = (['0', '0.999999'], ['', '-1e-9', '1', '0.9999999999', 'nan'])  # the last but one is 1 in float32


def choices(*names):
    return list(names), ['', names[0] + 'x', 'none', names[0].upper() if names[0].islower() else '2']


TRAINING = {
    'antialias': BOOLEAN, 'batch_plan': choices('continuous', 'epochs', 'fixed'),
    'batch_size': (['2', '2147483647'], ['', '1', '0', '-3', '2147483648', '1.5', 'many']), 'beta1': DECAY,
    'beta2': DECAY, 'best_by': (['frechet_distance', 'sharpness_ratio', 'precision'], ['', 'modes', 'nearest_median']),
    'bn_mode': choices('batch', 'moving', 'standing'), 'cache_dir': PATH, 'centre_crop': BOOLEAN,
    'channels': choices('1', '3'), 'checkpoint_every': COUNT, 'classifier_steps': COUNT, 'corrected_epsilon': BOOLEAN,
    'data_dir': PATH, 'dataset': choices('mnist', 'fashion_mnist', 'digits', 'image_folder'),
    'discriminator_updates': (['1', '100'], ['', '0', '101']),
    'epochs': (['0.001', '1e6'], ['', '-0.001', '0', 'nan', 'inf']), 'epsilon': RATE,
    'evaluate_every': (['0', '2147483647'], ['', '-1', '2147483648']),
    'evaluation_images': (['10', '1000000'], ['', '9', '1000001']), 'full_noise_batch': BOOLEAN,
    'further_momenta': (['', '0', '0.5,0.999999'], ['1', '-0.1', '0.9,', '0.9,0.90', 'nan', 'a', '0.9999999999']),
    'holdout': (['0', '2147483647'], ['', '-1', '2147483648']), 'image_size': (['8', '256'], ['', '7', '257']),
    'init_checkpoint': PATH, 'keep_checkpoints': COUNT, 'kernels': choices('auto', 'native'),
    'learning_rate_discriminator': RATE, 'learning_rate_generator': RATE, 'log_every': COUNT,
    'loss': choices('sparse_softmax', 'sigmoid', 'log_epsilon', 'clipped', 'double_sigmoid'),
    'network': choices('sparse_softmax', 'graph_mode', 'graph_mode_dense', 'machinecurve', 'paperspace', 'paper',
                       'learnopencv_tf', 'learnopencv_torch'),
    'noise_dim': (['1', '100000'], ['', '0', '100001']), 'noise_distribution': choices('uniform', 'normal'),
    'precision': (['float32', 'bfloat16'], ['', 'float16', 'half']),
    'recipe': (['a', 'a.b'], ['', ' ', 'a/b', 'a\\b', '..', '.a']), 'run_dir': PATH, 'sample_every': COUNT,
    'sample_size': (['2', '10000'], ['', '1', '0', '10001']),
    'schedule': choices('discriminator_then_generator', 'generator_then_discriminator', 'simultaneous',
                        'real_then_fake_then_generator', 'discriminator_then_generator_same_images'),
    'seed': (['0', '2147483647'], ['', '-1', '2147483648']), 'skip_unreadable': BOOLEAN, 'follow_links': BOOLEAN,
    'standing_batches': (['1', '100000'], ['', '0', '100001']), 'steps': COUNT, 'update_ops': BOOLEAN, 'xla': BOOLEAN}
GENERATOR = {
    'bn_momentum': DECAY, 'checkpoint': (['a', 'a-3', '3', 'best'], ['', ' '])}
SAMPLING = {
    **GENERATOR, 'arithmetic': (['0', '0,3-1+2,2'], ['', '1-', '-1', 'a', '0.5']), 'columns': COUNT,
    'frames': (['1', '1000'], ['', '0', '1001']), 'noise': PATH, 'num_images': (['1', '1000000'], ['', '0', '1000001']),
    'output': (['a.png', 'a.PNG', 'a.npy', 'a.npz', 'a'], ['', ' ', 'a.jpg', 'a.gif', 'a.mp4']),
    'padding': (['0', '100'], ['', '-1', '101']), 'reverse': BOOLEAN, 'scale': (['1', '32'], ['', '0', '33']),
    'stops': (['2', '1000'], ['', '1', '1001']), 'walk': choices('linear', 'spherical')}
EVALUATION = {**GENERATOR, 'images': PATH, 'num_images': SAMPLING['num_images'], 'output': PATH}
EXPORT = {**GENERATOR, 'bn_mode': (['moving', 'standing'], ['', 'batch', 'none']), 'output': PATH,
          'pixels': choices('float', 'uint8')}
# For each command: how its flags are declared, its own flags, and what it needs beside each.
COMMANDS = {
    'train': (options.declare_training, TRAINING, {}),
    'sample': (options.declare_sampling, SAMPLING, {
        '': ['--run_dir=r', '--output=a.png'], 'bn_momentum': ['--bn_mode=moving'], 'frames': ['--walk=linear'],
        'stops': ['--walk=linear']}),
    'evaluate': (options.declare_evaluation, EVALUATION, {'': ['--run_dir=r'], 'bn_momentum': ['--bn_mode=moving']}),
    'export': (options.declare_export, EXPORT, {
        '': ['--run_dir=r', '--output=a'], 'bn_momentum': ['--bn_mode=moving']}),
    'report': (options.declare_report, {'output': PATH}, {})}


@pytest.mark.parametrize('command', sorted(COMMANDS))
def test_every_flag_has_its_edges_here(command):
    declare, edges, _ = COMMANDS[command]
    flag_values = flags.FlagValues()
    declare(flag_values)
    declared = {flag.name for flag in flag_values.flags_by_module_dict()[options.__name__]}
    assert declared == set(edges) | (set() if command in ('train', 'report') else set(TRAINING))


@pytest.mark.parametrize('command,name', [(command, name) for command in sorted(COMMANDS)
                                          for name in sorted(COMMANDS[command][1])])
def test_edges(command, name):
    declare, edges, beside = COMMANDS[command]

    def parse(value):
        flag_values = flags.FlagValues()
        declare(flag_values)
        flag_values(['command', *beside.get('', ()), *beside.get(name, ()), '--%s=%s' % (name, value)])
        return flag_values[name].value
    inside, outside = edges[name]
    for value in inside:
        taken = parse(value)
        text = ','.join(taken) if isinstance(taken, list) else str(taken)
        assert text.lower() == value.lower() or float(text) == float(value)
    for value in outside:
        with pytest.raises(flags.IllegalFlagValueError) as error:
            parse(value)
        assert re.search(r'\b%s\b' % name, str(error.value)), str(error.value)
        # What would do: a range, a list, another flag; of what is no number, absl says that.
        assert re.search('must|should|convert|invalid literal|Non-boolean|needs|are for', str(error.value)), error.value


@pytest.mark.parametrize('command,args,fault', [
    ('train', ['--dataset=digits', '--data_dir=a'], '--data_dir must be left out, or another --dataset'),
    ('train', ['--further_momenta=0.9', '--noupdate_ops'], '--further_momenta needs --update_ops'),
    ('train', ['--dataset=image_folder', '--evaluate_every=5'], '--best_by must be sharpness_ratio'),
    ('sample', ['--output=a.npy', '--columns=3'], '--columns is of what ends in .png'),
    ('sample', ['--output=a', '--reverse'], '--reverse is of what ends in .png'),
    ('sample', ['--output=a.npz', '--padding=0'], '--padding is of what ends in .png'),
    ('sample', ['--output=a', '--scale=1'], '--scale is of what ends in .png'),
    ('sample', ['--walk=linear', '--columns=3'], '--columns must be left out'),
    ('sample', ['--arithmetic=1', '--columns=3'], '--columns must be left out'),
    ('sample', ['--stops=3'], '--stops is of a --walk'), ('sample', ['--frames=3'], '--frames is of a --walk'),
    ('sample', ['--noise=a.npy', '--num_images=3'], '--num_images must be left out with --noise'),
    ('sample', ['--arithmetic=1', '--num_images=3'], '--num_images must be left out with --noise or --arithmetic'),
    ('sample', ['--walk=linear', '--arithmetic=1'], 'choose --walk or --arithmetic'),
    ('sample', ['--bn_momentum=0.9'], '--bn_momentum needs --bn_mode=moving'),
    ('evaluate', ['--images=a', '--num_images=3'], '--num_images is of images to be made'),
    ('evaluate', ['--images=a', '--checkpoint=b'], '--checkpoint is of images to be made'),
    ('evaluate', ['--images=a', '--bn_momentum=0.9', '--bn_mode=moving'], '--bn_momentum is of images to be made')])
def test_flags_that_contradict_each_other(command, args, fault):
    declare, _, beside = COMMANDS[command]
    with pytest.raises(flags.IllegalFlagValueError, match=fault):
        options.parsed(declare, *beside.get('', ()), *args)


@pytest.mark.parametrize('command,args', [
    ('train', ['--epochs=0', '--steps=5']), ('train', ['--dataset=image_folder', '--data_dir=a']),
    ('sample', ['--output=a.gif', '--walk=linear', '--columns=3']), ('sample', ['--walk=linear', '--num_images=3']),
    ('sample', ['--output=a.png', '--columns=3']), ('evaluate', ['--images=a'])])
def test_flags_that_do_not(command, args):
    declare, _, beside = COMMANDS[command]
    options.parsed(declare, *beside.get('', ()), *args)


@pytest.mark.parametrize('name', ['3', 'best'])
def test_a_step_is_of_a_run(name, sampling_settings):
    with pytest.raises(flags.IllegalFlagValueError, match='--checkpoint needs --run_dir where it is a step, or best'):
        sampling_settings('--checkpoint=' + name, '--output=a.png')


def test_what_was_given(sampling_settings):
    settings = sampling_settings('--run_dir=r', '--output=a.png', '--batch_size=128')
    assert settings.given == settings._replace(run_dir='s').given == {'run_dir', 'output', 'batch_size'}
    trained = {'batch_size': 128, 'network': 'paper'}
    assert options.as_trained(settings, trained, ['batch_size', 'network']).network == 'paper'
    with pytest.raises(UserError, match='--run_dir=r is a run .*: --batch_size is 8 there, not 128; leave those out'):
        options.as_trained(settings, {'batch_size': 8, 'network': 'paper'}, ['batch_size', 'network'])


def test_one_sample_has_no_batch(training_settings):
    with pytest.raises(flags.IllegalFlagValueError, match='one image .*=1 needs --bn_mode=moving or standing'):
        training_settings('--sample_size=1')
    training_settings('--sample_size=1', '--bn_mode=moving')


def test_unknown_flags_and_words_are_refused(training_settings):
    with pytest.raises(flags.UnrecognizedFlagError, match='batchsize'):
        training_settings('--batchsize=4')
    with pytest.raises(UserError, match='steps=100 is not a flag'):
        training_settings('steps=100')


@pytest.mark.parametrize('args,steps', [
    ([], 10000), (['--epochs=2'], 20), (['--epochs=0.25'], 3), (['--epochs=2', '--steps=7'], 7), (['--steps=7'], 7)])
def test_length(args, steps, training_settings):
    """Steps win over epochs where both are given; epochs of 100 images in batches of 10, a part of a step is one."""
    assert options.resolve(training_settings('--batch_size=10', *args), 100).steps == steps


def test_run_folder_is_named_after_the_run(training_settings):
    settings = training_settings('--dataset=digits', '--seed=7', '--recipe=mine')
    assert options.resolve(settings, 100).run_dir == os.path.join('runs', 'mine-digits-7')
    assert options.resolve(training_settings('--run_dir=here'), 100).run_dir == 'here'


def test_settings_written_are_settings_read(training_settings, tmp_path):
    settings = options.resolve(training_settings(
        '--epochs=3', '--batch_size=7', '--learning_rate_generator=1.2345678901234e-05', '--noupdate_ops',
        '--holdout=3', '--run_dir=a folder', '--bn_mode=moving'), 100)
    (tmp_path / 'train.flags').write_text(options.flagfile(settings))
    assert training_settings('--flagfile=%s' % (tmp_path / 'train.flags')) == settings


def test_changed_flags_are_named(training_settings):
    earlier = training_settings('--batch_size=4')._asdict()
    same = training_settings('--batch_size=4', '--steps=5', '--data_dir=elsewhere', '--run_dir=moved')
    assert options.changed(same, earlier) == []
    assert options.changed(training_settings('--batch_size=8', '--seed=2'), earlier) == [
        '--batch_size is 4 there, not 8', '--seed is 0 there, not 2']


@pytest.mark.parametrize('command,args,fault', [
    ('sample', ['--output=a.png'], 'name one of --run_dir, --checkpoint'), ('sample', ['--run_dir=a'], 'output'),
    ('evaluate', [], 'name one of --run_dir, --checkpoint, --images'), ('export', ['--run_dir=a'], 'output'),
    ('export', ['--output=a'], 'name one of --run_dir, --checkpoint')])
def test_flags_that_are_needed(command, args, fault):
    with pytest.raises(flags.IllegalFlagValueError, match=fault):
        options.parsed(COMMANDS[command][0], *args)
