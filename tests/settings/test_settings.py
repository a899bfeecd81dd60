"""Settings: every value and every combination is checked, and errors name the flag."""
import re

import pytest

from dcgan_tf1 import metrics
from dcgan_tf1.evaluate.settings import EvaluateSettings
from dcgan_tf1.explore.settings import ExploreSettings
from dcgan_tf1.export import ExportSettings
from dcgan_tf1.model import losses, schedules
from dcgan_tf1.report import ReportSettings
from dcgan_tf1.sample.settings import SampleSettings
from dcgan_tf1.settings import cli_flags, help
from dcgan_tf1.settings import train as train_settings
from dcgan_tf1.settings.fields import Role
from dcgan_tf1.settings.train import TrainSettings
from dcgan_tf1.util.errors import UserError

pytestmark = pytest.mark.any_tensorflow

# For each setting, values just inside its bounds, and values just outside, which are refused.
PATH = (['a', ' a b', 'ä/b.c', 'a:b//c'], ['', ' ', 'gs://bucket/a'])
NAME = (['a', 'a.b'], ['', ' ', 'a/b', 'a\\b', '..', '.a'])
BOOLEAN = (['true', 'false'], ['', 'maybe', '2'])
COUNT = (['1', '2147483647'], ['', '0', '-1', '2147483648', '1.5', 'many'])
RATE = (['1e-30', '1e30'], ['', '0', '-1', 'nan', 'inf', '1e-50', '1e50', 'fast'])  # 1e±50 is 0 or inf in float32
DECAY = (['0', '0.999999'], ['', '-1e-9', '1', '0.9999999999', 'nan'])  # 0.9999999999 is 1 in float32


def numbers(text):
    return [float(number) for number in text.split(',')]


def choices(*names):
    return list(names), ['', names[0] + 'x', 'none', names[0].upper() if names[0].islower() else '2']


TRAIN = {
    'antialias': BOOLEAN, 'batch_statistics': choices('all', 'worker'),
    'num_gpus': (['-1', '64'], ['', '-2', '0', '65']),
    'batch_size': (['2', '2147483647'], ['', '1', '0', '-3', '2147483648', '1.5', 'many']),
    'beta1': DECAY, 'beta2': DECAY,
    'best_by': (['frechet_distance', 'sharpness_ratio', 'precision'], ['', 'modes', 'nearest_median']),
    'bn_mode': choices('batch', 'moving', 'standing'), 'cache_dir': PATH, 'center_crop': BOOLEAN,
    'channels': choices('1', '3'), 'checkpoint_every': COUNT,
    'checkpoint_names': (['a=b', 'a/b=,c=d/e'], ['', 'a', '=b', 'a=b,', 'a=b=c']), 'classifier_steps': COUNT,
    'd_steps_per_g_step': (['1', '100'], ['', '0', '101']), 'data_dir': PATH,
    'dataset': choices('mnist', 'mnist_10k', 'fashion_mnist', 'image_folder', 'tfrecords'),
    'epochs': (['0.001', '1e6'], ['', '-0.001', '0', 'nan', 'inf']), 'epsilon': RATE,
    'epsilon_mode': choices('tensorflow', 'pytorch'),
    'evaluate_every': (['0', '2147483647'], ['', '-1', '2147483648']),
    'evaluation_images': (['10', '1000000'], ['', '9', '1000001']),
    'extra_bn_momentums': (['', '0', '0.5,0.999999'],
                           ['1', '-0.1', '0.9,', '0.9,0.90', 'nan', 'a', '0.9999999999']),
    'follow_links': BOOLEAN, 'holdout': (['0', '2147483647'], ['', '-1', '2147483648']),
    'image_size': (['8', '256'], ['', '7', '257']), 'init_checkpoint': PATH, 'keep_checkpoints': COUNT,
    'kernels': choices('native', 'alternative', 'auto'),
    'learning_rate_discriminator': RATE, 'learning_rate_generator': RATE,
    'log_every': COUNT, 'loss': choices('sparse_softmax', 'sigmoid', 'log_epsilon', 'clipped', 'double_sigmoid'),
    'network': (['sparse_softmax', 'paper', 'my_gan.py', 'package.my_gan'], ['', 'no network', 'a/b', 'http://a.b/c.py']),
    'noise_batch': choices('full', 'match'), 'noise_dim': (['1', '100000'], ['', '0', '100001']),
    'noise_distribution': choices('uniform', 'normal'),
    'precision': (['float32', 'bfloat16'], ['', 'float16', 'half']),
    'recipe': (['sparse_softmax', 'paper'], ['', 'sparse_softmx', '..', 'a/b']), 'run_dir': PATH, 'run_name': NAME,
    'sample_every': COUNT, 'sample_size': (['2', '10000'], ['', '1', '0', '10001']),
    'schedule': choices('discriminator_then_generator', 'generator_then_discriminator', 'simultaneous',
                        'real_then_fake_then_generator', 'discriminator_then_generator_same_images'),
    'seed': (['0', '2147483647'], ['', '-1', '2147483648']), 'shuffle': choices('continuous', 'per_epoch', 'once'),
    'fast_jpeg': BOOLEAN, 'pack_dir': PATH,
    'skip_unreadable': BOOLEAN, 'standing_batches': (['1', '100000'], ['', '0', '100001']), 'steps': COUNT,
    'update_ops': BOOLEAN, 'xla': BOOLEAN}
GENERATOR = {**TRAIN, 'bn_momentum': DECAY, 'checkpoint': (['a', 'a-3', '3', 'best'], ['', ' '])}
SAMPLE = {
    **GENERATOR, 'arithmetic': (['0', '0,3-1+2,2'], ['', '1-', '-1', 'a', '0.5']), 'columns': COUNT,
    'frames_per_segment': (['1', '1000'], ['', '0', '1001']), 'noise': PATH,
    'num_images': (['1', '1000000'], ['', '0', '1000001']),
    'output': (['a.png', 'a.PNG', 'a.npy', 'a.npz', 'a'], ['', ' ', 'a.jpg', 'a.gif', 'a.mp4', 's3://a/b.png']),
    'padding': (['0', '100'], ['', '-1', '101']), 'reverse': BOOLEAN, 'scale': (['1', '32'], ['', '0', '33']),
    'keyframes': (['2', '1000'], ['', '1', '1001']), 'interpolation': choices('linear', 'slerp')}
EVALUATE = {**GENERATOR, 'images': PATH, 'num_images': SAMPLE['num_images'], 'output': PATH,
            'pixel_range': choices('0..255', '0..1', '-1..1')}
EXPORT = {**GENERATOR, 'output': PATH, 'pixels': choices('float', 'uint8'),
          'format': choices('saved_model', 'tflite', 'onnx')}
MOMENTUM = {'bn_momentum': ['--bn_mode=moving']}
EXPLORE = {'checkpoint': PATH, 'interpolation': choices('linear', 'slerp'), 'live': BOOLEAN, 'output': PATH,
           'points': (['2', '31'], ['', '1', '32']), 'seed': TRAIN['seed'],
           'stages': (['2', '1000'], ['', '1', '1001']), 'standing_batches': TRAIN['standing_batches']}
# For each command: its settings, their bounds, and the flags that each setting needs next to it ('': always).
COMMANDS = {
    'train': (TrainSettings, TRAIN, {'checkpoint_names': ['--init_checkpoint=a'],
                                     'pack_dir': ['--dataset=image_folder']}),
    'sample': (SampleSettings, SAMPLE, {
        **MOMENTUM, '': ['--run_dir=r', '--output=a.png'], 'frames_per_segment': ['--interpolation=linear'],
        'keyframes': ['--interpolation=linear']}),
    'evaluate': (EvaluateSettings, EVALUATE, {**MOMENTUM, '': ['--run_dir=r'], 'pixel_range': ['--images=a']}),
    'export': (ExportSettings, EXPORT, {**MOMENTUM, '': ['--run_dir=r', '--output=a']}),
    'report': (ReportSettings, {'output': PATH}, {}),
    'explore': (ExploreSettings, EXPLORE, {})}


@pytest.mark.parametrize('command', sorted(COMMANDS))
def test_every_setting_has_bounds_here(command):
    settings_class, bounds, _ = COMMANDS[command]
    assert set(settings_class.names()) == set(bounds)


@pytest.mark.parametrize('command,name', [
    (command, name) for command in sorted(COMMANDS) for name in sorted(COMMANDS[command][1])
    if command == 'train' or name not in TRAIN or COMMANDS[command][1][name] != TRAIN[name]])
def test_bounds(command, name):
    settings_class, bounds, needed = COMMANDS[command]
    inside, outside = bounds[name]
    other_flags = [*needed.get('', ()), *needed.get(name, ())]
    for value in inside:
        parsed = getattr(cli_flags.parse(settings_class, *other_flags, '--%s=%s' % (name, value)), name)
        text = ','.join(map(str, parsed)) if isinstance(parsed, tuple) else str(parsed)
        assert text.lower() == value.lower() or numbers(text) == numbers(value)
    for value in outside:
        with pytest.raises(UserError, match=r'\b%s\b' % name) as error:
            cli_flags.parse(settings_class, *other_flags, '--%s=%s' % (name, value))
        # It says what would be accepted; if the value is not even a number, absl's message says that.
        assert any(word in str(error.value) for word in (
            'must', 'should', 'convert', 'invalid literal', 'Non-boolean', 'need', 'choose one of',
            'is a URL: name a path')), error.value


@pytest.mark.parametrize('command,flags,message', [
    ('train', ['--extra_bn_momentums=0.9', '--noupdate_ops'], '--extra_bn_momentums needs --update_ops'),
    ('train', ['--sample_size=1'], '--sample_size=1 needs --bn_mode=moving or standing'),
    ('sample', ['--output=a.npy', '--columns=3'], '--columns applies only to an --output that ends in .png'),
    ('sample', ['--output=a', '--reverse'], '--reverse applies only to an --output that ends in .png'),
    ('sample', ['--output=a.npz', '--padding=0'], '--padding applies only to an --output that ends in .png'),
    ('sample', ['--output=a', '--scale=1'], '--scale applies only to an --output that ends in .png'),
    ('sample', ['--interpolation=linear', '--columns=3'], '--columns cannot be used'),
    ('sample', ['--arithmetic=1', '--columns=3'], '--columns cannot be used'),
    ('sample', ['--keyframes=3'], '--keyframes needs --interpolation'),
    ('sample', ['--frames_per_segment=3'], '--frames_per_segment needs --interpolation'),
    ('sample', ['--noise=a.npy', '--num_images=3'], '--num_images cannot be combined with --noise'),
    ('sample', ['--arithmetic=1', '--num_images=3'], '--num_images cannot be combined with --noise or --arithmetic'),
    ('sample', ['--interpolation=linear', '--arithmetic=1'], '--interpolation and --arithmetic exclude each other'),
    ('sample', ['--bn_momentum=0.9'], '--bn_momentum needs --bn_mode=moving'),
    ('train', ['--checkpoint_names=a=b'], '--checkpoint_names needs --checkpoint or --init_checkpoint'),
    ('evaluate', ['--pixel_range=0..1'], '--pixel_range needs --images'),
    ('evaluate', ['--images=a', '--num_images=3'], '--num_images describes images to generate'),
    ('evaluate', ['--images=a', '--checkpoint=b'], '--checkpoint describes images to generate'),
    ('evaluate', ['--images=a', '--bn_momentum=0.9', '--bn_mode=moving'], '--bn_momentum describes images')])
def test_contradictions(command, flags, message):
    settings_class, _, needed = COMMANDS[command]
    with pytest.raises(UserError, match=message):
        cli_flags.parse(settings_class, *needed.get('', ()), *flags)


@pytest.mark.parametrize('command,flags', [
    ('train', ['--epochs=0', '--steps=5']), ('train', ['--dataset=image_folder', '--data_dir=a']),
    ('train', ['--sample_size=1', '--bn_mode=moving']),
    ('sample', ['--output=a.gif', '--interpolation=linear', '--columns=3']),
    ('sample', ['--interpolation=linear', '--num_images=3']), ('sample', ['--output=a.png', '--columns=3']),
    ('evaluate', ['--images=a'])])
def test_combinations_that_are_allowed(command, flags):
    settings_class, _, needed = COMMANDS[command]
    cli_flags.parse(settings_class, *needed.get('', ()), *flags)


@pytest.mark.parametrize('command,flags,message', [
    ('sample', ['--output=a.png'], 'give one of --run_dir, --checkpoint'), ('sample', ['--run_dir=a'], '--output'),
    ('evaluate', [], 'give one of --run_dir, --checkpoint, --images'), ('export', ['--run_dir=a'], '--output'),
    ('export', ['--output=a'], 'give one of --run_dir, --checkpoint')])
def test_required_flags(command, flags, message):
    with pytest.raises(UserError, match=message):
        cli_flags.parse(COMMANDS[command][0], *flags)


@pytest.mark.parametrize('name', ['3', 'best'])
def test_a_step_needs_a_run(name):
    with pytest.raises(UserError, match='--checkpoint needs --run_dir when it is a step or "best"'):
        cli_flags.parse(SampleSettings, '--checkpoint=' + name, '--output=a.png')


@pytest.mark.parametrize('name,value', [
    ('steps', '5'), ('steps', 5.), ('steps', True), ('update_ops', 1), ('loss', 3), ('epsilon', '1'),
    ('extra_bn_momentums', 'a'), ('extra_bn_momentums', ('a',)), ('data_dir', 3), ('seed', None),
    ('epsilon', 10 ** 400)])
def test_values_of_a_wrong_type_are_refused(name, value):
    with pytest.raises(UserError, match='--' + name):
        cli_flags.build(TrainSettings, {name: value})


def test_the_names_that_settings_list_are_those_of_the_code():
    """Settings import no TensorFlow, so they cannot ask the modules that need it."""
    assert set(train_settings.LOSSES) == set(losses.LOSSES)
    assert set(train_settings.SCHEDULES) == set(schedules.SCHEDULES)
    assert set(train_settings.RANKINGS) == set(metrics.rankings())


def test_every_role_is_used():
    assert all(TrainSettings.names(role) for role in Role)


@pytest.mark.parametrize('command', sorted(COMMANDS))
def test_help_has_every_flag_of_the_command_once(command):
    """Flags of the training alone are left out where they change nothing."""
    settings_class = COMMANDS[command][0]
    text = help.text(settings_class, 'What it does.')
    listed = re.findall(r'^  --(\w+)[=,]', text, re.M)
    assert len(set(listed)) == len(listed) and set(listed) <= set(settings_class.names())
    assert set(settings_class.names()) - set(listed) <= set(TrainSettings.names())
    if settings_class is TrainSettings:
        assert listed == TrainSettings.names()
    elif issubclass(settings_class, TrainSettings):
        own = [name for name in settings_class.names() if name not in TrainSettings.names()]
        assert listed[0] in own and listed[-1] == 'checkpoint_names'
