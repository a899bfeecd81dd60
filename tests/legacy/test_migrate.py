"""`python -m dcgan_tf1.legacy --migrate`: migrated scripts run without the package, and compute the same."""
import json
import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from helpers import ROOT, TENSORFLOW

from dcgan_tf1.legacy.migrate import compat
from dcgan_tf1.legacy.put_back import updates

pytestmark = [pytest.mark.slow, pytest.mark.skipif(
    tf.__version__.startswith('1.'), reason='TensorFlow 1.15 runs such scripts as they are')]

# Runs a script as `python SCRIPT.py` would, in a process that cannot import this package.
PLAIN = '''
import os, runpy, sys
sys.modules['dcgan_tf1'] = None
sys.argv = sys.argv[1:]
sys.path[0] = os.path.dirname(os.path.abspath(sys.argv[0]))
runpy.run_path(sys.argv[0], run_name='__main__')
'''
# Runs the command several times in one process, and prints (exit status, what it says) of each.
COMMANDS = '''
import contextlib, io, json, sys
from dcgan_tf1.legacy.__main__ import main
for words in json.loads(sys.argv[1]):
    errors = io.StringIO()
    with contextlib.redirect_stderr(errors):
        status = main(words)
    print(json.dumps([status, errors.getvalue()]))
'''
# With it, a program may be a fork of a process that has imported TensorFlow as migrated scripts do.
LEGACY_KERAS = {'TF_USE_LEGACY_KERAS': '1'}


@pytest.fixture(autouse=True)
def _installed():
    if TENSORFLOW >= (2, 16):
        pytest.importorskip('tf_keras', reason='tf_keras is not installed')
    pytest.importorskip('tf_slim', reason='tf_slim is not installed')


@pytest.fixture
def project(tmp_path):
    """Runs programs on the files of a script."""
    return Project(tmp_path)


class Project:
    """A folder `old` with a script, and the folder `new` with the migrated one."""

    def __init__(self, folder):
        self.folder = folder
        self.environment = {name: value for name, value in os.environ.items() if name != 'TF_USE_LEGACY_KERAS'}
        self.environment.update(PYTHONPATH=ROOT, TF_CPP_MIN_LOG_LEVEL='3')

    def write(self, files):
        for name, text in files.items():
            path = self.folder / 'old' / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding='utf-8')

    def run(self, folder, *command, **environment):
        return subprocess.run([sys.executable, '-W', 'ignore', *command], cwd=str(self.folder / folder),
                              env={**self.environment, **environment}, capture_output=True, text=True, timeout=200)

    def commands(self, *calls):
        """[(exit status, stderr)] of calls of the command, in one process."""
        process = self.run('old', '-c', COMMANDS, json.dumps(calls), **LEGACY_KERAS)
        assert process.returncode == 0, process.stderr
        return [json.loads(line) for line in process.stdout.splitlines()]

    def migrate(self, *words):
        process = self.run('old', '-m', 'dcgan_tf1.legacy', '--migrate=../new', *words)
        assert process.returncode == 0, process.stderr
        return process.stderr

    def new(self, name):
        return (self.folder / 'new' / name).read_text(encoding='utf-8')

    def plain(self, script, new_interpreter=False):
        """What a migrated script prints without this package."""
        process = self.run('new', '-u', '-c', PLAIN, script) if new_interpreter else self.run(
            'new', '-c', PLAIN, script, **LEGACY_KERAS)
        assert process.returncode == 0, process.stderr
        return process.stdout.splitlines()

    def outputs(self, script, *flags, migrated=None, **options):
        """What the script prints with the command, and what the migrated one prints without."""
        command = self.run('old', '-m', 'dcgan_tf1.legacy', *flags, script)
        assert command.returncode == 0, command.stderr
        return command.stdout.splitlines(), self.plain(migrated or script, **options)


LAYERS = '''import numpy as np
import tensorflow as tf
import tensorflow.contrib as tc
import tensorflow.contrib.slim as slim
from tensorflow.contrib.layers import batch_norm as bn
from tensorflow.nn import relu
layers = tf.contrib.layers


def network(x, reuse=None):
    with tf.variable_scope('net', reuse=reuse), slim.arg_scope([slim.fully_connected], normalizer_fn=slim.batch_norm):
        y = slim.fully_connected(x, 6)
        y = bn(tc.layers.fully_connected(y, 5, activation_fn=None), decay=0.9, updates_collections=None, scale=True)
        y = layers.conv2d(tf.reshape(y, [-1, 5, 1, 1]), 2, [3, 1], normalizer_fn=layers.batch_norm)
        w = tf.get_variable('w', [2, 2, 6 / 2, 2], initializer=tf.contrib.layers.xavier_initializer())
        y = tf.nn.conv2d_transpose(y, w, [4, 10, 2, 3], [1, 2, 2, 1])
        return tf.layers.dense(relu(tf.reshape(y, [y.shape[0], -1])), 1)
'''
SCRIPT = '''# -*- coding: utf-8 -*-
"""A script with modules of its own."""
from __future__ import print_function

import numpy as np, random
from ops import *
from lib.losses import loss_of
import tensorflow as tf  # TensorFlow 1

flags = tf.app.flags
flags.DEFINE_integer("train_size", np.inf, "images")
flags.DEFINE_string("log_dir", "logs", "summaries")
FLAGS = flags.FLAGS
tf.set_random_seed(3)
x = tf.placeholder(tf.float32, [4, 10 / 2])
real, fake = network(x), network(tf.random_normal([4, 5]), True)
loss = loss_of(real, fake)
step = tf.train.AdamOptimizer(0.01).minimize(loss)
hparams = tf.contrib.training.HParams(rate=0.1)
assert tf.contrib.training.create_train_op.__name__ == 'create_train_op'
with tf.Session() as session:
    session.run(tf.initialize_all_variables())
    for number in range(5):
        batch = np.random.RandomState(number).normal(size=[4, 5])
        print(*[float(value).hex() for value in session.run([loss, step], {x: batch})[:1]])
    # Both networks update net/BatchNorm, in no certain order.
    print([(v.op.name, float(np.sum(v.eval())).hex()) for v in tf.global_variables()
           if not v.op.name.startswith('net/BatchNorm/moving')])
print(FLAGS.train_size, hparams.rate, real.shape)
if FLAGS.train_size < 0:  # does not run
    tf.train.SummaryWriter(FLAGS.log_dir).add_graph(tf.sub(1, 2))
    tf.contrib.crf.crf_log_likelihood(real)
'''
LOSSES = '''import tensorflow as tf


def loss_of(real, fake):
    both = tf.concat(0, [real, fake])
    targets = tf.concat([tf.ones_like(real), tf.zeros_like(fake)], 0)
    return tf.reduce_mean(tf.mul(tf.nn.sigmoid_cross_entropy_with_logits(both, targets), 2.))
'''


def test_networks_of_contrib_compute_the_same_bit_for_bit(project):
    files = {'gan.py': SCRIPT, 'ops.py': LAYERS, 'lib/__init__.py': '', 'lib/losses.py': LOSSES, 'data.txt': ''}
    project.write(files)
    report = project.migrate('gan.py', '--epochs', '5')
    # In a new interpreter, where the script itself has to set the variable of Keras 2 before it imports TensorFlow.
    old, new = project.outputs('gan.py', new_interpreter=True)
    assert old == new and len(new) == 7 and new[-1] == 'inf 0.1 (4, 1)'
    assert sorted({*os.listdir(str(project.folder / 'new'))} - {'__pycache__', 'logs'}) == [
        'CHANGES.diff', 'gan.py', 'lib', 'ops.py', 'tf1_compat.py']
    new_losses = LOSSES.replace('tensorflow as', 'tensorflow.compat.v1 as').replace('tf.mul', 'tf.multiply')
    assert project.new('lib/losses.py') == new_losses.replace('concat(0, [', 'concat(axis=0, values=[').replace(
        'logits(both, targets', 'logits(logits=both, labels=targets')
    for line in ('tf.contrib.crf.crf_log_likelihood(real)', 'FileWriter(FLAGS.log_dir).add_graph(tf.subtract(1, 2))',
                 'flags.DEFINE_float("train_size", np.inf, "images")',
                 'flags.DEFINE_string("log_dir", "logs", "summaries", allow_override=True)',
                 'x = tf.placeholder(tf.float32, [4, 10 // 2])',
                 'import tensorflow.compat.v1 as tf  # TensorFlow 1'):
        assert line in project.new('gan.py')
    place = 'gan.py:%d' % (1 + SCRIPT.splitlines().index('    tf.contrib.crf.crf_log_likelihood(real)'))
    assert 'tf.contrib.crf: TensorFlow 2 has no tf.contrib  (%s)' % place in report
    assert 'python ../new/gan.py --epochs 5' in report and '(data.txt)' in report
    left = report.split('Left alone')[1].split('New:')[0]
    assert 'crf' in left and len(left.splitlines()) == 2


@pytest.mark.skipif(shutil.which('patch') is None, reason='there is no program patch')
def test_the_patch_makes_the_new_files_of_the_old_ones(project):
    project.write({'gan.py': SCRIPT, 'ops.py': LAYERS, 'lib/__init__.py': '', 'lib/losses.py': LOSSES.rstrip()})
    project.migrate('gan.py')
    shutil.copytree(str(project.folder / 'old'), str(project.folder / 'patched'))
    subprocess.check_call(['patch', '-s', '-p1', '-i', '../new/CHANGES.diff'], cwd=str(project.folder / 'patched'))
    for name in ('gan.py', 'ops.py', 'lib/losses.py', 'tf1_compat.py'):
        assert (project.folder / 'patched' / name).read_text() == project.new(name), name


LIBRARIES = '''
import collections, fractions, inspect, time
import scipy.misc
from scipy.misc import imresize as resize
import numpy as np
import matplotlib
matplotlib.use('Agg', warn=False)
import matplotlib.pyplot as plt
from PIL import Image
import h5py
import keras
from keras.layers.advanced_activations import LeakyReLU
from keras.utils import np_utils
import keras.backend as K
import tensorflow as tf


def f(a, b=2):
    return isinstance([a], collections.Iterable), fractions.gcd(a, b), time.clock() > 0


plt.hold(True); plt.style.use('seaborn-deep')
scipy.misc.imsave('a.png', np.reshape(np.arange(12.), newshape=(3, 4)))
print(scipy.misc.imread('a.png').tolist(), resize(scipy.misc.imread('a.png'), (6, 4)).sum())
print(f(4), inspect.getargspec(f).args, np.product([np.float(2), 3]), np.asscalar(np.array([3])))
print(np.fromstring(b'ab', dtype=np.uint8), np.ones(1, np.uint8).tostring(), Image.ANTIALIAS == Image.LANCZOS)
with h5py.File('a.h5', 'w') as file:
    file['x'] = [1, 2]
    print(file['x'].value.tolist())
print(np_utils.to_categorical([1], 2), K.get_session() is not None, plt.cm.get_cmap('gray').name)
tf.set_random_seed(1)
model = keras.models.Sequential([keras.layers.Dense(3, input_shape=(4,)), LeakyReLU(0.2), keras.layers.Dense(1)])
model.compile('adam', 'mse')
print([float(model.train_on_batch(np.ones([2, 4]), np.zeros([2, 1]))).hex() for _ in range(3)])
images = tf.image.resize_images(tf.ones([1, 2, 2, 1]), 4, 6)
print(images.shape, tf.reverse([[1, 2]], [False, True]).shape, tf.split(1, 2, [[1, 2]])[0].shape)
'''


def test_names_of_other_libraries(project):
    pytest.importorskip('h5py', reason='h5py is not installed')
    # The command does not put back methods, such as tostring.
    project.write({'gan.py': LIBRARIES.replace('.tostring()', '.tobytes()')})
    report = project.migrate('gan.py')
    old, new = project.outputs('gan.py')
    assert old == new and len(new) == 7 and new[-1] == '(1, 4, 6, 1) (1, 2) (1, 1)'
    assert 'Left alone' not in report and 'from tf1_compat import imresize as resize' in project.new('gan.py')
    project.write({'other.py': LIBRARIES})
    shutil.rmtree(str(project.folder / 'new'))
    project.migrate('other.py')
    assert 'np.ones(1, np.uint8).tobytes()' in project.new('other.py')


def test_the_mnist_of_the_tutorials(project, mnist_dir):
    if not os.path.exists(os.path.join(mnist_dir, 'train-images-idx3-ubyte.gz')):
        pytest.skip('the folder of MNIST has no IDX files')
    project.write({'gan.py': '''
import numpy as np
import tensorflow as tf
from tensorflow.examples.tutorials.mnist import input_data
from tensorflow.contrib.learn.python.learn.datasets.mnist import read_data_sets
tf.set_random_seed(1)
mnist = input_data.read_data_sets(%r, one_hot=True)
print([part.num_examples for part in mnist], [float(mnist.train.next_batch(7)[0].sum()).hex() for _ in range(3)])
print(read_data_sets(%r).test.labels[:5])
''' % ((os.path.abspath(mnist_dir),) * 2)})
    project.migrate('gan.py')
    old, new = project.outputs('gan.py')
    assert old == new and new[0].startswith('[55000, 5000, 10000]')
    assert 'import tf1_compat as input_data' in project.new('gan.py')
    assert 'os.environ' not in project.new('gan.py')  # no name of Keras


PYTHON_2 = '''from __future__ import print_function
import tensorflow as tf
from helper import half, Sizes
sizes = Sizes()
print("sizes", half(7), half(7.), map(half, xrange(3)), {1: 2}.has_key(1), 7 / 2, 7 / 2., sizes.half)
if True:
\tx = tf.placeholder(tf.float32, [None, sizes.half / 2])
'''


FLOAT_SIZES = '''
import tensorflow as tf
def weights(size):
    return tf.get_variable('w', [size, 2])
print(weights(size=20 * 2 / 4).shape)
'''


def test_float_sizes_go_through_functions(project):
    project.write({'gan.py': FLOAT_SIZES})
    project.migrate('gan.py')
    old, new = project.outputs('gan.py')
    assert old == new == ['(10, 2)'] and 'tf1_compat.accept_float_sizes()' in project.new('gan.py')


REUSED_SCOPES = '''
import tensorflow as tf

def discriminator(x, reuse=False):
    if reuse:
        tf.get_variable_scope().reuse_variables()
    return tf.reduce_sum(x * tf.get_variable('w', [], initializer=tf.ones_initializer()))

loss = discriminator(tf.constant(2.)) - discriminator(tf.constant(5.), reuse=True)
train = tf.train.AdamOptimizer(0.5).minimize(loss)
average = tf.train.ExponentialMovingAverage(0.5)
with tf.variable_scope('averages', reuse=True), tf.control_dependencies([train]):
    update = average.apply(tf.trainable_variables())
with tf.Session() as session:
    session.run(tf.global_variables_initializer())
    print(session.run([update, *tf.trainable_variables()])[1])
print(sorted(variable.op.name for variable in tf.global_variables()))
'''


def test_optimizers_and_averages_create_variables_in_reused_scopes(project):
    project.write({'gan.py': REUSED_SCOPES})
    project.migrate('gan.py')
    old, new = project.outputs('gan.py')
    assert old == new and 'w/Adam' in new[1] and 'ExponentialMovingAverage' in new[1]
    assert 'tf1_compat.create_in_reused_scopes()' in project.new('gan.py')


def test_python_2_with_a_module_of_its_own(project):
    pytest.importorskip('fissix', reason='fissix is not installed')
    project.write({'gan.py': PYTHON_2 + 'print(tf.Session().run(tf.constant(7.) / 2), x.shape)\n', 'helper.py': '''
def half(x):
\tif x:
\t\tx = (x +
\t\t     0) / 2
        return x

class Sizes(object):
    def __init__(self):
        self.half = 28
        self.half /= 2
        print "half", self.half
'''})
    project.migrate('--python2', 'gan.py')
    old, new = project.outputs('gan.py', '--python2')
    assert old == new == ['half 14', 'sizes 3 3.5 [0, 0, 1] True 3 3.5 14', '3.5 (?, 7)']
    assert '7 // 2, 7 / 2., sizes.half' in project.new('gan.py') and '\n\tx = tf.' in project.new('gan.py')
    assert '\n                x = tf1_compat.divide(x +' in project.new('helper.py')
    assert 'self.half = tf1_compat.divide_in_place(self.half, 2)' in project.new('helper.py')


def test_notebooks_become_scripts(project):
    cells = [{'cell_type': 'code', 'source': ['%matplotlib inline\n', 'import tensorflow as tf\n', 'display(1)']},
             {'cell_type': 'markdown', 'source': ['# title']},
             {'cell_type': 'code', 'source': ['from __future__ import division\n', 'y = tf.mul(3, 2)\n',
                                              'print(tf.Session().run(y))']}]
    project.write({'my gan.ipynb': json.dumps({'cells': cells})})
    assert "python '../new/my gan.py'" in project.migrate('my gan.ipynb')
    old, new = project.outputs('my gan.ipynb', migrated='my gan.py')
    assert old == new == ['1', '6']


# Lines, and what they become after `import tensorflow as tf`; None: they stay, and are listed.
LINES = [
    ('y = tf.concat(a, 1)', 'y = tf.concat(a, 1)'),
    ('y = tf.concat(a, axis=1)', 'y = tf.concat(a, axis=1)'),
    ('y = tf.concat(concat_dim=1, values=[a])', 'y = tf.concat(axis=1, values=[a])'),
    ('y = tf.concat(a, b)', None),
    ('y = tf.concat(*a)', None),
    ('y = tf.nn.nce_loss(a, b, a, b, 3, 4)', None),
    ('y = tf.split(1, (a), (b + 1))', 'y = tf.split(axis=1, num_or_size_splits=(a), value=(b + 1))'),
    ('y = tf.split(a, 2, 1)', 'y = tf.split(a, 2, 1)'),
    ('y = tf.scalar_summary("a", tf.mul(a, b), name="c")', 'y = tf.summary.scalar(name="a", tensor=tf.multiply(a, b))'),
    ('y = tf.concat(1, [tf.concat(0, [a, b]), tf.pack([a])])',
     'y = tf.concat(axis=1, values=[tf.concat(axis=0, values=[a, b]), tf.stack([a])])'),
    ('y = tf.contrib.rnn.BasicLSTMCell(3)', 'y = tf.nn.rnn_cell.BasicLSTMCell(3)'),
    ('y = tf.contrib.training.create_train_op(a, b)', 'y = tf_slim.training.create_train_op(a, b)'),
    ('from tensorflow.contrib.training import evaluate_once', 'evaluate_once = tf_slim.evaluation.evaluate_once'),
    ('y = tf.contrib.keras.layers.Dense(3)', 'y = tf.keras.layers.Dense(3)'),
    ('y = tf.contrib.signal.stft(x, 4, 2)', 'y = tf.signal.stft(x, 4, 2)'),
    ('y = tf.contrib.stateless.stateless_random_uniform([2], [1, 2])',
     'y = tf.random.stateless_uniform([2], [1, 2])'),
    ('y = tf.compat.v1.concat(a, b)', 'y = tf.concat(a, b)'),
    ('tf = a; y = tf.mul(a, b)', 'tf = a; y = tf.mul(a, b)'),
    ('y = [tf.mul(a, b) for tf in a]', 'y = [tf.mul(a, b) for tf in a]'),
    ('y = (lambda tf: tf.mul(a, b))(a)', 'y = (lambda tf: tf.mul(a, b))(a)'),
    ('y = tf.no_such_name(a)', None),
    ('y = "ä" + str(tf.sub(a, b))  # tf.sub', 'y = "ä" + str(tf.subtract(a, b))  # tf.sub'),
    ('y = tf.placeholder(tf.float32, [a / 2, a / 2.])', 'y = tf.placeholder(tf.float32, [a // 2, a / 2.])'),
    ('y = tf.image_summary("a", a, max_images=3)', 'y = tf.summary.image(name="a", tensor=a, max_outputs=3)'),
    ('y = np.fromstring(a, sep=",")', 'y = np.fromstring(a, sep=",")'),
    ('y = np.fromstring(a, np.uint8)[0]', 'y = np.frombuffer(a, np.uint8).copy()[0]'),
    ('y = f"{a} {tf.mul(a, b)}"', 'y = f"{a} {tf.multiply(a, b)}"' if sys.version_info >= (3, 12) else None),
    ('y = f"{tf.add(a, b)}"', 'y = f"{tf.add(a, b)}"'),
    ('y = a.value', None),
    ('y = xrange(3)', None),
    ('from keras.layers import Dense, Flatten as F', 'from tf_keras.api._v1.keras.layers import Dense\n'
     '    from tf_keras.api._v1.keras.layers import Flatten as F'),
    ('from scipy.misc import imread, logsumexp as l',
     'from tf1_compat import imread\n    from scipy.special import logsumexp as l'),
    ('if a: import tensorflow as other', 'if a: import tensorflow.compat.v1 as other'),
    ('import tensorflow.contrib as tc', 'pass'),
]


def test_each_kind_of_line(project):
    lines = LINES
    project.write({'gan.py': 'import h5py, numpy as np\nimport tensorflow as tf\n' + ''.join(
        '\n\ndef f%d(a, b):\n    %s\n' % (number, old) for number, (old, _) in enumerate(lines))})
    report = project.migrate('gan.py')
    text = project.new('gan.py')
    bodies = re.findall(r'def f\d+\(a, b\):\n    (.*?)\n(?:\n|$)', text, re.S)
    for number, ((old, new), body) in enumerate(zip(lines, bodies)):
        assert body == (new or old)
        place = 'gan.py:%d' % (6 + 4 * number)
        left = report.split('Left alone')[1]
        assert bool(re.search(re.escape(place) + r'\b', left)) == (new is None), (old, left)
    assert len(bodies) == len(lines)
    compile(text, 'gan.py', 'exec')
    assert text.startswith("import h5py, numpy as np\nimport os\nos.environ['TF_USE_LEGACY_KERAS'] = '1'")


UNFIXED = '''import numpy as np
import tensorflow as tf
np.random.seed(0); tf.set_random_seed(0)
z, x = tf.placeholder(tf.float32, [None, 4]), tf.placeholder(tf.float32, [None, 6])
is_training = tf.placeholder(tf.bool)


def generator(z):
    with tf.variable_scope('generator', reuse=tf.AUTO_REUSE):
        h = tf.layers.batch_normalization(5 + 3 * tf.layers.dense(z, 8), training=is_training, momentum=0.5)
        return tf.layers.dense(tf.nn.relu(h), 6)


def discriminator(x, reuse=None):
    with tf.variable_scope('discriminator', reuse=reuse):
        h = tf.contrib.layers.batch_norm(tf.layers.dense(x, 8), decay=0.5, is_training=is_training)
        return tf.layers.dense(tf.nn.relu(h), 1)


images = generator(z)
sampler = generator(tf.placeholder(tf.float32, [None, 4]))  # its update ops must not run: nothing is fed
real, fake = discriminator(x), discriminator(images, True)
t_vars = tf.trainable_variables()
d_vars = [var for var in t_vars if 'disc' in var.name]
d_step = tf.train.AdamOptimizer(0.01).minimize(
    tf.reduce_mean(fake) - tf.reduce_mean(real),
    var_list=d_vars)
g_step = tf.train.AdamOptimizer(0.01).minimize(-tf.reduce_mean(fake), var_list=tf.trainable_variables('generator'))
with tf.Session() as session:
    session.run(tf.global_variables_initializer())
    for number in range(30):
        feed = {z: np.random.normal(size=[64, 4]), x: np.random.normal(size=[64, 6]), is_training: True}
        session.run(d_step, feed)
        loss = session.run([fake, g_step], feed)[0].mean()
    print(float(loss).hex())
    feed = {z: np.random.normal(size=[2000, 4])}
    expected, inference = (session.run(images, {**feed, is_training: mode}) for mode in (True, False))
    print(np.abs(inference - expected).mean() / expected.std())
    print([v.op.name for v in tf.global_variables() if 'moving_var' in v.op.name and (session.run(v) != 1).any()])
'''


def test_batch_norm_works_in_inference_mode_after_its_steps_were_fixed(project):
    project.write({'gan.py': UNFIXED})
    results = []
    for flags in ([], ['--fix_batch_norm']):
        report = project.migrate(*flags, 'gan.py')
        results.append(project.plain('gan.py'))
        assert ('minimize(loss) → tf1_compat.minimize_with_updates(optimizer, loss)' in report) == bool(flags)
        shutil.copytree(str(project.folder / 'new'), str(project.folder / ('with' + ''.join(flags))))
        shutil.rmtree(str(project.folder / 'new'))
    (loss, gray, updated), (fixed_loss, right, fixed_updated) = results
    assert loss == fixed_loss  # training mode computes the same
    assert float(gray) > 1 and float(right) < 0.1, results
    assert updated == '[]' and fixed_updated.count('moving_variance') == 2
    fixed = (project.folder / 'with--fix_batch_norm' / 'gan.py').read_text()
    assert """
d_step = tf1_compat.minimize_with_updates(tf.train.AdamOptimizer(0.01),
    tf.reduce_mean(fake) - tf.reduce_mean(real),
    var_list=d_vars)
g_step = tf1_compat.minimize_with_updates(tf.train.AdamOptimizer(0.01), -tf.reduce_mean(fake), var_list=""" in fixed


# The ends of scripts with batch norm, what becomes of them, and what is said of what is left alone. In the new code,
# `new` is the function that runs the updates.
STEPS = [
    ('a = opt.minimize(loss)', 'a = new(opt, loss)', None),
    ('a, b = opt.minimize (loss=loss), f(tf.mul(opt, 2)).minimize()',
     'a, b = new(opt, loss=loss), new(f(tf.multiply(opt, 2)))', None),
    ('a = opt.apply_gradients(opt.compute_gradients(loss))', None, 'create it under tf.control_dependencies'),
    ('u = tf.get_collection(tf.GraphKeys.UPDATE_OPS)\nwith tf.control_dependencies(u):\n    a = opt.minimize(loss)\n'
     'b = opt.minimize(loss)', None, 'a training step without the update ops of batch norm: the script handles'),
    ('import scipy.optimize\na = scipy.optimize.minimize(loss, 1)', None, None),
    ('y = tf.layers.batch_normalization(loss)\na = opt.minimize(y)',
     'y = tf.layers.batch_normalization(loss)\na = new(opt, y)', 'batch norm without training='),
    ('y = tf.keras.layers.BatchNormalization()(loss)\na = opt.minimize(y)',
     'y = tf.keras.layers.BatchNormalization()(loss)\na = new(opt, y)', 'layer.updates'),
]
LAYER = '\nloss = tf.layers.batch_normalization(x, training=True)\n'
OWN_LAYER = '\nloss = tf.contrib.layers.batch_norm(x, updates_collections=None)\n'  # it runs its updates itself


def test_each_kind_of_step(project):
    beginning = 'import tensorflow as tf\nopt = tf.train.AdamOptimizer()'
    project.write({'%d.py' % number: beginning + LAYER + end + '\n' for number, (end, _, _) in enumerate(STEPS)})
    project.write({'own.py': beginning + OWN_LAYER + STEPS[0][0]})
    reports = project.commands(*(['--migrate=../new/' + name, '--fix_batch_norm', name + '.py']
                                 for name in [*map(str, range(len(STEPS))), 'own']))
    for number, ((end, new, left), (status, report)) in enumerate(zip(STEPS, reports)):
        code = project.new('%d/%d.py' % (number, number)).partition(LAYER)[2].strip()
        assert status == 0 and code == (new or end).replace('new', 'tf1_compat.minimize_with_updates')
        listed = report.partition('Left alone')[2]
        assert (left in listed and listed.count('  (%d.py:' % number) == 1) if left else not listed, report
    assert 'updates' not in project.new('own/own.py').partition('updates_collections')[2]


def test_the_updates_of_a_step_are_those_of_what_it_trains(graph, tf_layers):
    x = tf.placeholder(tf.float32, [2, 3])

    def network(scope, **variables):
        with tf.variable_scope(scope, reuse=tf.AUTO_REUSE):
            y = tf_layers.batch_normalization(tf_layers.dense(x, 3), training=True, **variables)
            return tf.reduce_mean(y ** 2)

    def chosen(loss, scope=None):
        found = updates.batch_norm_updates(loss, scope and tf.trainable_variables(scope))
        return sorted({getattr(update, 'op', update).name.split('/')[0] for update in found})
    a, b, sampler = network('a'), network('b', center=False, scale=False), network('a')
    assert len(tf.get_collection(tf.GraphKeys.UPDATE_OPS)) == 6
    assert chosen(a + b, 'a') == ['a'] and chosen(a + b, 'b') == ['b'] and chosen(a + b) == ['a', 'b']
    assert chosen(a, 'b') == [] and chosen(sampler, 'a') == ['a_1'] and chosen(a + sampler) == ['a', 'a_1']


DECORATED = '''"""A docstring."""
import functools


@functools.lru_cache()
def f():
    import tensorflow as tf
    return tf.mul(2, 3)


print(f() is f())
'''


def test_imports_inside_of_functions(project):
    project.write({'gan.py': DECORATED})
    project.migrate('gan.py')
    assert project.new('gan.py') == DECORATED.replace('tensorflow as', 'tensorflow.compat.v1 as').replace(
        'tf.mul', 'tf.multiply').replace('@', 'import tensorflow.compat.v1 as tf\ntf.disable_v2_behavior()\n@')


def test_a_comment_behind_the_import(project):
    project.write({'gan.py': 'import tensorflow as tf  # 1.4\nprint(tf.float32)\n'})
    project.migrate('gan.py')
    assert project.new('gan.py') == ('import tensorflow.compat.v1 as tf\ntf.disable_v2_behavior()  # 1.4\n'
                                     'print(tf.float32)\n')


def test_an_array_as_an_angle(project):
    project.write({'gan.py': """import numpy as np
from scipy import ndimage
x, angles = np.eye(3), np.array([90])
print(ndimage.rotate(x, angles).shape, ndimage.rotate(x, -90).shape, ndimage.rotate(x, angle=angles[0]).shape)
"""})
    project.migrate('gan.py')
    old, new = project.outputs('gan.py')
    assert old == new == ['(3, 3) (3, 3) (3, 3)'] and 'rotate(x, np.asarray(angles).item())' in project.new('gan.py')


def test_functions_of_contrib_data(project):
    project.write({'gan.py': """import tensorflow as tf
data = tf.contrib.data.Dataset.range(3).apply(tf.contrib.data.batch_and_drop_remainder(2))
with tf.Session() as session:
    print(session.run(data.make_one_shot_iterator().get_next()))
"""})
    project.migrate('gan.py')
    old, new = project.outputs('gan.py')
    assert old == new == ['[0 1]']


def test_modules_elsewhere_are_found(project):
    project.write({'main/gan.py': '''
import os, sys, importlib
sys.path.append(os.path.join(os.path.dirname(__file__), '..', 'common'))
from helper import product
print(product(2), importlib.import_module('package.' + 'part').value)
''', 'common/helper.py': 'import numpy as np\nproduct = np.product\n', 'main/package/__init__.py': '',
                   'main/package/part.py': 'import numpy as np\nvalue = np.float(3)\n', 'main/broken.py': 'print 1\n'})
    report = project.migrate('main/gan.py')
    assert project.new('common/helper.py') == 'import numpy as np\nproduct = np.prod\n'
    assert project.new('main/package/part.py').endswith('float(3)\n') and 'Not read: broken.py:1' in report
    old, new = project.outputs('main/gan.py')
    assert old == new == ['2 3.0']


def test_what_needs_no_change_stays(project):
    project.write({'gan.py': 'import numpy as np\n\nprint(np.zeros(3))\n', 'other.py': ''})
    report = project.migrate('gan.py')
    assert project.new('gan.py') == 'import numpy as np\n\nprint(np.zeros(3))\n'
    assert sorted(os.listdir(str(project.folder / 'new'))) == ['CHANGES.diff', 'gan.py'] and 'Changed' not in report


ERRORS = [
    (['--migrate=full', 'gan.py'], '--migrate=full is not empty: name a new folder'),
    (['--migrate=gan.py', 'gan.py'], '--migrate=gan.py is not empty: name a new folder'),
    (['--migrate=gan.py/new', 'gan.py'], 'gan.py cannot be written (Not a directory): name another folder'),
    (['--migrate=new', '--max_runs=3', 'gan.py'], 'does not go with --max_runs: leave that out'),
    (['--migrate=new', '-m', 'gan'], 'does not go with -m: leave that out'),
    (['--migrate=new', 'python2.py'], 'If the script is Python 2, put --python2 before it'),
    (['--migrate=new', 'taken/gan.py'], 'tf1_compat.py of the script has the name of the module'),
    (['--migrate=new', 'missing.py'], 'missing.py is not a file'),
    (['--fix_batch_norm', 'gan.py'], '--fix_batch_norm needs --migrate=FOLDER')]


def test_errors_are_one_line(project):
    project.write({'gan.py': '', 'python2.py': 'print 1\n', 'full/file': '', 'tf1_compat.py': '', 'taken/tf1_compat.py':
                   '', 'taken/gan.py': 'import tf1_compat, numpy as np\nnp.asscalar(1)\n'})
    for (_, message), (status, errors) in zip(ERRORS, project.commands(*(flags for flags, _ in ERRORS))):
        assert status == 1 and message in errors and len(errors.splitlines()) == 1, errors
    assert not (project.folder / 'old' / 'new').exists()


def test_what_is_written_beside_scripts_needs_nothing_of_this_package():
    names = compat.names()
    text = compat.text(names)
    assert 'dcgan_tf1.' not in text
    definitions = re.findall(r'^(?:def |class )?(\w+)[(:]', text, re.M)
    assert len(definitions) == len(set(definitions))  # otherwise, one module would replace the function of another
    variables = {'__name__': 'tf1_compat'}
    exec(compile(text, 'tf1_compat.py', 'exec'), variables)
    assert names <= {*variables}
    np.testing.assert_array_equal(variables['divide'](np.array([7]), 2), [3])
    assert compat.text({'asscalar'}).count('\ndef ') == 1
