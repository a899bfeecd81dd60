"""Flags, flag files, recipes and old spellings become settings; settings become flag files."""
import os
import re
import subprocess
import sys

import pytest
from helpers import ROOT

from dcgan_tf1 import __main__
from dcgan_tf1.runs import saved_settings
from dcgan_tf1.sample.preparation import with_run_values
from dcgan_tf1.sample.settings import SampleSettings
from dcgan_tf1.settings import cli_flags, recipes
from dcgan_tf1.settings.train import TrainSettings
from dcgan_tf1.train import preparation
from dcgan_tf1.util.errors import UserError

pytestmark = pytest.mark.any_tensorflow

FLAGS = os.path.join(ROOT, 'flags')


def train_settings(*flags):
    return cli_flags.parse(TrainSettings, *flags)


def test_the_defaults_are_the_main_recipe():
    path = os.path.join(FLAGS, 'sparse_softmax.flags')
    assert train_settings('--flagfile=' + path) == train_settings() == train_settings('--recipe=sparse_softmax')
    with open(path) as file:
        named = {line[2:].split('=')[0] for line in file if line.startswith('--')}
    # The file spells out everything that defines the recipe.
    assert named >= {'recipe', 'network', 'loss', 'schedule', 'update_ops', 'dataset', 'batch_size', 'steps', 'beta1',
                     'beta2', 'epsilon', 'learning_rate_generator', 'learning_rate_discriminator', 'noise_dim'}


@pytest.mark.parametrize('name', recipes.names())
def test_a_recipe_equals_its_flag_file(name):
    assert recipes.names() == sorted(os.path.splitext(file)[0] for file in os.listdir(FLAGS))
    from_file = train_settings('--flagfile=' + os.path.join(FLAGS, name + '.flags'))
    assert train_settings('--recipe=' + name) == from_file
    assert from_file.recipe == name


def test_flags_override_the_recipe_in_any_order():
    for flags in (['--recipe=graph_mode', '--batch_size=7'], ['--batch_size=7', '--recipe=graph_mode']):
        settings = train_settings(*flags)
        assert (settings.network, settings.batch_size) == ('graph_mode', 7)
        assert settings.given == {'recipe', 'batch_size'}


def test_an_unknown_recipe_is_refused():
    with pytest.raises(UserError, match='--recipe=graph_mod does not exist: choose one of graph_mode, .*--run_name'):
        train_settings('--recipe=graph_mod')


@pytest.mark.parametrize('flags,steps', [
    ([], 10000), (['--epochs=2'], 20), (['--epochs=0.25'], 3), (['--epochs=2', '--steps=7'], 7), (['--steps=7'], 7),
    (['--recipe=sparse_softmax', '--epochs=2'], 20), (['--recipe=graph_mode'], 200),
    (['--recipe=graph_mode', '--steps=7'], 7)])
def test_length_of_a_run(flags, steps):
    """Steps win over epochs if both are given. Here an epoch has 100 images in batches of 10."""
    assert preparation.resolve(train_settings('--batch_size=10', *flags), 100).steps == steps


@pytest.mark.parametrize('flags', [
    ['--flagfile=FILE', '--seed=3', '--run_dir=new'], ['--run_dir=new', '--seed=3', '--flagfile=FILE'],
    ['--seed=3', '--flagfile=FILE', '--run_dir=new', '--flagfile=FILE']])
def test_flags_override_flag_files_in_any_order(flags, tmp_path):
    """Also the folder of the run whose flag file it is."""
    path = tmp_path / 'train.flags'
    path.write_bytes(cli_flags.flag_file(cli_flags.to_flags(TrainSettings(seed=1, steps=9, run_dir='old'))))
    (tmp_path / 'config.json').touch()
    flags = [flag.replace('FILE', str(path)) for flag in flags]
    settings = train_settings(*flags)
    assert (settings.seed, settings.run_dir, settings.steps) == (3, 'new', 9)
    assert settings.given_directly == {'seed', 'run_dir'} and settings.given > {'steps', 'seed'}


@pytest.mark.parametrize('flags, steps', [
    (['--epochs=2'], 20), (['--epochs=2', '--steps=7'], 7), (['--steps=7'], 7), ([], 9)])
@pytest.mark.parametrize('is_first', [True, False])
def test_length_of_a_run_with_a_flag_file(flags, steps, is_first, tmp_path):
    """The steps in the file, of the whole run, give way to the epochs of the user."""
    path = tmp_path / 'train.flags'
    path.write_bytes(cli_flags.flag_file(cli_flags.to_flags(TrainSettings(batch_size=10, steps=9))))
    words = ['--flagfile=%s' % path]
    settings = train_settings(*(words + flags if is_first else flags + words))
    assert preparation.resolve(settings, 100).steps == steps


def test_another_recipe_than_that_of_the_flag_file_is_refused(tmp_path):
    """All of its values would be overridden by the file."""
    path = tmp_path / 'train.flags'
    path.write_bytes(cli_flags.flag_file(cli_flags.to_flags(TrainSettings(recipe='paper'))))
    assert train_settings('--recipe=paper', '--flagfile=%s' % path).recipe == 'paper'
    with pytest.raises(UserError, match='^--recipe=graph_mode does not fit --flagfile, whose flags are for -'):
        train_settings('--recipe=graph_mode', '--flagfile=%s' % path)


def test_given_settings_must_agree_with_the_run():
    settings = cli_flags.parse(SampleSettings, '--run_dir=r', '--output=a.png', '--batch_size=128')
    assert settings.given == settings.replace(run_dir='s').given == {'run_dir', 'output', 'batch_size'}
    run = TrainSettings(batch_size=128, network='paper')
    assert with_run_values(settings, run, ['batch_size', 'network']).network == 'paper'
    with pytest.raises(UserError, match='--run_dir=r is a run .*: --batch_size is 8 there, not 128. Remove'):
        with_run_values(settings, run.replace(batch_size=8), ['batch_size', 'network'])


def test_unknown_flags_and_words_are_refused():
    with pytest.raises(UserError, match="^Unknown command line flag 'batchsize'. Did you mean: batch_size"):
        train_settings('--batchsize=4')
    with pytest.raises(UserError, match='steps=100 is not a flag'):
        train_settings('steps=100')
    with pytest.raises(UserError, match='no setting batchsize'):
        cli_flags.build(TrainSettings, {'batchsize': 4})


def test_the_run_folder_is_named_after_the_run():
    named = train_settings('--dataset=mnist_10k', '--seed=7', '--run_name=mine')
    assert preparation.resolve(named, 100).run_dir == os.path.join('runs', 'mine-mnist_10k-7')
    assert saved_settings.run_dir(train_settings('--recipe=paperspace')) == os.path.join('runs', 'paperspace-mnist-0')
    assert preparation.resolve(train_settings('--run_dir=here'), 100).run_dir == 'here'


def test_a_written_flag_file_gives_the_same_settings(tmp_path):
    settings = preparation.resolve(train_settings(
        '--epochs=3', '--batch_size=7', '--learning_rate_generator=1.2345678901234e-05',
        '--extra_bn_momentums=0.5,0.25', '--holdout=3', '--run_dir=a folder', '--bn_mode=moving', '--xla'), 100)
    (tmp_path / 'train.flags').write_bytes(cli_flags.flag_file(cli_flags.to_flags(settings)))
    assert train_settings('--flagfile=%s' % (tmp_path / 'train.flags')) == settings


def test_changed_settings_are_named():
    run = train_settings('--batch_size=4')
    same = train_settings('--batch_size=4', '--steps=5', '--data_dir=elsewhere', '--run_dir=moved')
    assert preparation.changes(same, run) == []
    assert preparation.changes(train_settings('--batch_size=8', '--seed=2'), run) == [
        '--batch_size is 4 there, not 8', '--seed is 0 there, not 2']


def program(*arguments):
    """Runs `python -m dcgan_tf1`; returns (status, standard output, standard error)."""
    result = subprocess.run([sys.executable, '-m', *arguments], capture_output=True, text=True)
    return result.returncode, result.stdout, result.stderr


def test_the_program_lists_its_commands_and_recipes(monkeypatch, capsys):
    monkeypatch.setattr(sys, 'argv', ['dcgan_tf1'])
    __main__.main()
    output = capsys.readouterr().out
    assert all(name in output for name in ('train', 'sample', 'report', 'sparse_softmax', 'image_folder'))


def test_an_unknown_command(monkeypatch):
    monkeypatch.setattr(sys, 'argv', ['dcgan_tf1', 'trian'])
    with pytest.raises(SystemExit) as error:
        __main__.main()
    assert error.value.code == 'error: there is no command trian. Did you mean train?'


@pytest.mark.slow
def test_a_command_and_its_module_are_the_same():
    status, _, error = program('dcgan_tf1', 'sample', '--run_dir=nowhere', '--output=a.png')
    assert status == 1 and 'nowhere holds no run' in error.splitlines()[-1]
    for command in (['dcgan_tf1', 'sample'], ['dcgan_tf1.sample']):
        status, output, _ = program(*command, '--help')
        assert status == 0 and '--interpolation' in output and 'Generates images' in output


@pytest.mark.any_tensorflow
@pytest.mark.parametrize('arguments,status', [
    (['.train', '--help'], 0), (['.train', '--stepz=3'], 1), (['.train', '--steps=0'], 1), ([], 0), (['--version'], 0),
    (['.sample', '--help'], 0), (['.export', '--help'], 0), (['.report', '--version'], 0), (['trian'], 1)])
def test_what_answers_without_tensorflow(arguments, status):
    """Its import takes seconds."""
    module = 'dcgan_tf1' + (arguments.pop(0) if arguments and arguments[0][0] == '.' else '')
    process = subprocess.run([sys.executable, '-X', 'importtime', '-m', module, *arguments], cwd=ROOT,
                             capture_output=True, text=True)
    assert process.returncode == status
    assert 'absl' in process.stderr and not re.search(r'\| +(tensorflow|keras)', process.stderr)


@pytest.mark.slow
@pytest.mark.parametrize('flag', ['--stepps=3', '--steps=0'])
def test_a_wrong_flag_is_one_line(flag):
    status, _, error = program('dcgan_tf1', 'train', flag)
    lines = [line for line in error.splitlines() if line.startswith('error: ')]
    assert status == 1 and len(lines) == 1 and flag[2:].split('=')[0] in lines[0] and 'Traceback' not in error


def test_the_end_of_a_command_is_not_delayed_by_garbage():
    """With TensorFlow's objects, Python's search for garbage at its end takes seconds."""
    program = ('from dcgan_tf1.settings import cli\nfrom dcgan_tf1.settings.train import TrainSettings\n'
               'class Cycle:\n'
               '    def __init__(self): self.itself = self\n'
               '    def __del__(self): print("searched")\n'
               'def run(settings): print("done"); Cycle(); return 0\n'
               'cli.main(run, TrainSettings)')
    output = subprocess.check_output([sys.executable, '-u', '-c', program], cwd=ROOT, universal_newlines=True)
    assert output == 'done\n'
