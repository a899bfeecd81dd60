"""The benchmark: its floor, its rivals, and a tiny run of all of it."""
import importlib
import json
import os
import signal

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from dcgan_tf1.layers import conv2d, conv2d_transpose

SCRIPTS = os.path.join(os.path.dirname(__file__), '..', 'scripts')
PAIRS = [('graph_mode', 'generator_then_discriminator'), ('graph_mode', 'simultaneous'),
         ('sparse_softmax', 'discriminator_then_generator'),
         ('learnopencv_torch', 'discriminator_then_generator_same_images')]


@pytest.fixture(autouse=True)
def scripts(monkeypatch):
    monkeypatch.syspath_prepend(SCRIPTS)


def task(recipe, schedule, **options):
    return {'recipe': recipe, 'schedule': schedule, 'precision': 'float32', 'batch_size': 2, 'options': options}


@pytest.mark.parametrize('padding', ['same', 'valid'])
@pytest.mark.parametrize('size,kernel,stride', [(28, 5, 2), (7, 5, 2), (8, 4, 2), (9, 3, 1), (7, 7, 1), (9, 2, 3)])
def test_floor_counts_inside_the_image(size, kernel, stride, padding, graph):
    """A convolution of ones with ones is, at each place, the number of products inside the image."""
    from benchmarking import floor
    x = tf.placeholder(tf.float32, [None, size, size, 1])
    y = tf.nn.conv2d(x, tf.ones([kernel, kernel, 1, 1]), [1, stride, stride, 1], padding.upper())
    layer = conv2d(x, 7, kernel, stride, padding)
    product, = floor.products([tf.reduce_sum(layer)], 3)
    with tf.Session() as session:
        inside = session.run(y, {x: np.ones((3, size, size, 1))}).sum()
    assert product.flops == 2 * 7 * inside
    assert product.gemm == (3 * int(y.shape[1]) ** 2, kernel ** 2, 7)


def test_floor_counts_gradients(graph):
    """Each of a layer's two gradients takes the products that the layer takes; what no one uses is not counted."""
    from benchmarking import floor
    x = tf.placeholder(tf.float32, [None, 7, 7, 3])
    images = conv2d_transpose(x, 4, 5, 2)
    y = conv2d(images, 3, 5, 2)  # the same kernel's shape, the other way round
    kernels = [variable for variable in tf.trainable_variables() if 'kernel' in variable.name]
    loss = tf.reduce_sum(tf.square(y))
    forward = floor.products([loss], 2)
    assert len(forward) == 2 and len({product.flops for product in forward}) == 1
    count = len(floor.products([tf.train.AdamOptimizer().minimize(loss, var_list=kernels[1:])], 2))
    assert count == 2 + 1  # the second kernel's gradient alone
    count = len(floor.products([tf.train.AdamOptimizer().minimize(loss, var_list=kernels[:1])], 2))
    assert count == 2 + 2  # the first kernel's, through the second layer, whose own kernel's is no use


def test_floor_of_graph_mode(graph):
    """10 of its products are of the 5×5 layers between 128 and 256 channels, which are nearly all of the work."""
    from benchmarking import floor, ours
    step = ours.training_graph(task('graph_mode', 'simultaneous', flags=floor.NATIVE)).step
    products = floor.products([step.train_op, step.discriminator_loss, step.generator_loss], 128)
    large = [product for product in products if 3200 in product.gemm]
    padded = 2 * 128 * 7 * 7 * 25 * 128 * 256
    assert len(large) == 10 and {product.flops for product in large} == {padded * 32 ** 2 // 35 ** 2}
    assert sum(product.flops for product in large) > 0.97 * sum(product.flops for product in products)


@pytest.mark.parametrize('recipe,schedule', PAIRS)
@pytest.mark.parametrize('rival', ['torch', 'keras'])
def test_rivals_train_the_same_networks(rival, recipe, schedule):
    pytest.importorskip(rival, **({'minversion': '3'} if rival == 'keras' else {}))
    from benchmarking import on_tensorflow, ours
    with tf.Graph().as_default():
        ours.training_graph(task(recipe, schedule))
        expected = on_tensorflow.trainable(lambda scope: tf.trainable_variables(scope + '/'))
    module = importlib.import_module('benchmarking.rival_' + rival)
    worker = module.build(task(recipe, schedule, policy='float32'))
    assert worker.parameters == expected
    losses = np.array([worker.train(1) for _ in range(2)])
    assert np.isfinite(losses).all() and (losses[0] != losses[1]).all()


def test_a_tiny_run(tmp_path, monkeypatch):
    import benchmark
    from benchmarking import contestants
    floor, missing = contestants._contestant('GEMM floor', 'float32', 'floor'), contestants._contestant(
        'PyTorch nowhere', 'float32', 'no_such_module')
    chosen = [contestant for contestant in contestants.CONTESTANTS
              if contestant.name in (contestants.POST, contestants.OURS)]
    monkeypatch.setattr(contestants, 'CONTESTANTS', [*chosen, missing, floor])
    monkeypatch.setattr(contestants, 'GROWTH', [c for c in contestants.GROWTH if c.precision == 'float32'])
    monkeypatch.setattr(contestants, 'BATCH_SIZES', (4,))
    monkeypatch.setattr(contestants, 'IMAGE_SIZES', {'sparse_softmax': (28,)})
    monkeypatch.setattr(contestants, 'IMAGES_IN_MEMORY', (40,))
    benchmark.main(['--recipes=sparse_softmax', '--windows=2', '--steps=1', '--seconds=0', '--batch-size=4',
                    '--output=' + str(tmp_path)])
    with open(str(tmp_path / 'benchmark.json')) as file:
        figures = json.load(file)
    results = {(result['name'], result['precision']): result for result in figures['races']['sparse_softmax']}
    for key in (('ours', 'float32'), ('GEMM floor', 'float32')):
        assert results[key]['unavailable'] is None
        assert len(results[key]['milliseconds']) == 2 and min(results[key]['milliseconds']) > 0
    assert results['ours', 'float32']['peak'] > 50e6 and results['ours', 'float32']['device']
    assert 'no_such_module' in results['PyTorch nowhere', 'float32']['unavailable']
    if results[contestants.POST, 'float32']['unavailable'] is None:
        assert figures['comparisons']['sparse_softmax'][0]['post'][0] > 0
    else:
        assert 'tf_keras' in results[contestants.POST, 'float32']['unavailable']
    assert [entry['what'] for entry in figures['growth']['sparse_softmax']] == [
        'batch size', 'image size', 'images in memory']
    text = (tmp_path / 'README.md').read_text(encoding='utf-8')
    assert '| PyTorch nowhere | float32 | not here: No module' in text and '| ours | float32 |' in text
    assert '\n| images in memory |' in text
    assert (tmp_path / 'sparse_softmax.png').read_bytes().startswith(b'\x89PNG')


def test_a_worker_that_dies(monkeypatch):
    from benchmarking import contestants, processes
    contestant, = [c for c in contestants.CONTESTANTS if (c.name, c.precision) == ('ours', 'float32')]
    process = processes.Process(contestants.task('sparse_softmax', 'discriminator_then_generator', contestant,
                                                 batch_size=2))
    assert process.train(1)['milliseconds'] > 0
    os.kill(process._process.pid, signal.SIGKILL)
    with pytest.raises(processes.Unavailable, match='status -9'):
        process.train(1)
    process.close()
