"""The Python API, in the places where people use it: scripts, threads, eager TensorFlow 2 programs, notebooks."""
import concurrent.futures
import os
import re
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from dcgan_tf1 import api, cli_flags, sample
from dcgan_tf1.command_settings import SampleSettings

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SMALL = {'recipe': 'demo', 'steps': 3, 'batch_size': 16, 'sample_size': 4, 'noise_dim': 8}


@pytest.fixture(scope='module')
def run(tmp_path_factory):
    """A small run."""
    return api.train(**SMALL, extra_bn_momentums=[0.5], run_dir=str(tmp_path_factory.mktemp('api') / 'run'))


@pytest.mark.slow
def test_training_writes_a_run(run):
    assert [record['step'] for record in run.read_metrics()] == [1, 3]


@pytest.mark.slow
def test_training_resumes(tmp_path):
    folder = str(tmp_path / 'run')
    api.train(**SMALL, run_dir=folder)
    assert api.train(**{**SMALL, 'steps': 4}, run_dir=folder).read_metrics()[-1]['step'] == 4


@pytest.mark.parametrize('mode', ['batch', 'moving', 'standing'])
def test_images_equal_those_of_the_command(mode, run, tmp_path):
    output = str(tmp_path / 'images.npy')
    assert sample.run(cli_flags.parse(SampleSettings, '--run_dir=' + run.path, '--num_images=5', '--bn_mode=' + mode,
                                      '--output=' + output)) == 0
    with api.open_run(run.path) as generator:
        images = generator.images(generator.latent_vectors(5), bn_mode=mode)
    assert images.dtype == np.uint8 and images.shape == (5, 28, 28, 1)
    np.testing.assert_array_equal(images, np.rint((np.load(output) + 1) * 127.5))


def test_extra_momentums_and_checkpoints(run):
    with api.open_run(run.path, checkpoint=3) as generator:
        z = generator.latent_vectors(2)
        assert (generator.images(z, 'moving') != generator.images(z, 'moving', momentum=0.5)).any()


def test_a_checkpoint_without_a_run(run):
    with api.open_run(run.path) as from_run, api.open_checkpoint(
            os.path.join(run.checkpoints, 'model-3'), recipe='demo', noise_dim=8) as from_checkpoint:
        z = from_run.latent_vectors(3)
        np.testing.assert_array_equal(from_run.images(z), from_checkpoint.images(z))


@pytest.mark.parametrize('call,message', [
    (lambda run: api.train(recipe='demos'), '--recipe=demos does not exist'),
    (lambda run: api.train(stepps=3), 'no setting stepps'),
    (lambda run: api.train(recipe='demo', steps='3'), '--steps=3 must be a whole number'),
    (lambda run: api.open_run('nowhere'), 'nowhere holds no run'),
    (lambda run: api.open_run(run.path, checkpoint=2), '--checkpoint=2'),
    (lambda run: api.open_checkpoint('nothing', recipe='demo'), 'nothing'),
    (lambda run: api.open_run(run.path).images(np.zeros([2, 9])), r'\[2, 9\], but must be \[n, 8\]'),
    (lambda run: api.open_run(run.path).images(np.zeros([2, 8]), 'average'), '--bn_mode=average must be one of'),
    (lambda run: api.open_run(run.path).images(np.zeros([1, 8]), 'batch'), 'a single image'),
    (lambda run: api.score(np.zeros([3, 784])), r'images, float64 \[3, 784\], must have the shape'),
    (lambda run: api.score(np.zeros([3, 28, 28, 1]), pixel_range='-1'), '--pixel_range=-1 must be one of')])
def test_errors_say_what_to_change(call, message, run):
    with pytest.raises(api.UserError, match=message):
        call(run)


def test_scores(tmp_path):
    from dcgan_tf1 import data
    images = data.load('digits')[0].first(300)
    scores = api.score(images, dataset='digits', classifier_steps=20, cache_dir=str(tmp_path))
    assert scores['nearest_median'] == 0 and scores['sharpness_ratio'] == pytest.approx(1, abs=0.1)
    assert len(scores['histogram']) == 10
    assert scores == api.score(images / 255, dataset='digits', classifier_steps=20, cache_dir=str(tmp_path))


@pytest.mark.slow
def test_threads_share_a_process(tmp_path):
    def train_and_sample(seed, name):
        run = api.train(**SMALL, seed=seed, run_dir=str(tmp_path / name))
        with api.open_run(run.path) as generator:
            return generator.images(generator.latent_vectors(3))
    one_by_one = [train_and_sample(1, 'first'), train_and_sample(2, 'second')]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        together = list(pool.map(train_and_sample, (1, 2), ('first in a thread', 'second in a thread')))
    np.testing.assert_array_equal(together, one_by_one)


@pytest.mark.slow
@pytest.mark.skipif(tf.__version__.startswith('1.'), reason='TensorFlow 1 has no eager code by default')
def test_next_to_eager_code(run):
    program = textwrap.dedent('''
        import sys
        import tensorflow as tf
        variable = tf.Variable(2.)
        from dcgan_tf1 import api
        with tf.GradientTape() as tape:
            loss = variable ** 2
        with api.open_run(sys.argv[1]) as generator:
            images = generator.images(generator.latent_vectors(3))
        assert tf.executing_eagerly() and float(tape.gradient(loss, variable)) == 4
        print(images.shape)
        ''')
    output = subprocess.check_output([sys.executable, '-c', program, run.path], cwd=ROOT, universal_newlines=True)
    assert '(3, 28, 28, 1)' in output


def documented_example(path, steps):
    """The first Python example in a document, with short trainings of the generator and the classifier."""
    with open(os.path.join(ROOT, path), encoding='utf-8') as file:
        text = file.read()
    lines = re.search(r'^ *from dcgan_tf1 import api\n(?:.*\n)*?(?=\n\S|```|")', text, re.M).group(0)
    lines = lines.replace("dataset='digits'", "dataset='digits', classifier_steps=20")
    return re.sub(r'(?<!_)steps=\d+', 'steps=%d' % steps, textwrap.dedent(lines))


@pytest.mark.slow
def test_the_documented_example_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(documented_example('dcgan_tf1/api.py', steps=2), names)
    assert names['images'].shape == (16, 28, 28, 1) and 'frechet_distance' in names['scores']


@pytest.mark.slow
def test_in_a_jupyter_notebook(tmp_path):
    nbclient = pytest.importorskip('nbclient')
    nbformat = pytest.importorskip('nbformat')
    pytest.importorskip('ipykernel')
    cells = ['%matplotlib inline\nimport sys\nsys.path.insert(0, ' + repr(ROOT) + ')',
             documented_example('dcgan_tf1/api.py', steps=2),
             'from dcgan_tf1 import report\nfrom dcgan_tf1.command_settings import ReportSettings\n'
             'report.run(ReportSettings(), [run.path])\nprint(images.shape)',
             'import subprocess\n'  # a subprocess inherits MPLBACKEND, which names a module of Jupyter
             'subprocess.run([sys.executable, "-m", "dcgan_tf1", "train", "--recipe=demo", "--steps=1", '
             '"--run_dir=command"], check=True, env={**__import__("os").environ, "PYTHONPATH": ' + repr(ROOT) + '})']
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    nbclient.NotebookClient(notebook, timeout=300, resources={'metadata': {'path': str(tmp_path)}}).execute()
    outputs = ''.join(output.get('text', '') for cell in notebook.cells for output in cell.outputs)
    assert '(16, 28, 28, 1)' in outputs
