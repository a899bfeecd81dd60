"""The benchmarks: the GEMM bound, the implementations, a tiny run of everything, and the stored results."""
import functools
import importlib.util
import json
import os
import signal
import subprocess
import sys
from itertools import zip_longest

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from helpers import ROOT, run_script

from dcgan_tf1.model import inputs as model_inputs
from dcgan_tf1.model.layers import conv2d, conv2d_transpose
from scripts.benchmarks import packing, profile_step
from scripts.benchmarks.training import __main__ as benchmark
from scripts.benchmarks.training import (
    catalog,
    comparisons,
    gemm_bound,
    measurements,
    overview,
    processes,
    report,
    tasks,
)
from scripts.benchmarks.training.implementations import dcgan_tf1_loop, tensorflow_process
from scripts.benchmarks.training.race import Result
from scripts.lib.paths import results_folder

pytestmark = pytest.mark.any_tensorflow

PAIRS = [('graph_mode', 'generator_then_discriminator'), ('graph_mode', 'simultaneous'),
         ('sparse_softmax', 'discriminator_then_generator'),
         ('learnopencv_torch', 'discriminator_then_generator_same_images')]


TORCH_PROGRAM = '''
import importlib, json, sys
for task in json.loads(sys.argv[1]):
    module = importlib.import_module('scripts.benchmarks.training.implementations.' + task['module'])
    program = module.build(task)
    print(json.dumps([program.parameters, [program.train(1) for _ in range(2)]]))
assert 'tensorflow' not in sys.modules
'''


@pytest.fixture
def forked_workers(monkeypatch):
    """Workers are forks if they do not change this variable."""
    monkeypatch.setenv('TF_CPP_MIN_LOG_LEVEL', '2')


def make_task(recipe, schedule, **options):
    implementation = catalog.Implementation('a test', 'float32', 'no_module', options, False, (recipe,))
    return tasks.make_task(recipe, schedule, implementation, batch_size=2)


@pytest.mark.parametrize('padding', ['same', 'valid'])
@pytest.mark.parametrize('size,kernel,stride', [
    (28, 5, 2), (7, 5, 2), (8, 4, 2), (9, 3, 1), (7, 7, 1), (9, 2, 3)])
def test_bound_counts_products_inside_the_image(size, kernel, stride, padding, graph):
    """A convolution of ones with ones gives, at each position, the number of products inside the image."""
    x = tf.placeholder(tf.float32, [None, size, size, 1])
    y = tf.nn.conv2d(x, tf.ones([kernel, kernel, 1, 1]), [1, stride, stride, 1], padding.upper())
    layer = conv2d(x, 7, kernel, stride, padding)
    product, = gemm_bound.products([tf.reduce_sum(layer)], 3)
    with tf.Session() as session:
        inside = session.run(y, {x: np.ones((3, size, size, 1))}).sum()
    assert product.flops == 2 * 7 * inside
    assert product.gemm == (3 * int(y.shape[1]) ** 2, kernel ** 2, 7)


def test_bound_counts_gradients(graph):
    """Both gradients of a layer take as many products as the layer. Unused gradients are not counted."""
    x = tf.placeholder(tf.float32, [None, 7, 7, 3])
    images = conv2d_transpose(x, 4, 5, 2)
    y = conv2d(images, 3, 5, 2)  # its kernel has the same shape, transposed
    kernel_variables = [variable for variable in tf.trainable_variables() if 'kernel' in variable.name]
    loss = tf.reduce_sum(tf.square(y))
    forward = gemm_bound.products([loss], 2)
    assert len(forward) == 2 and len({product.flops for product in forward}) == 1
    train_second = tf.train.AdamOptimizer().minimize(loss, var_list=kernel_variables[1:])
    assert len(gemm_bound.products([train_second], 2)) == 2 + 1  # only the gradient of the second kernel
    train_first = tf.train.AdamOptimizer().minimize(loss, var_list=kernel_variables[:1])
    # The gradients of the second layer's input and of the first kernel, but not of the second kernel.
    assert len(gemm_bound.products([train_first], 2)) == 2 + 2


@pytest.mark.parametrize('recipe,schedule', PAIRS)
def test_every_timed_step_has_a_full_batch(recipe, schedule, graph):
    settings = dcgan_tf1_loop._settings(make_task(recipe, schedule, flags=gemm_bound.NATIVE_KERNELS))
    batches = model_inputs.batch_plan(settings, 5).indices(tf.constant(0, tf.int64))
    indices = tf.data.make_one_shot_iterator(batches).get_next()
    with tf.Session() as session:
        assert [len(session.run(indices)) for _ in range(6)] == [2] * 6


@pytest.mark.slow
def test_bound_of_graph_mode(graph):
    """Ten products belong to the 5×5 layers between 128 and 256 channels, which are nearly all of the work."""
    task = make_task('graph_mode', 'simultaneous', flags=gemm_bound.NATIVE_KERNELS)
    step = dcgan_tf1_loop.build_graph(task).step
    products = gemm_bound.products([step.train_op, step.discriminator_loss, step.generator_loss], 128)
    large = [product for product in products if 3200 in product.gemm]
    padded = 2 * 128 * 7 * 7 * 25 * 128 * 256
    assert len(large) == 10 and {product.flops for product in large} == {padded * 32 ** 2 // 35 ** 2}
    assert sum(product.flops for product in large) > 0.97 * sum(product.flops for product in products)


@functools.lru_cache(maxsize=None)
def expected_parameters(recipe, schedule):
    with tf.Graph().as_default() as graph:
        dcgan_tf1_loop.build_graph(make_task(recipe, schedule, flags=gemm_bound.NATIVE_KERNELS))
        return tensorflow_process.count_parameters(graph)


def assert_trains(losses):
    assert np.isfinite(losses).all() and (losses[0] != losses[1]).all()


@pytest.mark.slow
@pytest.mark.parametrize('recipe,schedule', PAIRS)
def test_keras_trains_the_same_networks(recipe, schedule):
    pytest.importorskip('keras', minversion='3')
    from scripts.benchmarks.training.implementations import keras_loop
    program = keras_loop.build(make_task(recipe, schedule, policy='float32'))
    assert program.parameters == expected_parameters(recipe, schedule)
    tf.config.run_functions_eagerly(recipe != 'sparse_softmax')  # tracing a step takes longer than the step
    try:
        assert_trains(np.array([program.train(1) for _ in range(2)]))
    finally:
        tf.config.run_functions_eagerly(False)


def test_processes_of_other_frameworks_do_not_import_tensorflow():
    """PyTorch crashes beside it."""
    # With -u, it is no fork of a process that has imported TensorFlow.
    program = 'import sys, scripts.lib.machine; print("tensorflow" in sys.modules)'
    assert subprocess.check_output([sys.executable, '-u', '-c', program], cwd=ROOT) == b'False\n'


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec('torch') is None, reason='PyTorch is not installed')
def test_torch_trains_the_same_networks():
    """In a process of its own: some versions of PyTorch crash in a process with TensorFlow."""
    tasks_of_torch = [{**make_task(*pair), 'module': module} for module, *pair in (
        *(('torch_loop', *pair) for pair in PAIRS), ('post_001_loop', *PAIRS[-1]))]
    output = subprocess.check_output([sys.executable, '-u', '-c', TORCH_PROGRAM, json.dumps(tasks_of_torch)], cwd=ROOT,
                                     env={**os.environ, 'OMP_NUM_THREADS': '1'})  # more threads spin while they wait
    for task, line in zip_longest(tasks_of_torch, output.decode().splitlines()):
        parameters, losses = json.loads(line)
        assert parameters == expected_parameters(task['recipe'], task['schedule'])
        assert_trains(np.array(losses))


@pytest.mark.parametrize('change', [{}, {'windows': 3}, {'frameworks': 'TensorFlow 9'}])
def test_other_recipes_are_kept(change):
    """If they were measured in the same way."""
    def measured(recipe, *frameworks):
        return measurements.Measurements('a CPU', '3.11', ', '.join(frameworks), 7, {recipe: 128}, 0.1, '',
                                         {recipe: []})
    kept = measurements.with_earlier(measured('graph_mode', 'PyTorch 2', 'TensorFlow 2'),
                                     measured('sparse_softmax', 'TensorFlow 2', 'PyTorch 2')._replace(**change))
    expected = ['graph_mode'] if change else ['sparse_softmax', 'graph_mode']
    assert list(kept.races) == list(kept.batch_sizes) == expected


@pytest.mark.slow
def test_a_tiny_run(tmp_path, monkeypatch, forked_workers):
    bound = catalog.Implementation(catalog.BOUND, 'float32', 'gemm_bound', {}, False, tuple(catalog.RECIPES))
    missing = bound._replace(name='PyTorch nowhere', module='no_such_module')
    own = [implementation for implementation in catalog.IMPLEMENTATIONS
           if implementation.name in (catalog.POST, catalog.PACKAGE, catalog.AUTO, catalog.CONTROL)
           and implementation.precision != 'bfloat16']
    for implementation in own:  # no kernels are timed
        if implementation.options:
            monkeypatch.setitem(implementation.options, 'flags', [*implementation.options['flags'], '--kernels=native'])
    monkeypatch.setattr(catalog, 'IMPLEMENTATIONS', [*own, missing, bound])
    run_script(benchmark, '--recipes=sparse_softmax', '--windows=2', '--steps=1', '--seconds=0', '--batch_size=4',
               '--note=A test.', '--output=' + str(tmp_path))
    folder, = [path for path in tmp_path.iterdir() if path.is_dir()]  # of this processor
    with open(str(folder / 'benchmark.json')) as file:
        content = json.load(file)
    assert folder.name == benchmark._folder_name(content['device']) and '-cores-of-' in folder.name
    results = {(result['name'], result['precision']): result for result in content['races']['sparse_softmax']}
    for key in ((catalog.PACKAGE, 'float32'), (catalog.BOUND, 'float32')):
        assert results[key]['unavailable'] is None
        assert len(results[key]['milliseconds']) == 2 and min(results[key]['milliseconds']) > 0
    assert results[catalog.PACKAGE, 'float32']['peak'] > 50e6 and results[catalog.PACKAGE, 'float32']['device']
    assert 'no_such_module' in results['PyTorch nowhere', 'float32']['unavailable']
    if results[catalog.POST, 'float32']['unavailable'] is None:
        assert content['comparisons']['sparse_softmax'][0]['post'][0] > 0
    else:
        assert 'tf_keras' in results[catalog.POST, 'float32']['unavailable']
    text = (folder / 'README.md').read_text(encoding='utf-8')
    assert '| PyTorch nowhere | float32 | not available: No module' in text and '| dcgan_tf1 | float32 |' in text
    assert '\nA test.\n' in text
    assert (folder / 'sparse_softmax.png').read_bytes().startswith(b'\x89PNG')
    assert ' times as fast as the control, which is the same program.' in text
    auto = results[catalog.AUTO, 'auto']
    assert auto['details']['precision'] in ('float32', 'bfloat16') and '| dcgan_tf1, auto | auto: ' in text
    side_by_side = (tmp_path / 'README.md').read_text(encoding='utf-8')
    assert '](%s/README.md)' % folder.name in side_by_side and '\n## What --kernels=auto with' in side_by_side
    # The reports can be written again from the stored measurements.
    for page in (tmp_path / 'README.md', folder / 'README.md'):
        page.unlink()
    run_script(benchmark, '--report_only', '--output=' + str(tmp_path))
    assert (folder / 'README.md').read_text(encoding='utf-8') == text
    assert (tmp_path / 'README.md').read_text(encoding='utf-8') == side_by_side


def test_stored_results_match_the_committed_report():
    """The committed tables come from the committed measurements."""
    output = results_folder('benchmarks', 'training')
    folders = benchmark.stored(output)
    assert folders
    for name, stored in folders.items():
        assert name == benchmark._folder_name(stored.device)
        with open(os.path.join(output, name, 'benchmark.json'), 'rb') as file:
            assert measurements.to_json(stored) == file.read()
        with open(os.path.join(output, name, 'README.md'), encoding='utf-8') as file:
            assert file.read() == report.readme(stored)
    with open(os.path.join(output, 'README.md'), encoding='utf-8') as file:
        assert file.read() == overview.page(folders)


def test_a_post_is_compared_with_its_own_schedule_alone():
    """Another schedule does less work per step: a ratio would mix a faster loop with a cheaper algorithm."""
    results = [Result(schedule, name, 'float32', None, [milliseconds]) for schedule, name, milliseconds in (
        ('own', catalog.POST, 300.), ('own', catalog.PACKAGE, 200.), ('other', catalog.PACKAGE, 100.))]
    own, other = comparisons.compare(results)
    assert own['post'] == (1.5, 1.5, 1.5) and other['post'] is None
    empty = dict.fromkeys(measurements.Measurements._fields, 0)
    text = report.readme(measurements.Measurements(**{
        **empty, 'note': '', 'batch_sizes': {'graph_mode': 128}, 'races': {'graph_mode': [
            result._replace(peak=1) for result in results]}}))
    assert '| dcgan_tf1 | own | float32 | 1.50 (1.50–1.50) |' in text and '| other | float32 |  |' in text
    assert 'control' not in text.partition('## graph_mode')[2]


@pytest.mark.parametrize('windows,rank', [(5, 1), (6, 1), (7, 1), (8, 1), (9, 2), (15, 4), (25, 8), (40, 14)])
def test_the_interval_of_a_median(windows, rank):
    """The ranks are those of published tables for the sign test at 95%. The order of the windows does not matter."""
    values = np.random.RandomState(windows).permutation(np.arange(1., windows + 1))
    assert comparisons.median(values) == ((windows + 1) / 2, rank, windows + 1 - rank)


@pytest.mark.parametrize('windows', [7, 25])
def test_the_interval_contains_the_true_median(windows):
    """In at least 95% of the cases, for times that have a long tail, too."""
    times = np.random.RandomState(0).lognormal(size=(4000, windows))  # of median 1
    intervals = [comparisons.median(values)[1:] for values in times]
    assert 0.945 < np.mean([low <= 1 <= high for low, high in intervals]) < 0.99


def test_precisions_can_be_selected():
    entries = catalog.entries('sparse_softmax', 'dcgan_tf1,GEMM', ('float32', 'auto'))
    assert [(implementation.name, implementation.precision) for _, implementation in entries] == [
        (catalog.PACKAGE, 'float32'), (catalog.AUTO, 'auto'), (catalog.BOUND, 'float32')]


@pytest.mark.slow
def test_packing(tmp_path, capsys):
    arguments = ['--image_size=8', '--folder=%s' % tmp_path, '--output=%s/results' % tmp_path]
    run_script(packing, '--files=140', *arguments)
    run_script(packing, '--files=128', *arguments)
    text = capsys.readouterr().out
    assert '| 140 | 8×8 | ' in text and '| 128 | 8×8 | ' in text and os.listdir(str(tmp_path)) == ['results']
    with open(str(tmp_path / 'results' / 'packing.json')) as file:
        bytes_per_image = [result['bytes'] / result['count'] for result in json.load(file)]
    assert len(bytes_per_image) == 2 and all(0 < size - (8 * 8 * 3 + 4) < 6 for size in bytes_per_image)


def test_auto_is_compared_with_the_fastest_fixed_choice():
    results = [Result('own', name, precision, None, [milliseconds], details=details) for
               name, precision, milliseconds, details in (
        (catalog.PACKAGE, 'float32', 300., None), (catalog.PACKAGE + ', other kernels', 'bfloat16', 200., None),
        ('PyTorch eager', 'float32', 100., None),
        (catalog.AUTO, 'auto', 250., {'precision': 'bfloat16', 'kernels': 'native'}))]
    row, = comparisons.compare_auto(results)
    assert row['auto'] == (0.8, 0.8, 0.8) and row['best'] == 'dcgan_tf1, other kernels, bfloat16'
    assert len(comparisons.compare(results)) == 2  # it is not one of the fixed choices


@pytest.mark.slow
def test_a_worker_that_dies(forked_workers):
    process = processes.Process({**make_task('graph_mode_dense', 'simultaneous', flags=gemm_bound.NATIVE_KERNELS),
                                 'module': 'implementations.dcgan_tf1_loop'})
    assert process.train(1)['milliseconds'] > 0
    os.kill(process.process.pid, signal.SIGKILL)
    with pytest.raises(processes.Unavailable, match='status -9'):
        process.train(1)
    process.close()


@pytest.mark.slow
def test_profile(monkeypatch, tmp_path):
    monkeypatch.setattr(catalog, 'RECIPES', {'machinecurve': ('simultaneous',)})
    monkeypatch.setattr(catalog, 'IMPLEMENTATIONS', [catalog.Implementation(
        catalog.PACKAGE, 'float32', 'implementations.dcgan_tf1_loop', {'flags': gemm_bound.NATIVE_KERNELS}, False,
        ('machinecurve',))])
    run_script(profile_step, '--steps=1', '--output=%s' % tmp_path)
    row, = [line for line in (tmp_path / 'README.md').read_text(encoding='utf-8').splitlines()
            if line.startswith('| machinecurve, simultaneous | dcgan_tf1 | float32 |')]
    assert row.count('%)') == len(profile_step.KINDS)
