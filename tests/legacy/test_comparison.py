"""The script that compares migrated scripts with what they compute under the command."""
import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from scripts.experiments.legacy import migrated
from scripts.experiments.legacy.__main__ import LegacyArguments

pytestmark = [pytest.mark.slow, pytest.mark.skipif(
    tf.__version__.startswith('1.'), reason='TensorFlow 1.15 runs such scripts as they are')]

# It fetches no number while it trains.
SCRIPT = '''import numpy as np
import tensorflow as tf
w = tf.get_variable('w', [3], initializer=tf.contrib.layers.variance_scaling_initializer())
step = tf.train.GradientDescentOptimizer(0.1).minimize(tf.reduce_sum(tf.square(w - np.random.normal())))
session = tf.Session()
session.run(tf.initialize_all_variables())
while True:
    session.run(step)
'''


def test_trained_variables_are_compared(tmp_path):
    pytest.importorskip('tf_slim', reason='tf_slim is not installed')
    folder = tmp_path / 'clones' / 'someone' / 'something'
    folder.mkdir(parents=True)
    (folder / 'train.py').write_text(SCRIPT)
    (tmp_path / 'copies').mkdir()
    np.savez(str(tmp_path / 'mnist.npz'))
    arguments = LegacyArguments(code_dir=str(tmp_path / 'clones'), data_dir=str(tmp_path), seconds=120)
    comparison = migrated.Comparison({'repository': 'someone/something', 'data': {}}, {'script': 'train.py'},
                                     str(tmp_path / 'copies'), str(tmp_path / 'mnist.npz'), arguments)
    expected, actual = comparison._with_command('first'), comparison._migrated()
    assert expected['runs'][:-1] == [[]] * 100 and len(expected['runs'][-1]) == 1
    assert migrated._compared(actual, expected) == 'equal'
    actual['runs'][-1][0] = 'another checksum'
    assert migrated._compared(actual, expected) == 'other numbers'
    assert comparison._with_command('second') == expected
    assert comparison._upgraded()['status'] != 0  # tf.contrib


def run(*values, **others):
    return {'status': 0, 'error': '', 'runs': [list(values)], **others}


@pytest.mark.parametrize('actual,expected,outcome', [
    (run('a'), run('a'), 'equal'),
    (run('b'), run('a'), 'other numbers'),
    (run(), run('a'), 'nothing was fetched'),
    (run(error='ValueError: no'), run('a'), 'ValueError: no'),
    (run('a', error='ValueError: no'), run('a', error='ValueError: no'), 'equal'),
    (run(), run(), 'the command fails, too')])
def test_outcomes(actual, expected, outcome):
    assert migrated._compared(actual, expected) == outcome
