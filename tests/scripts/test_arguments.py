"""Arguments of the scripts: what is valid, and one-line errors that name the argument."""
import dataclasses
import importlib
import os
import re
import runpy
import subprocess
import sys

import pytest
from helpers import ROOT, arguments_class, script_arguments

from dcgan_tf1.settings import cli_flags
from dcgan_tf1.settings.fields import spec_of
from dcgan_tf1.util.errors import UserError
from scripts import environment
from scripts.lib.arguments import (
    ExperimentArguments,
    Length,
    command_line,
    existing_folder,
    integers,
    lengths,
    names,
)
from scripts.lib.measurements import Measurements

pytestmark = pytest.mark.any_tensorflow

HERE = os.path.dirname(os.path.abspath(__file__))
WITHOUT_ARGUMENTS = {'benchmarks.startup', 'benchmarks.training.worker', 'experiments.upstream.record',
                     'experiments.legacy.migrated', 'demo', 'test',
                     'versions.__main__', 'versions.in_environment', 'robustness.seams.probe',
                     'lib.fork_server'}


@dataclasses.dataclass(frozen=True)
class Arguments(ExperimentArguments):
    folder: str = existing_folder(None, 'a folder')
    stages: tuple = integers((10, 20), 2, 'steps')
    recipes: tuple = names(('paper',), ('paper', 'graph_mode'), 'recipes')
    others: tuple = names((), ('paper', 'graph_mode'), 'recipes')
    steps: tuple = lengths((), ('paper', 'graph_mode'), 'lengths')
    output: str = existing_folder('there', 'is not shown')


@pytest.mark.parametrize('flag,value', [
    ('--folder=' + HERE, HERE), ('--stages=2', (2,)), ('--stages=7,2', (7, 2)),
    ('--recipes=graph_mode,paper', ('graph_mode', 'paper')), ('--others=', ()), ('--steps=', ()),
    ('--steps=paper=1,graph_mode=3', (('paper', 1), ('graph_mode', 3)))])
def test_valid_values(flag, value):
    name = flag[2:].partition('=')[0]
    arguments = cli_flags.parse(Arguments, '--output=.', flag)
    assert getattr(arguments, name) == value
    assert cli_flags.parse(Arguments, *cli_flags.to_flags(arguments)) == arguments


@pytest.mark.parametrize('flag', [
    '--folder=', '--folder=nowhere', '--folder=' + __file__, '--stages=', '--stages=1', '--stages=2,', '--stages=2,2',
    '--stages=2.5', '--stages=many', '--recipes=', '--recipes=none', '--recipes=paper,', '--recipes=paper,none',
    '--others=none', '--steps=paper', '--steps=paper=0', '--steps=paper=x', '--steps=none=3', '--steps=paper=1,'])
def test_invalid_values(flag):
    with pytest.raises(UserError, match=re.escape(flag) + ' (must|is not a folder)'):
        cli_flags.parse(Arguments, '--output=.', flag)


def test_command_line():
    """Without defaults, --runs and --output, and with the name of the dataset for the folder of the reader."""
    arguments = Arguments(data_dir=HERE, precision='bfloat16', stages=(10, 30), steps=(Length('paper', 3),),
                          output='here')
    assert command_line('scripts.mine', arguments) == (
        'python -m scripts.mine --data_dir=my/mnist --precision=bfloat16 --stages=10,30 --steps=paper=3')


def scripts():
    """Names of the modules in scripts/ that are programs."""
    for folder, _, files in os.walk(os.path.join(ROOT, 'scripts')):
        for path in (os.path.join(folder, name) for name in files if name.endswith('.py')):
            with open(path, encoding='utf-8') as file:
                if "if __name__ == '__main__':" in file.read():
                    relative = os.path.relpath(path, os.path.join(ROOT, 'scripts'))
                    yield os.path.splitext(relative)[0].replace(os.sep, '.')


@pytest.mark.parametrize('script', sorted({*scripts()} - WITHOUT_ARGUMENTS))
def test_defaults_are_valid_and_explained(script):
    module = importlib.import_module('scripts.' + script)
    assert module.__doc__.splitlines()[2].startswith('  python -m scripts.' + script.replace('.__main__', ''))
    for field in dataclasses.fields(arguments_class(module)):
        spec = spec_of(field)
        assert spec is None or (spec.help and (spec.is_valid(field.default) or spec.required)), field.name


@pytest.mark.parametrize('script,flags,error', [
    ('benchmarks.training.__main__', ['--implementations=none'], '--implementations: no name of a recipe begins so'),
    ('benchmarks.training.__main__', ['--implementations=PyTorch', '--precisions=auto'],
     'begins so in these --precisions; there are '),
    ('experiments.precision', [], 'give one of --data_dir, --image_dir'),
    ('experiments.precision', ['--recipes=paper', '--data_dir=.'], '--recipes: .* the others --image_dir'),
    ('experiments.precision', ['--recipes=graph_mode', '--image_dir=.'], '--recipes: .*graph_mode.* need --data_dir'),
    ('experiments.recipes.__main__', [], 'give one of --recipes'),
    ('experiments.recipes.__main__', ['--recipes=paper'], '--recipes: .*paper need --image_dir'),
    ('experiments.recipes.__main__', ['--recipes=machinecurve', '--steps=paper=3'], '--steps: name only recipes that'),
    ('robustness.__main__', ['--kills=2', '--steps=9'], '--steps must be at least --kills'),
    ('robustness.workers', ['--kills=6', '--steps=12'], '--steps must be at least --kills')])
def test_rules(script, flags, error):
    with pytest.raises(UserError, match=error):
        script_arguments(importlib.import_module('scripts.' + script), *flags)


def test_environments_that_cannot_be_created(capfd):
    with pytest.raises(SystemExit, match='error: no TensorFlow supports Python nowhere here: use Python 3.7 to 3.13'):
        environment.prepared('nowhere')
    with pytest.raises(SystemExit, match='error: "false" failed with status 1: see its output above'):
        environment._run(['false'])


@pytest.mark.slow
def test_a_training_that_does_not_start(monkeypatch, capfd):
    monkeypatch.setattr(sys, 'argv', ['startup', '--steps=0'])
    with pytest.raises(SystemExit, match='error: the training ended with status 1: see its output above'):
        runpy.run_module('scripts.benchmarks.startup', run_name='__main__')
    assert '--steps=0' in capfd.readouterr().err


def test_measurements_that_cannot_be_read(tmp_path):
    (tmp_path / 'measurements.json').write_text('{"settings": ')
    with pytest.raises(UserError, match='measurements.json cannot be read .*: fix or delete it'):
        Measurements(str(tmp_path), {})


@pytest.mark.slow
def test_a_failing_script_prints_one_line(tmp_path):
    (tmp_path / 'file').write_text('')
    process = subprocess.run([sys.executable, '-m', 'scripts.experiments.blog_posts', '--output=%s/file' % tmp_path],
                             cwd=ROOT, capture_output=True)
    output = process.stderr.decode()
    assert process.returncode == 1 and 'Traceback' not in output, output
    assert output.splitlines()[-1].startswith('error: %s/file' % tmp_path)
