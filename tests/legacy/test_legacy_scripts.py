"""`python -m dcgan_tf1.legacy`, run on small scripts as a user would run it."""
import importlib.util
import inspect
import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from helpers import ROOT, TENSORFLOW, read_variables

from dcgan_tf1.legacy.put_back import contrib, old_names

ON_TENSORFLOW_1 = tf.__version__.startswith('1.')
on_tensorflow_2 = pytest.mark.skipif(ON_TENSORFLOW_1, reason='TensorFlow 1.15 has all of this itself')
NEEDS_TF_KERAS = TENSORFLOW >= (2, 16)  # for tf.layers
pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _installed():
    if TENSORFLOW >= (2, 16):
        pytest.importorskip('tf_keras', reason='tf_keras is not installed')
    if not ON_TENSORFLOW_1:
        pytest.importorskip('tf_slim', reason='tf_slim is not installed')


@pytest.fixture
def legacy(tmp_path):
    """(files, words…) → (exit status, stdout, stderr, report) of the command, run in the folder of these files."""
    def call(files, *words, flags=()):
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)
        # Other tests, in this process, load networks with tf.layers, which sets this variable.
        environment = {name: value for name, value in os.environ.items() if name != 'TF_USE_LEGACY_KERAS'}
        report = tmp_path / 'report.json'
        process = subprocess.run(
            [sys.executable, '-W', 'ignore', '-m', 'dcgan_tf1.legacy', '--report=%s' % report, *flags, *words],
            cwd=str(tmp_path), env={**environment, 'PYTHONPATH': ROOT},
            capture_output=True, text=True, timeout=200)
        return (process.returncode, process.stdout, process.stderr,
                json.loads(report.read_text()) if report.exists() else {})
    return call


def put_back(report):
    return {entry['name']: entry['places'] for entry in report['put_back']}


TRAINING = '''
import numpy as np
import tensorflow as tf
noise = tf.placeholder(tf.float32, [None, 4])
is_training = tf.placeholder(tf.bool)
with tf.variable_scope('generator'):
    x = tf.layers.batch_normalization(tf.layers.dense(noise, 3), training=is_training)
step = tf.train.AdamOptimizer().minimize(tf.reduce_mean(tf.square(x - 1)))
with tf.Session() as session:
    session.run(tf.global_variables_initializer())
    for number in range(50):
        try:
            session.run(step, {noise: np.random.rand(8, 4), is_training: True})
        except Exception:
            print('caught')
        print('step', number)
'''


def test_what_tensorflow_numpy_scipy_and_pillow_removed_is_back(legacy):
    status, output, errors, report = legacy({'helper.py': '''
import numpy as np
WIDTH = np.float(np.prod([2, 3]))
''', 'gan.py': '''
import tensorflow as tf
import tensorflow.contrib.slim as slim
import numpy as np
import scipy.misc
from scipy.misc import imread
from PIL import Image
import helper, time
x = tf.placeholder(tf.float32, [None, 4])
with slim.arg_scope([slim.fully_connected], normalizer_fn=slim.batch_norm):
    y = slim.fully_connected(x, 3)
y = tf.contrib.layers.fully_connected(y, 2, weights_initializer=tf.contrib.layers.xavier_initializer())
y = tf.layers.flatten(tf.layers.dense(y, 5))
z = tf.nn.conv2d_transpose(tf.reshape(y, [-1, 1, 1, 5]), tf.ones([2, 2, 3, 5]), [7, 2, 2, 3], [1, 2, 2, 1])
with tf.Session() as session:
    session.run(tf.global_variables_initializer())
    print(session.run(y, {x: np.ones([7, 4])}).shape, z.shape, helper.WIDTH)
from scipy import ndimage
assert np.allclose(ndimage.rotate(np.eye(3), np.array([90])), np.eye(3)[::-1]) and ndimage.imread is imread
scipy.misc.imsave('a.png', np.reshape(np.arange(6.), newshape=[2, 3]))
print(imread('a.png').tolist(), scipy.misc.imresize(imread('a.png'), (4, 6)).shape, Image.ANTIALIAS == Image.LANCZOS)
print(np.reshape([[1, 2]], [2, 1]).shape)
'''}, 'gan.py')
    assert (status, report['runs']) == (0, 2), errors
    assert output.splitlines() == ['(7, 5) (7, 2, 2, 3) 6.0', '[[0, 51, 102], [153, 204, 255]] (4, 6) True', '(2, 1)']
    names = put_back(report)
    assert names['scipy.misc.imread'] == ['gan.py:6']
    if not ON_TENSORFLOW_1:
        assert names['numpy.float'] == ['helper.py:3']
        if 'newshape' not in inspect.signature(np.reshape).parameters:
            assert names['numpy.reshape(newshape=…)'] == ['gan.py:20']
        assert names['tf.contrib.layers.xavier_initializer'] == ['gan.py:12']
        assert names['import tensorflow as tf'] == ['gan.py']
        assert names.get('tf.layers', []) == ['gan.py:13'] * NEEDS_TF_KERAS
        assert 'tf.glorot_uniform_initializer()' in errors
        assert not [place for places in names.values() for place in places if not place.startswith(('gan', 'helper'))]


@on_tensorflow_2
def test_names_and_arguments_of_older_tensorflows(legacy):
    status, output, errors, report = legacy({'gan.py': '''
import tensorflow as tf
from tensorflow.nn import sigmoid_cross_entropy_with_logits
logits, targets = tf.constant([2.]), tf.constant([1.])
loss = tf.nn.sigmoid_cross_entropy_with_logits(logits, targets)
same = sigmoid_cross_entropy_with_logits(logits, targets)
migrated = tf.compat.v1.nn.sigmoid_cross_entropy_with_logits(targets, logits)
with tf.Session() as session:
    print(['%.4f' % value for [value] in session.run([loss, same, migrated])])
writer = tf.train.SummaryWriter('logs', session.graph)
print(tf.concat(1, [[[1]], [[2]]]).shape, tf.nn.deconv2d is tf.nn.conv2d_transpose, 'relu' in dir(tf.nn), tf.newaxis)
assert not hasattr(tf.nn, 'no_such_name') and not hasattr(tf.contrib, 'summary')
from tensorflow.contrib.slim.nets import vgg
from tensorflow.contrib.training.python.training.hparam import HParams
from tensorflow.contrib.training import create_train_op, evaluate_once
assert tf.contrib.slim.nets.vgg is vgg and HParams(a=1).a == 1
assert tf.contrib.util.constant_value(targets) == 1 and tf.contrib.deprecated.scalar_summary('a', 1.) is not None
with tf.variable_scope('d') as scope:
    w = tf.get_variable('w', [], initializer=tf.ones_initializer())
    scope.reuse_variables()
    step = tf.train.AdamOptimizer(0.1).minimize(w * w)
    average = tf.train.ExponentialMovingAverage(0.5).apply([w])
with tf.Session() as session:
    session.run(tf.global_variables_initializer())
    session.run([step, average])
    batches = tf.data.Dataset.range(3).apply(tf.contrib.data.batch_and_drop_remainder(2))
    assert tf.data.make_one_shot_iterator(batches).get_next().shape == [2]
    print(session.run(w) < 1, [variable.name for variable in tf.global_variables() if 'w/' in variable.name])
'''}, 'gan.py')
    assert status == 0, errors
    assert output.splitlines() == ["['0.1269', '0.1269', '0.1269']", '(1, 2) True True None',
                                   "True ['d/d/w/Adam:0', 'd/d/w/Adam_1:0', 'd/d/w/ExponentialMovingAverage:0']"]
    names = put_back(report)
    assert names['tf.contrib.deprecated.scalar_summary'] == names['tf.contrib.util.constant_value'] == ['gan.py:17']
    assert names['tf.nn.sigmoid_cross_entropy_with_logits(logits, labels, …)'] == ['gan.py:5', 'gan.py:6']
    assert names['tf.train.SummaryWriter'] == ['gan.py:10']
    assert ['gan.py:21', 'gan.py:22'] in names.values()  # variables of Adam and of the average, in a reused scope


def test_parts_of_libraries_that_moved_or_were_removed(legacy):
    pytest.importorskip('h5py', reason='h5py is not installed')
    status, output, errors, report = legacy({'lib/site-packages/library.py': 'import keras\n', 'gan.py': '''
import sys
sys.path.append('lib/site-packages')
import library, keras
from keras.layers.advanced_activations import LeakyReLU
from keras.layers.convolutional import Conv2D
from keras.utils import np_utils
from keras.engine.topology import Layer
import keras.backend.tensorflow_backend as K
import tensorflow as tf
assert library.keras is keras and issubclass(LeakyReLU, Layer) and Conv2D is keras.layers.Conv2D
print(np_utils.to_categorical([1], 2).tolist(), K.set_session is not None, bool(keras.__version__))

import h5py, matplotlib.pyplot as plt, numpy as np
with h5py.File('a.h5', 'w') as file:
    file['x'] = [1, 2]
    print(file['x'].value.tolist(), np.fromstring(np.uint8([97, 98]).tostring(), dtype=np.uint8).tolist())
plt.style.use(['seaborn-deep', 'ggplot']); import array, threading
assert np.uint8(97).tostring() == array.array('b', [97]).tostring() == b'a' and not threading.Thread().isAlive()

tf.app.flags.DEFINE_integer(flag_name='a', default_value=3, docstring='')
tf.app.flags.DEFINE_integer(flag_name='b', default_value=float('inf'), docstring='')
tf.app.flags.DEFINE_integer('c', default_value=4, docstring=''); tf.app.flags.DEFINE_string('log_dir', 'mine', '')
print([getattr(tf.app.flags.FLAGS, name) for name in ('a', 'b', 'c', 'log_dir')])

from tensorflow.contrib.learn.python.learn.datasets.mnist import read_data_sets, extract_images
x, w = tf.placeholder(tf.float32, [None, 4, 4, 2]), tf.zeros([3, 3, 1, 2])
shape = [5, 8, 8, 1]
for output_shape in (shape, tuple(shape), tf.stack(shape), np.array(shape), tf.TensorShape(shape),
                     [tf.Dimension(5), 8, 8, 1], [np.int64(5), 8, 8, 1], [tf.constant(5), 8, 8, 1]):
    assert tf.nn.conv2d_transpose(x, w, output_shape, [1, 2, 2, 1]).shape.as_list() == shape, output_shape
print(tf.nn.conv2d_transpose(x, w, [tf.shape(x)[0], 8, 8, 1], [1, 2, 2, 1]).shape)
assert tf.contrib.learn.datasets.mnist.read_data_sets is read_data_sets
assert tf.__version__[0] == '1' or tf.contrib.learn.python.learn.datasets.mnist.read_data_sets is read_data_sets
assert tf.__version__[0] == '1' or tf.contrib.layers.python.layers.flatten is tf.contrib.layers.flatten
tf.contrib.learn.datasets.load_dataset('iris')
'''}, 'gan.py')
    assert status == 1 and output.splitlines() == [
        '[[0.0, 1.0]] True True', '[1, 2] [97, 98]', "[3, inf, 4, 'mine']", '(?, 8, 8, 1)'], errors
    assert report['error'].startswith("gan.py:36 uses tf.contrib.learn.datasets.load_dataset('iris')")
    names = put_back(report)
    assert names['keras.layers.convolutional'] == ['gan.py:6'] and names['keras.utils.np_utils'] == ['gan.py:7']
    assert names["DEFINE_integer('b', inf)"] == ['gan.py:22']
    assert names.get('ndarray.tostring', ['gan.py:17']) == ['gan.py:17']


@on_tensorflow_2
@pytest.mark.skipif(not old_names._HEADLESS, reason='there is a display')
def test_windows_of_opencv_stay_closed_without_a_display(legacy):
    pytest.importorskip('cv2', reason='cv2 is not installed')
    status, _, errors, report = legacy({'gan.py': '''
import cv2, numpy as np
cv2.imshow('digits', np.zeros([2, 2]))
assert cv2.waitKey(1) == -1
'''}, 'gan.py')
    assert status == 0 and put_back(report)['cv2.imshow'] == ['gan.py:3'], errors


def test_who_sets_the_variable_of_tf_keras_does_not_read_of_it(legacy):
    script = 'import tensorflow as tf\ntf.layers.Dense, tf.keras.layers.Dense\n'
    setting = 'import os; os.environ["TF_USE_LEGACY_KERAS"] = "1"; '
    for first, places in (('', ['gan.py:2'] * NEEDS_TF_KERAS), (setting, [])):
        status, _, errors, report = legacy({'gan.py': first + script}, 'gan.py')
        assert status == 0, errors
        assert [put_back(report).get(name, []) for name in ('tf.layers', 'tf.keras')] == [places] * 2


@on_tensorflow_2
@pytest.mark.parametrize('line', ['import tensorflow.compat.v1 as tf', 'from tensorflow.compat import v1 as tf',
                                  'import tensorflow as tf; tf = tf.compat.v1'])
def test_migrated_imports_have_everything_too(line, legacy):
    status, output, errors, report = legacy({'gan.py': line + '''
tf.disable_v2_behavior()
x = tf.placeholder(tf.float32, [None, 100 / 50])
y = tf.layers.dense(x, 5)
z = tf.nn.conv2d_transpose(tf.reshape(y, [-1, 1, 1, 5]), tf.ones([2, 2, 3, 5]), [7, 2, 2, 3], [1, 2, 2, 1])
print(y.shape, z.shape)
'''}, 'gan.py')
    assert (status, output) == (0, '(?, 5) (7, 2, 2, 3)\n'), errors
    names = put_back(report)
    assert names['a float in a shape'] == ['gan.py:3'] and 'import tensorflow as tf' not in names
    assert names.get('tf.layers', []) == ['gan.py:4'] * NEEDS_TF_KERAS


def test_max_runs_ends_the_script_and_the_doctor_reports(legacy, tmp_path):
    status, output, errors, report = legacy({'gan.py': TRAINING}, 'gan.py', flags=['--max_runs=4'])
    assert (status, report['runs'], output.split()) == (0, 4, ['step', '0', 'step', '1']), errors
    assert [finding['kind'] for finding in report['batch_norm']] == ['never_updated']
    assert 'generator/batch_normalization: trained, but none of the update ops' in errors


def test_repair_writes_standing_statistics(legacy, tmp_path):
    script = TRAINING.replace('    for number', '    np.random.seed(1)\n    for number')
    status, _, errors, _ = legacy({'gan.py': script}, 'gan.py', flags=['--repair=repaired/model'])
    assert status == 0 and 'Repair: wrote' in errors, errors
    variables = read_variables(str(tmp_path / 'repaired' / 'model'))
    rng = np.random.RandomState(1)
    kernel, bias = (variables['generator/dense/' + name] for name in ('kernel', 'bias'))
    batches = [rng.rand(8, 4) @ kernel + bias for _ in range(50)]
    names = ['generator/batch_normalization/moving_' + name for name in ('mean', 'variance')]
    np.testing.assert_allclose(variables[names[0]], np.mean(np.concatenate(batches), 0), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(variables[names[1]], np.var(np.concatenate(batches), 0), rtol=1e-4)


def test_repair_leaves_a_healthy_script_alone(legacy, tmp_path):
    healthy = TRAINING.replace(
        'step = ', 'with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):\n  step = ')
    status, _, errors, report = legacy({'gan.py': healthy}, 'gan.py', flags=['--repair=%s' % (tmp_path / 'model')])
    assert status == 0 and 'no layer needs it' in errors, errors
    assert [finding['kind'] for finding in report['batch_norm']] == ['warm_up']
    assert not (tmp_path / 'model.index').exists()


@on_tensorflow_2
@pytest.mark.parametrize('line,message', [
    ('tf.contrib.crf.crf_log_likelihood(1)', 'gan.py:3 uses tf.contrib.crf: TensorFlow 2 has no tf.contrib'),
    ('tf.contrib.layers.no_such_layer(1)', 'gan.py:3 uses tf.contrib.layers.no_such_layer'),
    ('import tensorflow.contrib.gan as gan; gan.no_such_name', 'gan.py:3 uses tf.contrib.gan'),
    ('tf.no_such_op(1)', 'gan.py:3 uses tf.no_such_op: TensorFlow 2.'),
    ('import no_such_module.part', 'gan.py:3 needs the module no_such_module: pip install no_such_module'),
    ('from tensorflow.examples.tutorials.mnist import mnist', 'gan.py:3 uses the module tensorflow.examples'),
    ('print "Python 2"', 'gan.py:3: '),
    ('import cPickle as pickle', 'gan.py:3 uses cPickle, which only Python 2 has: put --python2'),
    ('tf.estimator.Estimator', 'gan.py:3 uses tf.estimator'),
])
def test_what_cannot_be_put_back_is_one_line(line, message, legacy):
    status, _, errors, report = legacy({'gan.py': 'import tensorflow as tf\nprint(1)\n%s\n' % line}, 'gan.py')
    assert status == 1 and report['error'].startswith(message) and 'Traceback' not in errors, errors
    assert errors.splitlines()[-1].startswith('error: ' + message)
    assert ('--python2' in errors) == any(word in line for word in ('print "', 'cPickle'))


@on_tensorflow_2
def test_packages_supply_parts_of_contrib(legacy):
    if not all(importlib.util.find_spec(name) for name in ('tensorflow_gan', 'tensorflow_probability')):
        pytest.skip('tensorflow_gan or tensorflow_probability is not installed')
    status, output, errors, _ = legacy({'gan.py': '''
import tensorflow as tf
import tensorflow.contrib.gan as tfgan
noise = tf.contrib.distributions.MultivariateNormalDiag(tf.zeros([16, 2])).sample()
model = tfgan.gan_model(lambda z: tf.contrib.layers.linear(z, 4), lambda x, _: tf.contrib.layers.linear(x, 1),
                        real_data=tf.random_normal([16, 4]), generator_inputs=noise)
loss = tfgan.gan_loss(model, tfgan.losses.wasserstein_generator_loss, tfgan.losses.wasserstein_discriminator_loss)
steps = tfgan.gan_train_ops(model, loss, tf.train.AdamOptimizer(), tf.train.AdamOptimizer())
print(tfgan.gan_train(steps, hooks=[tf.train.StopAtStepHook(3)], logdir='logs'))
tfgan.estimator
'''}, 'gan.py')
    assert (status, output) == (1, '3\n') and 'gan.py:10 uses tf.contrib.gan.estimator' in errors, errors


def test_the_scripts_own_errors_have_a_traceback_without_our_frames(legacy):
    status, _, errors, report = legacy({'gan.py': '''
import tensorflow as tf
import numpy as np
x = tf.placeholder(tf.float32, [2])
def fail():
    tf.Session().run(x + 1, {x: [np.int32(1)] * 3})
fail()
'''}, 'gan.py')
    assert status == 1 and 'line 6, in fail' in errors and 'Error' in errors and 'dcgan_tf1' not in errors
    assert report['error'] == ''


def test_arguments_flags_and_the_exit_status_are_the_scripts_own(legacy):
    status, output, errors, _ = legacy({'gan.py': '''
import sys
import tensorflow as tf
tf.app.flags.DEFINE_integer('max_runs', 1, 'the same name as one of the flags of the command')
tf.app.flags.DEFINE_string('report', '', 'another')
def main(argv):
    print(argv[1:], tf.app.flags.FLAGS.max_runs, __name__, sys.argv[0], sys.path[0] == sys.argv[0])
    return 7
if __name__ == '__main__':
    tf.app.run()
'''}, 'gan.py', '--max_runs=3', 'word')
    assert (status, output.strip()) == (7, "['word'] 3 __main__ gan.py False"), errors


def test_threads_of_the_script_may_end_their_work(legacy):
    status, output, errors, _ = legacy({'gan.py': '''
import threading, time
import tensorflow as tf
def work():
    time.sleep(1)
    print(tf.Session().run(tf.constant(3)))
threading.Thread(target=work).start()
'''}, 'gan.py')
    assert (status, output.strip()) == (0, '3'), errors


def test_python_2_with_a_module_of_its_own(legacy, tmp_path):
    pytest.importorskip('fissix', reason='fissix is not installed')
    files = {'helper.py': 'def half(x):\n\treturn x / 2\n', 'gan.py': '''
import tensorflow as tf
from helper import half
print "sizes", half(7), half(7.), map(half, xrange(3)), {1: 2}.has_key(1)
size = 9
size /= 2
print tf.Session().run(tf.constant(7.) / 2), size
import __future__
import cPickle
with open('size.pkl', 'w') as file:
    cPickle.dump(size, file)
print cPickle.load(open('size.pkl')), cPickle.load(open('python2.pkl', 'rb')) == chr(255)
'''}
    (tmp_path / 'python2.pkl').write_bytes(b"S'\\xff'\np0\n.")  # of Python 2.7: pickle.dumps(chr(255))
    status, output, errors, _ = legacy(files, 'gan.py', flags=['--python2'])
    assert (status, output.splitlines()) == (0, ['sizes 3 3.5 [0, 0, 1] True', '3.5 4', '4 True']), errors
    assert not [name for name in os.listdir(ROOT) if name == 'helper.py']


def test_notebooks_run_without_the_commands_of_ipython(legacy):
    cells = [{'cell_type': 'markdown', 'source': ['# title']},
             {'cell_type': 'code', 'source': ['%matplotlib inline\n', '!ls\n', 'import tensorflow as tf']},
             {'cell_type': 'code', 'source': ['print(tf.Session().run(tf.constant(3)))\n', '1 / 0']}]
    status, output, errors, _ = legacy({'gan.ipynb': json.dumps({'cells': cells})}, 'gan.ipynb')
    assert (status, output.strip()) == (1, '3') and 'gan.ipynb[cell 3]", line 2' in errors and '1 / 0' in errors


def test_the_mnist_of_the_tutorials_and_of_keras(legacy, mnist_dir):
    if not os.path.exists(os.path.join(mnist_dir, 'train-images-idx3-ubyte.gz')):
        pytest.skip('the folder of MNIST has no IDX files')
    status, output, errors, report = legacy({'gan.py': '''
import numpy as np
import tensorflow as tf
from tensorflow.examples.tutorials.mnist import input_data
from tensorflow.keras.datasets import mnist as from_keras
(x, y), (test_x, test_y) = from_keras.load_data()
mnist = input_data.read_data_sets('no/such/folder', one_hot=True)
print(x.shape, x.dtype, test_y.shape, [part.num_examples for part in mnist], mnist.train.next_batch(3)[1].shape)
print(np.allclose(mnist.validation.images[0] * 255, x[0].ravel()), (mnist.test.labels.argmax(1) == test_y).all())
'''}, 'gan.py', flags=['--data_dir=' + os.path.abspath(mnist_dir)])
    assert status == 0, errors
    assert output.splitlines() == ['(60000, 28, 28) uint8 (10000,) [55000, 5000, 10000] (3, 10)', 'True True']
    assert put_back(report)['tensorflow.examples.tutorials.mnist.input_data'] == ['gan.py:4']


@pytest.mark.any_tensorflow
@pytest.mark.parametrize('page', ['README.md', 'docs/old-scripts.md'])
def test_the_example_in_the_documents_is_what_the_command_says(page):
    with open(os.path.join(ROOT, page), encoding='utf-8') as file:
        example = re.search('```\nPut back, and what to write instead:\n(.*?)```', file.read(), re.S).group(1)
    said = dict(re.findall(r'  (\S+)  \(\S+\)\n      (.*)\n', example))
    assert said == {'numpy.float': old_names._NUMPY['float'].instead,
                    'tf.contrib.layers.linear': contrib.INSTEAD_OF_LAYERS['linear']}


NETWORK = '''
import tensorflow as tf
layers = tf.contrib.layers

class BatchNorm(object):
    def __init__(self, name):
        self.name = name

    def __call__(self, x, train=True):
        return layers.batch_norm(x, decay=0.9, updates_collections=None, scale=True, is_training=train, scope=self.name)

g_bn0 = BatchNorm('g_bn0')

def generator(z, train):
    with tf.variable_scope('generator') as scope:
        x = tf.nn.relu(g_bn0(layers.fully_connected(z, 64, activation_fn=None), train=train))
        return layers.fully_connected(x, 784, activation_fn=tf.nn.tanh)

def discriminator(image, reuse=False):
    with tf.variable_scope('discriminator') as scope:
        if reuse:
            scope.reuse_variables()
        return layers.fully_connected(layers.flatten(image), 1, activation_fn=None)
'''


def test_a_module_is_run_with_everything_put_back(legacy):
    """Here, to train a network that needs TensorFlow 1, and to sample it."""
    network, run = {'old_gan.py': NETWORK}, '--run_dir=run'
    train = ['-m', 'dcgan_tf1.train', run, '--network=old_gan.py', '--loss=sigmoid', '--dataset=mnist_10k',
             '--batch_size=8', '--log_every=1']
    status, _, errors, report = legacy(network, *train, '--steps=2', flags=['--max_runs=1000'])
    assert status == 0, errors
    if not ON_TENSORFLOW_1:
        assert put_back(report)['tf.contrib.layers.batch_norm'] == ['old_gan.py:10']
    assert 'Generator/generator/g_bn0: the moving statistics have not warmed up: after 2 updates' in errors
    status, _, errors, report = legacy(network, *train, '--steps=4')
    assert status == 0 and 'resuming at step 2 of 4' in errors, errors
    for mode in ('standing', 'moving'):
        status, _, errors, report = legacy(network, '-m', 'dcgan_tf1.sample', run, '--output=a.png',
                                           '--bn_mode=' + mode, '--standing_batches=2')
        assert status == 0 and '36 images from run' in errors, errors
        assert 'Put back' not in errors and bool(put_back(report)) != ON_TENSORFLOW_1  # in the report only
    status, _, errors, report = legacy(network, *train, '--steps=4', '--no_such_flag')
    assert status in (1, 2) and 'no_such_flag' in errors and 'Traceback' not in errors


@pytest.mark.parametrize('words,message', [
    (['-m'], 'no script'), (['-m', 'no_such_module'], 'there is no module no_such_module'),
    (['-m', 'no.such.module'], 'there is no module no.such.module'),
    ([], 'usage'), (['missing.py'], 'missing.py is not a file'), (['--max_runs=0', 'x.py'], '--max_runs'),
    (['--no_such_flag', 'x.py'], '--no_such_flag'), (['--python2'], 'no script'),
    (['--data_dir=missing', 'x.py'], 'missing is not a folder'),
    (['--report=x.py/report.json', 'x.py'], 'cannot be written (')])
def test_errors_of_the_command_line(words, message, tmp_path):
    (tmp_path / 'x.py').write_text('')
    process = subprocess.run([sys.executable, '-m', 'dcgan_tf1', 'legacy', *words], cwd=str(tmp_path),
                             env={**os.environ, 'PYTHONPATH': ROOT}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                             text=True)
    if not words:
        assert process.returncode == 0 and 'SCRIPT.py' in process.stdout
    else:
        assert process.returncode == 1 and message in process.stdout and len(process.stdout.splitlines()) == 1
