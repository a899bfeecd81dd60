"""The scripts' own arguments: every one has its edges here, and what is refused is so by its name, with status 2."""
import argparse
import functools
import importlib
import os
import re
import subprocess
import sys

import pytest

sys.path.append(os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'scripts'))

import benchmark_startup
import environment
import reproduce_blogs
import trainings
from dcgan_tf1.errors import UserError

HERE = os.path.dirname(os.path.abspath(__file__))


def count(lowest):
    return [str(lowest), '7'] if lowest < 7 else [str(lowest)], [str(lowest - 1), '-1', '', '2.5', 'many']


FOLDER = ([HERE], ['', 'nowhere', __file__])
PATH = (['there/or/not'], ['', ' '])
RECIPES = (['graph_mode', 'sparse_softmax,graph_mode'], ['', 'none', 'graph_mode,', 'graph_mode,none'])
ENDS = (['graph_mode=1', 'graph_mode=3,sparse_softmax=7'], ['graph_mode', 'graph_mode=0', 'graph_mode=x', 'none=3'])
PRECISION = (['float32', 'bfloat16'], ['', 'float16'])
DATASET = (['mnist', 'digits'], ['', 'imagenet'])
FLAG = ([None], [])  # takes no value

# For each script: how it parses, what it needs beside, and for each argument values just inside and just outside.
PARSED = {
    'ablate_batch_norm': ((), {
        'data_dir': FOLDER, 'dataset': DATASET, 'recipes': RECIPES, 'seeds': count(1),
        'stages': (['1', '3,1'], ['', '0', '3,', '3,0', 'a']), 'ends': ENDS, 'num_images': count(8),
        'precision': PRECISION, 'batch_size': count(2), 'classifier_steps': count(1), 'runs': PATH, 'output': PATH}),
    'benchmark': ((), {
        'recipes': (['graph_mode', 'sparse_softmax,graph_mode'], ['', 'none', 'paper', 'graph_mode,']),
        'contestants': (['ours', 'the,GEMM'], ['none']), 'windows': count(1), 'steps': count(1),
        'seconds': (['0', '0.5'], ['', '-0.1', 'nan', 'inf', 'a']), 'batch-size': count(2), 'growth': FLAG,
        'no-growth': FLAG, 'output': PATH}),
    'benchmark_kernels': ((), {
        'batch_sizes': (['1', '32,128'], ['', '0', '32,', 'a']), 'rounds': count(1), 'output': PATH}),
    'check_reliability': (('--kills=1', '--steps=9'), {
        'recipes': (['machinecurve', 'sparse_softmax,machinecurve'], ['', 'none', 'graph_mode', 'machinecurve,']),
        'kills': (['1'], ['0', '2', '', 'a']), 'steps': (['9'], ['8', '', '2.5']), 'long_steps': count(20),
        'seed': count(0), 'output': PATH}),
    'compare_precisions': (('--data_dir=' + HERE, '--image_dir=' + HERE), {
        'recipes': (['graph_mode', 'paper,graph_mode'], ['', 'none', 'graph_mode,']), 'data_dir': FOLDER,
        'image_dir': FOLDER, 'steps': count(5), 'seeds': count(2), 'bfloat16_seeds': count(1), 'batch_size': count(2),
        'image_size': count(8), 'runs': PATH, 'output': PATH}),
    'discriminator_features': (('--run_dir=' + HERE,), {
        'run_dir': FOLDER, 'checkpoint': PATH, 'data_dir': FOLDER, 'train_images': count(10), 'test_images': count(8),
        'output': PATH}),
    'fuzz': ((), {'inputs': count(1), 'seed': count(0), 'output': PATH}),
    'profile_step': ((), {'steps': count(1), 'output': PATH}),
    'reproduce_blogs': ((), {
        'posts': (['000', '000,004'], ['', '005', '000,']), 'seeds': count(0), 'first_step_seeds': count(1),
        'decision_seeds': count(1), 'ends': ENDS, 'data_dir': FOLDER, 'dataset': DATASET, 'image_dir': FOLDER,
        'timed_steps': count(0), 'precision': PRECISION, 'batch_size': count(2), 'num_images': count(16),
        'classifier_steps': count(1), 'ablation_runs': FOLDER, 'runs': PATH, 'output': PATH})}


def parse_of(script):
    parse = importlib.import_module(script).parse
    return functools.partial(parse, published=dict.fromkeys(('000', '004'))) if script == 'reproduce_blogs' else parse


@pytest.mark.parametrize('script', sorted(PARSED))
def test_every_argument_has_its_edges_here(script, monkeypatch):
    seen = []

    def look(parser, _):
        seen.append({option[2:] for action in parser._actions for option in action.option_strings
                     if option.startswith('--')} - {'help'})
        sys.exit()
    monkeypatch.setattr(argparse.ArgumentParser, 'parse_args', look)
    with pytest.raises(SystemExit):
        parse_of(script)([])
    assert seen == [set(PARSED[script][1])]


@pytest.mark.parametrize('script,name', [(script, name) for script in sorted(PARSED)
                                         for name in sorted(PARSED[script][1])])
def test_edges(script, name, capsys):
    beside, edges = PARSED[script]
    parse = parse_of(script)
    inside, outside = edges[name]
    for value in inside:
        parse([*beside, '--' + name if value is None else '--%s=%s' % (name, value)])
    for value in outside:
        with pytest.raises(SystemExit) as status:
            parse([*beside, '--%s=%s' % (name, value)])
        error = capsys.readouterr().err.splitlines()[-1]
        assert status.value.code == 2 and re.search(r'error: .*--%s\b' % name, error), error


@pytest.mark.parametrize('args,fault', [
    ([], 'name a --data_dir, an --image_dir, or both'),
    (['--recipes=paper', '--data_dir=' + HERE], '--recipes: paper needs --image_dir'),
    (['--recipes=graph_mode', '--image_dir=' + HERE], '--recipes: graph_mode needs --data_dir')])
def test_recipes_need_their_data(args, fault, capsys):
    with pytest.raises(SystemExit) as status:
        parse_of('compare_precisions')(args)
    assert status.value.code == 2 and fault in capsys.readouterr().err


def test_environments_that_cannot_be(capfd):
    with pytest.raises(SystemExit, match='error: there is no TensorFlow for Python nowhere here: run this with Python'):
        environment.prepared('nowhere')
    with pytest.raises(SystemExit, match='error: «false» failed .status 1.: see its output above'):
        environment._run(['false'])


def test_a_start_that_fails():
    process = subprocess.run([sys.executable, benchmark_startup.__file__, '--steps=0'], capture_output=True)
    told = process.stderr.decode()
    assert process.returncode == 1 and '--steps=0' in told, told
    assert told.splitlines()[-1] == 'error: the training ended with status 1: see above'


def test_measurements_that_cannot_be_read(tmp_path):
    (tmp_path / 'measurements.json').write_text('{"settings": ')
    with pytest.raises(UserError, match='measurements.json cannot be read .*: mend or delete it'):
        trainings.Measurements(str(tmp_path), {})


def test_what_fails_is_one_line(tmp_path):
    """Of a script from end to end."""
    (tmp_path / 'file').write_text('')
    process = subprocess.run([sys.executable, reproduce_blogs.__file__, '--output=%s/file' % tmp_path],
                             capture_output=True)
    told = process.stderr.decode()
    assert process.returncode == 1 and 'Traceback' not in told, told
    assert told.splitlines()[-1].startswith('error: %s/file' % tmp_path)
