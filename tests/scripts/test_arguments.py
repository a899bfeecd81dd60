"""Arguments of the scripts: values at the edge of what is allowed, and one-line errors that name the argument."""
import argparse
import functools
import importlib
import os
import re
import runpy
import subprocess
import sys

import pytest

from dcgan_tf1.util.errors import UserError
from scripts import environment
from scripts.lib.measurements import Measurements
from scripts.lib.paths import ROOT

pytestmark = pytest.mark.any_tensorflow

HERE = os.path.dirname(os.path.abspath(__file__))


def numbers(lowest):
    """(valid, invalid) values of a whole number with a minimum."""
    return sorted({str(lowest), str(max(lowest, 7))}), [str(lowest - 1), '-1', '', '2.5', 'many']


FOLDER = ([HERE], ['', 'nowhere', __file__])
PATH = (['there/or/not'], ['', ' '])
RECIPES = (['graph_mode', 'sparse_softmax,graph_mode'], ['', 'none', 'graph_mode,', 'graph_mode,none'])
STEPS_BY_NAME = (['graph_mode=1', 'graph_mode=3,sparse_softmax=7'],
                 ['graph_mode', 'graph_mode=0', 'graph_mode=x', 'none=3'])
PRECISION = (['float32', 'bfloat16'], ['', 'float16'])
DATASET = (['mnist', 'mnist_10k'], ['', 'imagenet'])
SWITCH = ([None], [])  # takes no value

# {script: (arguments that are always needed, {argument: (valid values, invalid values)})}
SCRIPTS = {
    'benchmarks.packing': ((), {
        'files': (['128', '200,1000'], ['', '127', '200,', 'a']), 'image_size': numbers(8), 'folder': FOLDER,
        'output': PATH, 'note': (['', 'A busy machine.'], []), 'worker': (['files', 'packed'], ['', 'none'])}),
    'benchmarks.profile_step': ((), {'steps': numbers(1), 'output': PATH}),
    'benchmarks.training.__main__': ((), {
        'recipes': (['graph_mode', 'sparse_softmax,graph_mode'], ['', 'none', 'paper', 'graph_mode,']),
        'implementations': (['dcgan', 'post,GEMM'], ['none']), 'windows': numbers(1), 'steps': numbers(1),
        'seconds': (['0', '0.5'], ['', '-0.1', 'nan', 'inf', 'a']), 'batch_size': numbers(2),
        'note': (['', 'A busy machine.'], []), 'report_only': SWITCH, 'output': PATH}),
    'benchmarks.workers': ((), {
        'recipes': RECIPES, 'workers': (['2', '1,2,3'], ['', '0', '2,', 'a']), 'batch_size': numbers(3),
        'steps': numbers(1), 'rounds': numbers(1), 'output': PATH, 'of_worker': (['all'], [])}),
    'experiments.batch_norm.__main__': ((), {
        'data_dir': FOLDER, 'dataset': DATASET, 'recipes': RECIPES, 'seeds': numbers(1),
        'stages': (['1', '3,1'], ['', '0', '3,', '3,0', 'a']), 'last_step': STEPS_BY_NAME,
        'num_images': numbers(8), 'precision': PRECISION, 'batch_size': numbers(2), 'classifier_steps': numbers(1),
        'blog_posts': FOLDER, 'runs': PATH, 'output': PATH}),
    'experiments.blog_posts.__main__': ((), {
        'posts': (['000', '000,004'], ['', '005', '000,']), 'seeds': numbers(0), 'first_step_seeds': numbers(1),
        'decision_seeds': numbers(1), 'steps': STEPS_BY_NAME, 'data_dir': FOLDER, 'dataset': DATASET,
        'image_dir': FOLDER, 'timed_steps': numbers(0), 'precision': PRECISION, 'batch_size': numbers(2),
        'num_images': numbers(16), 'classifier_steps': numbers(1), 'batch_norm_runs': FOLDER, 'runs': PATH,
        'output': PATH}),
    'experiments.discriminator_features.__main__': (('--run_dir=' + HERE,), {
        'run_dir': FOLDER, 'checkpoint': PATH, 'data_dir': FOLDER, 'train_images': numbers(10),
        'test_images': numbers(9), 'output': PATH}),
    'experiments.legacy.__main__': (('--code_dir=clones', '--data_dir=' + HERE), {
        'code_dir': PATH, 'clone': SWITCH, 'data_dir': FOLDER, 'image_dir': FOLDER, 'max_runs': numbers(1),
        'seconds': numbers(1), 'plain_seconds': numbers(1), 'only': (['wiseodd'], []), 'output': PATH}),
    'experiments.precision': (('--data_dir=' + HERE, '--image_dir=' + HERE), {
        'recipes': (['graph_mode', 'paper,graph_mode'], ['', 'none', 'graph_mode,']), 'data_dir': FOLDER,
        'image_dir': FOLDER, 'steps': numbers(5), 'seeds': numbers(2), 'bfloat16_seeds': numbers(1),
        'batch_size': numbers(2), 'image_size': numbers(8), 'runs': PATH, 'output': PATH}),
    'experiments.recipes.__main__': (('--recipes=graph_mode,sparse_softmax',), {
        'recipes': (['graph_mode', 'sparse_softmax,graph_mode'], ['', 'none', 'paper', 'graph_mode,']),
        'data_dir': FOLDER, 'dataset': DATASET, 'image_dir': FOLDER, 'steps': STEPS_BY_NAME, 'seeds': numbers(1),
        'precision': PRECISION, 'batch_size': numbers(2), 'num_images': numbers(24), 'classifier_steps': numbers(1),
        'runs': PATH, 'output': PATH}),
    'experiments.upstream.__main__': (('--code_dir=clones', '--data_dir=' + HERE), {
        'code_dir': PATH, 'clone': SWITCH, 'data_dir': FOLDER, 'steps': numbers(1),
        'recipes': (['graph_mode', 'sparse_softmax,graph_mode'], ['', 'none', 'graph_mode,']), 'output': PATH}),
    'robustness.__main__': (('--kills=1', '--steps=9'), {
        'recipes': (['machinecurve', 'sparse_softmax,machinecurve'], ['', 'none', 'graph_mode', 'machinecurve,']),
        'kills': (['1'], ['0', '2', '', 'a']), 'steps': (['9'], ['8', '', '2.5']), 'long_steps': numbers(20),
        'seed': numbers(0), 'output': PATH}),
    'robustness.fingerprints': (('--output=a.json',), {
        'output': PATH, 'data_dir': FOLDER, 'image_dir': FOLDER, 'compare': PATH}),
    'robustness.workers': (('--steps=30',), {
        'kills': (['3', '7'], ['2', '-1', '', 'a']), 'steps': (['25', '100'], ['11', '', '2.5']), 'seed': numbers(0),
        'output': PATH}),
    'robustness.fuzz': ((), {'inputs': numbers(1), 'seed': numbers(0), 'output': PATH})}
NO_ARGUMENTS_OF_THEIR_OWN = {'benchmarks.startup', 'benchmarks.training.worker', 'experiments.upstream.record'}


def parser_of(script):
    parse = importlib.import_module('scripts.' + script).parse
    if script == 'experiments.blog_posts.__main__':
        return functools.partial(parse, published=dict.fromkeys(('000', '004')))
    return parse


def test_every_script_is_here():
    programs = set()
    for group in ('benchmarks', 'experiments', 'robustness'):
        for folder, _, names in os.walk(os.path.join(ROOT, 'scripts', group)):
            for name in names:
                path = os.path.join(folder, name)
                if name.endswith('.py'):
                    with open(path, encoding='utf-8') as file:
                        if "if __name__ == '__main__':" in file.read():
                            relative = os.path.relpath(path, os.path.join(ROOT, 'scripts'))
                            programs.add(os.path.splitext(relative)[0].replace(os.sep, '.'))
    assert programs == set(SCRIPTS) | NO_ARGUMENTS_OF_THEIR_OWN


@pytest.mark.parametrize('script', sorted(SCRIPTS))
def test_every_argument_is_here(script, monkeypatch):
    names = []

    def note_arguments(parser, _):
        names.append({option[2:] for action in parser._actions for option in action.option_strings
                      if option.startswith('--')} - {'help'})
        sys.exit()
    monkeypatch.setattr(argparse.ArgumentParser, 'parse_args', note_arguments)
    with pytest.raises(SystemExit):
        parser_of(script)([])
    assert names == [set(SCRIPTS[script][1])]


@pytest.mark.parametrize('script,name', [(script, name) for script in sorted(SCRIPTS)
                                         for name in sorted(SCRIPTS[script][1])])
def test_edges(script, name, capsys):
    needed, edges = SCRIPTS[script]
    parse = parser_of(script)
    valid, invalid = edges[name]
    for value in valid:
        parse([*needed, '--' + name if value is None else '--%s=%s' % (name, value)])
    for value in invalid:
        with pytest.raises(SystemExit) as status:
            parse([*needed, '--%s=%s' % (name, value)])
        error = capsys.readouterr().err.splitlines()[-1]
        assert status.value.code == 2 and re.search(r'error: .*--%s\b' % name, error), error


@pytest.mark.parametrize('script', sorted(SCRIPTS))
def test_help(script, capsys):
    with pytest.raises(SystemExit) as status:
        parser_of(script)(['--help'])
    assert status.value.code == 0
    usage = ['usage:', 'python', '-m', 'scripts.' + script.replace('.__main__', '')]
    assert capsys.readouterr().out.split()[:4] == usage


@pytest.mark.parametrize('arguments,error', [
    ([], 'give --data_dir, --image_dir, or both'),
    (['--recipes=paper', '--data_dir=' + HERE], '--recipes: paper needs --image_dir'),
    (['--recipes=graph_mode', '--image_dir=' + HERE], '--recipes: graph_mode needs --data_dir')])
def test_recipes_need_their_data(arguments, error, capsys):
    with pytest.raises(SystemExit) as status:
        parser_of('experiments.precision')(arguments)
    assert status.value.code == 2 and error in capsys.readouterr().err


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
