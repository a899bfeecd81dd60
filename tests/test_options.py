"""Flags: the defaults are the recipe, every value is checked, and settings survive being written."""
import os

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


@pytest.mark.parametrize('flag', [
    '--batch_size=1', '--batch_size=0', '--batch_size=-3', '--batch_size=many', '--noise_dim=0', '--steps=0',
    '--steps=-1', '--steps=1.5', '--epochs=-1', '--epochs=nan', '--epochs=inf', '--learning_rate_generator=0',
    '--learning_rate_generator=-1', '--learning_rate_discriminator=nan', '--learning_rate_discriminator=inf',
    '--beta1=1', '--beta1=-0.1', '--beta2=1.5', '--beta2=nan', '--epsilon=0', '--epsilon=-1e-8', '--seed=-1',
    '--seed=2147483648', '--log_every=0', '--sample_every=0', '--sample_size=0', '--checkpoint_every=0',
    '--keep_checkpoints=0', '--holdout=-1', '--dataset=cifar', '--network=resnet', '--loss=wasserstein',
    '--schedule=never', '--bn_mode=sometimes', '--recipe=', '--recipe=a/b', '--recipe=..', '--run_dir=',
    '--data_dir= ', '--update_ops=perhaps', '--precision=float16', '--precision=half', '--kernels=fast', '--xla=maybe'])
def test_bad_values_are_refused_by_name(flag, training_settings):
    with pytest.raises(flags.IllegalFlagValueError) as error:
        training_settings(flag)
    assert flag.split('=')[0] in str(error.value)


@pytest.mark.parametrize('flag', [
    '--batch_size=2', '--noise_dim=1', '--steps=1', '--epochs=0.5', '--beta1=0', '--beta2=0', '--seed=0',
    '--seed=2147483647', '--holdout=0', '--keep_checkpoints=1', '--sample_size=2', '--learning_rate_generator=1e-9'])
def test_values_at_the_edge_are_taken(flag, training_settings):
    name, value = flag[2:].split('=')
    assert float(getattr(training_settings(flag), name)) == float(value)


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


@pytest.mark.parametrize('args,fault', [
    (['--output=a.png'], 'run_dir'), (['--run_dir=a'], 'output'), (['--run_dir=a', '--output=a.jpg'], 'output'),
    (['--run_dir=a', '--output=a.png', '--num_images=0'], 'num_images'),
    (['--run_dir=a', '--output=a.png', '--bn_mode=standing still'], 'bn_mode')])
def test_sampling_flags(args, fault, sampling_settings):
    with pytest.raises(flags.IllegalFlagValueError, match=fault):
        sampling_settings(*args)
