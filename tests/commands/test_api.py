"""The Python API, in the places where people use it: scripts, threads, eager TensorFlow 2 programs, notebooks."""
import concurrent.futures
import json
import os
import re
import subprocess
import sys
import textwrap

import matplotlib.pyplot
import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from helpers import BATCH_NORM_RUN, ROOT, SMALL_RUN

from dcgan_tf1 import api, data
from dcgan_tf1.sample import command as sample
from dcgan_tf1.sample.settings import SampleSettings
from dcgan_tf1.settings import cli_flags


@pytest.fixture
def run(batch_norm_run):
    """A small run."""
    return batch_norm_run


@pytest.mark.slow
def test_training_writes_a_run_and_resumes_it(tmp_path):
    small = {'recipe': 'graph_mode_dense', 'dataset': 'mnist_10k', 'batch_size': 8, 'sample_size': 4, 'run_dir': str(
        tmp_path / 'run')}
    assert [record['step'] for record in api.train(**small, steps=3).read_metrics()] == [1, 3]
    assert api.train(**small, steps=4).read_metrics()[-1]['step'] == 4


@pytest.mark.parametrize('mode', [
    'moving', pytest.param('batch', marks=pytest.mark.slow), pytest.param('standing', marks=pytest.mark.slow)])
def test_images_equal_those_of_the_command(mode, run, tmp_path):
    output = str(tmp_path / 'images.npy')
    assert sample.run(cli_flags.parse(SampleSettings, '--run_dir=' + run.path, '--num_images=5', '--bn_mode=' + mode,
                                      '--output=' + output)) == 0
    with api.open_run(run.path) as generator:
        images = generator.images(generator.latent_vectors(5), bn_mode=mode)
    assert images.dtype == np.uint8 and images.shape == (5, 28, 28, 1)
    np.testing.assert_array_equal(images, np.rint((np.load(output) + 1) * 127.5))


@pytest.mark.slow
def test_extra_momentums_and_checkpoints(run):
    with api.open_run(run.path, checkpoint=6) as generator:
        z = generator.latent_vectors(2)
        assert (generator.images(z, 'moving') != generator.images(z, 'moving', momentum=0.5)).any()


@pytest.mark.slow
def test_a_checkpoint_without_a_run(run):
    with api.open_run(run.path) as from_run, api.open_checkpoint(
            os.path.join(run.checkpoints, 'model-6'), network='machinecurve', bn_mode='moving') as from_checkpoint:
        z = from_run.latent_vectors(3)
        np.testing.assert_array_equal(from_run.images(z), from_checkpoint.images(z))


@pytest.mark.any_tensorflow
@pytest.mark.parametrize('call,message', [
    (lambda run: api.train(recipe='dense'), '--recipe=dense does not exist'),
    (lambda run: api.train(stepps=3), r'no setting stepps \(did you mean steps\?\): choose among recipe, '),
    (lambda run: api.train(steps='3'), '--steps=3 must be a whole number, not of the type str'),
    (lambda run: api.train(steps=3.), '--steps=3.0 must be a whole number, not of the type float'),
    (lambda run: api.train(update_ops=1), '--update_ops=1 must be true or false, not of the type int'),
    (lambda run: api.train(epsilon='1e-8'), '--epsilon=1e-8 must be a number, not of the type str'),
    (lambda run: api.train(run_dir=b'run'), "--run_dir=b'run' must be a path, not of the type bytes"),
    (lambda run: api.open_run('nowhere'), 'nowhere holds no run'),
    (lambda run: api.open_run(run.path, checkpoint=2), '--checkpoint=2'),
    (lambda run: api.open_checkpoint('nothing'), 'nothing'),
    (lambda run: api.open_run(run.path).images(np.zeros([2, 9])), r'of shape \[images, 100\]; it is float64 \[2, 9\]'),
    (lambda run: api.open_run(run.path).images(np.full([2, 100], np.nan)), 'latent_vectors must hold finite numbers'),
    (lambda run: api.open_run(run.path).images(np.full([2, 100], 1e300)), 'latent_vectors must hold finite numbers'),
    (lambda run: api.open_run(run.path).latent_vectors(0), '--num_images=0 must be a whole number from 1'),
    (lambda run: api.open_run(run.path).latent_vectors(2, 0.5), '--seed=0.5 must be a whole number, not of the type'),
    (lambda run: api.open_run(run.path).images(np.zeros([2, 100]), 'average'), '--bn_mode=average must be one of'),
    (lambda run: api.open_run(run.path).images(np.zeros([1, 100]), 'batch'), 'a single image'),
    (lambda run: api.score(np.zeros([3, 784])), r'images, float64 \[3, 784\], must have the shape'),
    (lambda run: api.score(np.zeros([3, 28, 28, 1]), pixel_range='-1'), '--pixel_range=-1 must be one of')])
def test_errors_say_what_to_change(call, message, run):
    with pytest.raises(api.UserError, match=message):
        call(run)


@pytest.mark.any_tensorflow
@pytest.mark.slow
def test_scores(few_labeled_digits, classifier_cache):
    images = data.load_labeled('mnist_10k')[0].images.pixels
    options = {'dataset': 'mnist_10k', 'classifier_steps': 2, 'cache_dir': classifier_cache}
    scores = api.score(images, **options)
    assert scores['nearest_median'] == 0 and scores['sharpness_ratio'] == pytest.approx(1, abs=0.1)
    assert len(scores['histogram']) == 10
    assert scores == api.score(images / 255, **options)


@pytest.mark.slow
@pytest.mark.any_tensorflow
def test_threads_share_a_process(trained, training_settings, tmp_path):
    def images(run):
        with api.open_run(run.path) as generator:
            return generator.images(generator.latent_vectors(3))

    def train_and_sample(flags):
        settings = training_settings(*flags)
        return images(api.train(**{name: getattr(settings, name) for name in settings.given}, run_dir=str(
            tmp_path / settings.network)))
    flags = [BATCH_NORM_RUN, (*SMALL_RUN, '--steps=8')]
    one_by_one = [images(trained(*run_flags)) for run_flags in flags]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        together = list(pool.map(train_and_sample, flags))
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


@pytest.mark.slow
@pytest.mark.any_tensorflow
def test_the_documented_example_runs(few_labeled_digits, tmp_path, monkeypatch):
    """With short trainings of the generator and the classifier."""
    monkeypatch.chdir(tmp_path)
    example = textwrap.dedent(re.search(r'^ *from dcgan_tf1 import api\n(?:.*\n)*?(?=\n\S)', api.__doc__, re.M).group())
    for pattern, options in ((r'\bsteps=\d+', "steps=1, batch_size=8, kernels='native'"),
                             ("bn_mode='standing'", "bn_mode='standing', standing_batches=2"),
                             ('score\\(images', 'score(images, classifier_steps=2')):
        assert len(re.findall(pattern, example)) == 1, pattern
        example = re.sub(pattern, options, example)
    names = {}
    exec(example, names)
    assert names['images'].shape == (16, 28, 28, 1) and 'frechet_distance' in names['scores']


@pytest.mark.slow
@pytest.mark.any_tensorflow
def test_in_a_jupyter_notebook(tmp_path):
    nbclient = pytest.importorskip('nbclient')
    nbformat = pytest.importorskip('nbformat')
    pytest.importorskip('ipykernel')
    cells = ['%matplotlib inline\nimport sys\nsys.path.insert(0, ' + repr(ROOT) + ')',
             'from dcgan_tf1 import api\n'
             "run = api.train(recipe='graph_mode_dense', dataset='mnist_10k', steps=1, sample_size=4, run_dir='run')\n"
             'with api.open_run(run.path) as generator:\n'
             '    images = generator.images(generator.latent_vectors(16))',
             'from dcgan_tf1 import report\nfrom dcgan_tf1.report import ReportSettings\n'
             'report.run(ReportSettings(), [run.path])\nprint(images.shape)',
             'import subprocess\n'  # a subprocess inherits MPLBACKEND, which names a module of Jupyter
             'flags = ["--recipe=graph_mode_dense", "--dataset=mnist_10k", "--steps=1", "--run_dir=command"]\n'
             'subprocess.run([sys.executable, "-m", "dcgan_tf1", "train", *flags], check=True, '
             'env={**__import__("os").environ, "PYTHONPATH": ' + repr(ROOT) + '})']
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    nbclient.NotebookClient(notebook, timeout=300, resources={'metadata': {'path': str(tmp_path)}}).execute()
    outputs = ''.join(output.get('text', '') for cell in notebook.cells for output in cell.outputs)
    assert '(16, 28, 28, 1)' in outputs


def tutorial():
    with open(os.path.join(ROOT, 'docs', 'tutorial.ipynb'), encoding='utf-8') as file:
        return json.load(file)['cells']


@pytest.mark.slow
@pytest.mark.any_tensorflow
def test_the_tutorial_runs_from_top_to_bottom(few_digits, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(matplotlib.pyplot, 'show', lambda: None)
    monkeypatch.setattr(sys, 'path', sys.path[:])
    code = '\n'.join(''.join(cell['source']) for cell in tutorial() if cell['cell_type'] == 'code')
    assert 'CLASSIFIER_STEPS = 1000, 1000, 300' in code
    names = {}
    exec(code.replace('= 1000, 1000, 300', '= 10, 16, 2').replace('steps=STEPS', 'steps=STEPS, batch_size=8'), names)
    matplotlib.pyplot.close('all')
    assert sorted(names['scores']) == [2, 10] and len(names['digits']) == 36


@pytest.mark.any_tensorflow
def test_the_tutorial_has_its_outputs_and_links_to_pages_that_exist():
    cells = tutorial()
    pictures = [output['data']['image/png'] for cell in cells for output in cell.get('outputs', []) if 'data' in output]
    assert len(pictures) >= 6 and all(cell['execution_count'] for cell in cells if cell['cell_type'] == 'code')
    for page in re.findall(r'\]\(([\w.-]+)', ''.join(''.join(cell['source']) for cell in cells)):
        assert os.path.exists(os.path.join(ROOT, 'docs', page)), page
