"""What `python -m dcgan_tf1.legacy` says to write instead: each line, followed to the letter, computes the same."""
import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from helpers import ROOT, TENSORFLOW

from dcgan_tf1.legacy.put_back import arguments, contrib, input_data, keras2, old_names, slim_names, tensorflow1

pytestmark = [pytest.mark.slow, pytest.mark.skipif(
    TENSORFLOW < (2, 16), reason='the advice is the same before, but less has to be put back')]
_X, _TWO, _LABELS = 'x = np.arange(6.).reshape(2, 3)', 'a, b = tf.ones([2, 2]), 2 * tf.ones([2, 2])', '''\
logits, labels = tf.constant([[1., -2.]]), tf.constant([[0., 1.]])'''
_LAYER = "n, size, strides, x = 3, 5, 2, tf.constant(np.arange(256.).reshape(2, 8, 8, 2) / 99, tf.float32)"
_CANDIDATES = ('weights, biases, inputs = tf.ones([3, 2]), tf.ones([3]), tf.ones([1, 2]); labels = tf.constant([[1]]); '
               'sampled = (tf.constant([0, 2], tf.int64), tf.ones([1, 1]), tf.ones([2]))')
_SAMPLED = ['labels', 'inputs', 'num_sampled=2, num_classes=3, sampled_values=sampled']
_L1 = 'scale, w = 0.3, tf.constant([-1., 2.])'
_IMAGE = "name = 'a.png'; PIL.Image.fromarray(np.arange(6, dtype=np.uint8).reshape(2, 3)).save(name)"
_STRETCH = 'x = %s' % old_names._STRETCHED
# {what is put back: (what exists before, old code, new code, what fills the dots in the advice, what else it says)}.
# In the new code, {} stands for what the advice says to write; without it, the advice says so in words.
ROWS = {
    'numpy.asscalar': ('x = np.array([3])', 'np.asscalar(x)', '{}'),
    'numpy.asfarray': ('x = [1, 2]', 'np.asfarray(x)', '{}'),
    'numpy.reshape(newshape=…)': (_X + '; shape = [3, 2]', 'np.reshape(x, newshape=shape)', '{}'),
    'numpy.fromstring of bytes': ("string, dtype = b'abc', np.uint8", 'add_one(np.fromstring(string, dtype))',
                                  'add_one({})'),
    'dataset.value of h5py': ("dataset = h5py.File('a.h5', 'w').create_dataset('x', data=[1, 2])", 'dataset.value',
                              '{}'),
    'the style seaborn-deep of Matplotlib': ('', "plt.style.use('seaborn-deep') or str(plt.rcParams)",
                                             "plt.style.use('{}') or str(plt.rcParams)"),
    "matplotlib.use('TkAgg')": ('', "matplotlib.use('TkAgg')", 'None', (), ['leave it out']),
    'matplotlib.pyplot.hold': ('', 'plt.hold(True)', 'None', (), ['leave it out']),
    'scipy.misc.imread': (_IMAGE, 'scipy.misc.imread(name)', '{}'),
    'scipy.ndimage.imread': (_IMAGE, 'scipy.ndimage.imread(name)', '{}'),
    'scipy.misc.fromimage': ("image = PIL.Image.new('RGB', (2, 3), (1, 2, 3))", 'scipy.misc.fromimage(image)', '{}'),
    'scipy.misc.imsave': (_X + "; name = 'b.png'", '(scipy.misc.imsave(name, x), PIL.Image.open(name))[1]',
                          '({}, PIL.Image.open(name))[1]', (), [_STRETCH]),
    'scipy.misc.toimage': (_X, 'scipy.misc.toimage(x)', '{}', (), [_STRETCH]),
    'scipy.misc.bytescale': (_X, 'scipy.misc.bytescale(x)', '{}'),
    'scipy.misc.imresize': (_X + '; height, width = 4, 5', 'scipy.misc.imresize(x, (height, width))', '{}', (),
                            [_STRETCH]),
    'scipy.misc.imshow': (_X, 'scipy.misc.imshow(x)', '[{}][1:] or None'),
    'inspect.getargspec': ('', 'inspect.getargspec(lambda a, b: 1).args', '{}(lambda a, b: 1).args'),
    'a float in a shape': ('', 'tf.zeros([5 / 2]).shape.as_list()', 'tf.zeros([5 // 2]).shape.as_list()', (),
                           ['// instead of /']),
    "DEFINE_integer('size', inf)": ('', "value_of(tf.app.flags.DEFINE_integer('size', np.inf, ''))",
                                    "value_of(tf.app.flags.{}('size', np.inf, ''))"),
    'the flag --log_dir, which absl defines, too': (
        '', "value_of(tf.app.flags.DEFINE_string('log_dir', 'mine', ''))",
        "value_of(tf.app.flags.DEFINE_string('log_dir', 'mine', '', allow_override=True))", (),
        ['add the argument allow_override=True']),
    'the static shape of tf.nn.conv2d_transpose': (
        'output_shape = [tf.shape(tf.ones([2]))[0], 4, 4, 1]',
        'tf.nn.conv2d_transpose(tf.ones([2, 2, 2, 1]), tf.ones([2, 2, 1, 1]), tf.stack([2, 4, 4, 1]), [1, 2, 2, 1])',
        'tf.nn.conv2d_transpose(tf.ones([2, 2, 2, 1]), tf.ones([2, 2, 1, 1]), tf.stack([2, 4, 4, 1]), [1, 2, 2, 1])',
        (), ['y.set_shape(output_shape)']),
    'tf.layers': (_LAYER, 'tf.compat.v1.layers.dense(x, n)', 'tf.layers.dense(x, n)'),
    'tf.keras': ('', 'tf.keras.layers.Dense(2).count_params', 'tf.keras.layers.Dense(2).count_params'),
    'tf.nn.sigmoid_cross_entropy_with_logits(logits, labels, …)': (
        _LABELS, 'tf.nn.sigmoid_cross_entropy_with_logits(logits, labels)', '{}', ['labels', 'logits']),
    'tf.nn.softmax_cross_entropy_with_logits(logits, labels, …)': (
        _LABELS, 'tf.nn.softmax_cross_entropy_with_logits(logits, labels)', '{}', ['labels', 'logits']),
    'tf.nn.sparse_softmax_cross_entropy_with_logits(logits, labels, …)': (
        _LABELS, 'tf.nn.sparse_softmax_cross_entropy_with_logits(logits, [1])', '{}', ['[1]', 'logits']),
    **{'tf.nn.%s(weights, biases, …)' % name: (
        _CANDIDATES, 'tf.nn.%s(weights, biases, inputs, labels, 2, 3, 1, sampled)' % name, '{}', _SAMPLED)
       for name in ('nce_loss', 'sampled_softmax_loss')},
    'tf.concat(axis, values, …)': (_TWO + '; axis, values = 1, [a, b]', 'tf.concat(axis, values)', '{}'),
    'tf.split(axis, num_or_size_splits, …)': (_TWO + '; axis, number, value = 1, 2, a', 'tf.split(axis, number, value)',
                                              '{}'),
    'tf.reverse(tensor, axis, …)': ('x = tf.constant([[1, 2], [3, 4]])', 'tf.reverse(x, [False, True])', '{}', ['1']),
    'tf.batch_matmul': (_TWO, 'tf.batch_matmul(a, b)', '{}(a, b)'),
    'tf.image.resize_images(images, new_height, …)': (
        'images = tf.ones([1, 2, 2, 1]); height, width = 3, 4', 'tf.image.resize_images(images, height, width)', '{}'),
    'tf.scalar_summary': ('', "tf.scalar_summary('tag', 2.)", "{}('tag', 2.)"),
    'tf.histogram_summary': ('', "tf.histogram_summary('tag', [2.])", "{}('tag', [2.])"),
    'tf.image_summary': ('', "tf.image_summary('tag', tf.ones([1, 2, 2, 1]), max_images=1)",
                         "{}('tag', tf.ones([1, 2, 2, 1]), 1)"),
    'tf.audio_summary': ('', "tf.audio_summary('tag', tf.ones([1, 9]), 8000.)", "{}('tag', tf.ones([1, 9]), 8000.)"),
    **{'tf.%s(input, k, …)' % name: ('', "tf.%s([1., 3.], 1, True, 'n')" % name, '{}', ['[1., 3.], 1, True', "'n'"])
       for name in ('nn.top_k', 'math.top_k')},
    **{'tf.%s(indices, updates, …)' % name: ('', "tf.%s([[1]], [2.], [3], 'n')" % name, '{}', [
        '[[1]], [2.], [3]', "'n'"]) for name in ('scatter_nd', 'manip.scatter_nd')},
    **{'tf.tensor_scatter_%s(tensor, indices, …)' % name: (
        '', "tf.tensor_scatter_%s([1., 2.], [[1]], [5.], 'n')" % name, '{}', ['[1., 2.], [[1]], [5.]', "'n'"])
       for name in ('add', 'sub', 'update')},
    'tf.numpy_function(func, inp, …)': ('', "tf.numpy_function(np.sin, [1.], tf.float32, 'n')", '{}', [
        'np.sin, [1.], tf.float32', "'n'"]),
    'tf.image.adjust_jpeg_quality(image, jpeg_quality, …)': (
        'x = tf.ones([2, 2, 3])', "tf.image.adjust_jpeg_quality(x, 50, 'n')", '{}', ['x, 50', "'n'"]),
    **{'tf.%s(a, b, …)' % name: (_TWO, "tf.%s(a, b, False, False, False, False, False, False, 'n')" % name, '{}', [
        'a, b', "'n'"]) for name in ('matmul', 'linalg.matmul')},
    'tf.contrib.layers.batch_norm': (
        _LAYER, '[tf.contrib.layers.batch_norm(x, updates_collections=None), tf.global_variables("BatchNorm/moving")]',
        '[[{}, ops(tf.get_collection(tf.GraphKeys.UPDATE_OPS))][0], tf.global_variables("batch_normalization/moving")]',
        (),
        ['also run tf.get_collection(tf.GraphKeys.UPDATE_OPS)']),
    **{'tf.contrib.layers.' + name: (_LAYER, 'tf.contrib.layers.%s(%s)' % (name, words), '{}') for names, words in (
        (['fully_connected', 'linear'], 'x, n'), (['flatten'], 'x'),
        (['conv2d', 'convolution2d', 'conv2d_transpose', 'convolution2d_transpose'], 'x, n, size, strides'))
       for name in names},
    'tf.contrib.slim.fully_connected': (
        _LAYER, 'tf.contrib.slim.fully_connected(x, n, normalizer_fn=tf.nn.softmax)',
        'tf.nn.relu(tf.nn.softmax(tf.layers.dense(x, n, use_bias=False)))', (),
        ['use_bias=False, no activation, then the normalizer, then the activation']),
    'tf.contrib.slim.arg_scope': (
        _LAYER, 'scoped(tf.contrib.slim.arg_scope, x, n)', 'tf.layers.dense(x, n, activation=tf.nn.tanh)', (),
        ['write the arguments in every call']),
    **{'tf.contrib.layers.' + name: ('', 'spread(tf.contrib.layers.%s())' % name, 'spread({})') for name in (
        'xavier_initializer', 'xavier_initializer_conv2d', 'variance_scaling_initializer')},
    **{'tf.contrib.layers.%s_regularizer' % name: (_L1, 'tf.contrib.layers.%s_regularizer(scale)(w)' % name, '({})(w)')
       for name in ('l1', 'l2')},
    'tf.contrib.layers.apply_regularization': (
        _L1 + '; regularizer, weights = tf.nn.l2_loss, [w, 2 * w]',
        'tf.contrib.layers.apply_regularization(regularizer, weights)', '{}'),
    'tf.contrib.slim.model_analyzer': ('', '[tf.contrib.slim.model_analyzer][1:] or None', '{}'),
    'tf.contrib.rnn.BasicLSTMCell': ('', 'tf.contrib.rnn.BasicLSTMCell', '{}'),
    'tf.contrib.distributions.Normal': ('', 'tf.contrib.distributions.Normal', '{}'),
    'tf.contrib.data.unbatch': ('', 'tf.contrib.data.unbatch', '{}'),
    'tf.contrib.signal.frame': ('', 'tf.contrib.signal.frame(tf.range(6), 3, 2)', '{}(tf.range(6), 3, 2)'),
    'tf.contrib.keras.layers': ('', 'tf.contrib.keras.layers.Dense(2).units', '{}.Dense(2).units'),
    'tf.contrib.stateless.stateless_random_normal': (
        '', 'tf.contrib.stateless.stateless_random_normal([2], [1, 2])', '{}([2], [1, 2])'),
    'tf.contrib.losses.add_loss': ('', '[tf.contrib.losses.add_loss][1:] or None', 'None', (), ['use --migrate']),
    'tf.contrib.data.batch_and_drop_remainder': (
        'batch_size, dataset = 2, tf.data.Dataset.range(3)',
        'dataset.apply(tf.contrib.data.batch_and_drop_remainder(batch_size)).make_one_shot_iterator().get_next()',
        '{}.make_one_shot_iterator().get_next()'),
    'tf.contrib.util.constant_value': ('', 'tf.contrib.util.constant_value(tf.constant(3))', '{}(tf.constant(3))'),
    'tf.contrib.deprecated.merge_summary': ('', 'tf.contrib.deprecated.merge_summary', '{}'),
    'tf.contrib.deprecated.scalar_summary': ('', "tf.contrib.deprecated.scalar_summary('t', 2.)", "{}('t', 2.)"),
    'tf.contrib.training.HParams': ('', 'tf.contrib.training.HParams(rate=0.1).rate',
                                    'argparse.Namespace(rate=0.1).rate', (), ['argparse.Namespace']),
    **{'numpy.' + name: ('', 'np.' + name, '{}') for name in old_names._NUMPY if name not in ('asscalar', 'asfarray')},
    **{'%s.%s' % (library, name): ('', '%s.%s' % (library, name), '{}')
       for library, table in old_names._LIBRARIES.items() for name in table
       if name not in ('hold', 'getargspec', *old_names._IMAGES)},
    **{'tf.' + name: ('', 'tf.' + name, '{}') for name in arguments.RENAMED},
    **{'%s.%s' % (module, name): ('', '%s.%s' % (module, name), '{}')
       for module, names in slim_names.MOVED.items() for name in names},
    **{'keras.' + module: ('', '__import__("keras.%s", fromlist=[%r]).%s' % (module, name, name),
                           'find(%r, {!r})' % name)
       for module in keras2.MOVED for name in [{
           'utils': 'to_categorical', 'backend': 'relu', 'objectives': 'mean_squared_error'}.get(
               module.split('.')[0], 'add' if module == 'layers.merge' else 'Dense')]},
}
NAMES = list(ROWS)
BEGINNING = '''
import argparse, collections, collections.abc, fractions, inspect, io, json, math, operator, time
import h5py, matplotlib, matplotlib.cm, matplotlib.style, PIL.Image, scipy.misc, scipy.ndimage, scipy.special
import numpy as np
import matplotlib.pyplot as plt
import tensorflow.python.framework.ops, tensorflow.python.ops.array_ops
import tensorflow.python.ops.control_flow_ops, tensorflow.python.ops.variable_scope
from PIL import Image
'''
HELPERS = '''
def add_one(x):
    x += 1
    return x

def value_of(flag):
    return type(tf.app.flags.FLAGS[flag.name].value).__name__

def scoped(arg_scope, x, n):
    with arg_scope([tf.contrib.slim.fully_connected], activation_fn=tf.nn.tanh):
        return tf.contrib.slim.fully_connected(x, n)

def spread(initializer):
    x = tf.Session().run(initializer([200, 300]))
    return [round(float(100 * x.std())), round(float(100 * x.max()))]

def ops(updates):
    pending.extend(updates)

def find(name, places):
    return next(getattr(eval(place), name) for place in places.split(' or ') if hasattr(eval(place), name))

def show(value):
    if isinstance(value, (list, tuple, collections.UserList)):
        return [show(part) for part in value]
    if isinstance(value, (tf.Tensor, tf.Variable)):
        value = session.run([value, pending])[0]
        pending.clear()
    if isinstance(value, bytes):
        return str(value)
    if isinstance(value, (np.ndarray, np.generic, Image.Image)):
        return np.asarray(value).tolist()
    return getattr(value, '__name__', None) or getattr(value, 'name', repr(value))

def evaluate(function):
    global session
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(1)
        result = function()
        random = np.random.RandomState(1)
        for variable in sorted(tf.global_variables(), key=lambda v: (v.shape.as_list(), v.op.name)):
            is_moving = 'moving' in variable.op.name
            variable.load(np.full(variable.shape, 0.5) if is_moving else random.normal(0, 0.1, variable.shape), session)
        return show(result)

results, pending = {}, []  # pending: ops that the next run executes, too
for number, function in sorted(functions.items()):
    try:
        results[number] = evaluate(function)
    except Exception as error:
        results[number] = 'failed: %r' % error
print(json.dumps(results))
'''


def script(header, codes):
    """A program with one line for each code, which prints {number: its value}."""
    lines = [*BEGINNING.strip().splitlines(), *header, 'functions = {}']
    for number, (given, code) in codes.items():
        lines.append('def f(): %sreturn %s' % (given and given + '; ', code))
        lines.append('functions[%d] = f' % number)
    return '\n'.join(lines) + HELPERS


def run(folder, *command):
    process = subprocess.run(
        [sys.executable, '-W', 'ignore', *command], cwd=str(folder), capture_output=True, text=True, timeout=200,
        env={**os.environ, 'PYTHONPATH': ROOT, 'TF_USE_LEGACY_KERAS': '1', 'MPLBACKEND': 'Agg'})
    assert process.returncode == 0, process.stderr
    return {int(number): value for number, value in json.loads(process.stdout.splitlines()[-1]).items()}


@pytest.fixture(scope='module')
def followed(tmp_path_factory):
    """({name: what the command says}, {name: value of the old code}, {name: value of the code that it says})."""
    for library in ('tf_keras', 'tf_slim', 'h5py'):
        pytest.importorskip(library, reason=library + ' is not installed')
    folder = tmp_path_factory.mktemp('advice')
    missing = ['try:', '    from keras.layers.core import nothing', 'except ImportError:', '    pass']
    old = script(['import tensorflow as tf', 'import keras', *missing], {
        number: ROWS[name][:2] for number, name in enumerate(NAMES)})
    (folder / 'old.py').write_text(old, encoding='utf-8')
    old_values = run(folder, '-m', 'dcgan_tf1.legacy', '--report=report.json', 'old.py')
    said = {entry['name']: entry['instead'] for entry in json.loads((folder / 'report.json').read_text())['put_back']}
    header = [code_of(said[name]) for name in ('import tensorflow as tf', 'import keras')]
    new = script(header, {number: new_code(name, said[name]) for number, name in enumerate(NAMES) if name in said})
    new_values = run(folder, '-c', new)
    return said, old_values, new_values


def code_of(said):
    """What to write, according to a line of advice."""
    return re.split('; (?:unless|with|these|pip) ', said[len('write: '):])[0]


def new_code(name, said):
    """(what exists before, the new code)"""
    given, _, code, *more = ROWS[name]
    code = code.format(code_of(said)) if '{' in code else code
    for filler in more[0] if more else ():
        code = code.replace('…', filler, 1)
    return '; '.join([given, *(text for text in more[1:] and more[1] if text == _STRETCH)]), code


@pytest.mark.parametrize('number', range(len(NAMES)), ids=NAMES)
def test_what_to_write_computes_the_same(number, followed):
    said, old, new = followed
    name = NAMES[number]
    if name not in said:
        pytest.skip('these libraries still have it')
    for text in ROWS[name][4] if len(ROWS[name]) > 4 else ():
        assert text in said[name]
    assert 'failed' not in '%s %s' % (old[number], new[number]), (old[number], new[number])
    if old[number] != new[number]:
        for parts in zip(*[value if isinstance(value, list) else [value] for value in (old[number], new[number])]):
            np.testing.assert_allclose(*parts, rtol=1e-4, atol=1e-5)


def test_every_advice_is_followed_here(followed):
    said, _, _ = followed
    assert {*said} - {*NAMES} <= {'import tensorflow as tf', 'import keras'}
    tables = [*('tf.' + name for name in arguments.RENAMED), *('keras.' + name for name in keras2.MOVED)]
    assert {*tables} - {*said} <= {'tf.initialize_all_tables'}  # which TensorFlow still has
    layers = {name.split('.')[-1] for name in NAMES if name.startswith('tf.contrib.')}
    assert {*contrib.INSTEAD_OF_LAYERS} <= layers
    for name, old in arguments.OLD.items():
        assert any(row.startswith('tf.' + name) for row in said), (name, old.instead)


def test_the_mnist_of_keras_contains_that_of_the_tutorials(mnist_dir, tmp_path, monkeypatch):
    if not os.path.exists(os.path.join(mnist_dir, 'train-images-idx3-ubyte.gz')):
        pytest.skip('the folder of MNIST has no IDX files')
    expected = input_data.read_data_sets(mnist_dir).train.images
    arrays = dict(zip(['x_train', 'y_train', 'x_test', 'y_test'], input_data.labeled_arrays(mnist_dir)))
    np.savez(str(tmp_path / 'mnist.npz'), **{**arrays, 'x_train': arrays['x_train'][..., 0]})
    monkeypatch.setattr(sys.modules[tf.keras.datasets.mnist.load_data.__module__], 'get_file',
                        lambda *args, **kwargs: str(tmp_path / 'mnist.npz'))
    load, rest, _ = tensorflow1._MNIST[len('write: '):].split('; ')
    names = {'tf': tf}
    exec(load, names)
    np.testing.assert_allclose(eval(rest[len('mnist.train.images is '):], names), expected, rtol=1e-6)
