"""Parts of the command `legacy` that need no process of their own."""
import functools
import gzip
import json
import operator
import os
import struct
import sys
import types

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from helpers import ROOT

from dcgan_tf1.data import _idx
from dcgan_tf1.legacy import python2, script, source
from dcgan_tf1.legacy.put_back import (
    arguments,
    contrib,
    division,
    hparams,
    images,
    importer,
    input_data,
    mnist_files,
    old_names,
)
from dcgan_tf1.legacy.put_back import record as record_module
from dcgan_tf1.legacy.put_back.record import Record
from dcgan_tf1.util.errors import UserError


@pytest.fixture(scope='module')
def idx_folder(tmp_path_factory):
    """A folder of files in the format of MNIST."""
    folder = tmp_path_factory.mktemp('idx')
    for name, shape in _idx.SHAPES.items():
        content = np.resize(np.arange(251) % (10 if len(shape) == 1 else 251), shape).astype(np.uint8)
        with gzip.open(str(folder / (name + '.gz')), 'wb', 1) as file:
            file.write(struct.pack('>%dI' % (1 + len(shape)), 0x800 | len(shape), *shape) + content.tobytes())
    return str(folder)


@pytest.mark.slow
@pytest.mark.parametrize('options', [
    {}, {'one_hot': True, 'validation_size': 59990}, {'dtype': tf.uint8, 'reshape': False}])
def test_batches_equal_those_of_tensorflow_1(idx_folder, options):
    """Three epochs of the small parts, whose batches go over the ends; values, labels and NumPy's random state."""
    if not tf.__version__.startswith('1.'):
        pytest.skip('the original loader exists in TensorFlow 1.15 only')
    from tensorflow.examples.tutorials.mnist import input_data as original
    results = []
    for loader in (original, input_data):
        with tf.Graph().as_default():
            tf.set_random_seed(5)
            datasets = loader.read_data_sets(idx_folder, **options)
            np.random.seed(3)
            batches = [part.next_batch(size, shuffle=shuffle) for part, size, shuffle in
                       [(datasets.train, 7, True)] * 5 + [(datasets.validation, 4000, True)] * 3
                       + [(datasets.test, 6000, False)] * 2 + [(datasets.test, 6000, True)] * 4]
            results.append((datasets, batches, np.random.rand()))
    (expected, expected_batches, expected_state), (actual, batches, state) = results
    assert state == expected_state
    for expected_batch, batch in zip(expected_batches, batches):
        for expected_array, array in zip(expected_batch, batch):
            assert array.dtype == expected_array.dtype
            np.testing.assert_array_equal(array, expected_array)
    assert [part.num_examples for part in actual] == [part.num_examples for part in expected]
    assert [part.epochs_completed for part in actual] == [part.epochs_completed for part in expected]


def test_the_split_and_the_order_across_epochs(idx_folder):
    datasets = input_data.read_data_sets(idx_folder, validation_size=59995)
    assert [part.num_examples for part in datasets] == [5, 59995, 10000]
    np.random.seed(0)
    seen = np.concatenate([datasets.train.next_batch(2)[1] for _ in range(5)])
    labels = datasets.train.labels
    assert sorted(seen[:5]) == sorted(seen[5:]) == sorted(labels) and datasets.train.epochs_completed == 1
    rng = np.random.RandomState(0)
    first = rng.permutation(5)
    second = first[rng.permutation(5)]
    original = np.asarray(input_data.labeled_arrays(idx_folder)[1][59995:])
    for array, checked in zip(input_data.labeled_arrays(idx_folder), mnist_files.labeled_arrays(idx_folder)):
        np.testing.assert_array_equal(array, checked)
    np.testing.assert_array_equal(seen, original[np.concatenate([first, second])])


def test_scripts_may_read_files_and_set_the_position_themselves(idx_folder):
    paths = [os.path.join(idx_folder, name + '.gz') for name in (_idx.TEST, _idx.TEST_LABELS)]
    with open(paths[0], 'rb') as images_file, open(paths[1], 'rb') as labels_file:
        pixels, labels = input_data.extract_images(images_file), input_data.extract_labels(labels_file, one_hot=True)
    assert pixels.shape == (10000, 28, 28, 1) and labels.shape == (10000, 10)
    with open(paths[1], 'rb') as file, pytest.raises(ValueError, match='magic number 2049'):
        input_data.extract_images(file)
    data = input_data.DataSet(pixels, labels)
    first = data.next_batch(3, shuffle=False)[0]
    data._index_in_epoch = 0
    np.testing.assert_array_equal(data.next_batch(3, shuffle=False)[0], first)
    assert data._images is data.images and data._num_examples == data.num_examples == 10000


def test_a_missing_mnist_names_both_ways_out(tmp_path, monkeypatch):
    monkeypatch.setattr(mnist_files, 'search_folder', str(tmp_path))
    monkeypatch.setattr(mnist_files.mnist, 'load_labeled', lambda folder: _idx.load_labeled(_source(), folder))
    with pytest.raises(UserError, match='no MNIST.*my/data.*--data_dir'):
        mnist_files.labeled_arrays('my/data')


def _source():
    def fail(_):
        raise OSError('no network')
    return _idx.Source('mnist', {}, {}, fail)


def test_images_are_stretched_as_by_scipy(tmp_path):
    """Expected values: computed by hand from the definition of `bytescale` in SciPy 1.1."""
    assert images.bytescale(np.array([-1., 0., 1.])).tolist() == [0, 128, 255]
    assert images.bytescale(np.array([1., 2.]), cmin=0, cmax=4).tolist() == [64, 128]
    assert images.bytescale(np.uint8([3, 4])).tolist() == [3, 4]
    path = str(tmp_path / 'a.png')
    images.imsave(path, np.zeros([5, 6, 3]))
    assert images.imread(path).shape == (5, 6, 3)
    gray = images.imread(path, flatten=True)
    assert gray.shape == (5, 6) and gray.dtype == np.float32
    assert images.imresize(np.zeros([10, 20, 3], np.uint8), 50).shape == (5, 10, 3)
    assert images.imresize(np.zeros([10, 20], np.uint8), 0.1).shape == (1, 2)
    assert images.imresize(np.zeros([10, 20], np.uint8), [7, 9], interp='nearest').shape == (7, 9)
    assert images.toimage(np.zeros([3, 5, 6])).size == (6, 5)
    with pytest.raises(ValueError):
        images.toimage(np.zeros([5, 6, 7]))


@pytest.mark.skipif(not tf.__version__.startswith('1.'), reason='tf.contrib exists in TensorFlow 1.15 only')
def test_parts_of_contrib_that_moved_are_the_same_functions():
    from tensorflow.contrib import keras, signal, stateless
    modules = [(signal, tf.signal), *((getattr(keras, name), getattr(tf.keras, name)) for name in contrib._KERAS)]
    for module, new in modules:
        names = [name for name in dir(module) if not name.startswith('_')]
        assert names and all(isinstance(getattr(module, name), types.ModuleType)
                             or getattr(module, name) is getattr(new, name) for name in names)
    for path, new in contrib.ELSEWHERE.items():
        if path.startswith('stateless.'):
            assert getattr(stateless, path.split('.')[1]) is operator.attrgetter(new)(tf)


def test_hyperparameters_are_parsed_as_in_tensorflow_1():
    """On TensorFlow 1.15, the original does the same."""
    classes = [hparams.HParams]
    if tf.__version__.startswith('1.'):
        from tensorflow.contrib.training import HParams
        classes.append(HParams)
    for HParams in classes:
        params = HParams(rate=0.1, sizes=[1, 2], name='a', flag=True, steps=5)
        params.add_hparam('other', None)
        params.parse('rate=1,sizes=[3, 4],name=b c,flag=false')
        assert params.values() == {'rate': 1., 'sizes': [3, 4], 'name': 'b c', 'flag': False, 'steps': 5, 'other': None}
        assert params.override_from_dict({'rate': 2, 'steps': 6}).steps == 6 and params.get('no_such', 3) == 3
        assert params.parse_json('{"name": "d"}').name == 'd' and 'rate' in params and 'no_such' not in params
        assert json.loads(params.to_json())['sizes'] == [3, 4]
        for wrong in ('no_such=1', 'steps=x', 'rate', 'flag=x'):
            with pytest.raises(ValueError):
                params.parse(wrong)
        for name, value in (('sizes', 3), ('steps', [3]), ('steps', 'x')):
            with pytest.raises(ValueError):
                params.set_hparam(name, value)


def test_only_missing_names_are_put_back(tmp_path):
    module = types.ModuleType('some_module')
    module.present = 1
    sys.modules['some_module'] = module
    script = tmp_path / 'script.py'
    script.write_text('import some_module\nvalues = some_module.present, some_module.gone\n')
    record = Record(str(tmp_path))
    importer.Importer(record).put_back('some_module', {
        name: importer.PutBack('operator:index', 'write: present') for name in ('present', 'gone')})
    variables = {}
    exec(compile(script.read_text(), str(script), 'exec'), variables)
    assert variables['values'] == (1, operator.index)
    assert [(entry.name, entry.places) for entry in record.entries()] == [('some_module.gone', ['script.py:2'])]
    with pytest.raises(AttributeError, match='some_module'):
        module.other  # noqa: B018
    assert not hasattr(module, 'other') and len(record.entries()) == 1


@pytest.mark.parametrize('library,names', sorted(old_names._LIBRARIES.items()))
def test_everything_that_is_put_back_exists(library, names):
    if library.startswith('scipy') or 'scipy' in library:
        pytest.importorskip('scipy')
    for name, entry in names.items():
        assert entry.find() is not None or name == 'hold', name
        assert entry.instead


def test_every_name_of_numpy_that_is_put_back_exists():
    for name, entry in old_names._NUMPY.items():
        if hasattr(np, entry.instead[len('write: np.'):]) or not entry.instead.startswith('write: np.'):
            assert entry.find() is not None, name


on_tensorflow_2 = pytest.mark.skipif(tf.__version__.startswith('1.'), reason='nothing is put back on TensorFlow 1.15')
X = np.arange(12, dtype=np.float32).reshape(3, 4)
WEIGHTS, BIASES, LABELS = X[:, :2], X[0, :3], np.array([[0], [2]])
LOSS = np.log1p(np.exp(-2.))  # of the logit 2 for the target 1; the same with two classes
SAMPLED = ([0, 2], [0.5, 0.5], [0.5, 0.5])  # numbers and expected counts of the sampled classes


def resized(images):
    return np.asarray(images)[:, [0, 0, 1, 1]][:, :, [0, 0, 1, 1]]


# (name, positional arguments, keyword arguments, result or the arguments of a call of today's tf.compat.v1)
CALLS = [
    ('nn.sigmoid_cross_entropy_with_logits', ([2.], [1.]), {}, [LOSS]),
    ('nn.sigmoid_cross_entropy_with_logits', ([2.],), {'targets': [1.]}, [LOSS]),
    ('nn.sigmoid_cross_entropy_with_logits', (), {'logits': [2.], 'targets': [1.]}, [LOSS]),
    ('nn.sigmoid_cross_entropy_with_logits', (), {'logits': [2.], 'labels': [1.]}, [LOSS]),
    ('nn.softmax_cross_entropy_with_logits', ([[2., 0.]], [[1., 0.]]), {}, [LOSS]),
    ('nn.sparse_softmax_cross_entropy_with_logits', ([[2., 0.]], [0]), {}, [LOSS]),
    ('nn.weighted_cross_entropy_with_logits', ([1.], [2.], 3.), {}, [3 * LOSS]),  # the order of TensorFlow 1.0 on
    *((name, (WEIGHTS, BIASES, *pair, 2, 3), {'sampled_values': SAMPLED}, {
        'weights': WEIGHTS, 'biases': BIASES, 'labels': LABELS, 'inputs': X[:2, :2], 'num_sampled': 2,
        'num_classes': 3, 'sampled_values': SAMPLED}) for name in ('nn.nce_loss', 'nn.sampled_softmax_loss')
      for pair in ((X[:2, :2], LABELS), (LABELS, X[:2, :2]))),
    ('concat', (1, [X, X]), {}, np.hstack([X, X])),
    ('concat', (), {'concat_dim': 1, 'values': [X, X]}, np.hstack([X, X])),
    ('concat', ([X, X], 1), {}, np.hstack([X, X])),
    ('concat_v2', ([X, X], 1), {}, np.hstack([X, X])),
    ('split', (1, 2, X), {}, np.hsplit(X, 2)),
    ('split', (1,), {'num_split': 2, 'value': X}, np.hsplit(X, 2)),
    ('split', (), {'split_dim': 1, 'num_split': 2, 'value': X}, np.hsplit(X, 2)),
    ('split', (X, [1, 3], 1), {}, [X[:, :1], X[:, 1:]]),
    ('reverse', (X, [False, True]), {}, X[:, ::-1]),
    ('reverse', (X,), {'dims': [True, False]}, X[::-1]),
    ('reverse', (X, [1]), {}, X[:, ::-1]),
    ('batch_matmul', (X, X), {'adj_y': True}, X @ X.T),
    ('batch_matmul', (X, X, True), {}, X.T @ X),
    ('image.resize_images', ([[[[1.], [2.]], [[3.], [4.]]]], 4, 4, 1), {}, resized([[[[1.], [2.]], [[3.], [4.]]]])),
    ('image.resize_images', ([[[[1.], [2.]], [[3.], [4.]]]], [4, 4], 1), {}, resized([[[[1.], [2.]], [[3.], [4.]]]])),
    ('nn.top_k', (X, 2, True, 'name'), {}, [X[:, :-3:-1], [[3, 2]] * 3]),
    ('scatter_nd', ([[1]], [5], [3], 'name'), {}, [0, 5, 0]),
    ('numpy_function', (lambda x: x + 1, [X], tf.float32, 'name'), {}, X + 1),
    ('select', (X > 2, X, -X), {}, np.where(X > 2, X, -X)),
    ('nn.l2_normalize', (X, 1), {}, X / np.linalg.norm(X, axis=1, keepdims=True)),
]


@on_tensorflow_2
@pytest.mark.parametrize('name,args,keywords,expected', CALLS, ids=[
    '%d-%s' % (number, call[0]) for number, call in enumerate(CALLS)])
def test_arguments_have_the_meaning_that_they_had(name, args, keywords, expected, graph):
    """Values before and after TensorFlow 1.0."""
    find = arguments.finder(tf, Record(ROOT))
    if name == 'numpy_function' and not hasattr(tf, name):
        pytest.skip('this TensorFlow has no such name')
    result = find(name)(*args, **keywords)
    if isinstance(expected, dict):
        expected = functools.reduce(getattr, name.split('.'), tf)(**expected)
    with tf.Session() as session:
        result = session.run([result, expected if isinstance(expected, tf.Tensor) else ()])
    for actual, value in zip(result[0], result[1] if isinstance(expected, tf.Tensor) else expected):
        np.testing.assert_allclose(actual, value, rtol=1e-5)


@on_tensorflow_2
def test_summaries_have_the_names_and_arguments_that_they_had(graph):
    find = arguments.finder(tf, Record(ROOT))
    merged = find('merge_summary')([
        find('scalar_summary')('loss', 1., name='ignored'), find('histogram_summary')(tag='values', values=[1., 2.]),
        find('image_summary')('images', np.zeros([5, 2, 2, 1], np.float32), max_images=2)])
    with tf.Session() as session:
        summary = tf.Summary.FromString(session.run(merged))
    assert [value.tag for value in summary.value] == ['loss', 'values', 'images/image/0', 'images/image/1']


@on_tensorflow_2
def test_too_many_old_arguments_are_an_error(graph):
    with pytest.raises(TypeError, match='at most 3 positional arguments: write: tf.concat'):
        arguments.finder(tf, Record(ROOT))('concat')(1, [X], 'name', 5)


@pytest.mark.parametrize('a,b,quotient', [(7, 2, 3), (-7, 2, -4), (7., 2, 3.5), (np.int64(7), 2, 3), (True, 2, 0)])
def test_division_of_python_2(a, b, quotient):
    assert division.divide(a, b) == quotient
    np.testing.assert_array_equal(division.divide(np.array([7]), 2), [3])
    np.testing.assert_array_equal(division.divide(np.array([7.]), 2), [3.5])


def test_division_of_python_2_with_tensors(graph):
    halves = [division.divide(size, 2) for size in (tf.TensorShape([7]).dims[0], tf.constant(7), tf.constant(7.))]
    with tf.Session() as session:
        assert [int(halves[0]), *session.run(halves[1:])] == [3, 3, 3.5]


@pytest.mark.slow
def test_python_2_keeps_future_division_and_print():
    pytest.importorskip('fissix', reason='fissix is not installed')
    for text in ('from __future__ import division\nx = 7 / 2\n', 'from __future__ import print_function, division\n'
                 'print(1, end="")\nx = 7 / 2\n', 'import sys\nprint("a", file=sys.stderr)\nx = 7. / 2\n'):
        variables = {}
        exec(python2.compile_source(text, 'x.py', python2=True), variables)
        assert variables['x'] == 3.5
    with pytest.raises(SyntaxError):
        python2.compile_source('x = = 1', 'x.py', python2=True)


PYTHON_2 = '''
import numpy as np
class Sizes(object):
    half = 28
    half /= 2
calls = []
def index():
    calls.append(1)
    return 0
sizes, items, number, floats = Sizes(), [9, 7], 9, [7.]
sizes.half /= 2
items[index()] /= 2
number /= 2
floats[0] /= 2
array = view = np.arange(6).reshape(2, 3)
array /= 2
array[0, 2] /= 2; array[:, 2] /= 2; array[1:] /= 1
words = [3, 1, 2]
results = [np.sort(words).tolist(), np.sort([words], axis=0).tolist(), sorted(words, lambda a, b: b - a),
           sorted(words, cmp=lambda a, b: b - a)]
words.sort(lambda a, b: b - a)
other = np.array(words)
other.sort(0)
'''


@pytest.mark.slow
def test_python_2_divides_in_place_and_sorts_as_it_did():
    pytest.importorskip('fissix', reason='fissix is not installed')
    found = {}
    exec(python2.compile_source(PYTHON_2, 'x.py', python2=True), found)
    assert (found['sizes'].half, found['items'], found['number'], found['floats']) == (7, [4, 7], 4, [3.5])
    assert len(found['calls']) == 1 and found['view'] is found['array']
    assert found['array'].tolist() == [[0, 0, 0], [1, 2, 1]]
    assert found['results'] == [[1, 2, 3], [[3, 1, 2]], [3, 2, 1], [3, 2, 1]]
    assert found['words'] == [3, 2, 1] and found['other'].tolist() == [1, 2, 3]


@pytest.mark.slow
@pytest.mark.parametrize('in_package', [False, True])
def test_python_2_searches_the_package_only_in_packages(in_package, tmp_path):
    pytest.importorskip('fissix', reason='fissix is not installed')
    for name in ('__init__.py', 'helper.py'):
        (tmp_path / name).write_text('')
    text = python2.convert('import helper\n', str(tmp_path / 'gan.py'), False, in_package)
    assert text.startswith('from . import helper') == in_package


NOTEBOOK = '''%matplotlib inline
import sys
!ls
sys?
if True:
    %time pass
    x = ('%d'
         # Is this a comment?
         % 3)
        # And this?
text = """
!ls
really?
"""
y = 7 \\
    % 4
'''


def test_only_commands_of_ipython_are_left_out(tmp_path):
    cells = [NOTEBOOK, '%%time\nz = x + str(y)\n', '%%bash\nexit 1\n', '  %%HTML\n<b>']
    path = tmp_path / 'a.ipynb'
    path.write_text(json.dumps({'cells': [{'cell_type': 'code', 'source': [cell]} for cell in cells]}))
    parts, variables = source.read(str(path)), {}
    for part in parts:
        exec(part.text, variables)
    assert (variables['z'], variables['text'], len(parts)) == ('33', '\n!ls\nreally?\n', 2)


@pytest.mark.any_tensorflow
def test_lines_of_ipython_that_mean_something_are_kept(tmp_path):
    cells = ['%time x = 3\n%pylab inline\nfiles = !echo a b\nif x:\n    n = !echo c\ny = (x\n%2)',
             'import os\nfrom __future__ import print_function, division\n',
             "'''\nfrom __future__ import generators\n'''",
             '%%%%writefile %s\nvalue = 4' % (tmp_path / 'helper.py'), 'display(x); get_ipython().magic("inline")']
    path = tmp_path / 'a.ipynb'
    path.write_text(json.dumps({'cells': [{'cell_type': 'code', 'source': [cell]} for cell in cells]}))
    variables = dict(source.NAMES_IN_NOTEBOOKS)
    parts = source.read(str(path))
    for part in parts:
        exec(python2.compile_source(part.text, part.path, futures=part.futures), variables)
    assert (variables['x'], variables['files'], variables['n'], variables['y']) == (3, ['a b'], ['c'], 1)
    assert variables['np'] is np and 'plt' in variables
    assert [sorted(part.futures) for part in parts] == [[]] + [['division', 'print_function']] * 4
    assert (tmp_path / 'helper.py').read_text() == 'value = 4\n'


@pytest.mark.slow
def test_imports_from_the_future_last_to_the_end_of_a_notebook():
    pytest.importorskip('fissix', reason='fissix is not installed')
    for futures, quotient in (([], 3), (['division', 'print_function'], 3.5)):
        variables = {}
        exec(python2.compile_source('x = 7 / 2\n', 'x.py', True, frozenset(futures)), variables)
        assert variables['x'] == quotient
    assert python2.convert('print("a", "b")\n', 'x.py', True, False).strip() == 'print("a", "b")'


def test_python_itself_is_not_of_the_script():
    record = Record('/')
    assert not record.is_of_script(os.__file__) and not record.is_of_script(tf.__file__)
    assert not record.is_of_script(os.path.join(ROOT, 'dcgan_tf1', 'data', 'mnist.py'))
    assert record.is_of_script(os.path.join(ROOT, 'gan.py'))


def test_folders_that_the_script_adds_to_the_search_path_are_its_own(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, 'path', [*sys.path, str(tmp_path / 'python')])
    record = Record(str(tmp_path / 'main'))
    monkeypatch.chdir(tmp_path)
    sys.path += [str(tmp_path / 'main' / '..' / 'common'), 'other', '']
    for name, is_own in (('main', True), ('common', True), ('other', True), ('python', False), ('elsewhere', False)):
        assert record.is_of_script(str(tmp_path / 'main' / '..' / name / 'ops.py')) == is_own, name
    exec(compile('record.add("np.float", "float")', str(tmp_path / 'common' / 'ops.py'), 'exec'), {'record': record})
    assert record.entries()[0].places == [os.path.join('..', 'common', 'ops.py:1')]


@pytest.mark.parametrize('text,message', [
    ('for i in xrange(3): pass', 'uses xrange, which only Python 2 has: put --python2 before the script'),
    ('import cPickle', 'uses cPickle, which only Python 2 has'), ('{}.has_key(1)', 'uses has_key, which only Python 2'),
    ('no_name', None)])
def test_what_was_removed_is_told_from_errors_of_the_script(text, message, tmp_path):
    with pytest.raises((AttributeError, ImportError, NameError)) as caught:
        exec(text, {})
    explained = script._explain(caught.value, Record(str(tmp_path)), False)
    assert message in explained if message else explained is None


@pytest.mark.skipif(np.lib.NumpyVersion(np.__version__) < '2.4.0', reason='this NumPy converts the array')
def test_arrays_with_one_element_that_are_taken_for_numbers_are_explained(tmp_path):
    with pytest.raises(TypeError) as caught:
        '%f' % np.zeros(1)
    assert "write x.item(), or pip install 'numpy<2.4'" in script._explain(caught.value, Record(str(tmp_path)), False)


def test_damaged_notebooks_are_named(tmp_path):
    path = tmp_path / 'a.ipynb'
    path.write_text('{')
    with pytest.raises(UserError, match='a.ipynb cannot be read'):
        source.read(str(path))
    with pytest.raises(UserError, match='missing.py'):
        source.read(str(tmp_path / 'missing.py'))


def test_the_list_says_what_tf_layers_need(tmp_path):
    record = Record(str(tmp_path))
    record.place = lambda through_libraries: 'gan.py:1'
    record.add('tf.mul', 'write: tf.multiply')
    assert 'tf_keras' not in record.text()
    record.add('tf.contrib.layers.linear', 'write: tf.layers.dense(x, n)')
    assert record.text().endswith(record_module.LAYERS) and 'TF_USE_LEGACY_KERAS=1' in record.text()
